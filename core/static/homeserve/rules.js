// What asks before it is done: the server has written the question into the page, here it is put in front of everything.
"use strict";

for (const dialog of document.querySelectorAll("dialog[data-asks][open]")) {
  const keeps = dialog.querySelector("[data-keeps]");
  dialog.close();
  dialog.showModal();
  keeps.focus();
  dialog.addEventListener("cancel", (event) => {
    event.preventDefault();
    location.assign(keeps.href);
  });
}

// Where figures follow what is typed, the button that fetches them is for those without script.
for (const button of document.querySelectorAll("[data-plain]")) button.hidden = true;

// A button that leaves the page does so by itself, not through the form's way of asking.
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-really]");
  if (!button || button.disabled) return;
  const form = button.form;
  event.preventDefault();
  const query = new URLSearchParams(new FormData(form));
  query.set(button.name, button.value);
  location.assign(form.action + "?" + query);
});

// What every page of the team does by itself: dialogs that ask first, toasts that go, filters without empty parameters.
"use strict";

const TOAST_STAYS = 6000;

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-opens]");
  if (opener) {
    const dialog = document.getElementById(opener.dataset.opens);
    // An opener that is a link leads to the same form on a page, where there is no dialog or no script.
    if (dialog) {
      event.preventDefault();
      dialog.showModal();
    }
    return;
  }
  const closer = event.target.closest("[data-closes]");
  if (closer) closer.closest("dialog").close();
});

// A form is sent once, however often its button is pressed.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post") return;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "yes";
  const button = event.submitter;
  if (button && button.dataset.busy) {
    button.style.minWidth = button.offsetWidth + "px";
    button.textContent = button.dataset.busy;
  }
});
// A page that comes back from the browser's own memory can be used again.
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});

for (const toast of document.querySelectorAll("#toasts .toast")) {
  let waiting = setTimeout(() => toast.remove(), TOAST_STAYS);
  toast.addEventListener("pointerenter", () => clearTimeout(waiting));
  toast.addEventListener("pointerleave", () => { waiting = setTimeout(() => toast.remove(), TOAST_STAYS); });
}

// An address holds what was asked, and nothing else.
document.addEventListener("htmx:configRequest", (event) => {
  if (event.detail.verb !== "get") return;
  for (const [name, value] of [...event.detail.formData.entries()]) {
    if (value === "") event.detail.formData.delete(name);
  }
});
document.addEventListener("htmx:afterRequest", (event) => {
  delete event.detail.elt.dataset.sent;
});

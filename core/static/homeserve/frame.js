// What every page of the team does by itself: dialogs that ask first, toasts that go, filters without empty parameters.
"use strict";

const TOAST_STAYS = 5000;
const HEARD_AFTER = 100;

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

// Of what a live region holds from the start nothing is said: what was done comes into it. It goes by itself, but not from under
// the pointer or the focus.
(() => {
  const region = document.getElementById("toasts");
  if (!region || !region.children.length) return;
  const toasts = [...region.children];
  region.replaceChildren();
  setTimeout(() => {
    region.append(...toasts);
    toasts.forEach(stayAWhile);
  }, HEARD_AFTER);

  function stayAWhile(toast) {
    let waiting = 0;
    const leave = () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => {
        if (!toast.matches(":hover") && !toast.contains(document.activeElement)) toast.remove();
      }, TOAST_STAYS);
    };
    toast.addEventListener("pointerleave", leave);
    toast.addEventListener("focusout", leave);
    leave();
  }
})();

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

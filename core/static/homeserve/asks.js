// A question that was fetched opens as a dialog; without this file the same question is a page of its own.
"use strict";

document.addEventListener("htmx:afterSwap", (event) => {
  const dialog = event.detail.target;
  if (dialog.id !== "ask" || dialog.open) return;
  dialog.showModal();
});
// What was asked is true for a moment: the next time it is asked anew.
document.addEventListener("close", (event) => {
  if (event.target.id === "ask") event.target.replaceChildren();
}, true);

// What only the alerts' pages do: an answer to a step that was refused stands at the alert's own address, and a moment that is
// chosen chooses its choice. Without this file everything still works.
"use strict";

(() => {
  const main = document.getElementById("main");
  if (main && main.dataset.address) history.replaceState(null, "", main.dataset.address);

  document.addEventListener("input", (event) => {
    const chosen = event.target.dataset.chooses;
    if (!chosen) return;
    const radio = event.target.form.querySelector('input[type=radio][value="' + CSS.escape(chosen) + '"]');
    if (radio) radio.checked = true;
  });
})();

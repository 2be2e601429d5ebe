// Keys: "g" and a letter goes to a page, j and k move through rows, single letters press what carries them as data-key.
// They are off while one types, and altogether when a person turns them off (WCAG 2.1.4).
"use strict";

(() => {
  const SECOND_KEY_WITHIN = 1200;
  const SETTING = "homeserve.keys";
  let leader = 0;

  const help = document.getElementById("keys");
  const onOff = document.getElementById("keys-on");
  const isOn = () => localStorage.getItem(SETTING) !== "off";

  if (onOff) {
    onOff.checked = isOn();
    onOff.addEventListener("change", () => localStorage.setItem(SETTING, onOff.checked ? "on" : "off"));
  }

  function isTyping(target) {
    return target.closest("input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]") !== null;
  }

  function move(by) {
    const rows = [...document.querySelectorAll("[data-rows] .go")].filter((row) => row.offsetParent !== null);
    if (!rows.length) return;
    const here = rows.indexOf(document.activeElement);
    const next = here < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(Math.max(here + by, 0), rows.length - 1);
    rows[next].focus();
    rows[next].scrollIntoView({ block: "nearest" });
  }

  function find() {
    // A page's own field stands behind the frame's, and is meant.
    const field = [...document.querySelectorAll("[data-find]")].filter((one) => one.offsetParent !== null).pop();
    if (!field) return;
    field.focus();
    if (field.select) field.select();
  }

  function press(key) {
    const button = [...document.querySelectorAll('[data-key="' + CSS.escape(key) + '"]')].find(
      (one) => one.offsetParent !== null && !one.disabled,
    );
    if (button) button.click();
    return button !== undefined;
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.key === "Escape") {
      if (isTyping(event.target)) event.target.blur();
      else if (!document.querySelector("dialog[open]")) press("Escape");
      return;
    }
    if (!isOn() || isTyping(event.target) || document.querySelector("dialog[open]")) {
      return;
    }
    const key = event.key;
    if (leader && event.timeStamp - leader < SECOND_KEY_WITHIN) {
      leader = 0;
      const way = document.querySelector('[data-keys="g ' + CSS.escape(key) + '"]');
      if (way) {
        event.preventDefault();
        way.click();
      }
      return;
    }
    leader = 0;
    let done = true;
    if (key === "g") leader = event.timeStamp;
    else if (key === "j") move(1);
    else if (key === "k") move(-1);
    else if (key === "/") find();
    else if (key === "?") help.showModal();
    else done = press(key);
    if (done) event.preventDefault();
  });
})();

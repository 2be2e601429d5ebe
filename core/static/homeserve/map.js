// The map's page without leaving it: days, measures and pincodes change in place, each with an address of its own, so that Back works
// and zoom and selection stay. Without this file its links and forms do the same by loading the page.
"use strict";

(() => {
  const main = document.getElementById("main");
  const NARROW = matchMedia("(max-width: 1180px)");
  const STILL = matchMedia("(prefers-reduced-motion: reduce)");
  const picture = window.homeservePicture ? window.homeservePicture(open) : null;
  let asked = 0;

  async function go(address, isNew) {
    const mine = (asked += 1);
    main.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(address, { headers: { "X-Requested-With": "fetch" } });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (mine !== asked) return;
      // Another page, as the login's, or one without the parts of this: shown as it is.
      if (!answer.ok || answer.redirected || !page.getElementById("map-panel")) {
        location.assign(address);
        return;
      }
      if (isNew) history.pushState(null, "", address);
      take(page);
    } catch (error) {
      location.assign(address);
    } finally {
      if (mine === asked) main.removeAttribute("aria-busy");
    }
  }

  function take(page) {
    const held = document.activeElement;
    const name = held && held.closest("[data-part]") ? nameOf(held) : null;
    document.title = page.title;
    for (const part of document.querySelectorAll("[data-part][id]")) {
      const fresh = page.getElementById(part.id);
      if (fresh && !fresh.isEqualNode(part)) {
        const inside = part.contains(held);
        const shown = document.importNode(fresh, true);
        part.replaceWith(shown);
        if (inside) focusAgain(shown, name);
      }
    }
    const data = page.getElementById("map-data");
    if (picture && data) {
      document.getElementById("map-data").textContent = data.textContent;
      document.getElementById("map").setAttribute("aria-label", page.getElementById("map").getAttribute("aria-label"));
      picture.draw();
    }
    slide();
  }

  function nameOf(element) {
    return element.getAttribute("aria-label") || element.id || element.name || element.textContent.trim();
  }

  function focusAgain(part, name) {
    const same = [...part.querySelectorAll("a, button:not([disabled]), input, select")].find((one) => nameOf(one) === name);
    if (same) same.focus({ preventScroll: true });
    else if (picture && part.id === "map-panel") document.getElementById("map").focus({ preventScroll: true });
  }

  function withAsked(changes) {
    const address = new URL(location.href);
    address.hash = "";
    for (const [name, value] of Object.entries(changes)) {
      if (value) address.searchParams.set(name, value);
      else address.searchParams.delete(name);
    }
    return address.pathname + address.search;
  }

  // From the picture: a pincode is opened, by mouse or keyboard.
  function open(pincode) {
    go(withAsked({ pincode }), true).then(() => {
      if (NARROW.matches) document.getElementById("map-panel").scrollIntoView({ behavior: STILL.matches ? "auto" : "smooth" });
    });
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-go]");
    if (!link || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go(link.getAttribute("href"), true);
  });
  window.addEventListener("popstate", () => go(location.href, false));
  // What the page fetches by itself every half minute. Asked for before one went on, it is of another day or pincode: asked for again.
  document.addEventListener("live:put", (event) => {
    const part = event.target;
    const isData = part.id === "map-data";
    const address = isData ? JSON.parse(part.textContent).address : part.dataset.address;
    if (address !== undefined && address !== document.getElementById("map-bar").dataset.address) go(location.href, false);
    else if (isData && picture) picture.draw();
  });

  document.addEventListener("change", (event) => {
    const field = event.target;
    if (field.id === "map-slider") go(withAsked({ day: field.dataset.days.split(" ")[field.value], page: "" }), true);
    else if (field.name === "city") go(withAsked({ city: field.value, pincode: "", page: "" }), true);
    else if (field.name === "day" && field.value && field.checkValidity()) go(withAsked({ day: field.value, page: "" }), true);
  });
  document.addEventListener("submit", (event) => {
    const fields = event.target.elements;
    if (event.target.id === "map-day") go(withAsked({ day: fields.day.value, page: "" }), true);
    else if (event.target.id === "map-city") go(withAsked({ city: fields.city.value, pincode: "", page: "" }), true);
    else return;
    event.preventDefault();
  });

  // The slider says its day while it moves, and goes there when it is let go.
  function slide() {
    const slider = document.getElementById("map-slider");
    if (!slider) return;
    const days = slider.dataset.days.split(" ");
    const here = days.indexOf(slider.dataset.day);
    slider.value = here < 0 ? 0 : here;
  }
  document.addEventListener("input", (event) => {
    if (event.target.id !== "map-slider") return;
    const day = new Date(event.target.dataset.days.split(" ")[event.target.value] + "T00:00:00");
    const words = day.toLocaleDateString("en-GB", { weekday: "short", day: "numeric", month: "short" }).replace(",", "");
    event.target.setAttribute("aria-valuetext", words);
    event.target.nextElementSibling.textContent = words;
  });

  slide();
  if (picture) picture.draw();
})();

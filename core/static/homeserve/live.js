// Keeps an open page of the team true: hears over the WebSocket that something changed, fetches the page again and puts the parts
// that carry data-live in place of what is shown. Rows never move under the pointer or the focus: they wait behind a button.
// Without this file everything still works, on a reload.
"use strict";

(() => {
  const ASK_EVERY = 30000;
  const SAY_EVERY = 15000;
  const OLD_AFTER = 120000;
  const TOGETHER = 120;

  const live = document.getElementById("live");
  const stale = document.getElementById("stale");
  const changes = document.getElementById("changes");
  if (!live) return;

  let connection = null;
  let trueAt = new Date();
  let fetching = false;
  let again = false;
  const held = new Map();
  const clock = window.timeInIndia;

  function say() {
    const isLive = connection !== null && connection.isOpen();
    const lostAt = connection && connection.lostAt;
    live.dataset.state = isLive ? "live" : "late";
    live.textContent = isLive ? "Live, " + clock(trueAt, true) : lostAt ? "Not live since " + clock(lostAt) : "Connecting";
    const age = Date.now() - trueAt.getTime();
    stale.hidden = isLive || age < OLD_AFTER;
    if (!stale.hidden) {
      const words = "These figures are from " + clock(trueAt) + ", " + Math.floor(age / 60000) + " minutes ago. Actions still work.";
      if (stale.textContent !== words) stale.textContent = words;
    }
  }

  function opened(wasLost) {
    // What changed while nobody listened.
    if (wasLost) refresh();
    else trueAt = new Date();
    say();
  }

  function heard(frame) {
    if (!fetching) trueAt = new Date();
    if (frame.type === "alert") refresh();
    document.dispatchEvent(new CustomEvent("live:" + frame.type, { detail: frame }));
    say();
  }

  // The first word of a burst is followed at once; what comes while its answer is under way, together.
  async function refresh() {
    if (fetching) {
      again = true;
      return;
    }
    fetching = true;
    try {
      const answer = await fetch(location.href, { headers: { "X-Requested-With": "fetch" } });
      if (answer.redirected && new URL(answer.url).pathname !== location.pathname) location.reload();
      else if (answer.ok) take(new DOMParser().parseFromString(await answer.text(), "text/html"));
    } catch (error) {
      // The connection is away: the next one asks again.
    } finally {
      fetching = false;
      if (again) {
        again = false;
        setTimeout(refresh, TOGETHER);
      }
    }
  }

  function take(page) {
    trueAt = new Date();
    announce(page);
    for (const part of document.querySelectorAll("[data-live][id]")) {
      const fresh = page.getElementById(part.id);
      if (!fresh || isSame(part, fresh)) {
        held.delete(part.id);
      } else if (isTouched(part)) {
        if (saysTheSame(part, fresh)) held.delete(part.id);
        else held.set(part.id, fresh);
      } else {
        put(part, fresh);
      }
    }
    showHeld();
    say();
  }

  // A form's token is another one each time, and no change.
  function isSame(part, fresh) {
    const token = part.querySelector("[name=csrfmiddlewaretoken]");
    if (!token) return fresh.isEqualNode(part);
    const like = fresh.cloneNode(true);
    for (const one of like.querySelectorAll("[name=csrfmiddlewaretoken]")) one.setAttribute("value", token.defaultValue);
    const now = part.cloneNode(true);
    for (const one of now.querySelectorAll("[name=csrfmiddlewaretoken]")) one.setAttribute("value", token.defaultValue);
    return like.isEqualNode(now);
  }

  // A list that moves would move under the pointer; a form would lose what was typed.
  function isTouched(part) {
    return (part.dataset.live === "hold" && part.matches(":hover")) || part.contains(document.activeElement) || part.querySelector("dialog[open]") !== null || isWrittenIn(part);
  }

  // Rows that say what they are (data-says), and still are it: only time has passed.
  function saysTheSame(part, fresh) {
    const all = (one) => [...one.querySelectorAll("[data-says]")].map(said);
    return all(part).length > 0 && all(part).join("\n") === all(fresh).join("\n");
  }

  function said(row) {
    return row.dataset.says === undefined ? row.textContent : row.dataset.row + " " + row.dataset.says;
  }

  function isWrittenIn(part) {
    return [...part.querySelectorAll("textarea, input[type=text]")].some((field) => field.value !== field.defaultValue);
  }

  function put(part, fresh) {
    const before = new Map([...part.querySelectorAll("[data-row]")].map((row) => [row.dataset.row, said(row)]));
    const shown = document.importNode(fresh, true);
    part.replaceWith(shown);
    held.delete(shown.id);
    if (before.size) {
      for (const row of shown.querySelectorAll("[data-row]")) {
        if (before.get(row.dataset.row) !== said(row)) row.classList.add("just");
      }
    }
    if (window.htmx) htmx.process(shown);
    shown.dispatchEvent(new CustomEvent("live:put", { bubbles: true }));
  }

  function showHeld() {
    changes.hidden = !held.size;
    changes.textContent = held.size === 1 ? "Something changed, show" : held.size + " changes, show";
  }

  function announce(page) {
    const known = new Set([...document.querySelectorAll("[data-alert]")].map((row) => row.dataset.alert));
    const list = document.querySelector("[data-alerts]");
    if (!list) return;
    for (const row of page.querySelectorAll("[data-alert]")) {
      if (known.has(row.dataset.alert)) continue;
      const place = document.getElementById(row.dataset.severity === "critical" ? "alarm" : "announce");
      place.textContent = "New alert, " + row.dataset.severity + ": " + row.dataset.title;
    }
  }

  changes.addEventListener("click", () => {
    for (const [id, fresh] of [...held]) {
      const part = document.getElementById(id);
      if (part) put(part, fresh);
      else held.delete(id);
    }
    showHeld();
  });

  setInterval(say, SAY_EVERY);
  // Numbers that nothing is said about, as what waits to be sent; and everything while there is no connection.
  setInterval(() => {
    if (document.visibilityState === "visible") refresh();
  }, ASK_EVERY);

  say();
  connection = window.keepConnected("/ws/dashboard/", { opened: opened, heard: heard, lost: say });
})();

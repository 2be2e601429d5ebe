// Keeps an open inbox live: hears over the WebSocket that something came, fetches it as the page would show it, says that it
// arrived, and that it was opened. Without this file everything still works, on a reload.
"use strict";

// The server takes 20 frames a second; a page full of messages is acknowledged more slowly.
const ACK_EVERY = 100;

const main = document.getElementById("main");
const list = document.getElementById("messages");
const live = document.getElementById("live");
const unread = document.getElementById("unread");
const showNew = document.getElementById("show-new");
const readAll = document.getElementById("read-all");
const nothing = document.getElementById("nothing");
const onFirstPage = main.dataset.first === "yes";

let fetching = false;
let again = false;
let held = null;
const toAck = new Set();
const acked = new Set();

function connected(wasLost) {
  live.dataset.state = "live";
  live.textContent = "Live";
  // What came while nobody listened.
  if (wasLost) fetchNew();
  queueAcks(list);
}

function lost(since) {
  live.dataset.state = "late";
  live.textContent = "Not live since " + window.timeInIndia(since);
  // While there is no connection we ask, as often as we try to connect.
  fetchNew();
}

function hear(frame) {
  if (frame.type === "notification") fetchNew();
  if (frame.type === "unread") showUnread(frame.count);
}

function showUnread(count) {
  unread.dataset.count = count;
  unread.textContent = count ? count + " unread" : "all read";
  readAll.hidden = !count;
  document.title = (count ? "(" + count + ") " : "") + "Inbox · HomeServe Pro";
}

async function fetchNew() {
  if (!onFirstPage) return;
  if (fetching) { again = true; return; }
  fetching = true;
  try {
    const newest = held ? held.firstElementChild : list.firstElementChild;
    const after = newest ? "?after=" + encodeURIComponent(newest.dataset.mark) : "";
    const answer = await fetch(main.dataset.news + after, { headers: { "X-Requested-With": "fetch" } });
    if (answer.redirected) location.reload();
    else if (answer.ok) take(await answer.text());
  } catch (error) {
    // The connection is away: the next one asks again.
  } finally {
    fetching = false;
    if (again) { again = false; fetchNew(); }
  }
}

function take(html) {
  const page = new DOMParser().parseFromString("<ul>" + html + "</ul>", "text/html");
  const items = [...page.querySelectorAll("li.msg")].filter((item) => !list.querySelector('[data-id="' + item.dataset.id + '"]'));
  if (!items.length) return;
  const box = held || document.createElement("ul");
  box.prepend(...items);
  held = box;
  // Rows never move under the pointer or the focus.
  if (list.matches(":hover") || list.contains(document.activeElement) || window.scrollY > 80) {
    const count = held.childElementCount;
    showNew.textContent = count === 1 ? "Show 1 new message" : "Show " + count + " new messages";
    showNew.hidden = false;
  } else {
    release();
  }
}

function release() {
  if (!held) return;
  const items = [...held.children];
  held = null;
  showNew.hidden = true;
  nothing.hidden = true;
  list.hidden = false;
  for (const item of items) item.classList.add("msg--just");
  list.prepend(...items);
  queueAcks(list);
}

function queueAcks(root) {
  for (const item of root.querySelectorAll("[data-ack]")) {
    if (!acked.has(item.dataset.id)) toAck.add(item.dataset.id);
  }
}

function ackOne() {
  const id = toAck.values().next().value;
  if (!id || !connection.say({ type: "ack", id: id })) return;
  toAck.delete(id);
  acked.add(id);
  const item = list.querySelector('[data-id="' + id + '"]');
  if (item) delete item.dataset.ack;
}

function opened(item) {
  if (!item.classList.contains("msg--new")) return;
  item.classList.remove("msg--new");
  const dot = item.querySelector(".dot");
  const form = item.querySelector(".msg__r");
  if (dot) dot.remove();
  if (!connection.say({ type: "read", id: item.dataset.id }) && form) {
    fetch(form.action, { method: "POST", body: new FormData(form), redirect: "manual" }).catch(() => {});
  }
  if (form) form.remove();
}

list.addEventListener("toggle", (event) => {
  if (event.target.open) opened(event.target.closest(".msg"));
}, true);
showNew.addEventListener("click", () => {
  window.scrollTo({ top: 0 });
  release();
});
setInterval(ackOne, ACK_EVERY);
live.textContent = "Connecting";
const connection = window.keepConnected("/ws/notifications/", { opened: connected, heard: hear, lost: lost });

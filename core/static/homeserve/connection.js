// A live connection that comes back by itself: after a break, sooner when the network or the page is back, and when nothing
// answers any more, which a browser notices only after minutes. Says when it stands, what it hears, and since when it is lost.
// Of a page that nobody sees, the browser lets timers go once a minute: what counts is what was asked and not answered.
"use strict";

(() => {
  const RETRY_FIRST = 1000;
  const RETRY_MOST = 30000;
  const ASK_EVERY = 15000;
  const ANSWERED_WITHIN = 15000;
  const LOGGED_OUT = 4401;

  // The business day's time, as everywhere on the page, wherever the browser is.
  const INDIA = { timeZone: "Asia/Kolkata", hour: "numeric", minute: "2-digit", hourCycle: "h23" };
  const toTheMinute = new Intl.DateTimeFormat("en-GB", INDIA);
  const toTheSecond = new Intl.DateTimeFormat("en-GB", { ...INDIA, second: "2-digit" });

  window.timeInIndia = (date, withSeconds) => (withSeconds ? toTheSecond : toTheMinute).format(date).replace(/^0/, "");

  // on: opened(wasLost), heard(frame), lost(since), each of them after `isOpen` and `lostAt` are true.
  window.keepConnected = (path, on) => {
    let socket = null;
    let retry = RETRY_FIRST;
    let waiting = 0;
    let owed = 0;
    const connection = { lostAt: null, isOpen, say };

    function isOpen() {
      return socket !== null && socket.readyState === WebSocket.OPEN;
    }

    function say(frame) {
      if (!isOpen()) return false;
      socket.send(JSON.stringify(frame));
      return true;
    }

    function ask() {
      if (say({ type: "ping" }) && !owed) owed = setTimeout(giveUp, ANSWERED_WITHIN);
    }

    function answered() {
      clearTimeout(owed);
      owed = 0;
    }

    function connect() {
      waiting = 0;
      const scheme = location.protocol === "https:" ? "wss://" : "ws://";
      const mine = new WebSocket(scheme + location.host + path);
      const ifMine = (act) => (event) => {
        if (socket === mine) act(event);
      };
      socket = mine;
      owed = setTimeout(giveUp, ANSWERED_WITHIN);
      mine.addEventListener("open", ifMine(() => {
        const wasLost = connection.lostAt !== null;
        retry = RETRY_FIRST;
        answered();
        connection.lostAt = null;
        on.opened(wasLost);
      }));
      mine.addEventListener("message", ifMine((event) => {
        answered();
        on.heard(JSON.parse(event.data));
      }));
      mine.addEventListener("close", ifMine((event) => {
        // Logged out, here or elsewhere: the server shows where to log in.
        if (event.code === LOGGED_OUT) location.reload();
        else lost();
      }));
    }

    function lost() {
      socket = null;
      answered();
      connection.lostAt = connection.lostAt || new Date();
      on.lost(connection.lostAt);
      waiting = setTimeout(connect, retry * (0.5 + Math.random() / 2));
      retry = Math.min(retry * 2, RETRY_MOST);
    }

    // Where nobody answers, nobody takes leave either: a browser would wait for that for a minute.
    function giveUp() {
      const silent = socket;
      lost();
      silent.close();
    }

    function hurry() {
      if (document.visibilityState !== "visible") return;
      if (waiting) {
        clearTimeout(waiting);
        retry = RETRY_FIRST;
        connect();
      } else {
        ask();
      }
    }

    setInterval(ask, ASK_EVERY);
    window.addEventListener("online", hurry);
    document.addEventListener("visibilitychange", hurry);

    connect();
    return connection;
  };
})();

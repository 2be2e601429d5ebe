// A live connection that comes back by itself: after a break, sooner when the network or the page is back, and when nothing
// answers any more, which a browser notices only after minutes. Says when it stands, what it hears, and since when it is lost.
"use strict";

(() => {
  const RETRY_FIRST = 1000;
  const RETRY_MOST = 30000;
  const PING_EVERY = 15000;
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
    let answeredAt = 0;
    const connection = { lostAt: null, isOpen, say };

    function isOpen() {
      return socket !== null && socket.readyState === WebSocket.OPEN && !connection.lostAt;
    }

    function say(frame) {
      if (!isOpen()) return false;
      socket.send(JSON.stringify(frame));
      return true;
    }

    function lost() {
      connection.lostAt = connection.lostAt || new Date();
      on.lost(connection.lostAt);
    }

    function connect() {
      waiting = 0;
      const scheme = location.protocol === "https:" ? "wss://" : "ws://";
      socket = new WebSocket(scheme + location.host + path);
      socket.addEventListener("open", () => {
        const wasLost = connection.lostAt !== null;
        retry = RETRY_FIRST;
        answeredAt = Date.now();
        connection.lostAt = null;
        on.opened(wasLost);
      });
      socket.addEventListener("message", (event) => {
        answeredAt = Date.now();
        on.heard(JSON.parse(event.data));
      });
      socket.addEventListener("close", (event) => {
        // Logged out, here or elsewhere: the server shows where to log in.
        if (event.code === LOGGED_OUT) {
          location.reload();
          return;
        }
        lost();
        waiting = setTimeout(connect, retry * (0.5 + Math.random() / 2));
        retry = Math.min(retry * 2, RETRY_MOST);
      });
    }

    function hurry() {
      if (!waiting || document.visibilityState !== "visible") return;
      clearTimeout(waiting);
      retry = RETRY_FIRST;
      connect();
    }

    setInterval(() => {
      if (!isOpen()) return;
      if (Date.now() - answeredAt > 2 * PING_EVERY) {
        lost();
        socket.close();
      } else {
        say({ type: "ping" });
      }
    }, PING_EVERY);
    window.addEventListener("online", hurry);
    document.addEventListener("visibilitychange", hurry);

    connect();
    return connection;
  };
})();

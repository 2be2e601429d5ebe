"""'There is mail, hurry': a hint to whoever delivers. Losing one costs at most a sweep's wait, never a message.

Whoever commits messages only sets an event. Hints to other processes are sent by a thread of this process's own, so that
a broker that is slow, away or silent is nobody's wait; a thousand commits within a second are one hint.
"""

import atexit
import os
import threading
import time

import structlog
from celery import current_app
from django.conf import settings
from kombu.exceptions import OperationalError

log = structlog.get_logger(__name__)

# Of several commits, the first is told of at once and the others together, so many seconds later.
BETWEEN_HINTS = 1.0
# After a failed hint none is tried for so long: the outbox is swept anyway.
AFTER_FAILURE = 5.0
# A hint that nobody took up in time is worth nothing: there are newer ones, and the outbox is swept anyway. It keeps them from
# piling up while every process is busy.
EXPIRES = 10
# A process that ends with a hint still to be sent waits for it so long.
LAST_HINT_WITHIN = 1.0

_listeners: set[threading.Event] = set()


def listen() -> threading.Event:
    """An event that is set whenever this process commits messages; each delivery thread has its own."""
    event = threading.Event()
    _listeners.add(event)
    return event


def forget(event: threading.Event) -> None:
    """Its thread has ended."""
    _listeners.discard(event)


def everyone() -> None:
    """Wake this process's delivery threads, as for mail or to stop."""
    for event in list(_listeners):
        event.set()


def delivery() -> None:
    """Tell the deliverers that rows were committed; returns at once, whatever the broker does."""
    everyone()
    if not settings.EMBEDDED:
        hints.wanted()


class Hints:
    """The thread that hints to other processes, begun with the first hint; in a process that was forked, anew."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """As if nothing had been wanted yet."""
        self._starting = threading.Lock()
        self._asked = threading.Event()
        self._idle = threading.Event()
        self._idle.set()
        self._thread: threading.Thread | None = None

    def wanted(self) -> None:
        """A hint will be sent, now or together with others."""
        self._idle.clear()
        self._asked.set()
        with self._starting:
            if self._thread is None:
                # It must not keep a process from ending.
                self._thread = threading.Thread(target=self._run, name="hints", daemon=True)
                self._thread.start()

    def sent(self, *, within: float) -> bool:
        """Wait until no hint is wanted any more; false when that takes longer than so many seconds."""
        return self._idle.wait(within)

    def _run(self) -> None:
        while True:
            self._asked.wait()
            self._asked.clear()
            pause = BETWEEN_HINTS if send() else AFTER_FAILURE
            if not self._asked.is_set():
                self._idle.set()
            time.sleep(pause)


def send(method: str = "") -> bool:
    """One hint, now: deliver what is due, by every method or by this one. By task name: nothing here knows who delivers, or how.
    False when the broker did not take it."""
    try:
        current_app.send_task("core.tasks.deliver_outbox", args=(method,) if method else (), queue="delivery", expires=EXPIRES, retry=False)
    except (OperationalError, OSError) as error:
        log.warning("delivery_not_hurried", error=str(error))
        return False
    return True


hints = Hints()
# A fork copies locks in whatever state they are, and no thread.
os.register_at_fork(after_in_child=hints.forget)
atexit.register(lambda: hints.sent(within=LAST_HINT_WITHIN))

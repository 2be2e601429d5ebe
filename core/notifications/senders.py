"""Threads that deliver, beside a web server or in a Celery worker's main process. See docs/adr/0008.

What is urgent has a thread for each method that sends nothing else: it waits for no promotion, no pool and no broker.
"""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

import structlog
from django.db import connections

from core.models import Lane
from core.notifications import claims, delivery, receipts, wake, watchdog
from core.notifications.transports import close_transports, methods

log = structlog.get_logger(__name__)

# How often each looks when nothing wakes it, in seconds.
LOOK_EVERY = 1.0
KEEP_EVERY = 10.0
# After an error (a full disk, a database that is away) a thread waits and looks again.
AFTER_ERROR = 2.0
URGENT_ALONE = (Lane.URGENT,)
# A database connection is kept between looks and renewed so often, and after each error.
LOOKS_PER_CONNECTION = 60


class Threads:
    """Pieces of work that are repeated, a thread each. A thread that died would leave a process up and deaf: each goes on
    after an error."""

    def __init__(self, *, daemon: bool = False) -> None:
        self.stopping = threading.Event()
        self._daemon = daemon
        self._threads: list[threading.Thread] = []
        self._bells: list[threading.Event] = []

    def repeat(self, work: Callable[[], object], *, every: float, name: str, bell: threading.Event | None = None) -> None:
        """Have this done again and again from `start` on, `every` so many seconds, and whenever the bell is set."""
        bell = bell or threading.Event()
        self._bells.append(bell)
        self._threads.append(threading.Thread(target=self._run, args=(work, every, bell), name=name, daemon=self._daemon))

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def ask_to_stop(self) -> None:
        """Nothing new is begun from here on; what is in hand goes on."""
        self.stopping.set()
        for bell in self._bells:
            bell.set()

    def stop(self) -> None:
        """Ask all to stop and wait until they have: a message at its provider is waited for."""
        self.ask_to_stop()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()

    def _run(self, work: Callable[[], object], every: float, bell: threading.Event) -> None:
        looks = 0
        while not self.stopping.is_set():
            bell.clear()
            if self.stopping.is_set():  # Asked between the two lines above.
                break
            looks += 1
            try:
                work()
            except Exception:
                # A thread that ended would be missed by nobody: it waits, with fresh connections, and goes on.
                log.exception("background_work_failed", thread=threading.current_thread().name)
                connections.close_all()
                self.stopping.wait(AFTER_ERROR)
            if looks % LOOKS_PER_CONNECTION == 0:
                connections.close_all()
            bell.wait(every)
        close_transports()
        connections.close_all()


def add_senders(threads: Threads, *, clock: Callable[[], datetime], sweep_after: timedelta = timedelta(0)) -> None:
    """For each method a thread for what is urgent and one for everything; and one that keeps the outbox in order.

    The second leaves sending to others until the oldest message has been due for `sweep_after`.
    """
    stopping = threads.stopping.is_set

    def urgent(method: str) -> None:
        while not stopping() and watchdog.is_due(method, lanes=URGENT_ALONE, now=clock()):
            if not delivery.deliver_due(method, clock=clock, lanes=URGENT_ALONE, should_stop=stopping):
                return

    def everything(method: str) -> None:
        while not stopping() and watchdog.is_due(method, now=clock() - sweep_after):
            if not delivery.deliver_due(method, clock=clock, should_stop=stopping):
                return

    for method in methods():
        threads.repeat(partial(urgent, method), every=LOOK_EVERY, name=f"urgent-{method}", bell=wake.listen())
        threads.repeat(partial(everything, method), every=LOOK_EVERY, name=f"deliver-{method}", bell=wake.listen())
    threads.repeat(lambda: keep(now=clock()), every=KEEP_EVERY, name="keep")


def keep(*, now: datetime) -> None:
    """Sort out what a dead sender left, what came before it was expected, and what could not be written down."""
    delivery.replay()
    claims.recover(now=now)
    receipts.apply_waiting(now=now)

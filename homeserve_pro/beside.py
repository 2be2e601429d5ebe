"""What runs beside Celery's own work: threads that deliver in each worker's main process, and the watch in beat. See docs/adr/0008.

Begun when a worker's pool has forked and before it looks for its broker: they need neither.
"""

from datetime import timedelta
from typing import Any

from celery import bootsteps

from core import clock
from core.alerts.stuck import watch_queue
from core.notifications.senders import Threads, add_senders

# What the pool has not begun after so long (its processes are busy, the broker is away), the main process sends.
SWEEP_AFTER = timedelta(seconds=15)
WATCH_EVERY = 10.0


class SendersBeside(bootsteps.StartStopStep):
    """A worker's main process delivers too. A warm shutdown waits for what is at a provider, a cold one does not."""

    requires = ("celery.worker.components:Pool",)

    def __init__(self, worker: Any, **options: Any) -> None:
        super().__init__(worker, **options)
        self.threads = Threads(daemon=True)
        add_senders(self.threads, clock=clock.now, sweep_after=SWEEP_AFTER)
        _add_watch(self.threads)

    def start(self, worker: Any) -> None:
        self.threads.start()

    def close(self, worker: Any) -> None:
        self.threads.ask_to_stop()

    def stop(self, worker: Any) -> None:
        self.threads.stop()

    def terminate(self, worker: Any) -> None:
        self.threads.ask_to_stop()


def watch_beside_beat() -> None:
    """Have beat notice that messages do not leave, though no worker lives to notice it."""
    threads = Threads(daemon=True)
    _add_watch(threads)
    threads.start()


def _add_watch(threads: Threads) -> None:
    threads.repeat(lambda: watch_queue(now=clock.now()), every=WATCH_EVERY, name="watch")

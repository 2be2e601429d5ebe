"""Where the watch and the senders run: beside Celery's own work, whatever its pool."""

from typing import Any

from celery import signals

from core.notifications.senders import Threads
from homeserve_pro.celery import app


def test_every_worker_has_senders_that_start_after_the_pool_has_forked_and_before_the_broker_is_sought():
    worker: Any = app.WorkController(pool="solo")
    order = [step.name for step in worker.steps]
    assert order.index("celery.worker.components.Pool") < order.index("homeserve_pro.beside.SendersBeside")
    assert order.index("homeserve_pro.beside.SendersBeside") < order.index("celery.worker.components.Consumer")


def test_beat_has_a_watch_of_its_own(monkeypatch):
    begun = []
    monkeypatch.setattr(Threads, "start", lambda threads: begun.append([thread.name for thread in threads._threads]))
    signals.beat_init.send(sender=None)
    assert begun == [["watch"]]

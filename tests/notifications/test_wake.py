"""A hint is nobody's wait and nobody's loss."""

import threading

import pytest
from kombu.exceptions import OperationalError

from core.notifications import wake


@pytest.fixture
def broker(monkeypatch, settings):
    """Takes hints; a test may let it stand still."""

    class Broker:
        def __init__(self) -> None:
            self.hints: list[tuple] = []
            self.arrived = threading.Event()
            self.goes_on = threading.Event()
            self.goes_on.set()
            self.is_away = False

        def send_task(self, name, *, args, **_):
            self.arrived.set()
            assert self.goes_on.wait(10)
            self.hints.append(args)
            if self.is_away:
                raise OperationalError("away")

    broker = Broker()
    settings.EMBEDDED = False
    monkeypatch.setattr(wake, "current_app", broker)
    monkeypatch.setattr(wake, "BETWEEN_HINTS", 0.05)
    monkeypatch.setattr(wake, "hints", wake.Hints())
    return broker


def test_a_commit_does_not_wait_for_a_broker_that_does_not_answer(broker):
    broker.goes_on.clear()
    wake.delivery()
    assert broker.arrived.wait(10)
    for _ in range(1_000):
        wake.delivery()
    # We are here, and nothing has been taken yet.
    assert broker.hints == []
    broker.goes_on.set()
    assert wake.hints.sent(within=10)
    # The one in hand, and one for the thousand.
    assert len(broker.hints) == 2


def test_after_a_failed_hint_none_is_tried_for_a_while(broker, monkeypatch):
    pauses: list[float] = []
    paused = threading.Event()

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        paused.set()

    monkeypatch.setattr("core.notifications.wake.time.sleep", sleep)
    broker.is_away = True
    wake.delivery()
    assert paused.wait(10)
    assert pauses == [wake.AFTER_FAILURE]


def test_this_process_hears_of_it_at_once(broker):
    bell = wake.listen()
    try:
        wake.delivery()
        assert bell.is_set()
    finally:
        wake.forget(bell)


def test_one_process_needs_no_hint(broker, settings):
    settings.EMBEDDED = True
    wake.delivery()
    assert wake.hints.sent(within=0)
    assert broker.hints == []

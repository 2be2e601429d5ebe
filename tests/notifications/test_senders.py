"""Threads that deliver: what is urgent has its own, and what others do not send is sent all the same."""

import threading
from datetime import timedelta

import pytest
from django.db import OperationalError
from django.utils import timezone

from core.models import Lane, Phase
from core.notifications.kinds import BUSINESS_ALERT, OTP
from core.notifications.senders import Threads, add_senders
from tests.notifications.carriers import Carrier
from tests.notifications.post import fresh, queued

WAIT = 20


@pytest.fixture
def threads():
    begun = Threads()
    yield begun
    begun.stop()


def test_a_thread_that_meets_an_error_goes_on(threads, monkeypatch):
    monkeypatch.setattr("core.notifications.senders.AFTER_ERROR", 0.01)
    went_on = threading.Event()
    looks = []

    def work() -> None:
        looks.append(1)
        if len(looks) == 1:
            raise OperationalError("The database is away.")
        went_on.set()

    threads.repeat(work, every=0.01, name="work")
    threads.start()
    assert went_on.wait(WAIT)


def test_asked_to_stop_it_waits_for_what_is_in_hand(threads):
    begun, may_end, ended = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        assert may_end.wait(WAIT)
        ended.set()

    threads.repeat(work, every=60, name="work")
    threads.start()
    assert begun.wait(WAIT)
    threads.ask_to_stop()
    may_end.set()
    threads.stop()
    assert ended.is_set()


@pytest.mark.django_db(transaction=True)
def test_a_password_leaves_while_a_promotion_stands_at_the_provider(threads, carried_by, kiran):
    carried_by(Carrier)
    slow_one_begun, password_left = threading.Event(), threading.Event()

    def meanwhile(message) -> None:
        if message.notification_type == OTP.name:
            password_left.set()
        else:
            slow_one_begun.set()
            assert password_left.wait(WAIT)

    Carrier.meanwhile = meanwhile
    bulk = queued(kiran, BUSINESS_ALERT, now=timezone.now(), lane=Lane.BULK)
    add_senders(threads, clock=timezone.now)
    threads.start()
    assert slow_one_begun.wait(WAIT)
    queued(kiran, OTP, now=timezone.now(), message="Your code", metadata={})
    assert password_left.wait(WAIT)
    threads.stop()
    assert fresh(bulk).phase == Phase.ACCEPTED


@pytest.mark.django_db(transaction=True)
def test_beside_a_pool_what_is_not_urgent_is_left_to_it_until_it_has_waited(threads, carried_by, kiran):
    carried_by(Carrier)
    both = threading.Event()
    Carrier.meanwhile = lambda _: both.set() if len(Carrier.carried) == 1 else None
    now = timezone.now()
    urgent = queued(kiran, BUSINESS_ALERT, now=now, lane=Lane.URGENT)
    late = queued(kiran, BUSINESS_ALERT, now=now - timedelta(seconds=16), lane=Lane.BULK)
    recent = queued(kiran, BUSINESS_ALERT, now=now + timedelta(seconds=1), lane=Lane.BULK)
    add_senders(threads, clock=lambda: now + timedelta(seconds=2), sweep_after=timedelta(seconds=15))
    threads.start()
    assert both.wait(WAIT)
    threads.stop()
    assert fresh(urgent).phase == fresh(late).phase == Phase.ACCEPTED
    # A batch may bring it along with what is late; left to itself it waits.
    assert fresh(recent).phase in (Phase.QUEUED, Phase.ACCEPTED)

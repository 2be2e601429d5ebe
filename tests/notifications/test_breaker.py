"""A provider in trouble is left alone, and tried by one message at a time (docs/rules.md, 6)."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, connections, transaction

from core.models import ProviderState
from core.notifications import providers
from core.notifications.transport import Accepted, TransportError, Verdict
from tests.notifications.gates import (
    GREYLISTED,
    NO_SUCH_USER,
    NOT_ASKED,
    NOT_CONNECTED,
    PROVIDER,
    TAKEN,
    WRONG_PASSWORD,
    begun,
    broken,
    slow_down,
    state,
    tried,
)

pytestmark = pytest.mark.django_db
Breaker = ProviderState.Breaker
DEAD_PROVIDER_TRIES = 5


def retry(code: str, detail: str = "", **more: Any) -> TransportError:
    return TransportError(detail or code, verdict=Verdict.RETRY, code=code, **more)


# --- The ordinary case -------------------------------------------------------------------------------------------------


def test_a_provider_without_trouble_costs_one_look_and_no_row(hands, django_assert_num_queries):
    with django_assert_num_queries(1):
        admission = providers.admit(PROVIDER, 200, now=hands())
    assert admission == providers.Admission(200, clear=True)
    with django_assert_num_queries(0):
        providers.give_back(PROVIDER, 150, admission=admission, now=hands())
        providers.learn(PROVIDER, [TAKEN, GREYLISTED, NO_SUCH_USER, NOT_ASKED], admission=admission, now=hands())
    assert not ProviderState.objects.exists()


def test_a_provider_that_is_well_again_costs_one_look_too(hands, django_assert_num_queries):
    broken(1, now=hands())
    tried(TAKEN, now=hands())
    with django_assert_num_queries(1):
        assert providers.admit(PROVIDER, 200, now=hands()) == providers.Admission(200, clear=True)


# --- Opening -----------------------------------------------------------------------------------------------------------


def test_it_opens_at_the_fifth_failure_in_a_row(hands):
    broken(4, now=hands())
    assert (state().breaker, state().failures) == (Breaker.CLOSED, 4)
    assert begun(10, now=hands()) == providers.Admission(10, clear=False)
    broken(1, now=hands())
    assert (state().breaker, state().opened_at, state().is_outage) == (Breaker.OPEN, hands(), True)
    assert begun(10, now=hands()).granted == 0


@pytest.mark.parametrize("answer", [TAKEN, GREYLISTED, NO_SUCH_USER])
def test_any_answer_of_the_provider_ends_the_row(answer, hands):
    broken(4, now=hands())
    tried(answer, now=hands())
    broken(4, now=hands())
    assert state().breaker == Breaker.CLOSED


def test_one_batch_of_failures_is_a_row_of_them(hands):
    assert tried(*[NOT_CONNECTED] * 200, now=hands(), wanted=200) == 200
    assert (state().breaker, state().failures) == (Breaker.OPEN, 5)


def test_one_connection_lost_under_many_messages_counts_once(hands):
    tried(*[retry("connection_lost")] * 32, now=hands())
    assert (state().breaker, state().failures) == (Breaker.CLOSED, 1)


def test_what_was_not_begun_when_the_server_went_away_counts_once_too(hands):
    tried(*[retry("421", "421 4.3.2 Shutting down", begun=False)] * 32, now=hands())
    assert (state().breaker, state().failures) == (Breaker.CLOSED, 1)


TROUBLE = [
    NOT_CONNECTED,
    retry("connection_lost"),
    retry("4.4.2", "421 4.4.2 Timeout"),
    retry("4.7.0", "421 4.7.0 Try again later"),
    retry("421"),
    retry("454"),
    retry("4.3.2", "450 4.3.2 The system accepts no messages"),
    retry("429"),
    retry("layer"),
    TransportError("No answer", verdict=Verdict.UNCERTAIN, code="no_answer"),
    TransportError("500", verdict=Verdict.UNCERTAIN, code="500"),
    TransportError("Internal error", verdict=Verdict.UNCERTAIN, code="20500"),
    TransportError("Service unavailable", verdict=Verdict.UNCERTAIN, code="503"),
]
ONE_MESSAGES_OWN = [
    GREYLISTED,
    NO_SUCH_USER,
    NOT_ASKED,
    retry("450"),
    retry("451"),
    retry("452"),
    retry("4.2.2", "452 4.2.2 Mailbox full"),
    retry("4.2.0", "450 4.2.0 Greylisted"),
    retry("slow"),
    TransportError("21211", verdict=Verdict.SUPPRESS, code="21211"),
    TransportError("KeyError", verdict=Verdict.UNCERTAIN, code="transport_bug"),
]


@pytest.mark.parametrize("error", TROUBLE, ids=lambda error: f"{error.code} {error.detail}")
def test_what_says_that_the_provider_is_in_trouble_opens_it(error, hands):
    for _ in range(DEAD_PROVIDER_TRIES):
        tried(error, now=hands())
    assert state().breaker == Breaker.OPEN


@pytest.mark.parametrize("error", ONE_MESSAGES_OWN, ids=lambda error: f"{error.code} {error.detail}")
def test_what_is_said_of_one_message_never_opens_it(error, hands):
    for _ in range(3 * DEAD_PROVIDER_TRIES):
        assert tried(error, now=hands()) == 1
        providers.failed(PROVIDER, error=error, now=hands())
    assert not ProviderState.objects.exists()


def test_wrong_credentials_open_it_at_once_for_five_minutes(hands):
    tried(WRONG_PASSWORD, now=hands())
    assert (state().breaker, state().is_outage, state().last_error) == (Breaker.OPEN, False, "535 535 Wrong")
    hands.forward(minutes=5, microseconds=-1)
    assert begun(10, now=hands()).granted == 0
    hands.forward(microseconds=1)
    assert tried(WRONG_PASSWORD, WRONG_PASSWORD, now=hands()) == 1
    assert providers.retry_at(PROVIDER, now=hands()) == hands() + timedelta(minutes=5)


def test_what_was_still_on_its_way_when_it_opened_does_not_keep_it_open_for_longer(hands):
    broken(5, now=hands())
    hands.forward(seconds=20)
    for _ in range(10):
        providers.failed(PROVIDER, error=NOT_CONNECTED, now=hands())
    hands.forward(seconds=10)
    assert begun(10, now=hands()).granted == 1


# --- Trying again ------------------------------------------------------------------------------------------------------


def test_it_waits_half_a_minute_and_twice_as_long_after_each_probe_that_failed(hands):
    broken(5, now=hands())
    for seconds in (30, 60, 120, 240, 300, 300, 300):
        assert providers.retry_at(PROVIDER, now=hands()) == hands() + timedelta(seconds=seconds)
        hands.forward(seconds=seconds, microseconds=-1)
        assert tried(NOT_CONNECTED, now=hands()) == 0
        hands.forward(microseconds=1)
        assert tried(NOT_CONNECTED, NOT_CONNECTED, now=hands()) == 1


def test_a_probe_that_works_lets_everything_go(hands):
    opened = hands()
    broken(5, now=opened)
    hands.forward(seconds=30)
    assert state().opened_at == opened
    assert tried(*[TAKEN] * 50, now=hands()) == 1
    assert (state().breaker, state().failures, state().opened_at) == (Breaker.CLOSED, 0, None)
    assert tried(*[TAKEN] * 50, now=hands()) == 50


def test_a_probe_that_is_refused_for_its_own_sake_has_found_the_provider_well(hands):
    broken(5, now=hands())
    hands.forward(seconds=30)
    tried(NO_SUCH_USER, now=hands())
    assert state().breaker == Breaker.CLOSED


def test_a_probe_that_never_reached_the_provider_leaves_it_to_the_next(hands):
    broken(5, now=hands())
    hands.forward(seconds=30)
    assert tried(NOT_ASKED, now=hands()) == 1
    assert tried(TAKEN, now=hands()) == 1
    assert state().breaker == Breaker.CLOSED


def test_a_probe_for_which_there_was_no_message_leaves_it_to_the_next(hands):
    broken(5, now=hands())
    hands.forward(seconds=30)
    assert begun(10, due=0, now=hands()).probe is True
    assert begun(10, due=1, now=hands()).probe is True
    assert begun(10, now=hands()).granted == 0


def test_a_prober_that_died_blocks_nobody_for_longer_than_a_lease(hands):
    broken(5, now=hands())
    hands.forward(seconds=30)
    assert begun(10, now=hands()).probe is True
    assert state().breaker == Breaker.HALF_OPEN
    hands.now += settings.DELIVERY_LEASE - timedelta(microseconds=1)
    assert begun(10, now=hands()).granted == 0
    hands.forward(microseconds=1)
    assert begun(10, now=hands()).probe is True


@pytest.mark.django_db(transaction=True)
def test_of_eight_who_ask_at_the_same_moment_one_tries(hands):
    broken(5, now=hands())
    hands.forward(seconds=30)
    for _ in range(5):
        barrier = threading.Barrier(8)

        def ask(_, barrier=barrier):
            barrier.wait()
            try:
                return begun(10, now=hands())
            finally:
                connections.close_all()

        with ThreadPoolExecutor(8) as crew:
            asked = list(crew.map(ask, range(8)))
        assert sorted(admission.granted for admission in asked) == [0] * 7 + [1]
        assert [admission.granted for admission in asked if admission.probe] == [1]
        hands.now += settings.DELIVERY_LEASE


@pytest.mark.django_db(transaction=True)
def test_eight_who_fail_at_the_same_moment_are_all_counted(hands):
    barrier = threading.Barrier(4)

    def fail(_):
        barrier.wait()
        try:
            providers.failed(PROVIDER, error=NOT_CONNECTED, now=hands())
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as crew:
        list(crew.map(fail, range(4)))
    assert state().failures == 4


# --- A pause the provider asked for ------------------------------------------------------------------------------------


def test_a_pause_holds_everybody_to_the_second_and_is_no_failure(hands):
    assert tried(TAKEN, TAKEN, slow_down(7), now=hands()) == 3
    assert (state().breaker, state().failures) == (Breaker.CLOSED, 0)
    assert providers.retry_at(PROVIDER, now=hands()) == hands() + timedelta(seconds=7)
    hands.forward(seconds=7, microseconds=-1)
    assert begun(10, now=hands()).granted == 0
    hands.forward(microseconds=1)
    assert begun(10, now=hands()) == providers.Admission(10, clear=True)
    assert providers.retry_at(PROVIDER, now=hands()) is None


def test_the_longer_of_two_pauses_holds(hands):
    for seconds in (30, 5):
        providers.failed(PROVIDER, error=slow_down(seconds), now=hands())
    assert providers.retry_at(PROVIDER, now=hands()) == hands() + timedelta(seconds=30)


@pytest.mark.parametrize("seconds", [float("inf"), 10.0**12])
def test_a_pause_without_end_is_not_believed(seconds, hands):
    providers.failed(PROVIDER, error=slow_down(seconds), now=hands())
    assert providers.retry_at(PROVIDER, now=hands()) == hands() + providers.LONGEST_PAUSE


def test_a_probe_that_is_asked_to_wait_is_no_failure_either(hands):
    broken(5, now=hands())
    hands.forward(seconds=30)
    assert tried(slow_down(7), now=hands()) == 1
    assert tried(TAKEN, now=hands()) == 0
    hands.forward(seconds=7)
    assert tried(TAKEN, TAKEN, now=hands()) == 1
    assert state().breaker == Breaker.CLOSED


def test_one_providers_trouble_is_not_anothers(hands):
    broken(5, now=hands())
    assert begun(10, now=hands(), provider="twilio").granted == 10


def test_what_changes_a_row_needs_the_transaction_that_starts_the_send(hands, settings):
    settings.PROVIDER_RATES = {PROVIDER: (10, None)}
    # The one that a test case wraps around each test does not belong to the caller.
    was, connection.in_atomic_block = connection.in_atomic_block, False
    try:
        with pytest.raises(RuntimeError, match="transaction"):
            providers.admit(PROVIDER, 1, now=hands())
    finally:
        connection.in_atomic_block = was
    with transaction.atomic():
        assert providers.admit(PROVIDER, 1, now=hands()).granted == 1


def test_every_outcome_there_is_says_something_known():
    assert {providers.sign_of(error) for error in TROUBLE} == {providers.Sign.IN_TROUBLE}
    assert providers.sign_of(Accepted(PROVIDER)) is providers.Sign.ANSWERS
    assert providers.sign_of(WRONG_PASSWORD) is providers.Sign.REFUSES_US
    assert providers.sign_of(slow_down(0)) is providers.Sign.ASKS_FOR_A_PAUSE

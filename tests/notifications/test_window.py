"""How many offers are at the provider at once, and so how many a killed sender leaves unknown (docs/rules.md, 6)."""

import time
from collections.abc import Iterator, Sequence
from typing import ClassVar

import pytest

from core.models import NotificationLog, Phase
from core.notifications.kinds import BUSINESS_ALERT, PROMOTION
from core.notifications.transport import Accepted, Message, TransportError, Verdict
from core.notifications.transports import transport_for
from core.notifications.window import FIRST, QUICK, SLOW, Window
from tests import people
from tests.notifications.carriers import Carrier
from tests.notifications.post import deliver, queued

MOST = 128


def sizes_at(pace: float, window: Window, groups: int) -> list[int]:
    """The sizes of so many groups at a provider that takes so many messages a second."""
    sizes = []
    for _ in range(groups):
        sizes.append(window.size)
        window.took(window.size / pace, given=window.size, accepted=window.size)
    return sizes


@pytest.mark.parametrize("pace", [20, 50, 75, 160, 300, 420])
def test_a_group_comes_to_be_what_the_provider_takes_in_a_fifth_of_a_second(pace):
    *_, before, last = sizes_at(pace, Window(least=1, most=MOST), 12)
    assert before == last
    assert QUICK <= last / pace <= SLOW


def test_it_begins_small_and_is_at_its_most_after_a_few_quick_groups():
    assert sizes_at(10_000, Window(least=4, most=MOST), 6) == [FIRST, 16, 32, 64, MOST, MOST]


def test_a_provider_that_becomes_slow_is_given_less_each_time_and_never_less_than_it_carries_side_by_side():
    window = Window(least=4, most=MOST)
    sizes_at(10_000, window, 6)
    assert sizes_at(1, window, 7) == [MOST, 64, 32, 16, 8, 4, 4]


def test_what_is_slow_with_a_few_is_given_half_as_few():
    window = Window(least=1, most=MOST)
    sizes_at(10_000, window, 6)
    window.took(SLOW + 0.01, given=10, accepted=10)
    assert window.size == 5


@pytest.mark.parametrize(("given", "accepted"), [(FIRST, 0), (FIRST, FIRST // 2), (1, 1)], ids=["refused", "half refused", "few"])
def test_refusals_and_small_groups_are_no_sign_of_speed(given, accepted):
    window = Window(least=1, most=MOST)
    window.took(0.001, given=given, accepted=accepted)
    assert window.size == FIRST


@pytest.mark.parametrize(("least", "most", "first"), [(4, 3, 3), (1, 500, FIRST), (32, 1024, 32)])
def test_the_settings_bound_it(least, most, first):
    assert sizes_at(10_000, Window(least=least, most=most), 9)[0] == first
    assert sizes_at(0.1, Window(least=least, most=most), 9)[-1] == min(least, most)


# --- In delivery ------------------------------------------------------------------------------------------------------


class Paced(Carrier):
    """Takes a while for each message, and notes how many were in flight with it."""

    seconds: ClassVar[float] = 0.0
    in_flight: ClassVar[list[int]] = []

    def send_many(self, messages: Sequence[Message]) -> Iterator[tuple[Message, Accepted | TransportError]]:
        Paced.in_flight.append(NotificationLog.objects.filter(phase=Phase.SENDING).count())
        time.sleep(Paced.seconds * len(messages))
        yield from super().send_many(messages)


@pytest.fixture
def paced(carried_by):
    carried_by(Paced)
    Paced.seconds = 0.0
    Paced.in_flight.clear()
    return Paced


@pytest.mark.django_db
def test_offers_in_flight_follow_the_providers_pace(paced, hands, settings):
    settings.DELIVERY_WINDOW = 32
    for person in people.people(8 + 16 + 32 + 32):
        queued(person, PROMOTION, now=hands())
    deliver(hands)
    assert paced.in_flight == [8, 16, 32, 32]

    paced.in_flight.clear()
    paced.seconds = 0.02
    for person in people.people(32 + 16 + 8 + 8):
        queued(person, PROMOTION, now=hands())
    deliver(hands)
    assert paced.in_flight == [32, 16, 8, 8]


@pytest.mark.django_db
def test_what_leaves_one_at_a_time_says_nothing_of_a_window(paced, hands):
    paced.seconds = SLOW + 0.02
    for person in people.people(2):
        queued(person, BUSINESS_ALERT, now=hands())
    deliver(hands)
    assert paced.in_flight == [1, 1]
    assert transport_for("email").window.size == FIRST


@pytest.mark.django_db
def test_an_outage_does_not_widen_it(paced, hands, monkeypatch):
    down = TransportError("Connection refused", verdict=Verdict.RETRY, code="not_connected")
    monkeypatch.setattr(Paced, "send", lambda self, message: (_ for _ in ()).throw(down))
    for person in people.people(FIRST):
        queued(person, PROMOTION, now=hands())
    deliver(hands)
    assert transport_for("email").window.size == FIRST

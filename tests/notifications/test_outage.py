"""A provider's outage as the messages live through it: they wait, and lose no tries to it (docs/rules.md, 6)."""

import pytest

from core.models import NotificationLog, Phase, ProviderState
from core.notifications import delivery
from core.notifications.transport import Accepted, Message, TransportError, Verdict
from core.notifications.transports import transport_for
from tests import people
from tests.notifications.carriers import Carrier
from tests.notifications.post import deliver, fresh, queued

pytestmark = pytest.mark.django_db


class Away(Carrier):
    """Answers nobody, until it is back; counts who knocked. Or asks for a pause."""

    knocked = 0
    says: TransportError | None = None

    def send(self, message: Message) -> Accepted:
        Away.knocked += 1
        if Away.says is not None:
            raise Away.says
        return super().send(message)


@pytest.fixture(autouse=True)
def away(carried_by):
    carried_by(Away)
    Away.knocked, Away.says = 0, TransportError("Connection refused", verdict=Verdict.RETRY, code="not_connected")
    return Away


def test_an_outage_of_half_an_hour_is_knocked_at_a_dozen_times_and_costs_nobody_a_message(away, hands):
    rows = [queued(person, now=hands()) for person in people.people(60)]
    for _ in range(180):
        deliver(hands)
        hands.forward(seconds=10)
    assert ProviderState.objects.get().breaker == ProviderState.Breaker.OPEN
    assert away.knocked <= transport_for("email").at_once + 12
    assert {fresh(row).phase for row in rows} == {Phase.QUEUED}

    away.says = None
    for _ in range(60):
        deliver(hands)
        hands.forward(seconds=10)
    assert {fresh(row).phase for row in rows} == {Phase.ACCEPTED}
    assert len(away.carried) == 60


def test_while_it_is_held_what_comes_new_loses_no_try(away, hands):
    for person in people.people(10):
        queued(person, now=hands())
    deliver(hands)
    late = queued(people.person(), now=hands())
    knocked = away.knocked
    assert deliver(hands) == 0
    assert (fresh(late).tries, away.knocked) == (0, knocked)


def test_a_pause_that_was_asked_for_is_kept_by_all_messages_to_the_second(away, hands):
    away.says = TransportError("Too many requests", verdict=Verdict.RETRY, code="20429", retry_after=7)
    queued(people.person(), now=hands())
    deliver(hands)
    away.says = None
    others = [queued(person, now=hands()) for person in people.people(5)]
    hands.forward(seconds=6.999)
    assert deliver(hands) == 0
    hands.forward(seconds=0.001)
    assert deliver(hands) == 6, "The one that was told, too."
    assert NotificationLog.objects.filter(phase=Phase.ACCEPTED).count() == len(others) + 1


def test_a_rate_is_kept_by_the_delivery_itself(away, hands):
    away.says = None
    ProviderState.objects.create(provider="carrier", per_second=10, burst=4)
    for person in people.people(30):
        queued(person, now=hands())
    left = []
    for _ in range(5):
        left.append(deliver(hands))
        hands.forward(seconds=0.5)
    assert left == [4, 4, 4, 4, 4]
    hands.forward(seconds=-0.5)
    assert deliver(hands) == 0


def test_a_held_provider_is_tried_with_one_message_and_then_with_all(away, hands):
    for person in people.people(20):
        queued(person, now=hands())
    deliver(hands)
    away.says, away.knocked = None, 0
    waiting = queued(people.person(), now=hands())
    hands.forward(seconds=30)
    assert delivery.deliver_due("email", clock=hands, limit=1) == 1
    assert away.knocked == 1
    hands.forward(seconds=30)
    deliver(hands)
    assert fresh(waiting).phase == Phase.ACCEPTED
    assert ProviderState.objects.get().breaker == ProviderState.Breaker.CLOSED

"""A message that leaves alone: one statement to the database, and everything that stands in its way still does."""

from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core.models import NotificationLog, Phase, ProviderState, Switch
from core.notifications import onward
from core.notifications.kinds import BUSINESS_ALERT, REMINDER
from core.notifications.transports import transport_for
from tests import people
from tests.notifications.carriers import Carrier
from tests.notifications.post import deliver, fresh, queued

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]


@pytest.fixture(autouse=True)
def carrier(carried_by):
    carried_by(Carrier)


def statements_for(count, hands):
    for person in people.people(count):
        queued(person, now=hands())
    with CaptureQueriesContext(connection) as asked:
        deliver(hands)
    return len(asked)


def test_a_message_is_one_statement(hands):
    statements_for(3, hands)
    few, many = statements_for(3, hands), statements_for(30, hands)
    assert many - few == 27
    assert NotificationLog.objects.exclude(status="sent").count() == 0


@pytest.mark.parametrize(
    "in_the_way",
    [
        lambda: Switch.objects.create(scope="campaign", name="high_demand"),
        lambda: ProviderState.objects.create(provider="carrier", failures=1),
        lambda: ProviderState.objects.create(provider="carrier", per_second=1_000),
        lambda: ProviderState.objects.create(provider="carrier", breaker="half_open", failures=5),
    ],
    ids=["switch", "failures", "rate", "breaker"],
)
def test_what_is_in_the_way_is_left_to_those_who_look_closely(in_the_way, hands, vera):
    row = queued(vera, now=hands())
    in_the_way()
    token = uuid4()
    step = onward.step(None, "email", token, provider="carrier", lanes=None, now=hands())
    assert step.begun is None
    assert fresh(row).phase == Phase.QUEUED
    deliver(hands)
    assert fresh(row).status == "sent"


def test_what_is_too_late_neither_leaves_nor_holds_up_the_next(hands, vera, omar):
    late = queued(vera, REMINDER, now=hands(), expires_at=hands())
    row = queued(omar, BUSINESS_ALERT, now=hands())
    deliver(hands)
    assert (fresh(late).phase, fresh(row).status) == (Phase.EXPIRED, "sent")


def test_an_acceptance_counts_though_the_lease_was_lost_on_the_way(hands, vera):
    row = queued(vera, now=hands())
    lost = {"phase": Phase.UNCERTAIN, "lease_token": None, "lease_until": None}
    Carrier.meanwhile = lambda _: NotificationLog.objects.filter(pk=row.pk).update(**lost)
    deliver(hands)
    assert (fresh(row).status, fresh(row).provider) == ("sent", "carrier")


def test_a_method_with_hours_and_a_provider_with_a_rate_never_go_this_way(settings):
    assert onward.is_possible(transport_for("email"), None)
    assert not onward.is_possible(transport_for("sms"), None)
    settings.PROVIDER_RATES = {"carrier": (5.0, 5.0)}
    assert not onward.is_possible(transport_for("email"), None)

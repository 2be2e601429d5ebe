"""Ops hear of a provider that refuses us at once, and of one that is away when it is away for long (docs/rules.md, 5)."""

import pytest
from django.db import transaction

from core.alerts.watch import watch_providers
from core.models import ProviderState
from core.notifications import providers
from core.notifications.transport import TransportError, Verdict
from tests.alerts.stuck import only_alert, said
from tests.notifications.gates import NOT_CONNECTED, PROVIDER, TAKEN, WRONG_PASSWORD, begun, broken, slow_down, tried
from tests.notifications.post import Hands, queued

pytestmark = pytest.mark.django_db


@pytest.fixture
def hands(now):
    return Hands(now)


@pytest.fixture(autouse=True)
def ops(omar):
    return omar


def test_wrong_credentials_are_told_at_once_as_critical_and_resolve_when_a_message_is_taken(hands):
    tried(WRONG_PASSWORD, now=hands())
    assert watch_providers(now=hands()) == {"held": 1, "mended": 0}
    alert = only_alert()
    assert (alert.severity, alert.title) == ("critical", f"{PROVIDER} refuses our messages")
    assert "535 Wrong" in alert.description
    hands.forward(minutes=5)
    tried(TAKEN, now=hands())
    assert watch_providers(now=hands()) == {"held": 0, "mended": 1}
    assert (only_alert().status, only_alert().resolved_by) == ("resolved", None)
    assert watch_providers(now=hands()) == {"held": 0, "mended": 0}


def test_an_outage_is_told_when_it_has_lasted_five_minutes_as_high(hands):
    broken(5, now=hands())
    for seconds in (30, 60, 120):
        hands.forward(seconds=seconds)
        tried(NOT_CONNECTED, now=hands())
        watch_providers(now=hands())
    hands.forward(seconds=89)
    watch_providers(now=hands())
    assert said() == []
    hands.forward(seconds=1)
    watch_providers(now=hands())
    assert (only_alert().severity, only_alert().title) == ("high", f"{PROVIDER} does not answer")
    assert said() == ["opened"]


def test_an_outage_that_ends_sooner_is_nobodys_news(hands):
    broken(5, now=hands())
    watch_providers(now=hands())
    hands.forward(minutes=4)
    tried(TAKEN, now=hands())
    hands.forward(minutes=2)
    watch_providers(now=hands())
    assert said() == []


def test_a_probe_that_is_under_way_does_not_resolve_it(hands):
    tried(WRONG_PASSWORD, now=hands())
    watch_providers(now=hands())
    hands.forward(minutes=5)
    assert begun(1, now=hands()).probe is True
    assert watch_providers(now=hands()) == {"held": 1, "mended": 0}
    assert only_alert().status == "active"


def test_an_outage_after_which_we_are_refused_turns_critical(hands):
    broken(5, now=hands())
    hands.forward(minutes=5)
    watch_providers(now=hands())
    tried(WRONG_PASSWORD, now=hands())
    watch_providers(now=hands())
    assert (only_alert().severity, said()) == ("critical", ["opened", "raised"])


def test_told_once_however_long_it_lasts(hands):
    tried(WRONG_PASSWORD, now=hands())
    for _ in range(60):
        tried(WRONG_PASSWORD, now=hands())
        watch_providers(now=hands())
        hands.forward(minutes=1)
    assert said() == ["opened"]
    assert ProviderState.objects.get().breaker == ProviderState.Breaker.OPEN


def test_a_pause_that_the_provider_asked_for_is_nobodys_news(hands):
    with transaction.atomic():
        providers.failed(PROVIDER, error=slow_down(3600), now=hands())
    assert watch_providers(now=hands()) == {"held": 0, "mended": 0}
    assert said() == []


def test_what_the_account_may_not_send_to_some_is_told_and_stops_nobody_else(hands, kiran):
    not_there = TransportError("Permission to send to this country is missing", verdict=Verdict.HOLD, code="21408")
    assert tried(not_there, TAKEN, now=hands(), provider="twilio") == 2
    assert begun(10, now=hands(), provider="twilio").granted == 10
    row = queued(kiran, method="sms", now=hands(), error_code="21408", error_message=not_there.detail)
    assert watch_providers(now=hands()) == {"held": 1, "mended": 0}
    assert (only_alert().severity, said()) == ("critical", ["opened"])
    row.delete()
    assert watch_providers(now=hands()) == {"held": 0, "mended": 1}
    assert only_alert().status == "resolved"

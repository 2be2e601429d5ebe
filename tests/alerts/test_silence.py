"""When an alert is silent, closes and comes back: what people did about it decides, and whether its cause remains."""

from datetime import datetime, timedelta

import pytest

from core.alerts.check import checks
from core.alerts.lifecycle import reconcile
from core.models import (
    AlertItem,
    BusinessAlert,
    Payment,
    User,
)
from tests.alerts.stuck import held, only_alert, said, steps

pytestmark = pytest.mark.django_db

HOLDS = checks.get("payment_holds")
SIGNATURES = checks.get("pending_signatures")
HOUR = timedelta(hours=1)


def release() -> None:
    Payment.objects.update(status="completed")


def set_fields(**fields: object) -> None:
    """What a person's action will leave on the row."""
    BusinessAlert.objects.update(**fields)


def resolve(by: User, at: datetime) -> None:
    set_fields(status="resolved", resolved_by=by, resolved_at=at, quiet_until=at + timedelta(hours=24))


def test_an_acknowledged_alert_does_not_repeat_itself_nor_tell_of_new_items(omar, now):
    held(now, 25)
    reconcile(HOLDS, now=now)
    set_fields(status="acknowledged", acknowledged_by=omar, acknowledged_at=now)
    for hour in range(1, 23):
        held(now + hour * HOUR, 25)
        Payment.objects.update(held_at=now + hour * HOUR - 25 * HOUR)
        reconcile(HOLDS, now=now + hour * HOUR)
    assert said() == ["opened"]
    assert only_alert().status == "acknowledged"
    assert only_alert().item_count == 23


def test_an_acknowledged_alert_tells_of_new_items_when_one_is_critical(omar, now):
    held(now, 49)
    reconcile(HOLDS, now=now)
    set_fields(status="acknowledged", acknowledged_by=omar, acknowledged_at=now)
    held(now, 30)
    reconcile(HOLDS, now=now + HOUR)
    assert said() == ["opened"]
    held(now, 60)
    reconcile(HOLDS, now=now + 2 * HOUR)
    assert said() == ["opened", "new items"]


def test_an_acknowledged_alert_speaks_when_it_turns_critical(omar, now):
    held(now, 47)
    reconcile(HOLDS, now=now)
    set_fields(status="acknowledged", acknowledged_by=omar, acknowledged_at=now)
    reconcile(HOLDS, now=now + HOUR)
    assert said() == ["opened", "raised"]


def test_a_snoozed_alert_says_nothing_but_its_turning_critical(omar, now):
    held(now, 40)
    reconcile(HOLDS, now=now)
    set_fields(snoozed_until=now + 20 * HOUR)
    held(now, 26)
    reconcile(HOLDS, now=now + 3 * HOUR)
    assert said() == ["opened"]
    reconcile(HOLDS, now=now + 8 * HOUR)
    assert said() == ["opened", "raised"]
    held(now, 60)
    reconcile(HOLDS, now=now + 13 * HOUR)
    assert said() == ["opened", "raised"]
    reconcile(HOLDS, now=now + 20 * HOUR)
    assert said() == ["opened", "raised", "new items"]


def test_an_ignored_alert_is_silent_and_stands_for_its_problem_until_it_has_gone(omar, now):
    held(now, 40)
    reconcile(HOLDS, now=now)
    set_fields(status="ignored")
    held(now, 60)
    for hour in range(1, 30):
        reconcile(HOLDS, now=now + hour * HOUR)
    alert = only_alert()
    assert (alert.status, alert.item_count, said()) == ("ignored", 2, ["opened"])
    release()
    assert reconcile(HOLDS, now=now + 30 * HOUR)["resolved"] == 1
    held(now + 40 * HOUR, 30)
    assert reconcile(HOLDS, now=now + 40 * HOUR)["opened"] == 1


# --- Closing, and coming back -----------------------------------------------------------------------------------------


def test_nothing_left_is_resolved_by_the_system_without_a_word(omar, now):
    held(now, 30)
    reconcile(HOLDS, now=now)
    release()
    result = reconcile(HOLDS, now=now + HOUR)
    alert = only_alert()
    assert (result["resolved"], result["cleared"], result["alert"], result["queued"]) == (1, 1, None, 0)
    assert (alert.status, alert.resolved_by, alert.resolved_at, alert.item_count) == ("resolved", None, now + HOUR, 0)
    assert alert.rupees_at_risk == 0
    assert not alert.items.filter(cleared_at=None).exists()
    assert steps(alert) == ["opened", "told", "resolved"]


def test_back_within_the_hour_the_same_alert_reopens_and_says_so(omar, now):
    held(now, 60)
    reconcile(HOLDS, now=now)
    release()
    reconcile(HOLDS, now=now + HOUR)
    Payment.objects.update(status="on_hold", held_at=now - 25 * HOUR)
    result = reconcile(HOLDS, now=now + 2 * HOUR)
    alert = only_alert()
    assert (result["reopened"], result["opened"], result["alert"]) == (1, 0, str(alert.pk))
    # It was closed: how bad it is starts anew.
    assert (alert.status, alert.severity, alert.resolved_at, alert.reopened_count, alert.item_count) == ("active", "high", None, 1, 1)
    assert said() == ["opened", "reopened"]


def test_back_after_the_hour_it_is_another_alert(omar, now):
    held(now, 30)
    first = reconcile(HOLDS, now=now)["alert"]
    release()
    reconcile(HOLDS, now=now + HOUR)
    held(now, 30)
    second = reconcile(HOLDS, now=now + 2 * HOUR + timedelta(seconds=1))
    assert second["opened"] == 1
    assert second["alert"] != first
    assert said() == ["opened", "opened"]


def test_resolved_by_a_person_while_the_cause_remains_it_is_quiet_for_a_day_and_then_reopens(omar, now):
    held(now, 30)
    first = reconcile(HOLDS, now=now)["alert"]
    resolve(omar, now + HOUR)
    for hour in range(2, 25):
        result = reconcile(HOLDS, now=now + hour * HOUR)
        assert (result["quiet"], result["queued"], result["alert"]) == (1, 0, None)
    result = reconcile(HOLDS, now=now + 25 * HOUR)
    assert (result["reopened"], result["alert"]) == (1, first)
    assert said() == ["opened", "reopened"]
    assert only_alert().resolved_by is None


def test_resolved_by_a_person_and_really_gone_the_next_problem_opens_at_once(omar, now):
    held(now, 30)
    first = reconcile(HOLDS, now=now)["alert"]
    resolve(omar, now + HOUR)
    release()
    reconcile(HOLDS, now=now + 2 * HOUR)
    assert not AlertItem.objects.filter(cleared_at=None).exists()
    held(now, 30)
    result = reconcile(HOLDS, now=now + 3 * HOUR)
    assert result["opened"] == 1
    assert result["alert"] != first
    assert BusinessAlert.objects.get(pk=first).resolved_by == omar

"""One problem is one alert: it opens with what was found, and hour after hour follows it."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction

from core.alerts.check import checks
from core.alerts.lifecycle import reconcile
from core.models import (
    AlertEvent,
    AlertItem,
    BusinessAlert,
    MessagingRun,
    NotificationLog,
    Payment,
)
from tests.alerts.stuck import held, messages, only_alert, said, steps

pytestmark = pytest.mark.django_db

HOLDS = checks.get("payment_holds")
SIGNATURES = checks.get("pending_signatures")
HOUR = timedelta(hours=1)


def release() -> None:
    Payment.objects.update(status="completed")


def test_an_alert_opens_with_its_items_money_and_age(omar, farah, now):
    old, young = held(now, 75, "18000.50"), held(now, 25, "449.50")
    result = reconcile(HOLDS, now=now)
    alert = only_alert()
    assert result == {
        "found": 2, "critical": 1, "rupees": "18450.00", "alert": str(alert.pk), "opened": 1, "reopened": 0, "raised": 0, "new_items": 2,
        "cleared": 0, "resolved": 0, "quiet": 0, "queued": 6, "people": 2, "suppressed": {},
    }  # fmt: skip
    assert (alert.alert_type, alert.severity, alert.status, alert.fingerprint) == ("payment_hold", "critical", "active", "payment_holds")
    assert alert.title == "2 payments held, ₹18,450, oldest 3 days"
    assert (alert.item_count, alert.rupees_at_risk, alert.oldest_since) == (2, Decimal("18450.00"), old.held_at)
    assert list(alert.items.values_list("object_id", "severity", "rupees", "since", "first_seen_at", "cleared_at")) == [
        (str(old.pk), "critical", Decimal("18000.50"), old.held_at, now, None),
        (str(young.pk), "high", Decimal("449.50"), young.held_at, now, None),
    ]
    assert steps(alert) == ["opened", "told"]


def test_a_critical_alert_is_told_by_sms_too_and_goes_first(omar, now):
    held(now, 30)
    reconcile(HOLDS, now=now)
    assert messages() == [("omar", "email"), ("omar", "websocket")]
    assert set(NotificationLog.objects.values_list("lane", flat=True)) == {NotificationLog.Lane.PERSONAL}
    reconcile(HOLDS, now=now + 18 * HOUR)
    assert messages(created_at__gt=now) == [("omar", "email"), ("omar", "sms"), ("omar", "websocket")]
    assert set(NotificationLog.objects.filter(created_at__gt=now).values_list("lane", flat=True)) == {NotificationLog.Lane.URGENT}


def test_a_message_names_its_alert_its_type_and_what_it_is_about(omar, now):
    held(now, 75, "18450")
    reconcile(HOLDS, now=now)
    alert = only_alert()
    for message in NotificationLog.objects.filter(method="email"):
        assert message.notification_type == "payment_hold"
        assert message.metadata["alert_id"] == str(alert.pk)
        assert message.alert == alert
        assert message.subject == "Critical: 1 payment held, ₹18,450, for 3 days"
        assert message.content is not None
        assert message.content.link_url == f"/dashboard/alerts/{alert.pk}/"
        assert message.run is not None
        assert message.run.rule["limits"] == {"after_hours": "24", "critical_hours": "48"}
        assert "Cleaning of 60 minutes, 560001" in message.message


def test_nothing_stuck_opens_nothing_and_leaves_no_trace(omar, now):
    result = reconcile(HOLDS, now=now)
    assert (result["found"], result["alert"], result["rupees"]) == (0, None, None)
    assert not any(model.objects.exists() for model in (BusinessAlert, AlertEvent, AlertItem, NotificationLog, MessagingRun))


def test_a_second_open_alert_of_a_check_is_refused_by_the_database(omar, now):
    held(now, 30)
    reconcile(HOLDS, now=now)
    with pytest.raises(IntegrityError), transaction.atomic():
        BusinessAlert.objects.create(fingerprint="payment_holds", alert_type="payment_hold", severity="high", title="Another")


def test_a_hand_made_alert_never_stands_for_a_check(omar, now):
    by_hand = BusinessAlert.objects.create(alert_type="payment_hold", severity="high", title="By hand", description="Look at this.")
    held(now, 30)
    reconcile(HOLDS, now=now)
    release()
    reconcile(HOLDS, now=now + HOUR)
    by_hand.refresh_from_db()
    assert by_hand.status == "active"
    assert BusinessAlert.objects.exclude(pk=by_hand.pk).get().status == "resolved"


# --- Hour after hour --------------------------------------------------------------------------------------------------


def test_twenty_four_hourly_runs_over_an_unchanged_problem_are_one_alert(omar, farah, now):
    held(now, 50)
    for hour in range(24):
        reconcile(HOLDS, now=now + hour * HOUR)
    assert only_alert().item_count == 1
    # Critical: at once, and every four hours while nobody acknowledges; two people, three methods.
    assert said() == ["opened"] + ["still open"] * 5
    assert list(AlertEvent.objects.filter(kind="told").order_by("at").values_list("at", flat=True)) == [
        now + h * HOUR for h in (0, 4, 8, 12, 16, 20)
    ]
    assert NotificationLog.objects.count() == 6 * 2 * 3


def test_a_high_alert_repeats_itself_after_a_day(omar, now):
    held(now, 25)
    reconcile(HOLDS, now=now)
    for hour in range(1, 26):
        # Held again and again: it never gets old enough to turn critical.
        Payment.objects.update(held_at=now + hour * HOUR - 25 * HOUR)
        reconcile(HOLDS, now=now + hour * HOUR)
    assert said() == ["opened", "still open"]
    assert AlertEvent.objects.filter(reason="still open").get().at == now + 24 * HOUR


def test_run_again_at_once_nobody_is_told_twice(omar, now):
    held(now, 30)
    first = reconcile(HOLDS, now=now)
    again = [reconcile(HOLDS, now=now) for _ in range(5)]
    assert first["queued"] == 2
    assert [(result["queued"], result["opened"], result["new_items"]) for result in again] == [(0, 0, 0)] * 5
    assert messages() == [("omar", "email"), ("omar", "websocket")]


def test_severity_rises_with_age_is_told_and_never_falls_while_open(omar, now):
    first = held(now, 40)
    reconcile(HOLDS, now=now)
    assert reconcile(HOLDS, now=now + 8 * HOUR)["raised"] == 1
    assert said() == ["opened", "raised"]
    held(now + 8 * HOUR, 25)
    first.status = "completed"
    first.save()
    reconcile(HOLDS, now=now + 9 * HOUR)
    assert only_alert().severity == "critical"
    assert NotificationLog.objects.filter(method="email", subject__startswith="Now critical: ").count() == 1


def test_new_items_are_told_in_one_message_at_most_every_two_hours(omar, now):
    held(now, 25)
    reconcile(HOLDS, now=now)
    for hour in range(1, 6):
        held(now + hour * HOUR, 25)
        held(now + hour * HOUR, 25)
        reconcile(HOLDS, now=now + hour * HOUR)
    told = AlertEvent.objects.filter(reason="new items").order_by("at")
    assert [event.at for event in told] == [now + 1 * HOUR, now + 3 * HOUR, now + 5 * HOUR]
    subjects = NotificationLog.objects.filter(method="email").order_by("created_at").values_list("subject", flat=True)
    assert [subject.split(":")[0] for subject in subjects[1:]] == ["2 new", "4 new", "4 new"]


def test_items_clear_one_by_one_with_the_time_and_come_back_as_new_ones(omar, now):
    stays, goes = held(now, 30, "100"), held(now, 31, "200")
    reconcile(HOLDS, now=now)
    Payment.objects.filter(pk=goes.pk).update(status="processing")
    assert reconcile(HOLDS, now=now + HOUR)["cleared"] == 1
    alert = only_alert()
    assert (alert.item_count, alert.rupees_at_risk, alert.oldest_since) == (1, Decimal(100), stays.held_at)
    assert alert.items.get(object_id=goes.pk).cleared_at == now + HOUR
    Payment.objects.filter(pk=goes.pk).update(status="on_hold")
    assert reconcile(HOLDS, now=now + 2 * HOUR)["new_items"] == 1
    assert alert.items.filter(object_id=goes.pk).count() == 2


def test_an_item_keeps_when_it_was_first_seen_and_follows_its_amount(omar, now):
    payment = held(now, 40, "100")
    reconcile(HOLDS, now=now)
    Payment.objects.update(amount=Decimal("250.75"))
    reconcile(HOLDS, now=now + 8 * HOUR)
    item = AlertItem.objects.get()
    assert (item.first_seen_at, item.since, item.rupees, item.severity) == (now, payment.held_at, Decimal("250.75"), "critical")
    assert only_alert().rupees_at_risk == Decimal("250.75")

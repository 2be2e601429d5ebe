"""Keeping house: what is ninety days old goes, and what anybody still needs stays (docs/rules.md, 9)."""

from datetime import timedelta
from itertools import pairwise

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_celery_results.models import TaskResult

from core import schedule, tasks
from core.models import (
    BusinessAlert,
    DeliveryEvent,
    IdempotencyKey,
    LeftOut,
    MessageContent,
    MessagingRun,
    NotificationLog,
    OneTimePassword,
    Phase,
    ProviderReceipt,
    ScheduleRun,
    User,
)
from core.notifications import retention

pytestmark = pytest.mark.django_db
OLD = timedelta(days=90, minutes=1)


def a_message(now, age=OLD, **fields):
    usual = {"notification_type": "promotional", "method": "email", "status": "sent", "created_at": now - age}
    return NotificationLog.objects.create(**{**usual, **fields})


def an_alert(now, status):
    return BusinessAlert.objects.create(
        alert_type="payment_hold", severity="high", title="Held", description="Held", status=status, created_at=now - 2 * OLD
    )


def left():
    return set(NotificationLog.objects.values_list("pk", flat=True))


def test_what_is_older_than_ninety_days_goes_and_what_is_not_stays(now, kiran):
    a_message(now, recipient=kiran)
    a_message(now, status="failed")
    a_message(now, status="delivered")
    young = a_message(now, timedelta(days=90))
    assert retention.clean_up(now=now)["notifications"] == 3
    assert left() == {young.pk}


@pytest.mark.parametrize(("status", "stays"), [("active", True), ("acknowledged", True), ("ignored", True), ("resolved", False)])
def test_the_messages_of_an_open_alert_stay(status, stays, now):
    alert = an_alert(now, status)
    row = a_message(now, notification_type="payment_hold", alert=alert)
    also = a_message(now, notification_type="payment_hold", metadata={"alert_id": str(alert.pk)})
    retention.clean_up(now=now)
    assert {row.pk in left(), also.pk in left()} == {stays}


def test_once_the_alert_is_resolved_its_messages_go_with_the_next_round(now):
    alert = an_alert(now, "active")
    a_message(now, alert=alert)
    assert retention.clean_up(now=now)["notifications"] == 0
    BusinessAlert.objects.update(status="resolved", resolved_at=now)
    assert retention.clean_up(now=now)["notifications"] == 1
    assert BusinessAlert.objects.filter(pk=alert.pk).exists()


@pytest.mark.parametrize(("status", "stays"), [("active", True), ("acknowledged", True), ("resolved", False)])
def test_a_message_that_names_its_alert_in_its_metadata_alone_stays_as_well(status, stays, now):
    row = a_message(now, notification_type="payment_hold", metadata={"alert_id": str(an_alert(now, status).pk)})
    a_message(now, metadata={"alert_id": None})
    an_alert(now, "active")
    retention.clean_up(now=now)
    assert left() == ({row.pk} if stays else set())


@pytest.mark.parametrize("phase", [Phase.QUEUED, Phase.UNCERTAIN])
def test_what_is_still_on_its_way_stays_however_old(phase, now):
    row = a_message(now, status="pending", phase=phase, expires_at=now + timedelta(minutes=1))
    retention.clean_up(now=now)
    assert left() == {row.pk}


@pytest.mark.parametrize("life", [None, timedelta(0)])
def test_what_was_queued_and_is_too_late_goes_like_all_else(life, now):
    a_message(now, status="pending", expires_at=life if life is None else now - life)
    retention.clean_up(now=now)
    assert not left()


def test_what_only_served_the_old_ones_goes_with_them(now, kiran):
    long_ago = now - OLD
    run, content = MessagingRun.objects.create(name="promotions", started_at=long_ago), MessageContent.objects.create(created_at=long_ago)
    row = a_message(now, run=run, content=content)
    LeftOut.objects.create(run=run, person=kiran, reason="opted_out", methods="email")
    DeliveryEvent.objects.create(notification=row, at=long_ago, kind="retry")
    ProviderReceipt.objects.create(provider="twilio", event_id="1", provider_message_id="SM1", kind="delivered", received_at=long_ago)
    still_used, its_run = MessageContent.objects.create(created_at=long_ago), MessagingRun.objects.create(name="check", started_at=long_ago)
    kept = a_message(now, content=still_used, run=its_run, alert=an_alert(now, "active"))

    counts = retention.clean_up(now=now)
    assert {name: counts[name] for name in ("notifications", "contents", "runs", "receipts")} == {
        "notifications": 1,
        "contents": 1,
        "runs": 1,
        "receipts": 1,
    }
    assert left() == {kept.pk}
    assert list(MessageContent.objects.all()) == [still_used]
    assert list(MessagingRun.objects.all()) == [its_run]
    for gone in (LeftOut, DeliveryEvent, ProviderReceipt):
        assert not gone.objects.exists(), gone
    assert User.objects.filter(pk=kiran.pk).exists()


def test_what_served_the_young_stays(now):
    recently = now - timedelta(days=89)
    run, content = MessagingRun.objects.create(name="promotions", started_at=recently), MessageContent.objects.create(created_at=recently)
    ProviderReceipt.objects.create(provider="twilio", event_id="1", provider_message_id="SM1", kind="delivered", received_at=recently)
    retention.clean_up(now=now)
    assert MessagingRun.objects.get() == run
    assert MessageContent.objects.get() == content
    assert ProviderReceipt.objects.exists()


def test_passwords_and_idempotency_keys_live_a_day(now, omar):
    for hours in (23, 25):
        at = now - timedelta(hours=hours)
        OneTimePassword.objects.create(identifier_hash=str(hours), code_hash="x", created_at=at, expires_at=at)
        IdempotencyKey.objects.create(user=omar, path="/", key=str(hours), created_at=at)
    counts = retention.clean_up(now=now)
    assert (counts["passwords"], counts["idempotency_keys"]) == (1, 1)
    assert OneTimePassword.objects.get().identifier_hash == "23"
    assert IdempotencyKey.objects.get().key == "23"


def test_old_task_results_go(now):
    for task, age in (("old", OLD), ("young", timedelta(days=89))):
        TaskResult.objects.create(task_id=task)
        TaskResult.objects.filter(task_id=task).update(date_done=timezone.now() - age)
    retention.clean_up(now=now)
    assert TaskResult.objects.get().task_id == "young"


def test_the_ledger_keeps_ninety_days_and_each_jobs_last_slot(now):
    long_ago = now - OLD

    def entered(job, at, **fields):
        return ScheduleRun.objects.create(job=job, slot=at, status="done", started_at=at, **fields)

    entered("high_demand", long_ago - timedelta(days=1))
    last_of_all = entered("yearly", long_ago)
    entered("high_demand", long_ago)
    recent = entered("high_demand", now - timedelta(days=1))
    ScheduleRun.objects.create(job="high_demand", status="done", started_at=long_ago)
    assert retention.clean_up(now=now)["schedule_runs"] == 3
    assert set(ScheduleRun.objects.all()) == {last_of_all, recent}
    assert not schedule.open_ledger(schedule.job_named("high_demand"), now=now), "The ledger was begun afresh."


def test_it_goes_in_small_batches_each_committed_for_itself(now, monkeypatch):
    monkeypatch.setattr(retention, "BATCH", 10)
    NotificationLog.objects.bulk_create(
        NotificationLog(notification_type="promotional", method="email", status="sent", created_at=now - OLD) for _ in range(35)
    )
    sizes = []
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert retention.clean_up(now=now)["notifications"] == 35
    deletes = [query["sql"] for query in queries if query["sql"].startswith('DELETE FROM "core_notificationlog"')]
    sizes = [sql.count(",") + 1 for sql in deletes]
    assert sizes == [10, 10, 10, 5]
    # Something lies between two deletes: others have their turn.
    at = [number for number, query in enumerate(queries) if query["sql"].startswith('DELETE FROM "core_notificationlog"')]
    assert all("RELEASE" in " ".join(query["sql"] for query in list(queries)[one:two]) for one, two in pairwise(at))


def test_a_dry_run_counts_and_deletes_nothing(now, frozen):
    a_message(now)
    assert tasks.cleanup_old_notifications.delay(dry_run=True).get() == {"notifications": 1, "dry_run": True}
    assert NotificationLog.objects.count() == 1
    assert tasks.cleanup_old_notifications.delay().get()["notifications"] == 1
    assert not NotificationLog.objects.exists()


def test_a_second_round_finds_nothing_left(now):
    a_message(now)
    retention.clean_up(now=now)
    assert set(retention.clean_up(now=now).values()) == {0}

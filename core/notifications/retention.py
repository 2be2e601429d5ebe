"""Keeping house: what is old enough goes, in small batches, so that nothing waits behind it (docs/rules.md, 9)."""

from datetime import datetime, timedelta
from typing import Any

from axes.models import AccessLog
from django.contrib.sessions.models import Session
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django_celery_results.models import TaskResult

from core.models import (
    BusinessAlert,
    IdempotencyKey,
    MessageContent,
    MessagingRun,
    NotificationLog,
    OneTimePassword,
    Phase,
    ProviderReceipt,
    ScheduleRun,
    Tries,
)

KEEP = timedelta(days=90)
KEEP_PASSWORDS = timedelta(days=1)
KEEP_IDEMPOTENCY = timedelta(hours=24)
BATCH = 1_000


def clean_up(*, now: datetime, keep: timedelta = KEEP, dry_run: bool = False) -> dict[str, Any]:
    """Delete notifications older than 90 days, except those of open alerts and those still on their way, and what only
    served them. A dry run counts and deletes nothing."""
    before = now - keep
    notifications = NotificationLog.objects.filter(_not_of_an_open_alert(), created_at__lt=before).exclude(_on_its_way(now))
    if dry_run:
        return {"notifications": notifications.count(), "dry_run": True}
    gone = _clean_up(notifications, before, now=now, keep=keep)
    _let_the_planner_know()
    return gone


def _clean_up(notifications: QuerySet[NotificationLog], before: datetime, *, now: datetime, keep: timedelta) -> dict[str, Any]:
    used = NotificationLog.objects.filter(content_id=OuterRef("pk"))
    runs = NotificationLog.objects.filter(run_id=OuterRef("pk"))
    return {
        "notifications": _delete(notifications),
        "contents": _delete(MessageContent.objects.filter(created_at__lt=before).exclude(Exists(used))),
        "runs": _delete(MessagingRun.objects.filter(started_at__lt=before).exclude(Exists(runs))),
        "schedule_runs": _delete(_past_slots(before)),
        "receipts": _delete(ProviderReceipt.objects.filter(received_at__lt=before)),
        "passwords": _delete(OneTimePassword.objects.filter(created_at__lt=now - KEEP_PASSWORDS)),
        "idempotency_keys": _delete(IdempotencyKey.objects.filter(created_at__lt=now - KEEP_IDEMPOTENCY)),
        "tries": _delete(Tries.objects.filter(until__lt=now)),
        "logins": _delete(AccessLog.objects.filter(attempt_time__lt=before)),
        "sessions": _delete(Session.objects.filter(expire_date__lt=now)),
        # Written by Celery by the world's clock.
        "task_results": _delete(TaskResult.objects.filter(date_done__lt=timezone.now() - keep)),
    }


def _not_of_an_open_alert() -> Q:
    """Neither by the column nor, as in rows that were imported or written by hand, by `metadata.alert_id` alone."""
    still_open = BusinessAlert.objects.exclude(status=BusinessAlert.Status.RESOLVED)
    named = [str(pk) for pk in still_open.values_list("pk", flat=True)]
    unnamed = Q(metadata__alert_id__isnull=True) | ~Q(metadata__alert_id__in=named)
    return ~Exists(still_open.filter(pk=OuterRef("alert_id"))) & unnamed


def _on_its_way(now: datetime) -> Q:
    """At a provider, or queued and not too late yet. What is queued has a life of days, so that this old it was put off or imported."""
    return Q(phase__in=(Phase.SENDING, Phase.UNCERTAIN)) | Q(phase=Phase.QUEUED, expires_at__gt=now)


def _let_the_planner_know() -> None:
    """SQLite does not look by itself at how its tables have grown, as PostgreSQL does. A thousand entries of each index say enough."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA analysis_limit = 1000")
            cursor.execute("ANALYZE")


def _past_slots(before: datetime) -> QuerySet[ScheduleRun]:
    """Old entries of the ledger. Each job's newest slot stays, however old: it says from where on slots are due."""
    later = ScheduleRun.objects.filter(job=OuterRef("job"), slot__gt=OuterRef("slot"))
    return ScheduleRun.objects.filter(Q(slot__isnull=True) | Exists(later), started_at__lt=before)


def _delete(rows: QuerySet[Any]) -> int:
    """Delete in batches, each its own transaction. Returns how many rows of the table itself went."""
    deleted = 0
    while ids := list(rows.order_by("pk").values_list("pk", flat=True)[:BATCH]):
        with transaction.atomic():
            rows.model._default_manager.filter(pk__in=ids).delete()
        deleted += len(ids)
    return deleted

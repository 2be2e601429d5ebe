"""Does it really work? One message by each method to the staff, sent now, and what became of each."""

from collections import Counter
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from core.masking import mask_text
from core.models import MessagingRun, NotificationLog, User
from core.notifications import delivery, handover
from core.notifications.kinds import BUSINESS_ALERT
from core.notifications.outbox import Notice, enqueue
from core.notifications.transports import methods


def send_test(people: QuerySet[User], *, clock: delivery.Clock, dry_run: bool = False) -> dict[str, Any]:
    """Write to these people by every method there is, send it in this process, and report by method and status.

    A dry run counts who would be written to, and writes and sends nothing.
    """
    now = clock()
    run = MessagingRun(name="test", started_at=now)
    with transaction.atomic():
        if not dry_run:
            run.save()
        tally = enqueue(_notice(run, now), people, run=run, now=now, write=not dry_run)
    if dry_run:
        return {**tally.as_dict(), "dry_run": True}
    handover.send(run, clock)
    outcomes: dict[str, Counter[str]] = {method: Counter() for method in methods()}
    problems: list[str] = []
    for row in NotificationLog.objects.filter(run=run).order_by("method"):
        outcomes[row.method][row.status] += 1
        if row.error_message:
            # A provider's refusal names the address it refuses; a task's result must not.
            problems.append(mask_text(f"{row.method}: {row.error_code} {row.error_message}".strip()))
    result = {**tally.as_dict(), "by_method": {method: dict(counts) for method, counts in outcomes.items()}}
    result["providers"] = dict(
        NotificationLog.objects.filter(run=run).exclude(provider="").order_by().values_list("method", "provider").distinct()
    )
    if problems:
        result["problems"] = sorted(set(problems))
    run.result = result
    run.save(update_fields=["result"])
    return result


def _notice(run: MessagingRun, now: datetime) -> Notice:
    local = timezone.localtime(now)
    when = f"{local.hour}:{local:%M}"
    return Notice(
        kind=BUSINESS_ALERT,
        key=f"test:{run.pk}",
        context={
            "subject": f"Test of the notification system, {when}",
            "title": "This is a test",
            "description": f"Sent at {when} to see whether messages arrive. Nothing needs to be done.",
            "severity": "low",
            "count": 0,
            "rupees": None,
            "oldest": None,
            "items": [],
            "more": 0,
            "reason": "test",
        },
        methods=tuple(methods()),
        metadata={"test": True},
        urgent=True,
    )

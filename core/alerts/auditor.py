"""Escalation is watched itself: an alert that lost its next moment, a step that reaches nobody, a look that fails (docs/rules.md, 5)."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import QuerySet

from core.alerts import unheard
from core.alerts.check import Finding
from core.alerts.escalation import Look, escalate_due
from core.alerts.manual import clear_alert, raise_alert
from core.alerts.policies import Policies, Step
from core.models import AlertItem, BusinessAlert, Role

log = structlog.get_logger(__name__)
Severity = BusinessAlert.Severity
Status = BusinessAlert.Status

LOST, FAILED, NOBODY = "escalation:lost", "escalation:failed", "escalation:nobody:"
# A moment that a look has left behind by so much is a moment that nobody attends to.
LATE = timedelta(minutes=10)
# So long without another one, and what was lost is history.
QUIET = timedelta(hours=1)


def look(*, now: datetime) -> dict[str, Any]:
    """The minute's work: give back what was lost, attend to what is due, and tell of what went wrong. Counts a person can read."""
    lost = mend_lost(now=now)
    done = escalate_due(now=now)
    lost |= left_behind(now=now)
    _tell_of_lost(lost, now=now)
    _tell_of_failed(done, now=now)
    _tell_of_nobody(done, now=now)
    _tell_of_unheard(done, now=now)
    return {**done.as_dict(), "mended": len(lost)}


def mend_lost(*, now: datetime) -> set[UUID]:
    """Alerts that should speak again and have no moment for it are due now."""
    rows = _speaking().filter(next_step_at=None)
    lost = set(rows.values_list("pk", flat=True))
    if lost:
        rows.filter(pk__in=lost).update(next_step_at=now)
        log.error("alerts.lost_their_next_step", alerts=sorted(map(str, lost)))
    return lost


def left_behind(*, now: datetime) -> set[UUID]:
    """Alerts whose moment a look should have attended to, and did not. Those that another process has in hand are not among them."""
    late = _speaking().filter(next_step_at__lt=now - LATE)
    with transaction.atomic():
        return set(late.select_for_update(skip_locked=True, no_key=True).values_list("pk", flat=True))


def _speaking() -> QuerySet[BusinessAlert]:
    return BusinessAlert.objects.filter(status__in=(Status.ACTIVE, Status.ACKNOWLEDGED))


def _tell_of_lost(lost: Collection[UUID], *, now: datetime) -> None:
    standing = _standing(LOST)
    if lost:
        _raise(
            LOST,
            "Alerts lost their next step",
            "They would have stayed silent. They have one again, and nobody is skipped; why they had none is a fault of the product.",
            {*lost, *_items(standing)},
            now=now,
        )
    elif standing and (standing.last_evaluated_at or standing.created_at) <= now - QUIET:
        clear_alert(LOST, now=now)


def _tell_of_failed(done: Look, *, now: datetime) -> None:
    """What failed stays told until a look has attended to it, or it is over."""
    standing = _standing(FAILED)
    before = _items(standing)
    if not done.failed and not before:
        return
    over = set(BusinessAlert.objects.filter(pk__in=before - done.attended, next_step_at=None).values_list("pk", flat=True))
    existing = set(BusinessAlert.objects.filter(pk__in=before).values_list("pk", flat=True))
    failing = (before & existing) - done.attended - over | done.failed
    if not failing:
        clear_alert(FAILED, now=now)
    elif failing != before:
        _raise(
            FAILED,
            "Alerts cannot be escalated",
            "Looking at them raises an error; it is tried again every five minutes, and the others are told as always. See the log.",
            failing,
            now=now,
        )


def _tell_of_nobody(done: Look, *, now: datetime) -> None:
    for policy, step in done.unreached:
        raise_alert(
            alert_type="system_error",
            severity=Severity.CRITICAL,
            title=f"Nobody to tell: {step.who}",
            description=f"An alert nobody acknowledged should have gone to {step.who} after {step.minutes} minutes, and reached none of "
            f"them. Give somebody the role, or change the policy {policy}.",
            fingerprint=_nobody(policy, step),
            metadata={"policy": policy, "minutes": step.minutes},
            now=now,
        )
    for policy, step in done.reached:
        clear_alert(_nobody(policy, step), now=now)
    standing = BusinessAlert.objects.filter(fingerprint__startswith=NOBODY).exclude(status=Status.RESOLVED)
    open_ones = set(standing.values_list("fingerprint", flat=True)) - {_nobody(*each) for each in done.unreached}
    if open_ones:
        steps = {_nobody(policy.name, step): step for policy in Policies.in_force().all() for step in policy.steps}
        for fingerprint in open_ones:
            if fingerprint not in steps or steps[fingerprint].people().filter(is_active=True).exists():
                clear_alert(fingerprint, now=now)


def _tell_of_unheard(done: Look, *, now: datetime) -> None:
    """Of those whom an alert concerns there is nobody at all: the super admins hear that, if they are not among them."""
    for name, label, roles in done.unheard:
        if Role.SUPER_ADMIN not in roles:
            with transaction.atomic():
                unheard.report(name, label, roles, nobody=True, now=now)


def _nobody(policy: str, step: Step) -> str:
    return f"{NOBODY}{step.minutes}:{policy}"


def _standing(fingerprint: str) -> BusinessAlert | None:
    return BusinessAlert.objects.filter(fingerprint=fingerprint).exclude(status=Status.RESOLVED).first()


def _items(alert: BusinessAlert | None) -> set[UUID]:
    if alert is None:
        return set()
    return {UUID(item) for item in AlertItem.objects.filter(alert=alert, cleared_at=None).values_list("object_id", flat=True)}


def _raise(fingerprint: str, title: str, description: str, alerts: Collection[UUID], *, now: datetime) -> None:
    rows = BusinessAlert.objects.filter(pk__in=alerts).order_by("pk")
    raise_alert(
        alert_type="system_error",
        severity=Severity.HIGH,
        title=title,
        description=description,
        fingerprint=fingerprint,
        items=[Finding(object_type="alert", object_id=str(row.pk), label=row.title, since=row.created_at) for row in rows],
        now=now,
    )

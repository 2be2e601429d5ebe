"""The queue is watched by those who do not stand in it: that nothing leaves is noticed and told by another way."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import structlog
from django.db import transaction

from core import clock, locks
from core.alerts.check import Finding
from core.alerts.manual import clear_alert, raise_alert
from core.formatting import indian
from core.models import BusinessAlert, Role
from core.notifications import watchdog
from core.notifications.watchdog import Waiting

log = structlog.get_logger(__name__)

FINGERPRINT = "delivery:stuck"
# Nothing waits longer than this; and it is well again when nothing waits longer than that.
STUCK_AFTER = timedelta(minutes=5)
WELL_WITHIN = timedelta(minutes=1)
TELL_AGAIN = timedelta(minutes=30)
# Whoever has the right to tell and reaches nobody, or dies, has lost it so long after.
TELL_WITHIN = timedelta(minutes=3)
TELL_AT = "tell_directly_at"


def watch_queue(*, now: datetime) -> dict[str, int]:
    """Tell ops, without the queue, that messages do not leave, again each 30 minutes while nobody acknowledges it; and once
    that they do again. Any number of processes may look: one tells. Counts who was told, by method."""
    waiting = watchdog.waiting(now=now)
    oldest = max((each.oldest for each in waiting.values()), default=timedelta(0))
    stands = BusinessAlert.objects.filter(fingerprint=FINGERPRINT).exclude(status=BusinessAlert.Status.RESOLVED).exists()
    if oldest > patience():
        return _stuck({method: each for method, each in waiting.items() if each.oldest > patience()}, now=now)
    # Something between the two is neither news nor an end.
    if stands and oldest <= WELL_WITHIN * clock.speed() and clear_alert(FINGERPRINT, now=now):
        log.warning("delivery_well_again")
        return watchdog.tell_directly("Messages leave again", "HomeServe Pro: messages leave again. What waited is on its way.")
    return {}


def patience() -> timedelta:
    """How old the oldest message may be, on a clock that may run faster than the world's."""
    return STUCK_AFTER * clock.speed()


def _stuck(stuck: Mapping[str, Waiting], *, now: datetime) -> dict[str, int]:
    by_age = sorted(stuck.items(), key=lambda each: each[1].oldest, reverse=True)
    text = "; ".join(f"{method}: the oldest for {_minutes(each.oldest)} minutes, {each.count} in all" for method, each in by_age)
    if not _right_to_tell(text, stuck, now=now):
        return {}
    log.critical("delivery_stuck", oldest_seconds=int(by_age[0][1].oldest.total_seconds()), methods=sorted(stuck))
    told = watchdog.tell_directly(
        "Messages do not leave",
        f"HomeServe Pro: messages wait that should have left. {text}. None is lost. See Today and docs/operations.md.",
        stuck=stuck,
    )
    if any(told.values()) or not told:
        _told(now=now)
    return told


def _right_to_tell(text: str, stuck: Mapping[str, Waiting], *, now: datetime) -> bool:
    """Whether it is on the caller, and nobody else, to tell now. The alert stands afterwards, unless a person's word keeps it quiet."""
    with transaction.atomic():
        locks.hold(FINGERPRINT)
        standing = BusinessAlert.objects.filter(fingerprint=FINGERPRINT).exclude(status=BusinessAlert.Status.RESOLVED).first()
        if standing is not None and not _tells_now(standing, now=now):
            return False
        alert = raise_alert(
            alert_type="system_error",
            # Critical would also send an SMS, through the queue, to those whom the direct path has just told.
            severity=BusinessAlert.Severity.HIGH,
            title="Messages do not leave",
            description=f"Due, not paused, and not sent. {text}. None is lost; what is wrong may be a provider, or that no worker runs.",
            fingerprint=FINGERPRINT,
            metadata={TELL_AT: (now + TELL_WITHIN).isoformat()},
            roles=(Role.OPS_MANAGER, Role.SUPER_ADMIN),
            items=[
                Finding(object_type="queue", object_id=method, label=f"{method}: {indian(each.count)} waiting", since=now - each.oldest)
                for method, each in stuck.items()
            ],
            now=now,
        )
        return alert.status == BusinessAlert.Status.ACTIVE


def _tells_now(alert: BusinessAlert, *, now: datetime) -> bool:
    snoozed = alert.snoozed_until is not None and alert.snoozed_until > now
    at = alert.metadata.get(TELL_AT)
    return alert.status == BusinessAlert.Status.ACTIVE and not snoozed and (at is None or datetime.fromisoformat(at) <= now)


def _told(*, now: datetime) -> None:
    """Somebody has been told: quiet for a while."""
    with transaction.atomic():
        locks.hold(FINGERPRINT)
        for alert in BusinessAlert.objects.filter(fingerprint=FINGERPRINT).exclude(status=BusinessAlert.Status.RESOLVED):
            metadata = alert.metadata | {TELL_AT: (now + TELL_AGAIN).isoformat()}
            BusinessAlert.objects.filter(pk=alert.pk).update(metadata=metadata)


def _minutes(age: timedelta) -> int:
    return int(age.total_seconds() // 60)

"""An alert that closes and reopens again and again: said once, and then not each time (docs/rules.md, 5)."""

from datetime import datetime, timedelta

from core.alerts import wording
from core.models import BusinessAlert

# It keeps coming back while so many of the system's reopenings lie within so long.
TIMES = 3
WITHIN = timedelta(hours=6)


def notice(alert: BusinessAlert, *, now: datetime) -> str:
    """The reason to speak of an alert that the system reopens now, whose event is not saved yet; empty when it is no news.

    Marks on the row, which the caller saves, whether it keeps coming back.
    """
    if _reopenings(alert, now=now) + 1 < TIMES:
        alert.flapping_since = None
        return wording.REOPENED
    if alert.flapping_since is not None:
        return ""
    alert.flapping_since = now
    return wording.FLAPPING


def has_ended(alert: BusinessAlert, *, now: datetime) -> bool:
    """Whether it kept coming back, and has now stayed put."""
    return alert.flapping_since is not None and _reopenings(alert, now=now) < TIMES


def _reopenings(alert: BusinessAlert, *, now: datetime) -> int:
    return alert.events.filter(kind="reopened", actor=None, at__gt=now - WITHIN).count()

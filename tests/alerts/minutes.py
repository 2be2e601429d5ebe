"""The minute task as tests call it, and what it said."""

from datetime import datetime, timedelta
from typing import Any

from core.alerts import auditor
from core.models import BusinessAlert, NotificationLog

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def an_alert(now: datetime, **fields: Any) -> BusinessAlert:
    """A critical one of the product's own, made by hand at this moment."""
    defaults = {"alert_type": "low_vendor_count", "severity": "critical", "title": "Nobody takes jobs", "description": "Look at it."}
    return BusinessAlert.objects.create(**{**defaults, "created_at": now, "next_step_at": now, **fields})


def look(now: datetime) -> dict[str, Any]:
    """The minute's look at this moment."""
    return auditor.look(now=now)


def looks(start: datetime, end: datetime, every: timedelta = MINUTE) -> None:
    """One look after another, both ends included."""
    while start <= end:
        look(start)
        start += every


def heard(**which: Any) -> list[tuple[datetime, str, str, str]]:
    """Every message: when, to whom, by which method, and why."""
    rows = NotificationLog.objects.filter(**which).order_by("created_at", "recipient__username", "method")
    return [
        (at, who, method, metadata["reason"])
        for at, who, method, metadata in rows.values_list("created_at", "recipient__username", "method", "metadata")
    ]


def by(methods: str, at: datetime, who: str, reason: str) -> list[tuple[datetime, str, str, str]]:
    """What `heard` says of one message by several methods, as "email sms websocket"."""
    return [(at, who, method, reason) for method in sorted(methods.split())]

"""Until when an alert may be silenced, as a person chooses it on a page."""

from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.dateparse import parse_datetime

from core.alerts.steps import BadStep

MORNING = 9


def morning(now: datetime) -> datetime:
    """The next 9:00 of the business time zone."""
    nine = timezone.localtime(now).replace(hour=MORNING, minute=0, second=0, microsecond=0)
    return nine if nine > now else nine + timedelta(days=1)


def until(choice: str, *, now: datetime, at: str = "") -> datetime:
    """The end of a snooze from one of the choices of a page: 1h, 4h, morning, or "at" the moment that `at` names, as a field
    for date and time gives it. Raises BadStep."""
    ends = {"1h": now + timedelta(hours=1), "4h": now + timedelta(hours=4), "morning": morning(now)}
    if choice in ends:
        return ends[choice]
    if choice != "at":
        raise BadStep("until", "Choose until when.")
    try:
        chosen = parse_datetime(at) if "T" in at else None
    except ValueError:
        chosen = None
    if chosen is None or chosen.tzinfo is not None or not 2000 <= chosen.year <= 2200:
        raise BadStep("until", "Say the day and the time.")
    return timezone.make_aware(chosen)

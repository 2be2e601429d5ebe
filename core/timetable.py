"""When a job runs, and how late it may still run. Wall-clock times are the business time zone's unless a zone is named."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from celery.schedules import ParseException, crontab
from django.utils import timezone

# How far a search for the next slot looks: nothing here runs less often than once a year.
HORIZON = timedelta(days=367)


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Cron fields as Celery writes them (Sunday is 0)."""

    minute: str = "0"
    hour: str = "*"
    day_of_week: str = "*"
    day_of_month: str = "*"
    month_of_year: str = "*"
    # An IANA name; empty: the business time zone.
    zone: str = ""
    # A slot missed by more than this is recorded as missed; None: it is always made up for.
    late: timedelta | None = None

    def slots(self, after: datetime, until: datetime) -> Iterator[datetime]:
        """Every slot in (after, until], oldest first. Raises ValueError for fields that are no cron fields."""
        fields = _fields(self.minute, self.hour, self.day_of_week, self.day_of_month, self.month_of_year)
        zone = ZoneInfo(self.zone) if self.zone else timezone.get_default_timezone()
        first, last = after.astimezone(zone), until.astimezone(zone)
        hour = first.replace(minute=0, second=0, microsecond=0)
        while hour <= last:
            on_this_day = (
                hour.month in fields.month_of_year and hour.day in fields.day_of_month and hour.isoweekday() % 7 in fields.day_of_week
            )
            if not on_this_day:
                hour = hour.replace(hour=0) + timedelta(days=1)
                continue
            if hour.hour in fields.hour:
                for minute in sorted(fields.minute):
                    slot = hour.replace(minute=minute)
                    if first < slot <= last:
                        yield slot
            hour += timedelta(hours=1)

    def next_after(self, moment: datetime) -> datetime:
        """The first slot later than a moment."""
        return next(self.slots(moment, moment + HORIZON))


class Fields(NamedTuple):
    """The values a cron line allows, field by field."""

    minute: set[int]
    hour: set[int]
    day_of_week: set[int]
    day_of_month: set[int]
    month_of_year: set[int]


@lru_cache(maxsize=256)
def _fields(minute: str, hour: str, day_of_week: str, day_of_month: str, month_of_year: str) -> Fields:
    try:
        read = vars(crontab(minute=minute, hour=hour, day_of_week=day_of_week, day_of_month=day_of_month, month_of_year=month_of_year))
    except ParseException as error:
        raise ValueError(f"These are no cron fields: {error}.") from error
    return Fields(*(read[name] for name in Fields._fields))

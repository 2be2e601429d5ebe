"""Measures pincodes' days: one set-based statement, whatever the number of pincodes, days or bookings (docs/rules.md, 3)."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db import connection, transaction

from core import clock
from core.analytics import sql
from core.models import PincodeAnalytics

# How long a pincode is measured after its last booking.
REMEMBERED = timedelta(days=90)
# Ratings, cancellations and completions arrive late: so many days before yesterday are measured again.
LATE_DAYS = 6
# The database compares moments to the microsecond: what happened at `now` has happened.
INSTANT = timedelta(microseconds=1)


def generate(*, now: datetime, day: date | None = None, dry_run: bool = False) -> dict[str, Any]:
    """The nightly run: closes yesterday, opens or refreshes today, measures the six days before again.

    Told a `day`, measures that one only. Re-running changes nothing but what the bookings changed; alert flags are kept.
    A dry run measures and writes nothing. Raises ValueError for a day that has not begun.
    """
    today = clock.business_day(now)
    if day is not None and day > today:
        raise ValueError(f"date: {day.isoformat()} has not begun; today is {today.isoformat()}.")
    days = [day] if day is not None else nightly_days(today)
    with transaction.atomic():
        rows = measure(days, now=now)
        pincodes = PincodeAnalytics.objects.filter(date=days[-1], measured_at=now).count()
        if dry_run:
            transaction.set_rollback(True)
    closed = day if day is not None else today - timedelta(days=1)
    return {
        "date": closed.isoformat(),
        "days": len(days),
        "pincodes": pincodes,
        "rows": rows,
        **({"dry_run": True} if dry_run else {}),
    }


def nightly_days(today: date) -> list[date]:
    """What a night's run measures: the six days before yesterday, yesterday, today."""
    return [today - timedelta(days=back) for back in range(LATE_DAYS + 1, -1, -1)]


def measure(days: Sequence[date], *, now: datetime) -> int:
    """Write the analytics of these days, as of now, in one statement. Returns the number of rows written."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql.upsert(len(days), connection.vendor), parameters(days, now=now))
        return cursor.rowcount


def parameters(days: Sequence[date], *, now: datetime) -> list[Any]:
    """What the statement is told: of each day its date, bounds, whether it is over and whether its vendors are settled."""
    today = clock.business_day(now)
    values: list[Any] = []
    for day in days:
        start, end = clock.day_bounds(day)
        # Of a day closed earlier, the vendors then available stay: today's say nothing of last week.
        values += [day.isoformat(), stored(start), stored(min(end, now + INSTANT)), day < today, day < today - timedelta(days=1)]
    # Of a day long past, those count that had a booking in the 90 days before its end.
    seen_from = min(now, clock.day_bounds(max(days))[1])
    return [*values, stored(seen_from - REMEMBERED), stored(now)]


def stored(moment: datetime) -> Any:
    """A moment as the database compares it: SQLite keeps times as text in UTC."""
    if connection.vendor == "sqlite":
        return moment.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ")
    return moment

"""Messages by the hour of a business day, and what is usual for this weekday: the median of the same hour over four weeks."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import median
from typing import Any, Final

from django.db.models import CharField, Count, Func, IntegerField, QuerySet, Value

from core import clock
from core.models import NotificationLog, Status

WEEKS: Final = 4


@dataclass(frozen=True, slots=True)
class Usual:
    """What this weekday usually brings. Empty `hours`: nothing of it is known yet."""

    hours: Sequence[float]
    # Of a hundred; None: nothing was sent on those days.
    rate: float | None
    days: int

    def until(self, first: int, last: int) -> int:
        """About how many messages come in these hours, the last one not counted."""
        return round(sum(self.hours[first:last]))


def bounds(day: date) -> list[datetime]:
    """The beginnings of a day's hours and its end: also where clocks are put forwards or back."""
    start, end = clock.day_bounds(day)
    return [*(start + timedelta(hours=hour) for hour in range(int((end - start).total_seconds() // 3600))), end]


class HourSince(Func):
    """Which hour it is since a moment, from 0 on: whole hours as they pass, whatever clocks are put to meanwhile."""

    output_field = IntegerField()
    template = "CAST(FLOOR((EXTRACT(EPOCH FROM %(expressions)s) - %(start)s) / 3600) AS integer)"

    def __init__(self, expression: str, start: datetime) -> None:
        super().__init__(expression, start=int(start.timestamp()))

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        # Without the parts of a second, which SQLite would round.
        template = "(strftime('%%%%s', substr(%(expressions)s, 1, 19)) - %(start)s) / 3600"
        return self.as_sql(compiler, connection, template=template, **extra)


def hour_of(day: date) -> HourSince:
    """The hour of the day in which a message was decided, as the database tells it, of messages of that day."""
    return HourSince("created_at", clock.day_start(day))


def usual(rows: QuerySet[NotificationLog], *, now: datetime) -> Usual:
    """Of these messages, on the same weekday of the last four weeks; days without any message are days before the product's first.

    Two statements, each over the index of the moment alone: four days' worth, however long the log is.
    """
    today = clock.business_day(now)
    days = [today - timedelta(weeks=weeks) for weeks in range(1, WEEKS + 1)]
    counts: dict[str, dict[int, int]] = {}
    for day, hour, count in _each(rows, days):
        counts.setdefault(day, {})[hour] = count
    if not counts:
        return Usual((), None, 0)
    failed = sum(count for _, _, count in _each(rows.filter(status=Status.FAILED), days))
    total = sum(sum(hours.values()) for hours in counts.values())
    most = max(len(bounds(day)) for day in days) - 1
    return Usual(
        hours=[float(median(hours.get(hour, 0) for hours in counts.values())) for hour in range(most)],
        rate=100 * (total - failed) / total,
        days=len(counts),
    )


def _each(rows: QuerySet[NotificationLog], days: Sequence[date]) -> list[tuple[str, int, int]]:
    parts = [
        rows.filter(created_at__gte=clock.day_start(day), created_at__lt=clock.day_bounds(day)[1])
        .order_by()
        .annotate(of=Value(day.isoformat(), output_field=CharField()), hour=hour_of(day))
        .values_list("of", "hour")
        .annotate(n=Count("pk"))
        for day in days
    ]
    return list(parts[0].union(*parts[1:], all=True))

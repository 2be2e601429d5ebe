"""How messages fared by type, by method and by day: these seven days beside the seven before."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Case, Count, IntegerField, QuerySet, Value, When
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from core import access, clock
from core.dashboard.figures import success_rate
from core.dashboard.pages import COUNTED_EACH_TIME, remembered
from core.formatting import indian
from core.models import NotificationLog
from core.web.doors import for_staff, frame, person
from core.web.outbox import kind_label, method_label
from core.web.today.figures import Change, change
from core.web.words import Moment, moment

DAYS: Final = 7
# Two weeks are counted again after so many seconds.
REMEMBERED: Final = 300
Counts = dict[str, int]


@dataclass(frozen=True, slots=True)
class Line:
    """One type, method or day: how many were written, how many of those that left went out, and by how much that changed."""

    label: str
    count: str
    failed: str
    rate: str
    before: str
    change: Change | None


@dataclass(frozen=True, slots=True)
class Group:
    heading: str
    lines: list[Line]


@require_safe
@never_cache
@for_staff
def rates(request: HttpRequest) -> HttpResponse:
    """A page of its own, and the part of the log that opens when it is asked for."""
    now = clock.now()
    groups, at = fared(access.logs_of(person(request)), now=now)
    return render(request, "web/log_rates.html", frame(request, "log") | {"groups": groups, "at": at})


def fared(rows: QuerySet[NotificationLog], *, now: datetime) -> tuple[list[Group], Moment]:
    """One statement over two weeks, remembered for five minutes: its moment is told with it."""
    today = clock.business_day(now)
    days = [today - timedelta(days=back) for back in range(2 * DAYS)]
    lately = rows.filter(created_at__gte=clock.day_start(days[-1]))

    def ask() -> tuple[list[dict[str, Any]], datetime]:
        back = Case(*[When(created_at__gte=clock.day_start(day), then=Value(n)) for n, day in enumerate(days)], output_field=IntegerField())
        counted = lately.order_by().annotate(back=back).values("notification_type", "method", "status", "back").annotate(n=Count("pk"))
        return [dict(row) for row in counted], now

    counted, at = remembered("fared", lately, ask, size=COUNTED_EACH_TIME + 1, seconds=REMEMBERED)

    def group(heading: str, name: str, label: Callable[[str], str]) -> Group:
        names = sorted({row[name] for row in counted}, key=label)
        return Group(heading, [_line(label(one), *_two([row for row in counted if row[name] == one])) for one in names])

    by_day = [_line(f"{day:%a} {day.day} {day:%b}", _of_day(counted, n), _of_day(counted, n + DAYS)) for n, day in enumerate(days[:DAYS])]
    everything = Group("All", [_line("All messages", *_two(counted))])
    return [
        everything,
        group("Type", "notification_type", kind_label),
        group("Method", "method", method_label),
        Group("Day", by_day),
    ], moment(at, now=now)


def _two(rows: list[dict[str, Any]]) -> tuple[Counts, Counts]:
    return _sum(rows, lambda row: row["back"] < DAYS), _sum(rows, lambda row: row["back"] >= DAYS)


def _of_day(rows: list[dict[str, Any]], back: int) -> Counts:
    return _sum(rows, lambda row: row["back"] == back)


def _sum(rows: list[dict[str, Any]], which: Callable[[dict[str, Any]], bool]) -> Counts:
    found: Counts = {}
    for row in rows:
        if which(row):
            found[row["status"]] = found.get(row["status"], 0) + row["n"]
    return found


def _line(label: str, these: Counts, before: Counts) -> Line:
    rate, then = success_rate(these), success_rate(before)
    points = round(rate - then, 1) if rate is not None and then is not None else None
    return Line(
        label=label,
        count=indian(sum(these.values())),
        failed=indian(these.get("failed", 0)),
        rate=_percent(rate),
        before=_percent(then),
        change=None if points is None else change(points, f"{abs(points):.1f} pt", is_bad=False),
    )


def _percent(rate: float | None) -> str:
    return "none" if rate is None else f"{rate:.1f} %".replace("100.0 %", "100 %")

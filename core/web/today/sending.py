"""What is sent today: by the hour beside what is usual, by method, and why some failed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

from django.db.models import Count, Min, Q, QuerySet
from django.urls import reverse
from django.utils import timezone

from core import clock
from core.formatting import indian
from core.models import NotificationLog, Status
from core.notifications.transports import methods
from core.web.charts import top_of
from core.web.hours import Usual, hour_of, usual
from core.web.log.reasons import reason_words
from core.web.outbox import ICONS, method_label
from core.web.today.figures import Change, change
from core.web.words import moment, plural

# Of the drawing: where its foot is, and from one hour to the next.
HEIGHT, STEP = 74.0, 14.0
# One failure among a thousand is seen as well as a thousand.
FAILED_HEIGHT: Final = 3
LEAST_HEIGHT: Final = 1.5
LABELLED: Final = (0, 6, 12, 18)
REASONS: Final = 3


@dataclass(frozen=True, slots=True)
class Bar:
    """One hour: today's messages, those of them that failed, and what is usual."""

    hour: str
    x: float
    y: float
    height: float
    failed_y: float
    has_failed: bool
    usual_y: float
    has_usual: bool
    is_now: bool
    label: str
    count: str
    failed: str
    usual: str


@dataclass(frozen=True, slots=True)
class MethodLine:
    label: str
    icon: str
    method: str
    sent: str
    failed: str
    rate: str
    waiting: str


@dataclass(frozen=True, slots=True)
class Reason:
    words: str
    address: str


@dataclass(frozen=True, slots=True)
class Sending:
    rate: str
    change: Change | None
    against: str
    of: str
    waiting: str
    total: int
    bars: list[Bar]
    finding: str
    weekday: str
    has_usual: bool
    methods: list[MethodLine]
    failed: int
    reasons: list[Reason]


def sending(rows: QuerySet[NotificationLog], *, now: datetime) -> Sending:
    """Of these messages, today's. Four statements over today and the same weekday of four weeks, however long the log is."""
    counted = _of_today(rows, now=now)
    habit = usual(rows, now=now)
    by: dict[tuple[str, str], int] = {}
    hours: dict[int, list[int]] = {}
    for row in counted:
        by[row["method"], row["status"]] = by.get((row["method"], row["status"]), 0) + row["n"]
        hour = hours.setdefault(row["hour"] or 0, [0, 0])
        hour[row["status"] == Status.FAILED] += row["n"]
    gone, failed, waiting = (
        sum(n for (_, status), n in by.items() if status in which)
        for which in ((Status.SENT, Status.DELIVERED), (Status.FAILED,), (Status.PENDING,))
    )
    tried = gone + failed
    rate = 100 * gone / tried if tried else None
    weekday = f"{timezone.localtime(now):%A}"
    due = sum(row["due"] for row in counted)
    oldest = min((row["oldest"] for row in counted if row["oldest"]), default=None)
    late = f"{indian(due)} due, the oldest since {moment(oldest, now=now).short}" if oldest else "nothing is due"
    return Sending(
        rate=f"{rate:.1f} %" if rate is not None else "none",
        change=_against(rate, habit),
        against=f"against the usual {weekday}" if habit.rate is not None else f"the first {weekday} that is known",
        of=f"{indian(gone)} of {indian(tried)} went out" if tried else "nothing was sent yet",
        waiting=f"{indian(waiting)} waiting: {late}" if waiting else "nothing waiting",
        total=tried + waiting,
        bars=_bars(hours, habit, now=now),
        finding=_finding(hours, habit, weekday, now=now),
        weekday=weekday,
        has_usual=bool(habit.hours),
        methods=[_method(name, by) for name in _names(by)],
        failed=failed,
        reasons=_reasons(rows, failed, now=now) if failed else [],
    )


def _of_today(rows: QuerySet[NotificationLog], *, now: datetime) -> list[dict[str, Any]]:
    today = clock.business_day(now)
    waits = Q(status=Status.PENDING, due_at__lte=now)
    counted = (
        rows.filter(created_at__gte=clock.day_start(today))
        .order_by()
        .annotate(hour=hour_of(today))
        .values("method", "status", "hour")
        .annotate(n=Count("pk"), oldest=Min("due_at", filter=waits), due=Count("pk", filter=waits))
    )
    return [dict(row) for row in counted]


def _against(rate: float | None, habit: Usual) -> Change | None:
    if rate is None or habit.rate is None:
        return None
    points = round(rate - habit.rate, 1)
    return change(points, f"{abs(points):.1f} pt", is_bad=False)


def _bars(hours: dict[int, list[int]], habit: Usual, *, now: datetime) -> list[Bar]:
    present = timezone.localtime(now).hour
    most = top_of(max([sum(counts) for counts in hours.values()] + [*habit.hours, 1]))
    # Room for failures on top of the highest bar.
    room = HEIGHT - FAILED_HEIGHT - 2
    bars = []
    for hour in range(max(24, len(habit.hours))):
        went, failed = hours.get(hour, (0, 0))
        is_usual = habit.hours[hour] if hour < len(habit.hours) else 0.0
        height = max(went / most * room, LEAST_HEIGHT) if went else 0.0
        y = HEIGHT - height
        label = "now" if hour == present else f"{hour}:00" if hour in LABELLED and abs(hour - present) > 2 else ""
        bars.append(
            Bar(
                hour=f"{hour}:00",
                x=round(2 + hour * STEP, 1),
                y=round(y, 1),
                height=round(height, 1),
                failed_y=round(y - FAILED_HEIGHT - (1 if height else 0), 1),
                has_failed=failed > 0,
                usual_y=round(HEIGHT - is_usual / most * room, 1),
                has_usual=bool(habit.hours),
                is_now=hour == present,
                label=label,
                count=indian(went + failed),
                failed=indian(failed),
                usual=indian(round(is_usual)) if habit.hours else "none",
            )
        )
    return bars


def _finding(hours: dict[int, list[int]], habit: Usual, weekday: str, *, now: datetime) -> str:
    """What the chart shows, as a sentence."""
    present = timezone.localtime(now).hour
    so_far = sum(sum(counts) for counts in hours.values())
    failed = [hour for hour, (_, bad) in sorted(hours.items()) if bad]
    said = f"{indian(so_far)} {plural(so_far, 'message', 'messages')} today by {timezone.localtime(now):%-H:%M}"
    if habit.hours:
        said += f"; a usual {weekday} has about {indian(habit.until(0, present + 1))} by {present + 1}:00"
    if failed:
        said += f". Some failed at {_hours(failed)}"
    return f"{said}."


def _hours(hours: Sequence[int]) -> str:
    return ", ".join(f"{hour}:00" for hour in hours)


def _names(by: dict[tuple[str, str], int]) -> list[str]:
    return [*methods(), *sorted({method for method, _ in by} - set(methods()))]


def _method(name: str, by: dict[tuple[str, str], int]) -> MethodLine:
    gone = by.get((name, Status.SENT), 0) + by.get((name, Status.DELIVERED), 0)
    failed, waiting = by.get((name, Status.FAILED), 0), by.get((name, Status.PENDING), 0)
    tried = gone + failed
    rate = f"{100 * gone / tried:.1f} %".replace("100.0 %", "100 %") if tried else "none"
    return MethodLine(method_label(name), ICONS.get(name, "i-send"), name, indian(gone), indian(failed), rate, indian(waiting))


def _reasons(rows: QuerySet[NotificationLog], failed: int, *, now: datetime) -> list[Reason]:
    """The commonest named reasons, and how many are left."""
    today = clock.business_day(now)
    of_today = rows.filter(status=Status.FAILED, created_at__gte=clock.day_start(today)).order_by()
    counts: dict[str, int] = {}
    for phase, code, count in of_today.values_list("phase", "error_code").annotate(n=Count("pk")):
        words = reason_words(phase, code)
        counts[words] = counts.get(words, 0) + count
    most = sorted(counts.items(), key=lambda one: (-one[1], one[0]))[:REASONS]
    address = f"{reverse('log')}?{urlencode({'status': Status.FAILED.value, 'date_from': today.isoformat()})}"
    found = [Reason(f"{indian(count)} {words[:1].lower()}{words[1:]}", address) for words, count in most]
    left = failed - sum(count for _, count in most)
    return [*found, Reason(f"{indian(left)} other", address)] if left > 0 else found

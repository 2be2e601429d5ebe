"""One pincode beside the map: its day, how it came there in four weeks, who was told, and the limits that hold there."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from django.db.models import Count
from django.db.models.functions import TruncDate
from django.urls import reverse

from core import access, audiences, clock
from core.analytics import thresholds
from core.analytics.thresholds import Limits
from core.dashboard.analytics import filtered
from core.formatting import indian
from core.geo.places import Place, places
from core.messaging.campaign import campaigns
from core.messaging.campaigns.high_demand import HighDemand
from core.messaging.campaigns.vendor_bonus import VendorBonus
from core.messaging.pincode_campaign import PincodeCampaign
from core.models import PincodeAnalytics, User
from core.web.charts import Tick, ticks, top_of
from core.web.map.days import WEEK, WORDS, day_words, over, there, told
from core.web.rules.limit_words import words_of
from core.web.words import plural, short_name

DAYS: Final = 28
WIDTH: Final = 370.0
HEIGHT: Final = 120.0
LOW: Final = 34.0
# What a number above a line needs.
ROOM: Final = 16.0
SENT_SHOWN: Final = 8
NAMED: Final = 6
ICONS: Final = {HighDemand.kind.name: "i-bolt", VendorBonus.kind.name: "i-rupee"}


@dataclass(frozen=True, slots=True)
class Fact:
    label: str
    number: str
    beside: str
    nobody: bool = False


@dataclass(frozen=True, slots=True)
class Limit:
    """A dashed line of a chart."""

    y: float
    label: str


@dataclass(frozen=True, slots=True)
class Mark:
    x: float
    # A triangle, or else a diamond.
    is_demand: bool
    y: float


@dataclass(frozen=True, slots=True)
class Trend:
    """A line over the last four weeks, as the server draws it; it is broken where nothing was measured."""

    path: str
    last_x: float
    last_y: float
    last: str
    # Where the last number stands, seen from the line's end: above it, or below where there is no room.
    last_dy: int
    is_open: bool
    grid: list[Tick]
    limits: list[Limit]
    marks: list[Mark]
    says: str


@dataclass(frozen=True, slots=True)
class Sent:
    label: str
    icon: str
    words: str
    day: str


@dataclass(frozen=True, slots=True)
class Rule:
    label: str
    words: str
    scope: str


@dataclass(frozen=True, slots=True)
class Panel:
    pincode: str
    place: Place | None
    row: PincodeAnalytics | None
    over: tuple[str, ...]
    told: str
    main: list[Fact]
    facts: list[Fact]
    bookings: Trend | None
    vendors: Trend | None
    first_day: str
    last_day: str
    sent: list[Sent]
    log: str
    rules: list[Rule]
    free_now: str


def panel_of(pincode: str, day: date, *, user: User, now: datetime) -> Panel:
    """Everything of one pincode up to a day, in four statements."""
    today = clock.business_day(now)
    first = day - timedelta(days=DAYS - 1)
    rows = {row.date: row for row in filtered({"pincode": pincode, "date_from": first, "date_to": day})}
    declared = [one for one in campaigns if isinstance(one, PincodeCampaign) and one.limits]
    in_force = thresholds.all_in_force({rule.name: rule.limits for rule in declared}, now=now)
    row, before = rows.get(day), rows.get(day - WEEK)
    weekday = f"last {day:%a}"
    facts = [Fact(label, WORDS[name](row), beside(WORDS[name], before, weekday), row.total_bookings > 0 and not row.available_vendors)
             for name, label in (("bookings", "Bookings"), ("free", "Free vendors"), ("ratio", "Per vendor"), ("revenue", "Revenue"),
                                 ("satisfaction", "Rating"))] if row else []  # fmt: skip
    return Panel(
        pincode=pincode,
        place=places([pincode]).get(pincode),
        row=row,
        over=over(row, {name: there(one) for name, one in in_force.items()}) if row else (),
        told=told(row) if row else "",
        main=facts[:3],
        facts=facts[3:] + (further(row, before, weekday) if row else []),
        bookings=bookings_trend(rows, first, day, in_force[HighDemand.name], in_force[VendorBonus.name], pincode) if rows else None,
        vendors=vendors_trend(rows, first, day, in_force[VendorBonus.name], pincode) if rows else None,
        first_day=day_words(first, today=today),
        last_day="today" if day == today else day_words(day, today=today),
        sent=sent(pincode, first, day, user=user, today=today),
        log=f"{reverse('log')}?pincode={pincode}",
        rules=[rule_words(one, in_force[one.name], pincode) for one in declared],
        free_now=free_now(pincode),
    )


def beside(words: Callable[[PincodeAnalytics], str], before: PincodeAnalytics | None, weekday: str) -> str:
    return f"{words(before)} {weekday}" if before else f"not measured {weekday}"


def further(row: PincodeAnalytics, before: PincodeAnalytics | None, weekday: str) -> list[Fact]:
    """What the day's row says besides."""
    asked: tuple[tuple[str, Callable[[PincodeAnalytics], str]], ...] = (
        ("Completed", lambda one: indian(one.completed_bookings)),
        ("Waiting", lambda one: indian(one.pending_bookings)),
        ("Cancelled", lambda one: indian(one.cancelled_bookings)),
        ("To a vendor in", lambda one: f"{one.avg_response_time_minutes:.0f} min" if one.avg_response_time_minutes is not None else "none"),
    )
    return [Fact(label, words(row), beside(words, before, weekday)) for label, words in asked]


# --- Charts -----------------------------------------------------------------------------------------------------------


def bookings_trend(rows: dict[date, PincodeAnalytics], first: date, day: date, demand: Limits, bonus: Limits, pincode: str) -> Trend:
    asked = [
        (float(demand.for_pincode(pincode)["bookings_over"]), "high demand"),
        (float(bonus.for_pincode(pincode)["bookings_over"]), "bonus"),
    ]
    top = top_of(max([*(row.total_bookings for row in rows.values()), *(value for value, _ in asked)]) * 1.05)
    marks = [mark for at, row in sorted(rows.items()) for mark in marks_of(row, (at - first).days)]
    trend = drawn(rows, first, day, lambda row: row.total_bookings, top=top, height=HEIGHT)
    lines = [Limit(height_of(value, top, HEIGHT), f"over {value:g}: {label}") for value, label in asked]
    path, last_x, last_y, row = trend
    start = min(rows)
    says = f"Bookings a day in {pincode}: {rows[start].total_bookings} on {start:%-d %b}, "
    says += f"{row.total_bookings} on {row.date:%-d %b}{'' if row.is_final else ' so far'}."
    return Trend(
        path,
        last_x,
        last_y,
        indian(row.total_bookings),
        -6 if last_y > ROOM else 16,
        not row.is_final,
        ticks(top, height=HEIGHT),
        lines,
        marks,
        says,
    )


def vendors_trend(rows: dict[date, PincodeAnalytics], first: date, day: date, bonus: Limits, pincode: str) -> Trend:
    under = float(bonus.for_pincode(pincode)["vendors_under"])
    top = max([*(row.available_vendors for row in rows.values()), under * 1.3, 1])
    path, last_x, last_y, row = drawn(rows, first, day, lambda row: row.available_vendors, top=top, height=LOW, is_step=True)
    says = f"Free vendors in {pincode}: {rows[min(rows)].available_vendors} four weeks ago, {row.available_vendors} on {row.date:%-d %b}."
    return Trend(
        path,
        last_x,
        last_y,
        f"{row.available_vendors} free",
        -5 if last_y > ROOM else 14,
        False,
        [],
        [Limit(height_of(under, top, LOW), f"{under:g}")],
        [],
        says,
    )


def drawn(
    rows: dict[date, PincodeAnalytics], first: date, day: date, value: Callable[[PincodeAnalytics], int], *, top: float, height: float,
    is_step: bool = False,
) -> tuple[str, float, float, PincodeAnalytics]:  # fmt: skip
    """The path through the measured days, where it ends, and that day's row. A day that was not measured breaks it."""
    strokes: list[str] = []
    x, y, last = 0.0, height, rows[max(rows)]
    pen_is_down = False
    for number in range((day - first).days + 1):
        row = rows.get(first + timedelta(days=number))
        if row is None:
            pen_is_down = False
            continue
        x, y = x_of(number), height_of(value(row), top, height)
        stroke = f"H{x:g}V{y:g}" if is_step else f"L{x:g} {y:g}"
        strokes.append(stroke if pen_is_down else f"M{x:g} {y:g}")
        pen_is_down = True
    return "".join(strokes), x, y, last


def x_of(number: int) -> float:
    return round(4 + number * (WIDTH - 10) / (DAYS - 1), 1)


def height_of(value: float, top: float, height: float) -> float:
    return round(height - value / top * height, 1)


def marks_of(row: PincodeAnalytics, number: int) -> list[Mark]:
    """What was sent for a day, under the axis."""
    found = [Mark(x_of(number), True, HEIGHT + 5)] if row.high_demand_alert_sent else []
    return found + ([Mark(x_of(number), False, HEIGHT + 13)] if row.bonus_alert_sent else [])


# --- What was sent, and what holds ------------------------------------------------------------------------------------


def sent(pincode: str, first: date, day: date, *, user: User, today: date) -> list[Sent]:
    """The campaigns of each day that told anybody there, newest first, in one statement by the pincode's index."""
    start, end = clock.day_start(first), clock.day_bounds(day)[1]
    kinds = {one.kind.name: one.label for one in campaigns if isinstance(one, PincodeCampaign)}
    rows = access.logs_of(user).filter(pincode=pincode, created_at__gte=start, created_at__lt=end, notification_type__in=list(kinds))
    days = (
        rows.order_by()
        .annotate(on=TruncDate("created_at"))
        .values("on", "notification_type")
        .annotate(people=Count("recipient", distinct=True), opened=Count("read_at"), n=Count("pk"))
        .order_by("-on", "notification_type")[:SENT_SHOWN]
    )
    return [sent_line(dict(row), kinds[row["notification_type"]], today=today) for row in days]


def sent_line(row: dict[str, Any], label: str, *, today: date) -> Sent:
    people = f"{indian(row['people'])} {plural(row['people'], 'person', 'people')} told"
    messages = f"{indian(row['n'])} {plural(row['n'], 'message', 'messages')}"
    opened = f", {indian(row['opened'])} opened" if row["opened"] else ""
    when = "today" if row["on"] == today else day_words(row["on"], today=today)
    return Sent(label, ICONS.get(row["notification_type"], "i-camp"), f"{people}, {messages}{opened}", when)


def rule_words(campaign: PincodeCampaign, held: Limits, pincode: str) -> Rule:
    """A campaign's limits there, and whose they are."""
    values = held.for_pincode(pincode)
    scopes = sorted({scope for name in values if (scope := held.source(name, pincode))}, key=len)
    either = " or " if campaign.name == HighDemand.name else " and "
    return Rule(
        campaign.label, either.join(words_of(name).phrase(value) for name, value in values.items()), scopes[-1] if scopes else "default"
    )


def free_now(pincode: str) -> str:
    """Who takes jobs there at this moment, a few by name."""
    people: Sequence[User] = list(audiences.available_vendors([pincode]).filter(is_active=True).order_by("first_name", "pk")[: NAMED + 1])
    if not people:
        return "Nobody takes jobs there now."
    names = ", ".join(short_name(one) for one in people[:NAMED])
    return f"{names} and others" if len(people) > NAMED else names

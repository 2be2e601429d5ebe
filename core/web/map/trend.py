"""The charts of a pincode's four weeks and of the week ahead, in the coordinates of an SVG that the server draws."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from math import ceil
from typing import Final

from core.analytics.thresholds import Limits
from core.formatting import indian
from core.models import PincodeAnalytics
from core.web.charts import Tick, ticks, top_of
from core.web.map.forecast import AHEAD, Expected
from core.web.words import plural

DAYS: Final = 28
WIDTH: Final = 370.0
HEIGHT: Final = 120.0
LOW: Final = 34.0
# What a number above a line needs.
ROOM: Final = 16.0

Rows = Mapping[date, PincodeAnalytics]


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
class Ahead:
    """The week ahead: a dotted line within a band. It begins anew, and is never joined to a day that is not over."""

    line: str
    band: str
    says: str


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
    ahead: Ahead | None = None


@dataclass(frozen=True, slots=True)
class Weeks:
    """Which days stand where: four weeks up to a day, and a week beyond where anything is expected of it."""

    day: date
    goes_on: bool

    @property
    def first(self) -> date:
        return self.day - timedelta(days=DAYS - 1)

    def x(self, day: date) -> float:
        steps = DAYS - 1 + (AHEAD if self.goes_on else 0)
        return round(4 + (day - self.first).days * (WIDTH - 10) / steps, 1)


def bookings_trend(rows: Rows, weeks: Weeks, ahead: Sequence[Expected], demand: Limits, bonus: Limits, pincode: str) -> Trend:
    """The bookings of each day beside the limits, what was sent for it, and what the days ahead may bring."""
    asked = [
        (float(demand.for_pincode(pincode)["bookings_over"]), "high demand"),
        (float(bonus.for_pincode(pincode)["bookings_over"]), "bonus"),
    ]
    most = max([*(row.total_bookings for row in rows.values()), *(value for value, _ in asked), *(one.high for one in ahead)])
    top = top_of(most * 1.05)
    path, x, y, row = drawn(rows, weeks, lambda row: row.total_bookings, top=top, height=HEIGHT)
    start = min(rows)
    says = f"Bookings a day in {pincode}: {rows[start].total_bookings} on {start:%-d %b}, "
    says += f"{row.total_bookings} on {row.date:%-d %b}{'' if row.is_final else ' so far'}"
    drawn_ahead = ahead_of(ahead, weeks, top) if ahead else None
    return Trend(
        path=path,
        last_x=x,
        last_y=y,
        last=indian(row.total_bookings),
        last_dy=-6 if y > ROOM else 16,
        is_open=not row.is_final,
        grid=ticks(top, height=HEIGHT),
        limits=[Limit(height_of(value, top, HEIGHT), f"over {value:g}: {label}") for value, label in asked],
        marks=[mark for day, row in sorted(rows.items()) for mark in marks_of(row, weeks.x(day))],
        says=f"{says}; {drawn_ahead.says}." if drawn_ahead else f"{says}.",
        ahead=drawn_ahead,
    )


def ahead_of(ahead: Sequence[Expected], weeks: Weeks, top: float) -> Ahead:
    """Broken at a day of which too little is known; the band closes before it, and begins anew after it."""
    line, band, run = [], [], list[Expected]()
    for one in ahead:
        if run and one.day - run[-1].day > timedelta(days=1):
            band.append(around(run, weeks, top))
            run = []
        line.append(f"{'L' if run else 'M'}{weeks.x(one.day):g} {height_of(one.middle, top, HEIGHT):g}")
        run.append(one)
    band.append(around(run, weeks, top))
    least, most = min(ahead, key=lambda one: one.low), max(ahead, key=lambda one: one.high)
    whole = Expected(most.day, least.low, most.middle, most.high)
    return Ahead("".join(line), "".join(band), f"forecast for the days ahead: {whole.words}")


def around(run: Sequence[Expected], weeks: Weeks, top: float) -> str:
    """There along the upper edge, and back along the lower. A day alone has a width too."""
    beside = 1.5 if len(run) == 1 else 0.0
    days = [run[0], run[0]] if beside else run
    xs = [weeks.x(one.day) for one in days]
    if beside:
        xs = [xs[0] - beside, xs[1] + beside]
    upper = [(x, height_of(one.high, top, HEIGHT)) for x, one in zip(xs, days, strict=True)]
    lower = [(x, height_of(one.low, top, HEIGHT)) for x, one in zip(xs, days, strict=True)]
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in [*upper, *reversed(lower)]) + "Z"


def vendors_trend(rows: Rows, weeks: Weeks, bonus: Limits, pincode: str) -> Trend:
    under = float(bonus.for_pincode(pincode)["vendors_under"])
    top = max([*(row.available_vendors for row in rows.values()), under * 1.3, 1])
    path, x, y, row = drawn(rows, weeks, lambda row: row.available_vendors, top=top, height=LOW, is_step=True)
    says = f"Free vendors in {pincode}: {rows[min(rows)].available_vendors} four weeks ago, {row.available_vendors} on {row.date:%-d %b}."
    return Trend(
        path=path,
        last_x=x,
        last_y=y,
        last=f"{row.available_vendors} free",
        last_dy=-5 if y > ROOM else 14,
        is_open=False,
        grid=[],
        limits=[Limit(height_of(under, top, LOW), f"{under:g}")],
        marks=[],
        says=says,
    )


def drawn(
    rows: Rows, weeks: Weeks, value: Callable[[PincodeAnalytics], int], *, top: float, height: float, is_step: bool = False
) -> tuple[str, float, float, PincodeAnalytics]:
    """The path through the measured days, where it ends, and that day's row. A day that was not measured breaks it."""
    strokes: list[str] = []
    x, y, last = 0.0, height, rows[max(rows)]
    pen_is_down = False
    for number in range(DAYS):
        day = weeks.first + timedelta(days=number)
        row = rows.get(day)
        if row is None:
            pen_is_down = False
            continue
        x, y = weeks.x(day), height_of(value(row), top, height)
        stroke = f"H{x:g}V{y:g}" if is_step else f"L{x:g} {y:g}"
        strokes.append(stroke if pen_is_down else f"M{x:g} {y:g}")
        pen_is_down = True
    return "".join(strokes), x, y, last


def height_of(value: float, top: float, height: float) -> float:
    return round(height - value / top * height, 1)


def marks_of(row: PincodeAnalytics, x: float) -> list[Mark]:
    """What was sent for a day, under the axis."""
    found = [Mark(x, True, HEIGHT + 5)] if row.high_demand_alert_sent else []
    return found + ([Mark(x, False, HEIGHT + 13)] if row.bonus_alert_sent else [])


# --- The week ahead, in words -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Outlook:
    """What the busiest day ahead may bring, and how many vendors that would take."""

    range: str
    day: str
    # With those now free; empty: nobody is, or nothing is expected.
    each: str
    needed: str


def outlook(ahead: Sequence[Expected], free: int, per_vendor: float, *, after: date) -> Outlook | None:
    """None where nothing is known of the days after this one."""
    coming = [one for one in ahead if one.day > after]
    if not coming:
        return None
    most = max(coming, key=lambda one: (one.middle, one.high))
    each = f"With {free} free {plural(free, 'vendor', 'vendors')} that is about {most.middle / free:.1f} each" if free else ""
    needed = ceil(most.middle / per_vendor) if per_vendor else 0
    words = f"at {per_vendor:g} each it takes {needed} free {plural(needed, 'vendor', 'vendors')}" if needed else ""
    return Outlook(most.words, f"{most.day:%a} {most.day.day} {most.day:%b}", each, words if each else words[:1].upper() + words[1:])

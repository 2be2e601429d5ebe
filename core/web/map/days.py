"""A day of every measured pincode, as the map and its list show it: figures, grades of colour, and what they are held against."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from math import isinf
from typing import Any, Final

from core import clock
from core.analytics import thresholds
from core.analytics.thresholds import Limits, Values
from core.dashboard.analytics import filtered, summary_of
from core.formatting import indian, rupees
from core.geo.places import Place, places
from core.messaging.campaigns.high_demand import HighDemand
from core.messaging.campaigns.vendor_bonus import VendorBonus
from core.models import PincodeAnalytics
from core.web.charts import axis_label

WEEK: Final = timedelta(days=7)
# More bubbles than these are drawn together, by the first digits of their pincodes, until one looks closer.
TOGETHER_FROM: Final = 300
PREFIX: Final = 3
# What nobody rated, or nobody could take.
NO_GRADE: Final = -1
# Of a limit, where the second grade and those after it begin; the last one is what is over it.
SHARES_OF_DEMAND: Final = (0.2, 0.4, 0.8)
SHARES_OF_RATIO: Final = (0.16667, 0.33333, 0.66667)
RATINGS: Final = (3.0, 3.5, 4.0, 4.5)
GRADES: Final = 5
RULES: Final = (HighDemand(), VendorBonus())
NONE: Final = "none"
# What is read of a row, of thousands at once.
SHOWN: Final = (
    "pincode", "date", "total_bookings", "available_vendors", "total_revenue", "customer_satisfaction_avg", "high_demand_alert_sent",
    "bonus_alert_sent", "promotional_alert_sent", "is_final", "measured_at",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Metric:
    """What the colours show."""

    name: str
    label: str
    title: str


METRICS: Final = {
    metric.name: metric
    for metric in (
        Metric("ratio", "Per vendor", "Bookings per free vendor"),
        Metric("demand", "Bookings", "Bookings"),
        Metric("revenue", "Revenue", "Revenue of completed bookings"),
        Metric("satisfaction", "Rating", "Mean rating of signed bookings"),
    )
}


@dataclass(frozen=True, slots=True)
class Figure:
    """A number of a pincode's day, and the same weekday's a week before."""

    number: str
    before: str


@dataclass(frozen=True, slots=True)
class Line:
    """One pincode's day."""

    row: PincodeAnalytics
    before: PincodeAnalytics | None
    place: Place | None
    grade: int
    over: tuple[str, ...]

    @property
    def pincode(self) -> str:
        return self.row.pincode

    @property
    def name(self) -> str:
        return self.place.name if self.place else ""

    @property
    def has_place(self) -> bool:
        return self.place is not None and self.place.where is not None

    @property
    def nobody(self) -> bool:
        """Work, and no vendor who takes any."""
        return isinf(self.row.demand_ratio)

    @property
    def told(self) -> str:
        return told(self.row)

    @property
    def figures(self) -> dict[str, Figure]:
        return {name: self.figure(name) for name in WORDS}

    def figure(self, name: str) -> Figure:
        words = WORDS[name]
        return Figure(words(self.row), words(self.before) if self.before else "")


def told(row: PincodeAnalytics) -> str:
    """Which campaigns told people of this row."""
    flags = {"high demand": row.high_demand_alert_sent, "bonus": row.bonus_alert_sent, "promotion": row.promotional_alert_sent}
    return ", ".join(name for name, sent in flags.items() if sent)


# The same few counts come thousands of times.
counted = lru_cache(maxsize=4096)(indian)


def ratio_words(row: PincodeAnalytics) -> str:
    return "∞" if isinf(row.demand_ratio) else f"{row.demand_ratio:.1f}"


WORDS: Final[dict[str, Callable[[PincodeAnalytics], str]]] = {
    "bookings": lambda row: counted(row.total_bookings),
    "free": lambda row: counted(row.available_vendors),
    "ratio": ratio_words,
    "revenue": lambda row: rupees(row.total_revenue.quantize(Decimal(1))),
    "satisfaction": lambda row: f"{row.customer_satisfaction_avg:.1f}" if row.customer_satisfaction_avg is not None else NONE,
}
# Which of them the card shows as its third figure, with what it is called.
THIRD: Final = {
    "ratio": ("ratio", "Per vendor"),
    "demand": ("ratio", "Per vendor"),
    "revenue": ("revenue", "Revenue"),
    "satisfaction": ("satisfaction", "Rating"),
}


@dataclass(frozen=True, slots=True)
class Day:
    """Every pincode's day under one metric."""

    day: date
    metric: Metric
    lines: list[Line]
    # The ends of the grades, least first, as the legend has them.
    scale: list[str]
    is_final: bool
    measured_at: datetime | None
    summary: dict[str, Any]
    summary_before: dict[str, Any]
    has_own_limits: bool

    @property
    def without_place(self) -> list[Line]:
        return [line for line in self.lines if not line.has_place]

    @property
    def over(self) -> list[Line]:
        """Over a limit, the most stretched first."""
        return sorted(
            (line for line in self.lines if line.over), key=lambda line: (-line.row.demand_ratio, -line.row.total_bookings, line.pincode)
        )


def day_of(day: date, metric: Metric, *, now: datetime) -> Day:
    """A day under a metric, in four statements: its rows with those of a week before, the limits, and the API's two summaries."""
    before = day - WEEK
    rows = list(filtered({}).filter(date__in=(day, before)).order_by("pincode").only(*SHOWN))
    today = [row for row in rows if row.date == day]
    earlier = {row.pincode: row for row in rows if row.date == before}
    limits = thresholds.all_in_force({rule.name: rule.limits for rule in RULES}, now=now)
    held = {name: there(one) for name, one in limits.items()}
    known = places(row.pincode for row in today)
    grade, scale = grades(metric, today, limits[HighDemand.name], held[HighDemand.name])
    return Day(
        day=day,
        metric=metric,
        lines=[Line(row, earlier.get(row.pincode), known.get(row.pincode), grade(row), over(row, held)) for row in today],
        scale=scale,
        is_final=all(row.is_final for row in today),
        measured_at=max((row.measured_at for row in today), default=None),
        summary=summary_of(filtered({"date_from": day, "date_to": day})),
        summary_before=summary_of(filtered({"date_from": before, "date_to": before})),
        has_own_limits=any(scope for _, scope in limits[HighDemand.name].rows),
    )


def there(limits: Limits) -> Callable[[str], Values]:
    """The limits of a rule in a pincode; where no pincode or region has its own, without looking for one."""
    if any(scope for _, scope in limits.rows):
        return limits.for_pincode
    everywhere = limits.everywhere()
    return lambda _: everywhere


def over(row: PincodeAnalytics, held: Mapping[str, Callable[[str], Values]]) -> tuple[str, ...]:
    """The rules whose limits the day is over, by their labels."""
    return tuple(rule.label for rule in RULES if rule.matches(row, held[rule.name](row.pincode)))


# --- Colours ----------------------------------------------------------------------------------------------------------


def grades(
    metric: Metric, rows: Sequence[PincodeAnalytics], limits: Limits, held: Callable[[str], Values]
) -> tuple[Callable[[PincodeAnalytics], int], list[str]]:
    """The grade of a row, 0 to 4 and the worst last, and what each grade begins with in the legend's words."""
    if metric.name == "satisfaction":
        return rating_grade, ["4.5", "4", "3.5", "3", "under 3"]
    if metric.name == "revenue":
        return revenue_grades(rows)
    name, shares = ("bookings_over", SHARES_OF_DEMAND) if metric.name == "demand" else ("bookings_per_vendor_over", SHARES_OF_RATIO)
    everywhere = float(limits.everywhere()[name])
    scale = ["0", *(f"{share * everywhere:.2g}" for share in shares), f"over {everywhere:g}"]

    def grade(row: PincodeAnalytics) -> int:
        value = float(row.total_bookings) if metric.name == "demand" else row.demand_ratio
        limit = float(held(row.pincode)[name])
        if isinf(value) or not limit:
            return GRADES - 1 if value else 0
        # What is exactly at a limit is not over it.
        return GRADES - 1 if value > limit else bisect_right(shares, round(value / limit, 5))

    return grade, scale


def rating_grade(row: PincodeAnalytics) -> int:
    """The lower the rating, the higher the grade."""
    rating = row.customer_satisfaction_avg
    return NO_GRADE if rating is None else GRADES - 1 - bisect_right(RATINGS, rating)


def revenue_grades(rows: Sequence[PincodeAnalytics]) -> tuple[Callable[[PincodeAnalytics], int], list[str]]:
    """Fifths of the pincodes that earned anything: amounts have no limit to be held against."""
    earned = sorted(row.total_revenue for row in rows if row.total_revenue)
    ends = [earned[len(earned) * fifth // GRADES] for fifth in range(1, GRADES)] if earned else []
    scale = ["₹0", *(axis_label(end) for end in ends)] if earned else ["₹0"]
    return (lambda row: bisect_right(ends, row.total_revenue) if row.total_revenue else 0), scale


# --- What the script draws --------------------------------------------------------------------------------------------


def drawn(shown: Day) -> dict[str, Any]:
    """What the map is drawn from. A bubble is a list, as its names would be most of what is sent."""
    third, third_label = THIRD[shown.metric.name]
    bubbles = [bubble(line, third) for line in shown.lines if line.has_place]
    return {
        "day": shown.day.isoformat(),
        "labels": ["Bookings", "Free vendors", third_label],
        "before": f"last {shown.day:%a}",
        "hollow": shown.metric.name == "ratio",
        "bubbles": bubbles,
        "clusters": clusters(shown.lines) if len(bubbles) > TOGETHER_FROM else [],
    }


def bubble(line: Line, third: str) -> list[Any]:
    """Pincode, name, latitude, longitude, bookings, grade, nobody free, over a limit, three figures with those before, who was told."""
    place, shown = line.place, (line.figure("bookings"), line.figure("free"), line.figure(third))
    assert place is not None
    assert place.where is not None
    figures = [text for figure in shown for text in (figure.number, figure.before)]
    head = [line.pincode, place.name, *place.where, line.row.total_bookings, line.grade]
    return [*head, int(line.nobody), int(bool(line.over)), *figures, line.told]


def clusters(lines: Sequence[Line]) -> list[list[Any]]:
    """First digits, middle, bookings, pincodes, how many of them are over a limit, the worst grade; the largest first."""
    groups: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        if line.has_place:
            groups[line.pincode[:PREFIX]].append(line)
    return sorted((cluster(prefix, members) for prefix, members in groups.items()), key=lambda one: (-one[3], one[0]))


def cluster(prefix: str, members: Sequence[Line]) -> list[Any]:
    spots = [line.place.where for line in members if line.place is not None and line.place.where is not None]
    latitude, longitude = (round(sum(part) / len(spots), 4) for part in zip(*spots, strict=True))
    bookings = sum(line.row.total_bookings for line in members)
    return [
        prefix,
        latitude,
        longitude,
        bookings,
        len(members),
        sum(bool(line.over) for line in members),
        max(line.grade for line in members),
    ]


# --- Days -------------------------------------------------------------------------------------------------------------


def measured_days(*, now: datetime) -> tuple[date, date] | None:
    """The first and the last day that was measured, up to today; None before the first measuring."""
    days = filtered({"date_to": clock.business_day(now)}).values_list("date", flat=True)
    first, last = (days.order_by(order).first() for order in ("date", "-date"))
    return (first, last) if first is not None and last is not None else None


def last_busy_day(before: date) -> date | None:
    """The last day before this one on which anything was booked."""
    busy = filtered({"date_to": before - timedelta(days=1)}).filter(total_bookings__gt=0)
    return busy.order_by("-date").values_list("date", flat=True).first()


def day_words(day: date, *, today: date) -> str:
    """Mon 23 Nov; another year adds it."""
    words = f"{day:%a} {day.day} {day:%b}"
    return words if day.year == today.year else f"{words} {day.year}"

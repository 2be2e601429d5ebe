"""A day of every measured pincode, as the map and its list show it: figures, grades of colour, and what they are held against."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from math import inf, isinf
from operator import attrgetter
from typing import Any, Final, NamedTuple

from django.db.models import BigIntegerField, Count, Max, Q, QuerySet
from django.db.models.functions import Cast, Round, Substr

from core import clock
from core.analytics import thresholds
from core.analytics.thresholds import Limits, Values
from core.dashboard.analytics import filtered, summary_of
from core.formatting import indian, rupees
from core.geo.cities import CITY
from core.geo.places import Place, places
from core.messaging.campaigns.high_demand import HighDemand
from core.messaging.campaigns.vendor_bonus import VendorBonus
from core.models import PincodeAnalytics
from core.web.map.grades import Measured, Metric, grades

WEEK: Final = timedelta(days=7)
RULES: Final = (HighDemand(), VendorBonus())
NONE: Final = "none"
# Held against limits: each rule's label, and whether a day is over what holds in its pincode.
Held = Mapping[str, Callable[[str], Values]]


class Row(NamedTuple):
    """What is read of a pincode's day, of thousands at once: a model of each would take longer than all the rest."""

    pincode: str
    total_bookings: int
    available_vendors: int
    customer_satisfaction_avg: float | None
    # Whole rupees.
    total_revenue: int
    high_demand_alert_sent: bool
    bonus_alert_sent: bool
    promotional_alert_sent: bool

    @property
    def demand_ratio(self) -> float:
        """As PincodeAnalytics has it."""
        if self.available_vendors:
            return self.total_bookings / self.available_vendors
        return inf if self.total_bookings else 0.0


READ: Final = tuple("whole_rupees" if name == "total_revenue" else name for name in Row._fields)


@dataclass(frozen=True, slots=True)
class Figure:
    """A number of a pincode's day, and the same weekday's a week before."""

    number: str
    before: str


@dataclass(frozen=True, slots=True)
class Line:
    """One pincode's day."""

    row: Row
    before: Row | None
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
        return self.row.total_bookings > 0 and not self.row.available_vendors

    @property
    def told(self) -> str:
        return told(self.row)

    @property
    def figures(self) -> dict[str, Figure]:
        return {name: self.figure(name) for name in WORDS}

    def figure(self, name: str) -> Figure:
        words = WORDS[name]
        return Figure(words(self.row), words(self.before) if self.before else "")


def told(row: Measured) -> str:
    """Which campaigns told people of this row."""
    flags = {"high demand": row.high_demand_alert_sent, "bonus": row.bonus_alert_sent, "promotion": row.promotional_alert_sent}
    return ", ".join(name for name, sent in flags.items() if sent)


# The same few counts come thousands of times.
counted = lru_cache(maxsize=4096)(indian)
earned = lru_cache(maxsize=4096)(rupees)


@lru_cache(maxsize=4096)
def ratio_words(ratio: float) -> str:
    return "∞" if isinf(ratio) else f"{ratio:.1f}"


WORDS: Final[dict[str, Callable[[Measured], str]]] = {
    "bookings": lambda row: counted(row.total_bookings),
    "free": lambda row: counted(row.available_vendors),
    "ratio": lambda row: ratio_words(row.demand_ratio),
    "revenue": lambda row: earned(round(row.total_revenue)),
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
    """Every pincode's day under one metric, of all cities or of one."""

    day: date
    metric: Metric
    # The first digits of its pincodes; empty: all of them.
    city: str
    lines: list[Line]
    # How many pincodes were measured, by the first digits; of all cities, whichever is shown.
    cities: dict[str, int]
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


def day_of(day: date, metric: Metric, *, now: datetime, city: str = "") -> Day:
    """A day under a metric, in six statements: its rows and those of a week before, the limits, how it stands, and the
    API's two summaries; of one city, one more for the others."""
    of_day, of_before = (of_city(filtered({"date_from": one, "date_to": one}), city) for one in (day, day - WEEK))
    rows = rows_of(of_day.order_by("pincode"))
    earlier = {row.pincode: row for row in rows_of(of_before)}
    limits = thresholds.all_in_force({rule.name: rule.limits for rule in RULES}, now=now)
    held = {name: there(one) for name, one in limits.items()}
    known = places(row.pincode for row in rows)
    grade, scale = grades(metric, rows, limits[HighDemand.name], held[HighDemand.name])
    is_over = judge(held)
    state = of_day.order_by().aggregate(measured_at=Max("measured_at"), still_open=Count("pk", filter=Q(is_final=False)))
    return Day(
        day=day,
        metric=metric,
        city=city,
        lines=[Line(row, earlier.get(row.pincode), known.get(row.pincode), grade(row), is_over(row)) for row in rows],
        cities=cities_of(day) if city else Counter(row.pincode[:CITY] for row in rows),
        scale=scale,
        is_final=not state["still_open"],
        measured_at=state["measured_at"],
        summary=summary_of(of_day),
        summary_before=summary_of(of_before),
        has_own_limits=any(scope for _, scope in limits[HighDemand.name].rows),
    )


def of_city(rows: QuerySet[PincodeAnalytics], city: str) -> QuerySet[PincodeAnalytics]:
    return rows.filter(pincode__startswith=city) if city else rows


def rows_of(days: QuerySet[PincodeAnalytics]) -> list[Row]:
    """Rounded by the database: of SQLite's amounts each would become a Decimal first."""
    whole = days.annotate(whole_rupees=Cast(Round("total_revenue"), BigIntegerField()))
    return list(map(Row._make, whole.values_list(*READ)))


def there(limits: Limits) -> Callable[[str], Values]:
    """The limits of a rule in a pincode. Looked for only where a pincode or region has its own."""
    scopes = {scope for _, scope in limits.rows if scope}
    lengths = sorted({len(scope) for scope in scopes})
    everywhere = limits.everywhere()

    def held(pincode: str) -> Values:
        return limits.for_pincode(pincode) if any(pincode[:length] in scopes for length in lengths) else everywhere

    return held


def judge(held: Held) -> Callable[[Measured], tuple[str, ...]]:
    """The rules whose limits a day is over, by their labels. Days that read the same, by the same limits, are judged once."""
    known: dict[tuple[Any, ...], bool] = {}
    readers = [(rule, attrgetter(*rule.reads)) for rule in RULES]

    def over(row: Measured) -> tuple[str, ...]:
        found = []
        for rule, read in readers:
            limits = held[rule.name](row.pincode)
            key = (rule.name, *limits.values(), *read(row))
            if key not in known:
                day = PincodeAnalytics(pincode=row.pincode, **{name: getattr(row, name) for name in rule.reads})
                known[key] = rule.matches(day, limits)
            if known[key]:
                found.append(rule.label)
        return tuple(found)

    return over


def cities_of(day: date) -> dict[str, int]:
    """How many pincodes were measured in each city."""
    digits = filtered({"date_from": day, "date_to": day}).order_by().values(city=Substr("pincode", 1, CITY))
    return dict(digits.annotate(n=Count("pk")).values_list("city", "n"))


# --- Days -------------------------------------------------------------------------------------------------------------


def measured_days(*, now: datetime) -> tuple[date, date] | None:
    """The first and the last day that was measured, up to today; None before the first measuring."""
    days = filtered({"date_to": clock.business_day(now)}).values_list("date", flat=True)
    first, last = (days.order_by(order).first() for order in ("date", "-date"))
    return (first, last) if first is not None and last is not None else None


def last_busy_day(before: date, city: str = "") -> date | None:
    """The last day before this one on which anything was booked, in a city or anywhere."""
    busy = of_city(filtered({"date_to": before - timedelta(days=1)}), city).filter(total_bookings__gt=0)
    return busy.order_by("-date").values_list("date", flat=True).first()


def day_words(day: date, *, today: date) -> str:
    """Mon 23 Nov; another year adds it."""
    words = f"{day:%a} {day.day} {day:%b}"
    return words if day.year == today.year else f"{words} {day.year}"

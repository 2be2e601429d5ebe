"""Charts as the server draws them: numbers into the coordinates of an SVG, and numbers into the words of an axis."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import floor, log10

LAKH, CRORE = 100_000, 10_000_000
STEPS = (1, 2, 2.5, 5, 10)
Number = int | float | Decimal


@dataclass(frozen=True, slots=True)
class Line:
    """A line through values, left to right, within a width and a height; and where its last point is."""

    path: str
    last_x: float
    last_y: float


@dataclass(frozen=True, slots=True)
class Tick:
    """A line of the grid: how far from the top, and what it stands for."""

    y: float
    label: str


def line(values: Sequence[Number], *, width: float, height: float, top: Number | None = None, is_step: bool = False) -> Line:
    """The values from 0 to `top` (else to the largest) as a path; as a staircase, where a value holds until the next one."""
    most = float(top if top is not None else max(values, default=0)) or 1.0
    gap = width / max(len(values) - 1, 1)
    points = [(round(number * gap, 1), round(height - float(value) / most * height, 1)) for number, value in enumerate(values)]
    if not points:
        return Line("", 0, height)
    (x, y), *others = points
    strokes = [f"M{x:g} {y:g}", *((f"H{at:g}V{up:g}" if is_step else f"L{at:g} {up:g}") for at, up in others)]
    return Line("".join(strokes), *points[-1])


def spark(values: Sequence[Number], *, width: float = 66, height: float = 20) -> Line:
    """A small line without an axis, from the smallest value to the largest."""
    low = min(values, default=0)
    return line([value - low for value in values], width=width, height=height)  # type: ignore[operator]  # Of one kind.


def top_of(most: Number) -> float:
    """The least round number that is not less: where an axis ends."""
    if most <= 0:
        return 1.0
    size = 10.0 ** floor(log10(float(most)))
    return next(step * size for step in STEPS if step * size >= float(most) * (1 - 1e-9))


def ticks(top: Number, *, height: float, money: bool = False) -> list[Tick]:
    """Three lines of a grid, from the top down to zero."""
    return [Tick(round(height * part, 1), axis_label(float(top) * (1 - part), money=money)) for part in (0.0, 0.5, 1.0)]


def axis_label(number: Number, *, money: bool = False) -> str:
    """As an axis says it: "2.5 L", "1.2 Cr"; ₹ only where there is no room for doubt to be left, at zero."""
    value = float(number)
    for unit, name in ((CRORE, "Cr"), (LAKH, "L"), (1_000, "k")):
        if value >= unit:
            return f"{value / unit:.3g} {name}"
    return f"{'₹' if money else ''}{value:.3g}"

"""Charts as the server draws them: numbers into the coordinates of an SVG, and numbers into the words of an axis."""

from dataclasses import dataclass
from decimal import Decimal
from math import floor, log10

LAKH, CRORE = 100_000, 10_000_000
STEPS = (1, 2, 2.5, 5, 10)
Number = int | float | Decimal


@dataclass(frozen=True, slots=True)
class Tick:
    """A line of the grid: how far from the top, and what it stands for."""

    y: float
    label: str


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
    """As an axis says it: "2.5 L", "1.2 Cr", "12 k"; money below a thousand wears ₹, which says of the whole axis what it counts."""
    value = float(number)
    for unit, name in ((CRORE, "Cr"), (LAKH, "L"), (1_000, "k")):
        if value >= unit:
            return f"{value / unit:.3g} {name}"
    return f"{'₹' if money else ''}{value:.3g}"

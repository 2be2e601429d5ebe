"""A number, and what it is held against, in words."""

from dataclasses import dataclass
from decimal import Decimal

from core.formatting import indian, rupees


@dataclass(frozen=True, slots=True)
class Change:
    """By how much it changed: an arrow, the words, and whether that is good or bad (empty: neither)."""

    words: str
    tone: str


@dataclass(frozen=True, slots=True)
class Figure:
    """`change` comes before `words`, as "▲ 3" before "since yesterday"."""

    label: str
    number: str
    beside: str
    words: str
    change: Change | None = None


def change(by: float, words: str, *, is_bad: bool | None) -> Change:
    """A rise is bad, good (`is_bad` False) or neither (None); a fall is the other."""
    if not by:
        return Change("no change", "flat")
    tone = "flat" if is_bad is None else "bad" if (by > 0) is is_bad else "good"
    return Change(f"{'▲' if by > 0 else '▼'} {words}", tone)


def rupee_change(by: Decimal) -> Change:
    return change(float(by), rupees(abs(by)), is_bad=True)


def count_change(by: int, *, is_bad: bool | None) -> Change:
    return change(by, indian(abs(by)), is_bad=is_bad)

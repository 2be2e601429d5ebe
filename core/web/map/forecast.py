"""How many bookings a pincode may expect on the days ahead, from the same weekdays before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from math import ceil, floor
from typing import Final

WEEK: Final = timedelta(days=7)
# Held against the same weekday of so many weeks; of fewer days than these nothing is said.
WEEKS: Final = 8
LEAST: Final = 4
AHEAD: Final = 7
# Between these tenths lay 8 in 10 such days.
LOW, HIGH = 0.1, 0.9


@dataclass(frozen=True, slots=True)
class Expected:
    """What a day ahead may bring: the middle of such days, and what 8 in 10 of them lay between."""

    day: date
    low: float
    middle: float
    high: float

    @property
    def words(self) -> str:
        """In whole bookings, with both ends of the band in it: "14 to 22"."""
        low, high = floor(self.low), ceil(self.high)
        return f"{low} to {high}" if low != high else str(high)


def expected(totals: Mapping[date, int], day: date) -> Expected | None:
    """Of the whole days before, by their bookings: the median of the same weekday in the last 8 weeks, with its 10th and 90th percentile,
    linear between two days. None with fewer than 4 such days.

    A season and a trend are not looked for: eight days say too little of either. Days that are not over do not belong in `totals`.
    """
    same = sorted(totals[before] for back in range(1, WEEKS + 1) if (before := day - back * WEEK) in totals)
    if len(same) < LEAST:
        return None
    return Expected(day, percentile(same, LOW), percentile(same, 0.5), percentile(same, HIGH))


def percentile(ascending: Sequence[int], share: float) -> float:
    """Of a share of the way from the least to the most; between two of them linear."""
    place = share * (len(ascending) - 1)
    below = floor(place)
    above = min(below + 1, len(ascending) - 1)
    return round(ascending[below] + (place - below) * (ascending[above] - ascending[below]), 6)


def days_ahead(totals: Mapping[date, int], day: date, *, is_over: bool) -> list[Expected]:
    """Of the seven days after this one, and of the whole of this one while it is not over: those of which enough is known."""
    days = [day + timedelta(days=number) for number in range(1 if is_over else 0, AHEAD + 1)]
    return [found for ahead in days if (found := expected(totals, ahead)) is not None]

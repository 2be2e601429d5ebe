"""When a demo vendor takes jobs: a pure function of the seed, the vendor and the moment, so that history and the present agree.

Most switch on or off early in the morning, for the day and the night that follows; some take a break in between.
"""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from functools import lru_cache
from random import Random
from typing import NamedTuple

from core import clock
from core.demo.people import Duty, Person


class Shift(NamedTuple):
    """From `begins` until the next day's shift begins."""

    begins: datetime
    works: bool
    break_from: datetime
    break_until: datetime


def on_duty(vendors: Iterable[Person], moment: datetime, *, seed: int) -> list[Person]:
    """Those of the vendors who take jobs at this moment."""
    day = clock.business_day(moment)
    return [vendor for vendor in vendors if vendor.duty == Duty.ALWAYS or (vendor.duty == Duty.USUAL and _works(seed, vendor, day, moment))]


def _works(seed: int, vendor: Person, day: date, moment: datetime) -> bool:
    shift = _shift(seed, vendor.username, day)
    if moment < shift.begins:
        return _shift(seed, vendor.username, day - timedelta(days=1)).works
    return shift.works and not shift.break_from <= moment < shift.break_until


@lru_cache(maxsize=60_000)
def _shift(seed: int, username: str, day: date) -> Shift:
    start = clock.day_start(day)
    rng = Random(f"{seed}:{username}:{day}")
    works = day.weekday() != _rest_day(seed, username) and rng.random() >= 0.05
    begins = start + timedelta(hours=rng.uniform(5.5, 8.5))
    break_from = start + timedelta(hours=rng.uniform(11, 16))
    length = rng.uniform(0.5, 2.5) if rng.random() < 0.2 else 0.0
    return Shift(begins, works, break_from, break_from + timedelta(hours=length))


@lru_cache(maxsize=2_000)
def _rest_day(seed: int, username: str) -> int:
    """Monday to Friday: weekends are when the work is."""
    return Random(f"{seed}:{username}:rest").randrange(5)

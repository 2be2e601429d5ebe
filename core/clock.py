"""The time, asked at the edges (tasks, views, commands) and passed down; the business day is that of TIME_ZONE.

A demo may run its clock faster than the world's (DEMO_SPEED). The server that does so writes where its time started to
a file, and every process of that database reads it, so that all of them agree on what day it is.
"""

import json
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import NamedTuple

from django.conf import settings
from django.utils import timezone

# Before anything this product has to do with.
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)


class Pace(NamedTuple):
    """From `origin` on, `speed` seconds pass for each second of the world that passes after `real`."""

    real: datetime
    origin: datetime
    speed: float


@cache
def _pace() -> Pace | None:
    path = Path(settings.CLOCK_FILE)
    if not path.is_file():
        return None
    kept = json.loads(path.read_text(encoding="utf-8"))
    return Pace(datetime.fromisoformat(kept["real"]), datetime.fromisoformat(kept["origin"]), float(kept["speed"]))


def now() -> datetime:
    """The present moment, aware, in UTC."""
    moment = timezone.now()
    pace = _pace()
    if pace is None:
        return moment
    return pace.origin + (moment - pace.real) * pace.speed


def is_paced() -> bool:
    """Whether time here runs, or has run, faster than the world's."""
    return _pace() is not None


def speed() -> float:
    """How many seconds pass here for each second of the world."""
    pace = _pace()
    return 1.0 if pace is None else pace.speed


def set_speed(speed: float) -> None:
    """Let time pass `speed` times as fast from this moment on. Time never runs backwards: back at 1, a lead is kept."""
    real, origin = timezone.now(), now()
    path = Path(settings.CLOCK_FILE)
    if speed == 1 and origin <= real:
        path.unlink(missing_ok=True)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"real": real.isoformat(), "origin": origin.isoformat(), "speed": speed}), encoding="utf-8")
    _pace.cache_clear()


def business_day(moment: datetime) -> date:
    """The calendar day of a moment in the business time zone."""
    return timezone.localtime(moment).date()


def day_start(day: date) -> datetime:
    """The first moment of a business day, in UTC. The day ends where the next one starts."""
    return datetime.combine(day, time(), tzinfo=timezone.get_default_timezone()).astimezone(UTC)


def day_bounds(day: date) -> tuple[datetime, datetime]:
    """[start, end) of a business day."""
    return day_start(day), day_start(day + timedelta(days=1))

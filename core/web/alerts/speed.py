"""How fast the team is: times to acknowledge and to resolve of the last 7 days against those of the 7 before, by type. People's alone."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.core.cache import cache

from core import clock
from core.alerts import record
from core.alerts.steps import SEES_TYPES
from core.web.alerts.words import type_label
from core.web.words import span

PEOPLE = "people"
# It looks at every step of two weeks, and says nothing that is true for a minute only.
KEPT_SECONDS = 60
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Time:
    """A median and the time that nine of ten keep within, empty without any; and the median against that of the 7 days before."""

    median: str
    p90: str
    # The median of the 7 days before.
    last: str = ""
    # "better", "worse", "same"; empty: there is nothing to hold it against.
    change: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True)
class Speed:
    label: str
    acknowledge: Time
    resolve: Time


def speeds(types: Collection[str] | None, *, now: datetime) -> list[Speed]:
    """Of each type that somebody had to do with in these two weeks; `types` leaves out all others. Up to a minute old."""
    return list(cache.get_or_set(_key(types, now=now), lambda: _measured(types, now=now), KEPT_SECONDS) or [])


def forget(alert_type: str, *, now: datetime) -> None:
    """Somebody has just done something about an alert of this type: what is shown next counts it."""
    cache.delete_many([_key(None, now=now), *(_key(types, now=now) for types in SEES_TYPES.values() if alert_type in types)])


def _key(types: Collection[str] | None, *, now: datetime) -> str:
    return f"alert-speeds:{clock.business_day(now)}:{','.join(sorted(types)) if types is not None else 'all'}"


def _measured(types: Collection[str] | None, *, now: datetime) -> list[Speed]:
    first, earlier, lines = record.last_two_weeks(clock.business_day(now), by=("type",), types=types)
    of = {(line.type, line.what, line.week): line for line in lines if line.who == PEOPLE}
    names = sorted({name for name, _, _ in of}, key=type_label)

    def time(name: str, what: str) -> Time:
        this, last = of.get((name, what, first)), of.get((name, what, earlier))
        before = last.median if last else None
        if this is None or this.median is None or this.p90 is None:
            return Time("", "", span(before) if before is not None else "")
        change, by = _against(this.median, before)
        return Time(span(this.median), span(this.p90), span(before) if before is not None else "", change, by)

    return [Speed(type_label(name), time(name, record.ACKNOWLEDGED), time(name, record.RESOLVED)) for name in names]


def _against(this: timedelta, last: timedelta | None) -> tuple[str, str]:
    if last is None:
        return "", ""
    if abs(this - last) < MINUTE:
        return "same", ""
    return ("better" if this < last else "worse"), span(this - last)

"""Limits as sentences: "over 6 bookings in 5601", "stuck for over 24 h"."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from core import clock
from core.alerts.check import Check
from core.limits import Rule
from core.web.words import plural


@dataclass(frozen=True, slots=True)
class LimitWords:
    """What stands before the number, and after one and after several."""

    before: str
    one: str
    many: str

    def after(self, value: Decimal) -> str:
        return plural(int(value) if value == int(value) else 2, self.one, self.many)

    def phrase(self, value: Decimal) -> str:
        return " ".join(part for part in (self.before, number(value), self.after(value)) if part)


KNOWN: Final[Mapping[str, LimitWords]] = MappingProxyType(
    {
        "bookings_over": LimitWords("over", "booking", "bookings"),
        "bookings_per_vendor_over": LimitWords("over", "booking per free vendor", "bookings per free vendor"),
        "vendors_under": LimitWords("under", "free vendor", "free vendors"),
        "bookings_under": LimitWords("under", "booking", "bookings"),
        "after_hours": LimitWords("stuck for over", "hour", "hours"),
        "critical_hours": LimitWords("critical from", "hour", "hours"),
        "bookings_per_vendor": LimitWords("one vendor for each", "booking", "bookings"),
        "vendors_short": LimitWords("short of", "vendor or more", "vendors or more"),
    }
)
# How a campaign's limits work together; a check says so itself.
TOGETHER: Final[Mapping[str, str]] = MappingProxyType(
    {
        "high_demand": "Fires where a day is over either of the two.",
        "vendor_bonus": "Fires where a day is beyond both of the two.",
        "promotions": "Fires where the last full day is under it.",
    }
)


def words_of(name: str) -> LimitWords:
    """A limit's words; of one that nobody here knows, its name."""
    return KNOWN.get(name) or LimitWords(f"{name.replace('_', ' ')}:", "", "")


def number(value: Decimal) -> str:
    """6, 2.5: without places that say nothing."""
    return f"{value.normalize():f}"


def place(scope: str) -> str:
    return f"in {scope}" if scope else "everywhere"


def sentence_of(rule: Rule, values: Mapping[str, Decimal]) -> str:
    """What the rule does with these limits."""
    if isinstance(rule.declared, Check):
        return rule.declared.rule.format(**{name: number(value) for name, value in values.items()})
    return TOGETHER.get(rule.name, "")


def from_when(day: date, *, now: datetime) -> str:
    """ "From 24 Nov"; of today: from now on."""
    today = clock.business_day(now)
    if day <= today:
        return "From now on"
    return f"From {day.day} {day:%b}" if day.year == today.year else f"From {day.day} {day:%b %Y}"

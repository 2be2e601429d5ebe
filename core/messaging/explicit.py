"""What a person's explicit call of `NotificationService` says: which of its data is usable, and what it adds up to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from hashlib import sha256
from json import dumps
from typing import Any

from core import clock, locks
from core.models import PincodeAnalytics
from core.models.fields import PINCODE
from core.notifications.outbox import Tally

# No pincode's day, and no price, is beyond it.
MOST = 1_000_000_000


@dataclass(frozen=True)
class Sent:
    """What came of an explicit call. True when something was queued."""

    matched: int
    queued: int
    people: int = 0
    suppressed: Mapping[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self.queued != 0

    def as_dict(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return {
            "matched": self.matched,
            "queued": self.queued,
            "people": self.people,
            "suppressed": dict(self.suppressed),
            "warnings": list(self.warnings),
        }


def sent(tally: Tally, *, matched: int, warnings: list[str]) -> Sent:
    said = [*warnings, *tally.warnings]
    if not matched:
        said.append("There is nobody to write to.")
    return Sent(matched, tally.queued, tally.people, dict(sorted(tally.suppressed.items())), tuple(said))


def checked_pincode(pincode: object) -> str:
    """The pincode. Raises ValueError for anything that is none."""
    plain = str(pincode).strip()
    if not PINCODE.fullmatch(plain):
        raise ValueError(f"pincode: {plain!r} is not six digits, the first not 0.")
    return plain


def known(data: Mapping[str, Any] | None, allowed: tuple[str, ...], warnings: list[str]) -> dict[str, Any]:
    """The data without what nobody reads; each such key is a warning, never an exception."""
    given = dict(data or {})
    warnings += [f"{key}: not known here, ignored. Known are {', '.join(allowed)}." for key in given if key not in allowed]
    return {key: value for key, value in given.items() if key in allowed and value is not None}


def number(given: Mapping[str, Any], key: str, warnings: list[str]) -> Decimal | None:
    """A number from 0 to a billion; anything else is a warning and counts as missing."""
    if key not in given:
        return None
    value = as_decimal(given[key])
    if 0 <= value <= MOST:
        return value
    warnings.append(f"{key}: {str(given[key])[:40]!r} is not a number from 0 to a billion, ignored.")
    return None


def as_decimal(given: object) -> Decimal:
    """The number that something says; -1 where it says none."""
    try:
        value = Decimal(str(given))
    except InvalidOperation:
        return Decimal(-1)
    return Decimal(-1) if value.is_nan() else value


def busier_day(pincode: str, *, now: datetime) -> PincodeAnalytics:
    """The busier of the last final day and today so far; an empty day where nothing was measured."""
    today = clock.business_day(now)
    rows = PincodeAnalytics.objects.filter(pincode=pincode, date__gte=today - timedelta(days=1), date__lte=today)
    return max(rows, key=lambda row: (row.total_bookings, row.date), default=PincodeAnalytics(pincode=pincode, date=today, measured_at=now))


def one_at_a_time(kind: str) -> None:
    """Of decisions about one kind, campaigns' or people's, one at a time: caps and earlier messages are then exact."""
    locks.hold(f"kind:{kind}")


def key_of(what: str, *arguments: object, now: datetime) -> str:
    """The cause of an explicit call: the same arguments on the same business day are the same cause."""
    text = dumps(arguments, sort_keys=True, default=str, ensure_ascii=False)
    return f"explicit:{what}:{clock.business_day(now).isoformat()}:{sha256(text.encode()).hexdigest()[:32]}"


def past_date(text: object, *, now: datetime) -> bool:
    """Whether a text is an ISO date that has gone by. Other wordings of a date are not read."""
    try:
        return date.fromisoformat(str(text)) < clock.business_day(now)
    except ValueError:
        return False

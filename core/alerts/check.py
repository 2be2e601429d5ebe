"""What a check is: a rule that finds what is stuck. One file in `core.alerts.checks` declares one; nothing else knows it.

A check only finds. What becomes of its findings (an alert that opens, grows, speaks and closes) is `core.alerts.lifecycle`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any, ClassVar, Self

from django.db.models import QuerySet

from core.models import BusinessAlert, Role
from core.notifications.kinds import BUSINESS_ALERT, Kind
from core.registry import Registry
from core.timetable import Times

Severity = BusinessAlert.Severity
Values = Mapping[str, Decimal]
Row = tuple[str, str, str, datetime, str, Decimal | None, str]

# From the mildest to the worst.
RANK: Mapping[str, int] = MappingProxyType({severity.value: rank for rank, severity in enumerate(Severity)})
STUCK: Values = MappingProxyType({"after_hours": Decimal(24), "critical_hours": Decimal(48)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One stuck thing: which, since when, how bad, and how much money waits for it."""

    object_type: str
    object_id: str
    label: str
    since: datetime
    severity: str = Severity.HIGH
    rupees: Decimal | None = None
    pincode: str = ""

    @classmethod
    def of(cls, row: Row) -> Self:
        """From the fields in their order."""
        object_type, object_id, label, since, severity, rupees, pincode = row
        return cls(
            object_type=object_type, object_id=object_id, label=label, since=since, severity=severity, rupees=rupees, pincode=pincode
        )


@dataclass(frozen=True, slots=True)
class Nouns:
    """What a check finds, as one and as several: "payment held", "payments held"."""

    one: str
    many: str

    def of(self, count: int) -> str:
        return self.one if count == 1 else self.many


class Check:
    """A rule that finds what is stuck, who hears of it, and when it looks. Stateless: one instance serves every run."""

    # Its name in thresholds, runs and the alert's fingerprint.
    name: ClassVar[str]
    label: ClassVar[str]
    alert_type: ClassVar[str]
    kind: ClassVar[Kind]
    roles: ClassVar[tuple[str, ...]]
    nouns: ClassVar[Nouns]
    # What counts as stuck, as a sentence with the limits' names in braces.
    rule: ClassVar[str]

    # When it looks: hourly unless it says otherwise. A missed look is always made up for, however late (docs/rules.md, 4).
    times: ClassVar[Times] = Times()
    # What looks: this one, with the check's name, unless it has a task of its own.
    task: ClassVar[str] = "core.tasks.run_check"

    # What an admin may change (docs/rules.md, 5), with what holds until then.
    limits: ClassVar[Values] = STUCK

    # A check has one of the following two. Where it has both, `find` is what counts.

    def select(self, *, now: datetime, limits: Values) -> QuerySet[Any, Row]:
        """Everything that is stuck at `now`, each thing once, as a SELECT of the fields of a `Finding` in their order.

        The database then compares and stores it without sending a row here: for what can be many. See `core.alerts.selecting`.
        """
        raise NotImplementedError

    def find(self, *, now: datetime, limits: Values) -> Iterator[Finding]:
        """Everything that is stuck at `now`, each thing once, read in chunks: for what SQL cannot say."""
        return (Finding.of(row) for row in self.select(now=now, limits=limits).iterator(chunk_size=2_000))

    @property
    def has_select(self) -> bool:
        """Whether what it finds is a SELECT, rather than something of Python's."""
        return type(self).find is Check.find

    def stuck_before(self, now: datetime, limits: Values) -> datetime:
        """What began strictly before this has been stuck for too long."""
        return now - hours(limits["after_hours"])

    def critical_from(self, now: datetime, limits: Values) -> datetime:
        """What began at this moment or before is critical."""
        return now - hours(limits["critical_hours"])

    def severity(self, since: datetime, now: datetime, limits: Values) -> Severity:
        """High; critical once it has been stuck for `critical_hours` or longer."""
        return Severity.CRITICAL if since <= self.critical_from(now, limits) else Severity.HIGH


checks: Registry[Check] = Registry("check")


def declare(check: type[Check]) -> type[Check]:
    """Register a check, as a class decorator. Raises ValueError when its name is taken, TypeError when it finds nothing."""
    if check.find is Check.find and check.select is Check.select:
        raise TypeError(f"The check {check.name!r} has neither a select nor a find.")
    checks.add(check.name, check())
    return check


# Alerts that no check stands for: who hears, when the one who raises it does not say.
_ROLES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"low_vendor_count": (Role.OPS_MANAGER,), "high_demand": (Role.OPS_MANAGER,), "service_completion_reminder": (Role.OPS_MANAGER,)}
)


def check_for(alert_type: str) -> Check | None:
    """The check whose alerts are of this type, if any."""
    return next((check for check in checks if check.alert_type == alert_type), None)


def roles_for(alert_type: str) -> tuple[str, ...]:
    """Who hears of alerts of this type: the check's own roles, else ops managers, and super admins of what is left."""
    check = check_for(alert_type)
    return check.roles if check else _ROLES.get(alert_type, (Role.OPS_MANAGER, Role.SUPER_ADMIN))


def kind_for(alert_type: str) -> Kind:
    """The type of notification that speaks of such an alert: the check's own, else `business_alert` (docs/rules.md, 5)."""
    check = check_for(alert_type)
    return check.kind if check else BUSINESS_ALERT


def hours(number: Decimal) -> timedelta:
    return timedelta(hours=float(number))


def reference(object_id: object) -> str:
    """The first characters of an identifier, by which people name a row to each other."""
    return str(object_id)[:8].upper()

"""What comes first: rupees at risk × hours it has been stuck × how severe it is. One definition, as a number and as SQL.

Every list of alerts and of their items is in this order, wherever it is shown (docs/rules.md, 5).
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from django.db.models import Case, DateTimeField, F, FloatField, Func, QuerySet, Value, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast, Coalesce, Greatest

from core.models import AlertItem, BusinessAlert

Severity = BusinessAlert.Severity

# Each severity weighs twice the one below it.
WEIGHT: Mapping[str, int] = MappingProxyType({Severity.LOW: 1, Severity.MEDIUM: 2, Severity.HIGH: 4, Severity.CRITICAL: 8})
# What has no price would otherwise never come first, however bad it is.
UNPRICED_RUPEES = 10_000
# Just begun is not nothing.
LEAST_HOURS = 1


def priority(*, rupees: Decimal | None, since: datetime, severity: str, now: datetime) -> float:
    """How urgent a thing is at `now`: rupees × hours × weight. Only its order among others means something."""
    hours = (now - since).total_seconds() / 3600
    return float(rupees or UNPRICED_RUPEES) * max(hours, LEAST_HOURS) * WEIGHT[severity]


def alert_priority(alert: BusinessAlert, *, now: datetime) -> float:
    """An alert's: of all its rupees, since its oldest item is stuck, or since it was opened where it has none."""
    return priority(rupees=alert.rupees_at_risk, since=alert.oldest_since or alert.created_at, severity=alert.severity, now=now)


def alerts_worst_first(alerts: QuerySet[BusinessAlert], *, now: datetime) -> QuerySet[BusinessAlert]:
    """Alerts by `alert_priority`, each with it as `priority`; equal ones oldest first."""
    score = _score("rupees_at_risk", Coalesce("oldest_since", "created_at"), now=now)
    return alerts.annotate(priority=score).order_by("-priority", "created_at", "pk")


def items_worst_first(items: QuerySet[AlertItem], *, now: datetime) -> QuerySet[AlertItem]:
    """Items by `priority`, each with it as `priority`; equal ones in the order they were found."""
    return items.annotate(priority=_score("rupees", F("since"), now=now)).order_by("-priority", "pk")


class _HoursSince(Func):
    """Hours between a stored time and a given one, counted by the database itself."""

    output_field = FloatField()

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template="((julianday(%(expressions)s)) * 24.0)", arg_joiner=") - julianday(", **context)

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        template = "(EXTRACT(EPOCH FROM (%(expressions)s)) / 3600.0)::double precision"
        return self.as_sql(compiler, connection, template=template, arg_joiner=" - ", **context)


def _score(rupees: str, since: Combinable, *, now: datetime) -> Combinable:
    priced = Case(When(**{f"{rupees}__gt": 0}, then=Cast(rupees, FloatField())), default=Value(float(UNPRICED_RUPEES)))
    hours = Greatest(_HoursSince(Value(now, output_field=DateTimeField()), since), Value(float(LEAST_HOURS)))
    weight = Case(*(When(severity=severity, then=Value(float(weight))) for severity, weight in WEIGHT.items()), output_field=FloatField())
    return priced * hours * weight

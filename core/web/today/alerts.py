"""The alerts that need somebody now, worst first, and the figures above them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.db.models import Count, Min, Q, QuerySet, Sum
from django.urls import reverse

from core import clock
from core.alerts import record
from core.alerts.policies import Policies
from core.alerts.priority import alerts_worst_first
from core.formatting import indian, rupees
from core.models import AlertItem, BusinessAlert, Role, User
from core.web.alerts.words import what_next
from core.web.outbox import FINANCE_SEES
from core.web.today.figures import Figure, change, rupee_change
from core.web.words import Moment, initials, moment, plural, short_name, span

ALERTS_SHOWN: Final = 12
STATES: Final = (BusinessAlert.Status.ACTIVE, BusinessAlert.Status.ACKNOWLEDGED)
NOBODY: Final = "Nobody"


@dataclass(frozen=True, slots=True)
class AlertLine:
    id: UUID
    severity: str
    severity_label: str
    title: str
    why: str
    rupees: str
    width: int
    open_for: str
    since: Moment
    who: str
    initials: str
    what_next: str
    address: str
    # Where one click takes it; empty: it is not active.
    acknowledge: str
    version: int


def open_alerts(user: User) -> QuerySet[BusinessAlert]:
    """What is open and not ignored, as far as this person may see it."""
    alerts = BusinessAlert.objects.filter(status__in=STATES)
    return alerts.filter(alert_type=FINANCE_SEES) if user.role == Role.FINANCE else alerts


def alert_totals(alerts: QuerySet[BusinessAlert]) -> dict[str, Any]:
    unowned = Q(assigned_to__isnull=True, status=BusinessAlert.Status.ACTIVE)
    return alerts.order_by().aggregate(
        count=Count("pk"),
        critical=Count("pk", filter=Q(severity=BusinessAlert.Severity.CRITICAL)),
        unowned=Count("pk", filter=unowned),
        unowned_critical=Count("pk", filter=unowned & Q(severity=BusinessAlert.Severity.CRITICAL)),
        rupees=Sum("rupees_at_risk"),
        oldest=Min("oldest_since"),
    )


def alert_figures(user: User, totals: dict[str, Any], lines: list[AlertLine], *, now: datetime) -> list[Figure]:
    return [
        _at_risk(user, totals, now=now),
        _unowned(totals, lines),
        _acknowledged(user, now=now),
    ]


def _at_risk(user: User, totals: dict[str, Any], *, now: datetime) -> Figure:
    """Beside this time yesterday, as the items tell it: when each was first seen, and when it cleared."""
    since = f", oldest stuck since {moment(totals['oldest'], now=now).short}" if totals["oldest"] else ", nothing is stuck"
    yesterday = now - timedelta(days=1)
    alerts = BusinessAlert.objects.filter(Q(status__in=STATES) | Q(status=BusinessAlert.Status.RESOLVED, resolved_at__gt=yesterday))
    if user.role == Role.FINANCE:
        alerts = alerts.filter(alert_type=FINANCE_SEES)
    items = AlertItem.objects.filter(Q(cleared_at=None) | Q(cleared_at__gt=yesterday), alert__in=alerts.order_by().values("pk"))
    sums = items.order_by().aggregate(
        present=Sum("rupees", filter=Q(cleared_at=None, alert__status__in=STATES)),
        then=Sum("rupees", filter=Q(first_seen_at__lte=yesterday)),
    )
    by = rupee_change((sums["present"] or Decimal(0)) - (sums["then"] or Decimal(0)))
    return Figure("At risk in open alerts", rupees(totals["rupees"] or 0), "", f"since this time yesterday{since}", by)


def _unowned(totals: dict[str, Any], lines: list[AlertLine]) -> Figure:
    beside = f"of {indian(totals['count'])} open"
    worst = next((line for line in lines if line.who == NOBODY and line.severity == "critical" and line.what_next), None)
    critical = f"{totals['unowned_critical']} critical" if totals["unowned_critical"] else "none of them critical"
    return Figure("Alerts with nobody on them", indian(totals["unowned"]), beside, f"{critical}, {worst.what_next}" if worst else critical)


def _acknowledged(user: User, *, now: datetime) -> Figure:
    """The median of the alerts that opened in the last 7 days, beside those of the 7 before; people's own steps only."""
    types = (FINANCE_SEES,) if user.role == Role.FINANCE else None
    first, earlier, lines = record.last_two_weeks(clock.business_day(now), by=(), types=types)
    weeks = {line.week: line for line in lines if line.what == record.ACKNOWLEDGED}
    this, last = weeks.get(first), weeks.get(earlier)
    before = last.median if last else None
    if this is None or this.median is None:
        words = (
            f"nobody acknowledged one in 7 days; {span(before)} in the 7 before" if before is not None else "nobody acknowledged one yet"
        )
        return Figure("Time to acknowledge, median", "none", "", words)
    p90 = f" · p90 {span(this.p90)}" if this.p90 is not None else ""
    if before is None:
        return Figure("Time to acknowledge, median", span(this.median), "", f"of the last 7 days, the first that are known{p90}")
    by = change((this.median - before).total_seconds() // 60, span(this.median - before), is_bad=True)
    return Figure("Time to acknowledge, median", span(this.median), "", f"last 7 days against the 7 before{p90}", by)


def alert_lines(alerts: QuerySet[BusinessAlert], *, now: datetime) -> list[AlertLine]:
    """The worst first, as everywhere (docs/rules.md, 5)."""
    rows = list(alerts_worst_first(alerts, now=now).select_related("assigned_to", "acknowledged_by")[:ALERTS_SHOWN])
    most = max((row.rupees_at_risk for row in rows), default=Decimal(0))
    policies = Policies.in_force()
    return [alert_line(row, policies, most=most, now=now) for row in rows]


def alert_line(alert: BusinessAlert, policies: Policies, *, most: Decimal, now: datetime) -> AlertLine:
    owner = alert.assigned_to or (alert.acknowledged_by if alert.status == BusinessAlert.Status.ACKNOWLEDGED else None)
    return AlertLine(
        id=alert.pk,
        severity=alert.severity,
        severity_label=alert.get_severity_display(),
        title=alert.title,
        why=why(alert, now=now),
        rupees=rupees(alert.rupees_at_risk) if alert.rupees_at_risk else "",
        # Never so narrow that the mark is lost.
        width=max(2, int(alert.rupees_at_risk / most * 100)) if most else 0,
        open_for=span(now - alert.created_at),
        since=moment(alert.created_at, now=now),
        who=short_name(owner) if owner else NOBODY,
        initials=initials(owner) if owner else "",
        what_next=what_next(alert, policies, now=now),
        address=reverse("alert", args=[alert.pk]),
        acknowledge=reverse("alert-acknowledge", args=[alert.pk]) if alert.status == BusinessAlert.Status.ACTIVE else "",
        version=alert.version,
    )


def why(alert: BusinessAlert, *, now: datetime) -> str:
    """The rule as it was used, in the alert's own words; else how many items, and since when."""
    if alert.description:
        return alert.description
    what = f"{indian(alert.item_count)} {plural(alert.item_count, 'item', 'items')}"
    return f"{what}, oldest {span(now - alert.oldest_since)}" if alert.oldest_since else what


def last_closed(user: User, *, now: datetime) -> str:
    closed = BusinessAlert.objects.filter(status=BusinessAlert.Status.RESOLVED, resolved_at__isnull=False)
    if user.role == Role.FINANCE:
        closed = closed.filter(alert_type=FINANCE_SEES)
    at = closed.order_by("-resolved_at").values_list("resolved_at", flat=True).first()
    return moment(at, now=now).short if at else ""

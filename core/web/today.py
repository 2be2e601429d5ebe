"""Today: what needs doing now, worst first, and whether everything that should have happened did."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Count, Max, Min, Q, QuerySet, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from core import clock, schedule
from core.alerts.policies import Policies
from core.alerts.priority import alerts_worst_first
from core.analytics import thresholds
from core.formatting import indian, rupees
from core.messaging.campaigns.high_demand import HighDemand
from core.models import BusinessAlert, NotificationLog, PincodeAnalytics, Role, ScheduleRun, Status, User
from core.notifications.transports import methods
from core.web.alerts_words import what_next
from core.web.doors import for_staff, frame, person
from core.web.outbox import FINANCE_SEES, ICONS, method_label
from core.web.words import Moment, initials, long_day, moment, plural, short_name, span

ALERTS_SHOWN = 12
PINCODES_SHOWN = 8
RUNS_SHOWN = 8
SHORTEST_SHOWN = timedelta(seconds=0.1)
# Which of the jobs finance is concerned with.
FINANCE_JOB = "payment_holds"


@dataclass(frozen=True, slots=True)
class Figure:
    """A number, and what it is held against."""

    label: str
    number: str
    beside: str
    words: str


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


@dataclass(frozen=True, slots=True)
class MethodLine:
    label: str
    icon: str
    method: str
    pending: str
    sent: str
    delivered: str
    failed: str


@dataclass(frozen=True, slots=True)
class PincodeLine:
    pincode: str
    day: str
    bookings: str
    free: str
    per_vendor: str
    nobody: bool
    told: str


@dataclass(frozen=True, slots=True)
class RunLine:
    label: str
    status: str
    status_label: str
    words: str
    at: Moment
    took: str


@require_safe
@never_cache
@for_staff
def today(request: HttpRequest) -> HttpResponse:
    user, now = person(request), clock.now()
    alerts = open_alerts(user)
    totals = alert_totals(alerts)
    sending = messages_of_today(user, now=now)
    places = pincodes_over(now=now) if user.role != Role.FINANCE else None
    context = {
        "as_of": long_day(now),
        "figures": [*alert_figures(totals, now=now), sending.figure, *([places.figure] if places else [])],
        "alerts": alert_lines(alerts, now=now),
        "open_count": totals["count"],
        "last_closed": last_closed(user, now=now) if not totals["count"] else "",
        "sending": sending,
        "places": places,
        "runs": run_lines(user, now=now),
        "coming": coming_runs(user, now=now),
    }
    return render(request, "web/today.html", frame(request, "today") | context)


# --- Alerts -----------------------------------------------------------------------------------------------------------


def open_alerts(user: User) -> QuerySet[BusinessAlert]:
    """What is open and not ignored, as far as this person may see it."""
    states = (BusinessAlert.Status.ACTIVE, BusinessAlert.Status.ACKNOWLEDGED)
    alerts = BusinessAlert.objects.filter(status__in=states)
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


def alert_figures(totals: dict[str, Any], *, now: datetime) -> list[Figure]:
    since = f"oldest stuck since {moment(totals['oldest'], now=now).short}" if totals["oldest"] else "nothing is stuck"
    unowned = f"{totals['unowned_critical']} critical" if totals["unowned_critical"] else "none of them critical"
    return [
        Figure("At risk in open alerts", rupees(totals["rupees"] or 0), "", since),
        Figure("Alerts with nobody on them", indian(totals["unowned"]), f"of {indian(totals['count'])} open", unowned),
    ]


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
        who=short_name(owner) if owner else "Nobody",
        initials=initials(owner) if owner else "",
        what_next=what_next(alert, policies, now=now),
        address=reverse("alert", args=[alert.pk]),
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


# --- Messages ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sending:
    figure: Figure
    methods: list[MethodLine]
    total: int
    waiting: str


def messages_of_today(user: User, *, now: datetime) -> Sending:
    """Today's messages by method and status, in one statement; and since when the oldest of them waits."""
    rows: QuerySet[NotificationLog] = NotificationLog.objects.filter(created_at__gte=clock.day_start(clock.business_day(now)))
    if user.role == Role.FINANCE:
        rows = rows.filter(notification_type=FINANCE_SEES)
    waits = Q(status=Status.PENDING, due_at__lte=now)
    counted = list(
        rows.order_by()
        .values("method", "status")
        .annotate(n=Count("pk"), oldest=Min("due_at", filter=waits), due=Count("pk", filter=waits))
    )
    of = {(row["method"], row["status"]): row["n"] for row in counted}
    names = [*methods(), *sorted({row["method"] for row in counted} - set(methods()))]
    gone, failed = (
        sum(n for (_, status), n in of.items() if status in which) for which in ((Status.SENT, Status.DELIVERED), (Status.FAILED,))
    )
    waiting, due = sum(n for (_, status), n in of.items() if status == Status.PENDING), sum(row["due"] for row in counted)
    oldest = min((row["oldest"] for row in counted if row["oldest"]), default=None)
    late = f"{indian(due)} due, the oldest since {moment(oldest, now=now).short}" if oldest else "nothing is due"
    tried = gone + failed
    return Sending(
        figure=Figure(
            "Went out today",
            f"{gone / tried * 100:.1f} %" if tried else "none",
            f"{indian(gone)} of {indian(tried)}" if tried else "",
            f"{indian(waiting)} waiting, {late}" if waiting else "nothing waiting since 0:00",
        ),
        methods=[
            MethodLine(
                method_label(name), ICONS.get(name, "i-send"), name, *(indian(of.get((name, status), 0)) for status in Status)
            )
            for name in names
        ],
        total=tried + waiting,
        waiting=f"{indian(waiting)} waiting: {late}." if waiting else "Nothing is waiting.",
    )  # fmt: skip


# --- Pincodes ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Places:
    figure: Figure
    lines: list[PincodeLine]
    days: str
    measured: Moment | None


def pincodes_over(*, now: datetime) -> Places:
    """The pincodes over the limits of high demand there, today so far or on the day before, the most stretched first.

    Two days, as the campaign looks at two: one that has just begun is always quiet. Of each pincode the busier one counts.
    """
    today = clock.business_day(now)
    measured = PincodeAnalytics.objects.filter(date__lte=today)
    last = measured.aggregate(last=Max("date"))["last"]
    if last is None:
        return Places(Figure("Pincodes over their limit", "none", "", "not measured yet"), [], "", None)
    two = measured.filter(date__in=(last, last - timedelta(days=1)))
    rule = HighDemand()
    limits = thresholds.in_force(rule.name, rule.limits, now=now)
    known = two.aggregate(pincodes=Count("pincode", distinct=True), at=Max("measured_at"))
    over: dict[str, PincodeAnalytics] = {}
    for row in two.filter(total_bookings__gt=0).order_by("pincode", "total_bookings", "date").iterator():
        if rule.matches(row, limits.for_pincode(row.pincode)):
            over[row.pincode] = row
    worst = sorted(over.values(), key=lambda row: (-row.demand_ratio, -row.total_bookings, row.pincode))
    days = "today or yesterday" if last == today else f"on {day_name(last)} or the day before"
    return Places(
        figure=Figure("Pincodes over their limit", indian(len(over)), f"of {indian(known['pincodes'])}", days),
        lines=[pincode_line(row, today=today) for row in worst[:PINCODES_SHOWN]],
        days=days,
        measured=moment(known["at"], now=now),
    )


def pincode_line(row: PincodeAnalytics, *, today: date) -> PincodeLine:
    told = [name for name, sent in (("demand", row.high_demand_alert_sent), ("bonus", row.bonus_alert_sent)) if sent]
    return PincodeLine(
        pincode=row.pincode,
        day="today" if row.date == today else "yesterday" if row.date == today - timedelta(days=1) else day_name(row.date),
        bookings=indian(row.total_bookings),
        free=indian(row.available_vendors),
        per_vendor=f"{row.demand_ratio:.1f}" if row.available_vendors else "∞",
        nobody=not row.available_vendors,
        told=" and ".join(told).capitalize() if told else "nobody yet",
    )


def day_name(day: date) -> str:
    return f"{day:%a} {day.day} {day:%b}"


# --- Runs -------------------------------------------------------------------------------------------------------------


def run_lines(user: User, *, now: datetime) -> list[RunLine]:
    labels = {job.name: job.label for job in schedule.jobs()}
    runs = ScheduleRun.objects.exclude(status=ScheduleRun.Status.OPENED).order_by("-started_at")
    if user.role == Role.FINANCE:
        runs = runs.filter(job=FINANCE_JOB)
    return [run_line(run, labels.get(run.job, run.job), now=now) for run in runs[:RUNS_SHOWN]]


def run_line(run: ScheduleRun, label: str, *, now: datetime) -> RunLine:
    took = run.finished_at - run.started_at if run.finished_at else None
    return RunLine(
        label=label,
        status=run.status,
        status_label=run.get_status_display(),
        words=outcome(run),
        at=moment(run.slot or run.started_at, now=now),
        took=f"{took.total_seconds():.1f} s" if took is not None and took >= SHORTEST_SHOWN else "",
    )


def outcome(run: ScheduleRun) -> str:
    """What came of a run, in a few words: its plain counts that are not 0, else its error."""
    if run.error:
        return run.error.splitlines()[-1]
    counts = [(name, value) for name, value in (run.result or {}).items() if isinstance(value, int) and not isinstance(value, bool)]
    return ", ".join(f"{indian(value)} {name.replace('_', ' ')}" for name, value in counts if value) or ("nothing to do" if counts else "")


def coming_runs(user: User, *, now: datetime) -> list[tuple[str, Moment]]:
    """What runs next, soonest first."""
    plans = [plan for plan in schedule.plans() if plan.enabled and (user.role != Role.FINANCE or plan.job.name == FINANCE_JOB)]
    coming = sorted((plan.times.next_after(now), plan.job.label) for plan in plans)
    return [(label, moment(at, now=now)) for at, label in coming[:5]]

"""The figures of the first page: what went out, what is open, which pincodes are stretched (docs/rules.md, 10)."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Case, Count, DecimalField, F, Q, QuerySet, Value, When

from core import access, clock
from core.alerts import steps
from core.analytics import thresholds
from core.dashboard.pages import remembered
from core.dashboard.search import PENDING
from core.messaging.campaigns.high_demand import HighDemand
from core.messaging.campaigns.vendor_bonus import VendorBonus
from core.models import BusinessAlert, NotificationLog, PincodeAnalytics, Role, Status, User

WEEK: Final = timedelta(days=6)
# What takes long to count is counted again after so many seconds.
REMEMBERED: Final = 15


def statistics(user: User, *, now: datetime) -> dict[str, Any]:
    """Everything, as far as it is this person's to see: finance its own part."""
    return {
        "status": "success",
        "notification_stats": _messages(access.logs_of(user), now=now),
        "business_alerts": _alerts(user),
        "pincode_analytics": _pincodes(now=now) if user.role != Role.FINANCE else None,
        "timestamp": now,
    }


def success_rate(counts: dict[str, int]) -> float | None:
    """(sent + delivered) / (sent + delivered + failed), in percent with two decimals; None when nothing was sent."""
    good = counts.get(Status.SENT, 0) + counts.get(Status.DELIVERED, 0)
    tried = good + counts.get(Status.FAILED, 0)
    return round(100 * good / tried, 2) if tried else None


def _messages(rows: QuerySet[NotificationLog], *, now: datetime) -> dict[str, Any]:
    today = clock.business_day(now)
    of_today = rows.filter(created_at__gte=clock.day_start(today))
    before = rows.filter(created_at__gte=clock.day_start(today - WEEK), created_at__lt=clock.day_start(today))
    counted = _counted(of_today)
    by: dict[str, Counter[str]] = {"notification_type": Counter(), "method": Counter(), "status": Counter()}
    for row in counted:
        for name, counter in by.items():
            counter[row[name]] += row["n"]
    gone = by["status"][Status.SENT] + by["status"][Status.DELIVERED]
    earlier = _remembered("gone", before, lambda: before.filter(status__in=(Status.SENT, Status.DELIVERED)).count())
    pending = rows.filter(PENDING)
    return {
        "total_sent_today": gone,
        "total_sent_week": gone + earlier,
        "success_rate_today": success_rate(by["status"]),
        "failed_today": by["status"][Status.FAILED],
        "pending": _remembered("pending", pending, pending.count),
        "by_type_today": dict(sorted(by["notification_type"].items())),
        "by_method_today": dict(sorted(by["method"].items())),
        "by_status_today": dict(sorted(by["status"].items())),
    }


def _counted(rows: QuerySet[NotificationLog]) -> list[dict[str, Any]]:
    def ask() -> list[dict[str, Any]]:
        return [dict(row) for row in rows.order_by().values("notification_type", "method", "status").annotate(n=Count("pk"))]

    return _remembered("counted", rows, ask)


def _remembered(what: str, rows: QuerySet[NotificationLog], ask: Any) -> Any:
    return remembered(what, rows, ask, size=0, seconds=REMEMBERED)


def _alerts(user: User) -> dict[str, int]:
    active = steps.visible_to(user, BusinessAlert.objects.filter(status=BusinessAlert.Status.ACTIVE)).order_by()
    return active.aggregate(active_alerts=Count("pk"), critical_alerts=Count("pk", filter=Q(severity=BusinessAlert.Severity.CRITICAL)))


def _pincodes(*, now: datetime) -> dict[str, Any]:
    """Of the last day that was measured: how many pincodes are over the limits of high demand, and how many have work and fewer
    vendors free than the bonus's limit."""
    measured = PincodeAnalytics.objects.filter(date__lte=clock.business_day(now))
    last = measured.order_by("-date").values_list("date", flat=True).first()
    if last is None:
        return {"date": None, "total_pincodes_analyzed": 0, "high_demand_areas": 0, "low_vendor_areas": 0}
    demand = thresholds.in_force(HighDemand.name, HighDemand.limits, now=now)
    bonus = thresholds.in_force(VendorBonus.name, VendorBonus.limits, now=now)
    over = Q(total_bookings__gt=_limit(demand, "bookings_over")) | Q(
        total_bookings__gt=_limit(demand, "bookings_per_vendor_over") * F("available_vendors")
    )
    few = Q(total_bookings__gt=0, available_vendors__lt=_limit(bonus, "vendors_under"))
    counts = measured.filter(date=last).order_by().aggregate(
        total_pincodes_analyzed=Count("pk"), high_demand_areas=Count("pk", filter=over), low_vendor_areas=Count("pk", filter=few)
    )  # fmt: skip
    return {"date": last, **counts}


def _limit(limits: thresholds.Limits, name: str) -> Any:
    """A limit as the database finds it for each pincode: the longest scope that has one, else the default."""
    field: DecimalField[Any, Any] = DecimalField(max_digits=12, decimal_places=2)
    scopes = sorted(((scope, value) for (of, scope), value in limits.rows.items() if of == name and scope), key=lambda row: -len(row[0]))
    everywhere = Value(limits.everywhere()[name], output_field=field)
    whens = [When(pincode__startswith=scope, then=Value(value, output_field=field)) for scope, value in scopes]
    return Case(*whens, default=everywhere, output_field=field) if whens else everywhere

"""The figures of the first page: what went out, what is open, which pincodes are stretched (docs/rules.md, 10)."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

from django.core.cache import cache
from django.db.models import Count, F, Q, QuerySet
from django.db.models.lookups import LessThan

from core import access, clock
from core.alerts import steps
from core.analytics import thresholds
from core.analytics.thresholds import HUNDRED
from core.dashboard.pages import COUNTED_EACH_TIME
from core.messaging.campaigns.high_demand import HighDemand
from core.messaging.campaigns.vendor_bonus import VendorBonus
from core.models import BusinessAlert, NotificationLog, PincodeAnalytics, Role, Status, User
from core.notifications.kinds import kinds
from core.notifications.transports import methods

WEEK: Final = timedelta(days=6)
# What took more than 1,000 rows to count is counted again after so long.
REMEMBERED: Final = timedelta(seconds=15)
GONE: Final = (Status.SENT, Status.DELIVERED)


def statistics(user: User, *, now: datetime) -> dict[str, Any]:
    """Everything, as far as it is this person's to see: finance its own part. True of the moment it names, at most 15 s ago."""
    messages, counted_at = _messages(user, now=now)
    return {
        "status": "success",
        "notification_stats": messages,
        "business_alerts": _alerts(user),
        "pincode_analytics": _pincodes(now=now) if user.role != Role.FINANCE else None,
        "timestamp": counted_at,
    }


def success_rate(counts: dict[str, int]) -> float | None:
    """(sent + delivered) / (sent + delivered + failed), in percent with two decimals; None when nothing was sent."""
    good = counts.get(Status.SENT, 0) + counts.get(Status.DELIVERED, 0)
    tried = good + counts.get(Status.FAILED, 0)
    return round(100 * good / tried, 2) if tried else None


def _messages(user: User, *, now: datetime) -> tuple[dict[str, Any], datetime]:
    """The figures, and when they were counted."""
    name = f"figures:{user.role == Role.FINANCE}:{clock.business_day(now)}"
    kept: tuple[dict[str, Any], datetime] | None = cache.get(name)
    if kept is not None and timedelta(0) <= now - kept[1] < REMEMBERED:
        return kept
    figures = _counted(access.logs_of(user), now=now)
    if sum(figures["by_status_today"].values()) + figures["total_sent_week"] + figures["pending"] > COUNTED_EACH_TIME:
        cache.set(name, (figures, now), REMEMBERED.seconds)
    return figures, now


def _counted(rows: QuerySet[NotificationLog], *, now: datetime) -> dict[str, Any]:
    """By type, by method and by status, each in an index of its own."""
    today = clock.business_day(now)
    of_today = rows.filter(created_at__gte=clock.day_start(today))
    of_week = rows.filter(created_at__gte=clock.day_start(today - WEEK))
    by_status = _by(of_today, "status", Status.values)
    everything = sum(by_status.values())
    return {
        "total_sent_today": sum(by_status.get(status, 0) for status in GONE),
        "total_sent_week": of_week.filter(status__in=GONE).order_by().count(),
        "success_rate_today": success_rate(by_status),
        "failed_today": by_status.get(Status.FAILED, 0),
        "pending": rows.filter(status=Status.PENDING).order_by().count(),
        "by_type_today": _by(of_today, "notification_type", kinds.names(), everything=everything),
        "by_method_today": _by(of_today, "method", methods(), everything=everything),
        "by_status_today": by_status,
    }


def _by(rows: QuerySet[NotificationLog], field: str, known: Iterable[str], *, everything: int = 0) -> dict[str, int]:
    """How many there are of each. They are asked for by name, which is what an index can answer; with rows of a name that is no longer
    declared, fewer than everything would be found, and each row is read."""
    counts = rows.order_by().values_list(field).annotate(n=Count("pk")).order_by(field)
    found = dict(counts.filter(**{f"{field}__in": list(known)}))
    return found if sum(found.values()) >= everything else dict(counts)


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
    over = HighDemand.matching(demand)
    few = Q(total_bookings__gt=0) & Q(LessThan(HUNDRED * F("available_vendors"), bonus.hundredths("vendors_under")))
    counts = measured.filter(date=last).order_by().aggregate(
        total_pincodes_analyzed=Count("pk"), high_demand_areas=Count("pk", filter=over), low_vendor_areas=Count("pk", filter=few)
    )  # fmt: skip
    return {"date": last, **counts}

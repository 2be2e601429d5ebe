"""The pincodes that are over their limit, today so far or on the day before."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from django.db.models import Count, Max
from django.urls import reverse

from core import clock
from core.analytics import thresholds
from core.formatting import indian
from core.messaging.campaigns.high_demand import HighDemand
from core.models import PincodeAnalytics
from core.web.today.figures import Figure
from core.web.words import Moment, moment

PINCODES_SHOWN: Final = 8


@dataclass(frozen=True, slots=True)
class PincodeLine:
    pincode: str
    day: str
    bookings: str
    free: str
    per_vendor: str
    nobody: bool
    told: str
    address: str


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
    days_over: dict[date, int] = {}
    for row in two.filter(total_bookings__gt=0).order_by("pincode", "total_bookings", "date").iterator():
        if rule.matches(row, limits.for_pincode(row.pincode)):
            over[row.pincode] = row
            days_over[row.date] = days_over.get(row.date, 0) + 1
    worst = sorted(over.values(), key=lambda row: (-row.demand_ratio, -row.total_bookings, row.pincode))
    days = "today or yesterday" if last == today else f"on {day_name(last)} or the day before"
    counts = [indian(days_over.get(last - timedelta(days=back), 0)) for back in (0, 1)]
    names = ("today so far", "yesterday") if last == today else (f"on {day_name(last)}", "the day before")
    words = ", ".join(f"{count} {name}" for count, name in zip(counts, names, strict=True))
    return Places(
        figure=Figure("Pincodes over their limit", indian(len(over)), f"of {indian(known['pincodes'])}", words),
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
        address=f"{reverse('map')}?pincode={row.pincode}",
    )


def day_name(day: date) -> str:
    return f"{day:%a} {day.day} {day:%b}"

"""The pincodes that are over their limit, today so far or on the day before."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from django.db.models import Count, F, FloatField, Max, Q, QuerySet, Window
from django.db.models.functions import Cast, NullIf, RowNumber
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
    last = measured.order_by("-date").values_list("date", flat=True).first()
    if last is None:
        return Places(Figure("Pincodes over their limit", "none", "", "not measured yet"), [], "", None)
    before = last - timedelta(days=1)
    two = measured.filter(date__in=(last, before))
    over = HighDemand.matching(thresholds.in_force(HighDemand.name, HighDemand.limits, now=now))
    known = two.aggregate(
        pincodes=Count("pincode", distinct=True),
        over=Count("pincode", filter=over, distinct=True),
        last=Count("pk", filter=over & Q(date=last)),
        before=Count("pk", filter=over & Q(date=before)),
        at=Max("measured_at"),
    )
    days = "today or yesterday" if last == today else f"on {day_name(last)} or the day before"
    counts = (indian(known["last"]), indian(known["before"]))
    names = ("today so far", "yesterday") if last == today else (f"on {day_name(last)}", "the day before")
    words = ", ".join(f"{count} {name}" for count, name in zip(counts, names, strict=True))
    return Places(
        figure=Figure("Pincodes over their limit", indian(known["over"]), f"of {indian(known['pincodes'])}", words),
        lines=[pincode_line(row, today=today) for row in worst(two.filter(over))[:PINCODES_SHOWN]],
        days=days,
        measured=moment(known["at"], now=now),
    )


def worst(rows: QuerySet[PincodeAnalytics]) -> QuerySet[PincodeAnalytics]:
    """Each pincode's busier day of these, the later one of two alike; the most bookings per available vendor first."""
    busier_first = Window(RowNumber(), partition_by=F("pincode"), order_by=(F("total_bookings").desc(), F("date").desc()))
    # Without a vendor: null, which is more than any number.
    ratio = Cast("total_bookings", FloatField()) / NullIf("available_vendors", 0)
    return (
        rows.only("pincode", "date", "total_bookings", "available_vendors", "high_demand_alert_sent", "bonus_alert_sent")
        .annotate(place=busier_first, ratio=ratio)
        .filter(place=1)
        .order_by(F("ratio").desc(nulls_first=True), "-total_bookings", "pincode")
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

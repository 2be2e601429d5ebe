"""More work than vendors: the pincode's available vendors are told that it pays to take jobs now (docs/rules.md, 4)."""

from collections.abc import Collection
from datetime import datetime, timedelta
from decimal import Decimal
from math import isinf
from typing import Any

from django.db.models import BigIntegerField, F, Q, QuerySet
from django.db.models.functions import Cast
from django.db.models.lookups import GreaterThan

from core import audiences, clock
from core.analytics.thresholds import HUNDRED, Limits, Values
from core.messaging.campaign import declare
from core.messaging.pincode_campaign import PincodeCampaign
from core.models import PincodeAnalytics, User
from core.notifications import kinds
from core.timetable import Times


@declare
class HighDemand(PincodeCampaign):
    name = "high_demand"
    label = "High demand"
    kind = kinds.DEMAND
    times = Times(hour="9", late=timedelta(hours=3))
    task = "core.tasks.send_pincode_demand_alerts"
    flag = "high_demand_alert_sent"
    limits = {"bookings_over": Decimal(5), "bookings_per_vendor_over": Decimal(3)}
    reads = ("total_bookings", "available_vendors")
    gap_matters = True

    def matches(self, day: PincodeAnalytics, limits: Values) -> bool:
        per_vendor = limits["bookings_per_vendor_over"]
        return day.total_bookings > limits["bookings_over"] or day.total_bookings > per_vendor * day.available_vendors

    @staticmethod
    def matching(limits: Limits) -> Q:
        """What `matches` says of a day, asked of the database: for pages that count days and tell nobody."""
        bookings = HUNDRED * Cast("total_bookings", BigIntegerField())
        over = Q(GreaterThan(bookings, limits.hundredths("bookings_over")))
        return over | Q(GreaterThan(bookings, limits.hundredths("bookings_per_vendor_over") * F("available_vendors")))

    def audience(self, pincodes: Collection[str]) -> QuerySet[User]:
        return audiences.available_vendors(pincodes)

    def context(self, day: PincodeAnalytics, *, usual_value: Decimal | None, now: datetime) -> dict[str, Any]:
        return {
            "pincode": day.pincode,
            "bookings": day.total_bookings,
            "vendors": day.available_vendors,
            "ratio": ratio_words(day.demand_ratio),
            "average_value": usual_value,
            "as_of": day.measured_at,
            "day": "today" if day.date == clock.business_day(now) else "yesterday",
        }


def ratio_words(ratio: float) -> str:
    """Bookings per available vendor as a person reads it."""
    return "no vendor free" if isinf(ratio) else f"{ratio:.1f}"

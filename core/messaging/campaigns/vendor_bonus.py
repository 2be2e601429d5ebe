"""Far more work than vendors: every vendor of the pincode, available or not, is offered a bonus (docs/rules.md, 4)."""

from collections.abc import Collection
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet

from core import audiences, clock
from core.analytics.thresholds import Values
from core.messaging.campaign import declare
from core.messaging.pincode_campaign import PincodeCampaign
from core.models import PincodeAnalytics, User
from core.notifications import kinds
from core.timetable import Times

BONUS_PERCENTAGE = 15


@declare
class VendorBonus(PincodeCampaign):
    name = "vendor_bonus"
    label = "Vendor bonus"
    kind = kinds.BONUS
    times = Times(hour="10", late=timedelta(hours=3))
    task = "core.tasks.send_vendor_bonus_alerts"
    flag = "bonus_alert_sent"
    limits = {"bookings_over": Decimal(8), "vendors_under": Decimal(3)}
    reads = ("total_bookings", "available_vendors")
    gap_matters = True

    def matches(self, day: PincodeAnalytics, limits: Values) -> bool:
        return day.total_bookings > limits["bookings_over"] and day.available_vendors < limits["vendors_under"]

    def audience(self, pincodes: Collection[str]) -> QuerySet[User]:
        return audiences.vendors(pincodes)

    def context(self, day: PincodeAnalytics, *, usual_value: Decimal | None, now: datetime) -> dict[str, Any]:
        return {
            "pincode": day.pincode,
            "bonus": BONUS_PERCENTAGE,
            "bookings": day.total_bookings,
            "vendors": day.available_vendors,
            "until": last_moment(now),
            "as_of": day.measured_at,
        }


def last_moment(now: datetime) -> datetime:
    """The last minute of the business day, as people say 'until the end of today'."""
    return clock.day_start(clock.business_day(now) + timedelta(days=1)) - timedelta(minutes=1)

"""Too little work: the pincode's customers are offered a discount for the weekend (docs/rules.md, 4)."""

from collections.abc import Collection
from datetime import date, datetime, timedelta
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


@declare
class Promotions(PincodeCampaign):
    name = "promotions"
    label = "Weekend promotion"
    kind = kinds.PROMOTION
    times = Times(hour="11", day_of_week="1,3,5", late=timedelta(hours=4))
    task = "core.tasks.send_promotional_campaigns"
    flag = "promotional_alert_sent"
    limits = {"bookings_under": Decimal(3)}
    reads = ("total_bookings",)
    looks_at_today = False

    def matches(self, day: PincodeAnalytics, limits: Values) -> bool:
        return day.total_bookings < limits["bookings_under"]

    def audience(self, pincodes: Collection[str]) -> QuerySet[User]:
        return audiences.customers(pincodes)

    def context(self, day: PincodeAnalytics, *, usual_value: Decimal | None, now: datetime) -> dict[str, Any]:
        return offer(day.pincode, now=now)

    def link_url(self, day: PincodeAnalytics) -> str:
        return "/"


def offer(pincode: str, *, now: datetime) -> dict[str, Any]:
    """The weekend's offer: every variable of the promotional wording."""
    until = sunday(clock.business_day(now))
    return {
        "pincode": pincode,
        "subject": "25% off home services this weekend",
        "title": "25% off this weekend",
        "description": "Book any home service near you this weekend and pay a quarter less.",
        "offer_text": "25% OFF",
        "offer_description": f"On every service in {pincode}, until Sunday night.",
        "action_text": "Book now",
        "expiry_date": f"{until:%A} {until.day} {until:%B}",
    }


def sunday(day: date) -> date:
    """The Sunday that ends this day's week; a Sunday is its own."""
    return day + timedelta(days=(6 - day.weekday()) % 7)

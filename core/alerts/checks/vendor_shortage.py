"""Pincodes in high demand whose free vendors are too few by far: vendors there were told, and it is not enough."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, Decimal

from django.db.models import Count, Exists, IntegerField, OuterRef, Subquery
from django.db.models.functions import Coalesce

from core import clock
from core.alerts.check import Check, Finding, Nouns, Severity, Values, declare
from core.formatting import indian
from core.models import AlertItem, PincodeAnalytics, Role, User
from core.notifications.kinds import BUSINESS_ALERT
from core.timetable import Times

VENDORS = Nouns("vendor free", "vendors free")


@declare
class VendorShortage(Check):
    name = "vendor_shortage"
    label = "Pincodes short of vendors"
    alert_type = "high_demand"
    kind = BUSINESS_ALERT
    roles = (Role.OPS_MANAGER,)
    nouns = Nouns("pincode short of vendors", "pincodes short of vendors")
    rule = (
        "Pincodes where, yesterday or today so far, there were bookings for {vendors_short} or more vendors beyond those free now, "
        "at {bookings_per_vendor} bookings each."
    )
    # While somebody can do something about it; after the campaigns of the hour have measured today.
    times = Times(minute="15", hour="9-18")
    limits = {"bookings_per_vendor": Decimal(3), "vendors_short": Decimal(3)}

    def find(self, *, now: datetime, limits: Values) -> Iterator[Finding]:
        each, short = max(limits["bookings_per_vendor"], Decimal(1)), max(limits["vendors_short"], Decimal(1))
        today = clock.business_day(now)
        free = User.objects.filter(role=Role.VENDOR, pincode=OuterRef("pincode"), is_active=True, is_available=True)
        # Where nobody at all could be told, the alert `low_vendor_count` says so already.
        told_of = AlertItem.objects.filter(
            alert__alert_type="low_vendor_count", object_type="pincode", object_id=OuterRef("pincode"), cleared_at=None
        )
        busy = PincodeAnalytics.objects.filter(date__in=(today, today - timedelta(days=1)), total_bookings__gt=each * (short - 1))
        counted = free.order_by().values("pincode").annotate(count=Count("pk")).values("count")
        rows = busy.exclude(Exists(told_of)).annotate(free=Coalesce(Subquery(counted, output_field=IntegerField()), 0))
        seen = ""
        for pincode, day, bookings, vendors in (
            rows.order_by("pincode", "-total_bookings", "-date").values_list("pincode", "date", "total_bookings", "free").iterator(2_000)
        ):
            missing = int((bookings / each).to_integral_value(ROUND_CEILING)) - vendors
            # Of its two days the busier one.
            if pincode == seen or missing < short:
                continue
            seen = pincode
            yield Finding(
                object_type="pincode",
                object_id=pincode,
                label=f"{pincode}: {indian(bookings)} bookings, {indian(vendors)} {VENDORS.of(vendors)}, {indian(missing)} short",
                since=clock.day_start(day),
                severity=Severity.HIGH,
                pincode=pincode,
            )

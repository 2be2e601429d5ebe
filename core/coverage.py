"""Where there is demand and nobody to tell: what a campaign's run found becomes an alert for ops (docs/rules.md, 4)."""

from collections.abc import Collection
from datetime import datetime, timedelta

from core import clock
from core.alerts.check import Finding
from core.alerts.manual import report_coverage_gaps
from core.formatting import indian
from core.messaging.campaign import Campaign
from core.models import PincodeAnalytics


def report(campaign: Campaign, pincodes: Collection[str], *, now: datetime) -> None:
    """Open, update or resolve this campaign's alert, by the pincodes its run just now found uncovered."""
    today = clock.business_day(now)
    days: dict[str, PincodeAnalytics] = {}
    rows = PincodeAnalytics.objects.filter(pincode__in=pincodes, date__in=(today, today - timedelta(days=1)))
    for row in rows.order_by("total_bookings"):
        days[row.pincode] = row
    findings = [
        Finding(
            object_type="pincode",
            object_id=pincode,
            label=f"{pincode}: {indian(row.total_bookings)} bookings, {indian(row.available_vendors)} vendors free",
            since=clock.day_start(row.date),
            pincode=pincode,
        )
        for pincode, row in sorted(days.items())
    ]
    report_coverage_gaps(campaign.name, campaign.label.lower(), findings, now=now)

"""The team's pages over a million notifications, 2,000 measured pincodes and 100 open alerts: the server's time for each.

What is measured is the whole answer, through every middleware to the last byte, as an ops manager or a super admin gets it. Totals
that are remembered for a while are told apart: the first answer, with nothing remembered, is given beside the usual one.

    BENCH_PAGES=200000 .venv/bin/python benchmarks/bench_pages.py
"""

import os
import sys
import time
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import bench
from bench_reads import PEOPLE, fill
from django.conf import settings
from django.core.cache import cache
from django.test import Client

from core import clock
from core.geo.places import LIST
from core.models import AlertItem, BusinessAlert, NotificationLog, PincodeAnalytics, Role, User

SIZE = int(os.environ.get("BENCH_PAGES", "1000000"))
TIMES = 9
MOST_MS = 100
PINCODES, DAYS_MEASURED, ALERTS, ITEMS = 2_000, 28, 100, 50
PAGES = {
    "today": "/dashboard/",
    "alerts": "/dashboard/alerts/",
    "an alert": "/dashboard/alerts/{alert}/",
    "map": "/dashboard/map/",
    "map, as a list": "/dashboard/map/?view=list",
    "log": "/dashboard/log/",
    "log, failed SMS": "/dashboard/log/?method=sms&status=failed",
    "log, of a pincode": "/dashboard/log/?pincode=560123",
    "a message": "/dashboard/log/{message}/",
    "campaigns": "/dashboard/campaigns/",
    "a campaign": "/dashboard/campaigns/high_demand/",
    "schedule": "/dashboard/schedule/",
    "providers": "/dashboard/providers/",
    "thresholds": "/dashboard/thresholds/",
    "wording": "/dashboard/wording/",
    "people": "/dashboard/people/",
    "audit trail": "/dashboard/audit/",
    "outbox": "/dashboard/outbox/",
}


def measured_days() -> None:
    """Of pincodes that there are, over all of India, so that the map draws each."""
    today = clock.business_day(clock.now())
    lines = LIST.read_text(encoding="utf-8").splitlines()
    pincodes = [line[:6] for line in lines][:: len(lines) // PINCODES][:PINCODES]
    PincodeAnalytics.objects.bulk_create(
        (
            PincodeAnalytics(
                pincode=pincode,
                date=today - timedelta(days=back),
                total_bookings=number * 7 % 23,
                available_vendors=number % 5,
            )
            for back in range(DAYS_MEASURED)
            for number, pincode in enumerate(pincodes)
        ),
        batch_size=2_000,
    )


def open_alerts(now: datetime) -> None:
    alerts = BusinessAlert.objects.bulk_create(
        BusinessAlert(alert_type="system_error", severity="high", title=f"Alert {number}", rupees_at_risk=number * 100, item_count=ITEMS)
        for number in range(ALERTS)
    )
    AlertItem.objects.bulk_create(
        AlertItem(alert=alert, object_type="payment", object_id=str(number), label="Deep cleaning", since=now, severity="high", rupees=100)
        for alert in alerts
        for number in range(ITEMS)
    )


def main() -> int:
    now = datetime.now(ZoneInfo(settings.TIME_ZONE))
    with bench.scratch_database():
        sara = User.objects.create(username="sara", role=Role.SUPER_ADMIN, password="!")
        vendors = [User(username=f"p{n}", role=Role.VENDOR, password="!", email=f"p{n}@homeserve.example") for n in range(PEOPLE)]
        fill(SIZE, [user.pk for user in User.objects.bulk_create(vendors)], already=0)
        measured_days()
        open_alerts(now)
        bench.settle()
        client = Client(SERVER_NAME="localhost")
        client.force_login(sara)
        of = {"alert": BusinessAlert.objects.first().pk, "message": NotificationLog.objects.order_by("-created_at")[:1].get().pk}  # type: ignore[union-attr]
        for name, address in PAGES.items():
            url = address.format(**of)

            def ask(url: str = url) -> None:
                answer = client.get(url)
                assert answer.status_code == 200, (url, answer.status_code)

            ask()
            cache.clear()
            began = time.perf_counter()
            ask()
            first = time.perf_counter() - began
            usual = bench.measure(ask, times=TIMES)
            bench.report(f"Pages at {SIZE:,}: {name}, with nothing remembered", first * 1_000, None, True, "ms")
            bench.at_most(f"Pages at {SIZE:,}: {name}", usual * 1_000, MOST_MS, "ms")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Queueing a promotion for 100,000 people by two methods, beside a bare `bulk_create` of the very same rows."""

import sys
import time
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import bench
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from core import bulk
from core.messaging.campaign import campaigns
from core.models import NotificationLog, PincodeAnalytics, Role, User

PEOPLE = 100_000
PINCODES = 40
# A Monday at eleven.
NOW = datetime(2026, 11, 16, 11, 0, tzinfo=ZoneInfo("Asia/Kolkata"))


def fill(people: int) -> None:
    """Customers of quiet pincodes, and yesterday measured: no booking anywhere."""
    pincodes = [str(560_001 + n) for n in range(PINCODES)]
    customers = (
        User(
            username=f"customer{n}",
            first_name=f"Asha{n % 500}",
            email=f"customer{n}@homeserve.example",
            phone=f"+91555{n:07d}",
            role=Role.CUSTOMER,
            pincode=pincodes[n % PINCODES],
            password="!",
        )
        for n in range(people)
    )
    for batch in bulk.batches(customers, 5_000):
        User.objects.bulk_create(batch)
    yesterday = NOW.date() - timedelta(days=1)
    PincodeAnalytics.objects.bulk_create(PincodeAnalytics(pincode=pincode, date=yesterday, is_final=True) for pincode in pincodes)
    bench.settle()


def seconds_of_bulk_create() -> float:
    """Write the rows that are there once more, as ready objects, and nothing else."""
    count = NotificationLog.objects.count()
    batches = [list(NotificationLog.objects.order_by("pk")[offset : offset + 10_000]) for offset in range(0, count, 10_000)]
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {NotificationLog._meta.db_table}")
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"VACUUM FULL {NotificationLog._meta.db_table}")
    started = time.perf_counter()
    with transaction.atomic():
        for batch in batches:
            NotificationLog.objects.bulk_create(batch, batch_size=2_000)
    return time.perf_counter() - started


def main(people: int) -> None:
    with bench.scratch_database():
        fill(people)
        promotions = campaigns.get("promotions")
        with CaptureQueriesContext(connection) as captured:
            counted = promotions.run(now=NOW, dry_run=True)
        connection.queries_log.clear()
        with bench.memory_growth() as growth:
            started = time.perf_counter()
            result = promotions.run(now=NOW)
            taken = time.perf_counter() - started
        messages = result["queued"]
        assert messages == counted["queued"] == 2 * people
        bare = seconds_of_bulk_create()
        NotificationLog.objects.all()._raw_delete("default")
        PincodeAnalytics.objects.update(promotional_alert_sent=False)
        with CaptureQueriesContext(connection) as captured:
            promotions.run(now=NOW)
    bench.report(f"promotion for {people:,} people decided and queued", messages / taken, None, True, "messages a second")
    bench.report("bulk_create of the same rows, ready objects", messages / bare, None, True, "messages a second")
    bench.at_least("queueing beside bare bulk_create", bare / taken, 0.8, "times as fast")
    bench.at_most("statements a message", len(captured) / messages, 0.01, "statements")
    bench.at_most("memory grown", growth.peak, 150, "MB")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else PEOPLE)

"""A check with 100,000 payments held: when it opens its alert, when nothing has changed, and when a tenth of it has.

Beside it the bare SQL of the same (what is stuck, put into the items by one INSERT … SELECT; or only read), and what one
writes first: a loop that gets or creates an item for each row. The loop runs over a part, and is given for all by its rate.
"""

import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import bench
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from core.alerts.check import checks
from core.alerts.findings import stored
from core.alerts.lifecycle import reconcile
from core.models import AlertItem, Booking, BusinessAlert, Payment, Role, Service, User
from core.models.fields import new_id

STUCK = 100_000
LOOPED = 2_000
NOW = datetime(2026, 11, 22, 10, 0, tzinfo=ZoneInfo("Asia/Kolkata"))
HOUR = timedelta(hours=1)
HOLDS = checks.get("payment_holds")

BARE_SELECT = """
SELECT COUNT(*), SUM(p.amount), MIN(COALESCE(p.held_at, p.created_at)) FROM core_payment p
JOIN core_booking b ON b.id = p.booking_id JOIN core_service s ON s.id = b.service_id
WHERE p.status = 'on_hold' AND COALESCE(p.held_at, p.created_at) < %s AND s.name <> '' AND b.pincode <> ''
"""
# What of it is new, otherwise than before or gone, and nothing else: the least that a run over an unchanged problem must find out.
BARE_COMPARISON = """
SELECT COUNT(*), SUM(f.amount), MIN(f.since), SUM(CASE WHEN i.id IS NULL THEN 1 ELSE 0 END),
    SUM(CASE WHEN i.since <> f.since OR i.rupees <> f.amount OR i.pincode <> f.pincode OR i.label <> f.label THEN 1 ELSE 0 END)
FROM (
    SELECT {text} AS object_id, s.name || ', ' || b.pincode || ', ' || upper(substr({text}, 1, 8)) AS label,
        COALESCE(p.held_at, p.created_at) AS since, p.amount, b.pincode
    FROM core_payment p JOIN core_booking b ON b.id = p.booking_id JOIN core_service s ON s.id = b.service_id
    WHERE p.status = 'on_hold' AND COALESCE(p.held_at, p.created_at) < %s
) f {join} (SELECT * FROM core_alertitem WHERE alert_id = %s AND cleared_at IS NULL) i
    ON i.object_type = 'payment' AND i.object_id = f.object_id
"""
# SQLite goes by the index of the items, PostgreSQL by hashing; each by what is quickest there.
JOIN = {"postgresql": "FULL JOIN", "sqlite": "LEFT JOIN"}
ID = {"postgresql": "gen_random_uuid()", "sqlite": "lower(hex(randomblob(16)))"}
TEXT = {"postgresql": "p.id::text", "sqlite": "p.id"}
BARE_INSERT = """
INSERT INTO core_alertitem (id, alert_id, object_type, object_id, label, since, severity, rupees, pincode, first_seen_at)
SELECT {id}, %s, 'payment', {text}, s.name || ', ' || b.pincode || ', ' || upper(substr({text}, 1, 8)),
    COALESCE(p.held_at, p.created_at), 'high', p.amount, b.pincode, %s
FROM core_payment p JOIN core_booking b ON b.id = p.booking_id JOIN core_service s ON s.id = b.service_id
WHERE p.status = 'on_hold' AND COALESCE(p.held_at, p.created_at) < %s
"""


def fill(stuck: int) -> None:
    User.objects.create(username="omar", email="omar@homeserve.example", role=Role.OPS_MANAGER, password="!")
    customer = User.objects.create(username="kiran", role=Role.CUSTOMER, password="!")
    service = Service.objects.create(name="Deep cleaning", category="cleaning", base_price=500)
    for start in range(0, stuck, 10_000):
        numbers = range(start, min(start + 10_000, stuck))
        jobs = [
            Booking(
                id=new_id(), customer=customer, service=service, status="completed", total_price=300 + number % 900,
                pincode=str(560_001 + number % 400), scheduled_date=NOW - 90 * HOUR,
            )
            for number in numbers
        ]  # fmt: skip
        Booking.objects.bulk_create(jobs, batch_size=2_000)
        Payment.objects.bulk_create(
            (
                Payment(booking=job, amount=job.total_price, status="on_hold", held_at=NOW - 30 * HOUR - timedelta(seconds=number % 3_600))
                for number, job in zip(numbers, jobs, strict=True)
            ),
            batch_size=2_000,
        )
    bench.settle()


def bare_insert() -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        alert = BusinessAlert.objects.create(alert_type="payment_hold", title="Bare")
        statement = BARE_INSERT.format(id=ID[connection.vendor], text=TEXT[connection.vendor])
        moment = stored("first_seen_at", NOW)
        cursor.execute(statement, [stored("alert", alert.pk), moment, stored("first_seen_at", NOW - 24 * HOUR)])


def bare_select() -> None:
    with connection.cursor() as cursor:
        cursor.execute(BARE_SELECT, [stored("first_seen_at", NOW - 24 * HOUR)])
        cursor.fetchall()


def bare_comparison() -> None:
    statement = BARE_COMPARISON.format(text=TEXT[connection.vendor], join=JOIN[connection.vendor])
    alert = stored("alert", BusinessAlert.objects.get(alert_type="payment_hold", title__contains="held").pk)
    with connection.cursor() as cursor:
        cursor.execute(statement, [stored("first_seen_at", NOW - 24 * HOUR), alert])
        cursor.fetchall()


def loop() -> float:
    """Seconds a row of the obvious code: it opens the alert, and gets or creates an item for each payment."""
    held = Payment.objects.filter(status="on_hold", held_at__lt=NOW - 24 * HOUR).select_related("booking__service")
    alert, _ = BusinessAlert.objects.get_or_create(alert_type="payment_hold", title="Loop", defaults={"severity": "high"})
    start = time.perf_counter()
    for payment in held[:LOOPED]:
        AlertItem.objects.get_or_create(
            alert=alert,
            object_type="payment",
            object_id=str(payment.pk),
            cleared_at=None,
            defaults={
                "label": f"{payment.booking.service.name}, {payment.booking.pincode}",
                "since": payment.held_at or payment.created_at,
                "severity": "high",
                "rupees": payment.amount,
                "pincode": payment.booking.pincode,
                "first_seen_at": NOW,
            },
        )
    return (time.perf_counter() - start) / LOOPED


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def clean() -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        for table in ("core_alertevent", "core_alertitem"):
            cursor.execute(f"DELETE FROM {table}")
        BusinessAlert.objects.all().delete()
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("VACUUM core_alertitem")


def statements(work: Callable[[], object]) -> int:
    with CaptureQueriesContext(connection) as captured:
        work()
    return len([query for query in captured if not query["sql"].startswith(("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE"))])


def opening() -> float:
    clean()
    return timed(lambda: reconcile(HOLDS, now=NOW))


def median(work: Callable[[], float], times: int = 3) -> float:
    return sorted(work() for _ in range(times))[times // 2]


def inserted() -> float:
    clean()
    return timed(bare_insert)


def counted(stuck: int) -> tuple[int, int]:
    """Statements of a run that opens, and of one that finds the same again."""
    with bench.scratch_database():
        fill(stuck)
        return statements(lambda: reconcile(HOLDS, now=NOW)), statements(lambda: reconcile(HOLDS, now=NOW + HOUR))


def tenth_changed() -> float:
    """A run after a tenth of the amounts has changed."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE core_payment SET amount = amount + 1 WHERE CAST(amount AS INTEGER) % 10 = 7")
    return timed(lambda: reconcile(HOLDS, now=NOW + HOUR))


def main(stuck: int) -> None:
    few, many = counted(10), counted(5_000)
    with bench.scratch_database():
        fill(stuck)
        bare, read = median(inserted), bench.measure(bare_select, times=3)
        clean()
        a_row = loop()
        opened = median(opening)
        with bench.memory_growth() as growth:
            clean()
            reconcile(HOLDS, now=NOW)
        bench.settle()
        same = bench.measure(lambda: reconcile(HOLDS, now=NOW + HOUR), times=5)
        compared = bench.measure(bare_comparison, times=5)
        changed = tenth_changed()
        assert AlertItem.objects.filter(cleared_at=None).count() == stuck
        loop()
        same_loop = loop() * stuck
    of = f"{stuck:,} payments held"
    bench.report("statements of a check that opens an alert and tells it, 10 found", few[0], None, True, "statements")
    bench.at_most("statements of a check that opens an alert and tells it, 5,000 found", many[0], few[0], "statements")
    # PostgreSQL takes a lock by a statement, SQLite with its BEGIN.
    lock = int(connection.vendor == "postgresql")
    bench.at_most("statements of a check that finds the same 5,000 again, and tells nobody", many[1], 4 + lock, "statements")
    bench.report(f"bare INSERT … SELECT, {of}", bare, None, True, "s")
    bench.report(f"a check that opens, {of}", opened, None, True, "s")
    bench.at_most(f"a check that opens beside its bare SQL, {of}", opened / bare, 3, "times")
    bench.report(f"bare SELECT, {of}", read, None, True, "s")
    bench.report(f"a check that finds the same, {of}", same, None, True, "s")
    bench.report(f"a check that finds the same beside its bare SELECT, {of}", same / read, None, True, "times")
    bench.report(f"bare comparison, {of}", compared, None, True, "s")
    bench.at_most(f"a check that finds the same beside a bare comparison, {of}", same / compared, 3, "times")
    bench.report(f"a check that finds a tenth changed, {of}", changed, None, True, "s")
    bench.report(f"a loop that gets or creates each item, {of}", a_row * stuck, None, True, "s")
    bench.at_least(f"a check that opens beside the loop, {of}", a_row * stuck / opened, 20, "times faster")
    bench.at_least(f"a check that finds the same beside the loop, {of}", same_loop / same, 20, "times faster")
    bench.at_most(f"memory of a check that opens, {of}", growth.peak, 32, "MB")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else STUCK)

"""A day's analytics at a million bookings and 2,000 pincodes, beside the bare SELECT of the same figures."""

import sys
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import bench
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core.analytics import sql
from core.analytics.generate import measure, nightly_days, parameters, stored
from core.clock import day_bounds
from core.models import Booking, PincodeAnalytics, Role, Service, Signature, User

BOOKINGS = 1_000_000
PINCODES = 2_000
DAYS = 25
NOW = datetime(2026, 11, 22, 1, 0, tzinfo=ZoneInfo("Asia/Kolkata"))
YESTERDAY = NOW.date() - timedelta(days=1)

# What anybody would write who wanted a day's figures of the pincodes that had bookings, and nothing else.
BARE = """
SELECT b.pincode, COUNT(*), COUNT(*) FILTER (WHERE b.status = 'pending'), {completed}, COUNT(*) FILTER (WHERE b.status = 'cancelled'),
    COUNT(DISTINCT b.vendor_id), {response}, {completion}, AVG(s.satisfaction_rating), {revenue}, {value}
FROM {booking} b LEFT JOIN {signature} s ON s.booking_id = b.id AND s.status = 'signed'
WHERE b.created_at >= {moment} AND b.created_at < {moment} GROUP BY b.pincode
"""


def bare_select(day: date) -> None:
    dialect = sql.DIALECTS[connection.vendor]
    done = "FILTER (WHERE b.status IN ('completed', 'signed'))"
    statement = BARE.format(
        completed=f"COUNT(*) {done}",
        response=f"AVG({dialect['seconds'].format(later='b.assigned_at', earlier='b.created_at')})",
        completion=f"AVG({dialect['seconds'].format(later='b.completion_date', earlier='b.scheduled_date')}) {done}",
        revenue=f"SUM(b.total_price) {done}",
        value=f"AVG(b.total_price) {done}",
        moment=dialect["moment"],
        booking=Booking._meta.db_table,
        signature=Signature._meta.db_table,
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [stored(bound) for bound in day_bounds(day)])
        cursor.fetchall()


def same_select(days: list[date]) -> None:
    """Our own statement's SELECT, without the writing."""
    with connection.cursor() as cursor:
        cursor.execute(sql.select(len(days), connection.vendor), parameters(days, now=NOW))
        cursor.fetchall()


def fill(bookings: int, pincodes: int) -> None:
    """People and bookings, made in the database: as many each day, spread evenly over pincodes and hours."""
    numbers = [str(560_001 + n) for n in range(pincodes)]
    people = [
        User(username=f"{role}{pincode}{n}", role=role, pincode=pincode, is_available=role == Role.VENDOR, password="!")
        for pincode in numbers
        for role, count in ((Role.VENDOR, 3), (Role.CUSTOMER, 3))
        for n in range(count)
    ]
    User.objects.bulk_create(people, batch_size=2_000)
    service = Service.objects.create(name="Cleaning", category="cleaning", base_price=500)
    first = User.objects.order_by("pk").values_list("pk", flat=True)[0]
    start = day_bounds(NOW.date() - timedelta(days=DAYS))[0]
    per_day = bookings // DAYS
    with connection.cursor() as cursor:
        cursor.execute(BOOKING_ROWS[connection.vendor], {
            "n": bookings, "service": service.pk, "first": first, "people": len(people), "pincodes": pincodes,
            "start": stored(start), "step": 86_400 / per_day,
        })  # fmt: skip
        cursor.execute(SIGNATURE_ROWS[connection.vendor])
        cursor.execute("ANALYZE")


STATUS = "CASE g % 10 WHEN 0 THEN 'pending' WHEN 1 THEN 'cancelled' WHEN 2 THEN 'confirmed' WHEN 3 THEN 'completed' ELSE 'signed' END"
COLUMNS = (
    """(id, customer_id, vendor_id, service_id, status, total_price, pincode, scheduled_date, assigned_at, completion_date, created_at)"""
)
BOOKING_ROWS = {
    "postgresql": f"""
        INSERT INTO core_booking {COLUMNS}
        SELECT gen_random_uuid(), %(first)s + g %% %(people)s, %(first)s + (g * 7) %% %(people)s, %(service)s, {STATUS.replace("%", "%%")},
            300 + g %% 900, (560001 + (g * 31) %% %(pincodes)s)::text, t + interval '1 day', t + interval '20 minutes',
            t + interval '25 hours', t
        FROM generate_series(0, %(n)s - 1) g, LATERAL (SELECT %(start)s::timestamptz + g * %(step)s * interval '1 second' AS t) moment""",
    "sqlite": f"""
        INSERT INTO core_booking {COLUMNS}
        WITH RECURSIVE series (g) AS (SELECT 0 UNION ALL SELECT g + 1 FROM series WHERE g < %(n)s - 1)
        SELECT lower(hex(randomblob(16))), %(first)s + g %% %(people)s, %(first)s + (g * 7) %% %(people)s, %(service)s,
            {STATUS.replace("%", "%%")}, 300 + g %% 900, CAST(560001 + (g * 31) %% %(pincodes)s AS TEXT),
            datetime(%(start)s, '+1 day', (g * %(step)s) || ' seconds'), datetime(%(start)s, '+20 minutes', (g * %(step)s) || ' seconds'),
            datetime(%(start)s, '+25 hours', (g * %(step)s) || ' seconds'), datetime(%(start)s, (g * %(step)s) || ' seconds')
        FROM series""",
}
SIGNED = "FROM core_booking WHERE status = 'signed'"
SIGNATURE_ROWS = {
    "postgresql": f"""INSERT INTO core_signature (id, booking_id, status, requested_at, satisfaction_rating)
        SELECT gen_random_uuid(), id, 'signed', completion_date, 1 + (total_price::int % 5) {SIGNED}""",
    "sqlite": f"""INSERT INTO core_signature (id, booking_id, status, requested_at, satisfaction_rating)
        SELECT lower(hex(randomblob(16))), id, 'signed', completion_date, 1 + (CAST(total_price AS INTEGER) % 5) {SIGNED}""",
}


def statements(days: list[date]) -> int:
    with CaptureQueriesContext(connection) as captured:
        measure(days, now=NOW)
    return len(captured)


def main(bookings: int) -> None:
    eight = nightly_days(NOW.date())
    with bench.scratch_database():
        fill(10_000, 10)
        few = statements(eight)
    with bench.scratch_database():
        fill(bookings, PINCODES)
        measure(eight, now=NOW)
        many = statements(eight)
        bare = bench.measure(lambda: bare_select(YESTERDAY))
        same = bench.measure(lambda: same_select([YESTERDAY]))
        day = bench.measure(lambda: measure([YESTERDAY], now=NOW))
        night = bench.measure(lambda: measure(eight, now=NOW))
        rows = PincodeAnalytics.objects.filter(date=YESTERDAY).count()
    assert rows == PINCODES
    bench.report("bare SELECT of a day's figures", bare, None, True, "s")
    bench.report("the same with quiet pincodes and vendors, not written", same, None, True, "s")
    bench.report(f"a day's analytics, {PINCODES:,} pincodes, {bookings:,} bookings", day, None, True, "s")
    bench.at_most("a day's analytics beside the bare SELECT", day / bare, 2, "times")
    bench.at_most("the eight-day run beside one day", night / day, 5, "times")
    bench.report("statements of the eight-day run at 10 pincodes", few, None, True, "statements")
    bench.at_most(f"statements of the eight-day run at {PINCODES:,} pincodes", many, few, "statements")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else BOOKINGS)

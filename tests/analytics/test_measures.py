"""What is measured of a pincode's day, and what it costs (docs/rules.md, 3)."""

import math
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core import tasks
from core.models import Booking, PincodeAnalytics, Service, Signature, User
from core.models.fields import new_id
from tests.messaging.market import SUNDAY, booked, ist, row, vendors

pytestmark = pytest.mark.django_db

NOON = ist(SUNDAY, 12)


def test_bookings_are_counted_by_what_became_of_them(frozen):
    for status in Booking.Status.values:
        booked(1, at=NOON, status=status)
    tasks.generate_pincode_analytics()
    day = row(SUNDAY)
    assert day.total_bookings == 7
    assert (day.pending_bookings, day.completed_bookings, day.cancelled_bookings) == (1, 2, 1)


def test_revenue_and_average_value_are_of_completed_and_signed_jobs(frozen):
    booked(1, at=NOON, status="completed", total_price=Decimal("999.99"))
    booked(1, at=NOON, status="signed", total_price=Decimal("500.50"))
    booked(1, at=NOON, status="disputed", total_price=Decimal(7000))
    booked(1, at=NOON, status="confirmed", total_price=Decimal(7000))
    tasks.generate_pincode_analytics()
    assert (row(SUNDAY).total_revenue, row(SUNDAY).avg_booking_value) == (Decimal("1500.49"), Decimal("750.25"))


def test_money_is_exact_however_much_there_is(frozen):
    booked(2_000, at=NOON, status="completed", total_price=Decimal("0.10"))
    tasks.generate_pincode_analytics()
    assert (row(SUNDAY).total_revenue, row(SUNDAY).avg_booking_value) == (Decimal("200.00"), Decimal("0.10"))


def test_times_are_averaged_over_those_that_have_one(frozen):
    booked(1, at=NOON, assigned_at=NOON + timedelta(minutes=10), status="confirmed")
    booked(1, at=NOON, assigned_at=NOON + timedelta(minutes=35), status="cancelled")
    booked(1, at=NOON)
    start = NOON + timedelta(hours=1)
    for status, hours in (("completed", 2), ("signed", 3), ("disputed", 90)):
        booked(1, at=NOON, status=status, scheduled_date=start, completion_date=start + timedelta(hours=hours))
    booked(1, at=NOON, status="completed", scheduled_date=start)
    tasks.generate_pincode_analytics()
    assert (row(SUNDAY).avg_response_time_minutes, row(SUNDAY).avg_completion_time_hours) == (22.5, 2.5)


def test_satisfaction_is_of_signed_ratings_alone(frozen):
    for status, rating in (("signed", 5), ("signed", 2), ("signed", None), ("disputed", 1)):
        (job,) = booked(1, at=NOON, status="signed")
        Signature.objects.create(booking=job, status=status, satisfaction_rating=rating, requested_at=NOON)
    tasks.generate_pincode_analytics()
    assert row(SUNDAY).customer_satisfaction_avg == 3.5


def test_without_samples_a_measure_is_null_and_not_zero(frozen):
    booked(3, at=NOON)
    tasks.generate_pincode_analytics()
    day = row(SUNDAY)
    assert day.total_bookings == 3
    assert day.avg_response_time_minutes is None
    assert day.avg_completion_time_hours is None
    assert day.customer_satisfaction_avg is None
    assert day.avg_booking_value is None


def test_available_vendors_are_the_active_and_available_ones_of_the_pincode(frozen, vera, viren):
    vendors(2)
    vendors(3, pincode="560002")
    User.objects.filter(pk=vendors(1)[0].pk).update(is_active=False)
    tasks.generate_pincode_analytics()
    assert row(SUNDAY).available_vendors == 3


def test_active_vendors_are_the_different_ones_with_a_booking_of_that_day(frozen, vera, viren):
    booked(3, at=NOON, vendor=vera)
    booked(1, at=NOON, vendor=viren)
    booked(1, at=NOON)
    booked(1, at=NOON - timedelta(days=1), vendor=vendors(1)[0])
    tasks.generate_pincode_analytics()
    assert row(SUNDAY).active_vendors == 2


@pytest.mark.parametrize(("bookings", "free", "ratio"), [(6, 2, 3.0), (1, 0, math.inf), (0, 0, 0.0), (0, 3, 0.0)])
def test_the_demand_ratio_is_bookings_for_each_available_vendor(frozen, kiran, bookings, free, ratio):
    vendors(free)
    booked(bookings, at=NOON)
    tasks.generate_pincode_analytics()
    assert row(SUNDAY).demand_ratio == ratio


def statements_to_measure(pincodes: int, first: int) -> int:
    """What a night costs with so many pincodes more, each with a customer, a vendor and three bookings."""
    names = [str(first + number) for number in range(pincodes)]
    User.objects.bulk_create(
        User(username=f"{role}-{name}", role=role, pincode=name, is_available=True, password="!")
        for name in names
        for role in ("vendor", "customer")
    )
    work = Service.objects.get_or_create(name="Repair", defaults={"category": "repair", "base_price": 1})[0]
    who = User.objects.get(username=f"customer-{names[0]}")
    Booking.objects.bulk_create(
        Booking(id=new_id(), customer=who, service=work, total_price=1, pincode=name, scheduled_date=NOON, created_at=NOON)
        for name in names
        for _ in range(3)
    )
    with CaptureQueriesContext(
        connection,
    ) as captured:
        tasks.generate_pincode_analytics()
    return len(captured)


def test_ten_pincodes_and_two_hundred_cost_the_same_number_of_statements(frozen, db):
    few = statements_to_measure(10, 110001)
    many = statements_to_measure(190, 210001)
    assert PincodeAnalytics.objects.filter(date=SUNDAY, total_bookings=3).count() == 200
    assert many == few

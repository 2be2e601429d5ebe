"""Which day a booking belongs to, which pincodes have a row, and which days a run measures (docs/rules.md, 1 and 3)."""

from datetime import date, datetime, timedelta

import pytest

from core import tasks
from core.models import Booking, PincodeAnalytics, Role, User
from tests.messaging.market import MONDAY, SUNDAY, booked, ist, row
from tests.people import HOME, NEXT_DOOR, person

pytestmark = pytest.mark.django_db

SATURDAY = SUNDAY - timedelta(days=1)


def test_a_day_is_indias_day_although_utc_disagrees(frozen):
    booked(1, at=ist(SUNDAY, 23, 59, 59))
    booked(2, at=ist(MONDAY, 0, 1))
    booked(4, at=ist(MONDAY, 5, 29))
    tasks.generate_pincode_analytics()
    assert row(SUNDAY).total_bookings == 1
    assert row(MONDAY).total_bookings == 6


def test_midnight_opens_the_new_day(frozen):
    booked(1, at=ist(MONDAY, 0, 0, 0))
    tasks.generate_pincode_analytics()
    assert (row(SUNDAY).total_bookings, row(MONDAY).total_bookings) == (0, 1)


def test_a_booking_of_the_future_is_not_counted_yet(frozen):
    booked(3, at=ist(MONDAY, 9, 0, 1))
    tasks.generate_pincode_analytics()
    assert row(MONDAY).total_bookings == 0


def test_a_quiet_pincode_with_a_customer_only_has_a_row_of_zeros(frozen, chitra):
    result = tasks.generate_pincode_analytics()
    assert result["pincodes"] == 1
    quiet = row(SUNDAY, NEXT_DOOR)
    assert (quiet.total_bookings, quiet.pending_bookings, quiet.completed_bookings, quiet.cancelled_bookings) == (0, 0, 0, 0)
    assert (quiet.available_vendors, quiet.active_vendors, quiet.total_revenue, quiet.demand_ratio) == (0, 0, 0, 0)


def test_a_pincode_with_a_vendor_only_has_a_row(frozen, viren):
    tasks.generate_pincode_analytics()
    assert row(SUNDAY).available_vendors == 0


@pytest.mark.parametrize(
    ("fields", "measured"),
    [
        ({"role": Role.CUSTOMER, "is_active": False}, False),
        ({"role": Role.VENDOR, "is_active": False}, False),
        ({"role": Role.OPS_MANAGER}, False),
        ({"role": Role.CUSTOMER}, True),
    ],
)
def test_staff_and_the_inactive_make_no_pincode(frozen, db, fields, measured):
    person(pincode="400001", **fields)
    tasks.generate_pincode_analytics()
    assert PincodeAnalytics.objects.filter(pincode="400001").exists() is measured


@pytest.mark.parametrize(("days", "measured"), [(89, True), (91, False)])
def test_a_pincode_is_remembered_for_ninety_days_after_its_last_booking(frozen, now, kiran, days, measured):
    booked(1, at=now - timedelta(days=days), pincode="400001")
    tasks.generate_pincode_analytics()
    assert PincodeAnalytics.objects.filter(pincode="400001").exists() is measured


def test_a_run_closes_yesterday_opens_today_and_measures_the_six_days_before_again(frozen, kiran):
    result = tasks.generate_pincode_analytics()
    days = dict(PincodeAnalytics.objects.filter(pincode=HOME).values_list("date", "is_final"))
    assert days == {MONDAY - timedelta(days=back): back > 0 for back in range(8)}
    assert (result["date"], result["days"]) == ("2026-11-15", 8)


@pytest.mark.parametrize(("back", "counted"), [(7, True), (8, False)])
def test_what_arrives_late_is_counted_for_a_week(frozen, now, back, counted):
    day = MONDAY - timedelta(days=back)
    frozen.move_to(ist(day + timedelta(days=1), 1))
    booked(1, at=ist(day, 10), status="confirmed")
    tasks.generate_pincode_analytics()
    Booking.objects.update(status="completed", completion_date=now)
    frozen.move_to(ist(MONDAY, 1))
    tasks.generate_pincode_analytics()
    assert row(day).completed_bookings == int(counted)


def test_running_again_changes_nothing_and_keeps_the_flags(frozen):
    booked(2, at=ist(SUNDAY))
    tasks.generate_pincode_analytics()
    flags = {"high_demand_alert_sent": True, "bonus_alert_sent": True, "promotional_alert_sent": True, "other_alerts_sent": {"own": True}}
    PincodeAnalytics.objects.filter(date=SUNDAY).update(**flags)
    before = list(PincodeAnalytics.objects.order_by("pk").values())
    tasks.generate_pincode_analytics()
    assert list(PincodeAnalytics.objects.order_by("pk").values()) == before


def test_the_vendors_of_a_closed_day_stay_those_of_its_closing(frozen, vera, viren):
    frozen.move_to(ist(SUNDAY, 1))
    tasks.generate_pincode_analytics()
    frozen.move_to(ist(MONDAY, 1))
    type(viren).objects.filter(pk=viren.pk).update(is_available=True)
    tasks.generate_pincode_analytics()
    assert (row(SATURDAY).available_vendors, row(SUNDAY).available_vendors, row(MONDAY).available_vendors) == (1, 2, 2)


def test_the_rows_of_a_pincode_known_no_more_are_corrected_and_closed(frozen, viren):
    """Its bookings turn out to be next door's, its people leave: what stands of it is put right, nothing is added."""
    booked(6, at=ist(SUNDAY))
    tasks.generate_pincode_analytics()
    Booking.objects.update(pincode=NEXT_DOOR)
    User.objects.update(is_active=False)
    frozen.move_to(ist(MONDAY + timedelta(days=1), 1))
    assert tasks.generate_pincode_analytics()["pincodes"] == 1
    assert (row(SUNDAY).total_bookings, row(MONDAY).is_final) == (0, True)
    assert row(SUNDAY, NEXT_DOOR).total_bookings == 6
    assert not PincodeAnalytics.objects.filter(pincode=row(SUNDAY).pincode, date=MONDAY + timedelta(days=1)).exists()


# --- Told a day ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", ["2026-11-10", date(2026, 11, 10), datetime(2026, 11, 10), ist(date(2026, 11, 10), 0, 1)])
def test_told_a_day_it_measures_that_day_alone(frozen, given):
    booked(3, at=ist(date(2026, 11, 10)))
    result = tasks.generate_pincode_analytics(given)
    assert list(PincodeAnalytics.objects.values_list("date", "total_bookings", "is_final")) == [(date(2026, 11, 10), 3, True)]
    assert (result["date"], result["days"], result["rows"]) == ("2026-11-10", 1, 1)


def test_told_today_it_leaves_the_day_open(frozen):
    booked(1, at=ist(MONDAY, 8))
    tasks.generate_pincode_analytics("2026-11-16")
    assert row(MONDAY).is_final is False


def test_told_a_day_long_past_it_knows_the_pincodes_of_that_time(frozen):
    booked(2, at=ist(date(2024, 1, 15)))
    User.objects.update(is_active=False)
    assert tasks.generate_pincode_analytics("2024-01-15")["pincodes"] == 1
    assert row(date(2024, 1, 15)).total_bookings == 2
    tasks.generate_pincode_analytics()
    assert not PincodeAnalytics.objects.exclude(date=date(2024, 1, 15)).exists()


@pytest.mark.parametrize("given", ["yesterday", "2026-02-30", "16.11.2026", "", "2026-11-17", date(2026, 11, 17)])
def test_a_bad_day_or_one_that_has_not_begun_is_refused_by_name(frozen, kiran, given):
    with pytest.raises(ValueError, match="date:"):
        tasks.generate_pincode_analytics(given)
    assert not PincodeAnalytics.objects.exists()


def test_a_dry_run_counts_and_writes_nothing(frozen, kiran):
    assert tasks.generate_pincode_analytics(dry_run=True) == {"date": "2026-11-15", "days": 8, "pincodes": 1, "rows": 8, "dry_run": True}
    assert tasks.generate_pincode_analytics("2026-11-15", dry_run=True)["rows"] == 1
    assert not PincodeAnalytics.objects.exists()


def test_the_night_run_closes_the_day_that_ended_an_hour_ago(frozen):
    booked(4, at=ist(SUNDAY, 23, 30))
    frozen.move_to(ist(MONDAY, 1))
    tasks.generate_pincode_analytics()
    closed = row(SUNDAY)
    assert (closed.total_bookings, closed.is_final, closed.measured_at) == (4, True, ist(MONDAY, 1))

"""Today: true figures, worst first, at the same cost whatever there is."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.html import escape

from core import clock
from core.alerts.policies import create_defaults
from core.models import BusinessAlert, NotificationLog, PincodeAnalytics, Role, ScheduleRun, Threshold
from tests.people import person

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen")]


def text_of(client):
    return client.get("/dashboard/").content.decode()


def an_alert(title, *, rupees=0, severity="high", hours=5, kind="booking_timeout", **fields):
    created = clock.now() - timedelta(hours=hours)
    return BusinessAlert.objects.create(
        title=title, alert_type=kind, severity=severity, rupees_at_risk=Decimal(rupees), created_at=created, description="Stuck.", **fields
    )


def some_of_everything(count):
    now = clock.now()
    for number in range(count):
        owner = person(Role.OPS_MANAGER)
        an_alert(f"Alert {number}", rupees=number, assigned_to=owner, acknowledged_by=owner)
        PincodeAnalytics.objects.create(pincode=f"5600{number:02}", date=clock.business_day(now), total_bookings=9)
        ScheduleRun.objects.create(
            job="payment_holds", status="done", slot=now - timedelta(hours=number), finished_at=now, result={"found": 3}
        )
        NotificationLog.objects.create(recipient=owner, notification_type="promotional", method="email", status="sent")


def test_it_costs_the_same_for_thirty_of_everything_as_for_three(as_omar):
    some_of_everything(3)
    text_of(as_omar)
    with CaptureQueriesContext(connection) as few:
        text_of(as_omar)
    for number in range(27):
        an_alert(f"More {number}", assigned_to=person(Role.OPS_MANAGER))
        PincodeAnalytics.objects.create(pincode=f"5610{number:02}", date=clock.business_day(clock.now()), total_bookings=9)
        ScheduleRun.objects.create(job="payment_holds", status="failed", error="Broken")
        NotificationLog.objects.create(recipient=person(), notification_type="otp", method=f"method{number}", status="failed")
    with CaptureQueriesContext(connection) as many:
        text_of(as_omar)
    assert len(many) == len(few) <= 14


def test_an_empty_house_says_that_nothing_needs_you(as_omar):
    page = text_of(as_omar)
    for words in (
        "Nothing needs you",
        "Nothing was sent today yet",
        "No pincode was measured yet",
        "Nothing ran yet",
        "Nothing is scheduled",
    ):
        assert words in page


def test_the_worst_alert_is_first_by_money_times_age_times_severity(as_omar):
    an_alert("Fourth", severity="high", hours=1)
    an_alert("Third", severity="critical", hours=1)
    an_alert("Second", severity="high", hours=9)
    an_alert("First", severity="low", rupees=486200)
    page = text_of(as_omar)
    places = [page.index(f">{title}<") for title in ("First", "Second", "Third", "Fourth")]
    assert places == sorted(places)
    assert "₹4,86,200" in page


def test_what_is_closed_or_ignored_is_not_something_to_do(as_omar):
    an_alert("Closed", status="resolved", resolved_at=clock.now() - timedelta(hours=1))
    an_alert("Ignored", status="ignored")
    page = text_of(as_omar)
    assert "Closed" not in page
    assert "Ignored" not in page
    assert "The last one closed 8:00" in page


def test_an_alert_says_whose_it_is(as_omar, omar):
    an_alert("Mine", assigned_to=omar, status="acknowledged", acknowledgement_expires_at=clock.now() + timedelta(hours=2))
    page = text_of(as_omar)
    assert "Omar" in page
    assert "ack until 11:00" in page


def test_an_alert_that_nobody_has_says_who_is_next_and_when(as_omar):
    create_defaults()
    now = clock.now()
    an_alert("Climbs", severity="critical", last_notified_at=now, escalating_since=now - timedelta(minutes=18))
    assert "super admins in 12 min" in text_of(as_omar)
    BusinessAlert.objects.update(escalated_minutes=30)
    assert "repeats in 4 h" in text_of(as_omar)
    BusinessAlert.objects.update(escalated_minutes=0, escalating_since=now - timedelta(days=2))
    assert "super admins within a minute" in text_of(as_omar)
    BusinessAlert.objects.update(last_notified_at=None)
    assert "told within a minute" in text_of(as_omar)


def test_messages_are_counted_by_method_and_status_since_midnight(as_omar, kiran):
    def message(status, at, method="email"):
        NotificationLog.objects.create(
            recipient=kiran, notification_type="promotional", method=method, status=status, created_at=at, due_at=at
        )

    now = clock.now()
    for status in ("sent", "delivered", "delivered", "failed", "pending"):
        message(status, now - timedelta(minutes=30))
    message("failed", now - timedelta(hours=10))
    page = text_of(as_omar)
    assert "75.0 %" in page
    assert "3 of 4" in page
    assert "1 due, the oldest since 8:30" in page


def test_a_pincode_is_over_its_own_limit_today_or_yesterday(as_omar):
    today = clock.business_day(clock.now())
    PincodeAnalytics.objects.create(pincode="560001", date=today, total_bookings=6, available_vendors=9)
    PincodeAnalytics.objects.create(pincode="560002", date=today, total_bookings=5, available_vendors=9)
    PincodeAnalytics.objects.create(pincode="560003", date=today - timedelta(days=1), total_bookings=4, available_vendors=0)
    PincodeAnalytics.objects.create(pincode="560004", date=today - timedelta(days=2), total_bookings=90, available_vendors=0)
    Threshold.objects.create(
        rule="high_demand", name="bookings_over", scope="560005", value=20, effective_from=clock.now() - timedelta(days=1)
    )
    PincodeAnalytics.objects.create(pincode="560005", date=today, total_bookings=15, available_vendors=9)
    page = text_of(as_omar)
    assert [code in page for code in ("560001", "560002", "560003", "560004", "560005")] == [True, False, True, False, False]
    assert page.index("560003") < page.index("560001")
    assert "no vendor free" in page


def test_a_run_that_failed_says_why(as_omar):
    ScheduleRun.objects.create(job="payment_holds", status="failed", error="Traceback\nValueError: no such thing")
    ScheduleRun.objects.create(job="analytics", status="done", result={"pincodes": 1234, "days": 0})
    page = text_of(as_omar)
    assert "ValueError: no such thing" in page
    assert "1,234 pincodes" in page


def test_finance_sees_what_is_about_payments(as_farah, kiran):
    an_alert("Payments held", kind="payment_hold", rupees=1000)
    an_alert("Bookings overdue", rupees=5000)
    for kind in ("payment_hold", "promotional"):
        NotificationLog.objects.create(recipient=kiran, notification_type=kind, method="email", status="sent")
    ScheduleRun.objects.create(job="analytics", status="done")
    PincodeAnalytics.objects.create(pincode="560001", date=clock.business_day(clock.now()), total_bookings=90)
    page = text_of(as_farah)
    assert "Payments held" in page
    assert "₹1,000" in page
    assert "1 of 1" in page
    for hidden in ("Bookings overdue", "560001", "Pincode analytics", "₹5,000", "₹6,000"):
        assert hidden not in page


def test_what_people_wrote_is_shown_as_text(as_omar):
    evil = "<script>alert(1)</script>"
    an_alert(evil)
    page = text_of(as_omar)
    assert escape(evil) in page
    assert evil not in page

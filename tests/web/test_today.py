"""Today: true figures, worst first, at the same cost whatever there is."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.html import escape

from core import clock
from core.alerts.policies import create_defaults
from core.models import AlertEvent, AlertItem, BusinessAlert, NotificationLog, PincodeAnalytics, ProviderState, Role, ScheduleRun, Threshold
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
    NotificationLog.objects.create(recipient=person(), notification_type="promotional", method="email", status="failed")


def test_it_costs_the_same_for_thirty_of_everything_as_for_three(as_omar):
    create_defaults()
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
    assert len(many) == len(few) <= 24


def test_an_empty_house_says_that_nothing_needs_you(as_omar):
    page = text_of(as_omar)
    for words in (
        "Nothing needs you",
        "Nothing was sent today yet",
        "No pincode was measured yet",
        "Nothing is scheduled, and nothing ran yet",
        "nobody acknowledged one yet",
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


def test_one_click_acknowledges_what_nobody_has(as_omar, omar):
    mine = an_alert("Mine", assigned_to=omar, acknowledged_by=omar, status="acknowledged")
    alert = an_alert("Unowned")
    page = text_of(as_omar)
    assert f'action="/dashboard/alerts/{mine.pk}/acknowledge/"' not in page
    [(address, version)] = re.findall(r'<form class="over" method="post" action="([^"]*)">.*?name="version" value="(\d+)"', page)
    assert as_omar.post(address, {"version": version}).status_code == 303
    alert.refresh_from_db()
    assert (alert.status, alert.acknowledged_by) == ("acknowledged", omar)


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
    # Yesterday over it as well, with fewer bookings but a worse ratio: the busier day is shown.
    PincodeAnalytics.objects.create(pincode="560001", date=today - timedelta(days=1), total_bookings=5, available_vendors=1)
    Threshold.objects.create(
        rule="high_demand", name="bookings_over", scope="560005", value=20, effective_from=clock.now() - timedelta(days=1)
    )
    PincodeAnalytics.objects.create(pincode="560005", date=today, total_bookings=15, available_vendors=9)
    page = text_of(as_omar)
    assert [code in page for code in ("560001", "560002", "560003", "560004", "560005")] == [True, False, True, False, False]
    assert page.index("560003") < page.index("560001")
    assert "no vendor free" in page
    assert "1 today so far, 2 yesterday" in page


def test_a_run_that_failed_says_why(as_omar):
    ScheduleRun.objects.create(job="payment_holds", status="failed", error="Traceback\nValueError: no such thing")
    ScheduleRun.objects.create(job="analytics", status="done", result={"pincodes": 1234, "days": 0, "new_items": 1})
    page = text_of(as_omar)
    assert "ValueError: no such thing" in page
    assert "1,234 pincodes, 1 new item<" in page or "1,234 pincodes, 1 new item " in page


def test_the_hours_stand_beside_the_median_of_the_same_weekday_over_four_weeks(as_omar, kiran):
    now = clock.now()
    for weeks, count in enumerate((0, 3, 4, 5, 90)):
        for number in range(count):
            at = now - timedelta(weeks=weeks, minutes=30)
            status = "failed" if weeks == 1 and number == 0 else "sent"
            NotificationLog.objects.create(recipient=kiran, notification_type="promotional", method="email", status=status, created_at=at)
    for number in range(7):
        at = now - timedelta(minutes=30)
        status = "failed" if number == 6 else "delivered"
        NotificationLog.objects.create(recipient=kiran, notification_type="promotional", method="email", status=status, created_at=at)
    # The last moment before 8:00 is none of 8:00's, on the usual days either.
    for weeks in (0, 2):
        at = now - timedelta(weeks=weeks, hours=1, microseconds=100)
        NotificationLog.objects.create(recipient=kiran, notification_type="promotional", method="email", status="sent", created_at=at)
    # Of another weekday, and of five weeks ago: neither is usual.
    for ago in (timedelta(days=1), timedelta(weeks=5)):
        NotificationLog.objects.create(recipient=kiran, notification_type="otp", method="sms", status="sent", created_at=now - ago)
    page = text_of(as_omar)
    # 3, 4, 5 and 90 in that hour: 4.5, rounded to the even one.
    assert '<tr><td class="num">8:00</td><td class="n">7</td><td class="n">1</td><td class="n q">4</td></tr>' in page
    assert "8 messages today by 9:00; a usual Monday has about 4 by 10:00. Some failed at 8:00." in page
    # 7 of 8 against 102 of 103.
    assert "▼ 11.5 pt" in page
    assert "against the usual Monday" in page
    assert page.count('<rect class="b-bad"') == 1
    assert re.search(r'<rect class="b-bad" x="114(\.0)?" y="[\d.]+" width="10" height="3"', page)


def test_one_failure_among_a_thousand_is_as_high_as_a_thousand(as_omar, kiran):
    now = clock.now()
    rows = [
        NotificationLog(
            recipient=kiran, notification_type="promotional", method="email", status="sent", created_at=now - timedelta(minutes=5)
        )
        for _ in range(1_000)
    ]
    rows[0].status = "failed"
    NotificationLog.objects.bulk_create(rows)
    page = text_of(as_omar)
    failed = re.search(r'<rect class="b-bad" x="([\d.]+)" y="([\d.]+)" width="10" height="(\d+)"', page)
    went = re.search(r'<rect class="b-ok[^"]*" x="([\d.]+)" y="([\d.]+)"', page)
    assert failed and went
    assert failed[3] == "3"
    assert failed[1] == went[1]
    assert float(failed[2]) + 3 <= float(went[2])
    assert float(failed[2]) >= 0


def test_why_messages_failed_is_counted_by_named_reason(as_omar, kiran):
    for phase, code, count in (("cancelled", "opted_out", 3), ("undelivered", "30003", 2), ("rejected", "550", 1), ("dead", "452", 1)):
        for _ in range(count):
            NotificationLog.objects.create(
                recipient=kiran, notification_type="promotional", method="sms", status="failed", phase=phase, error_code=code
            )
    page = text_of(as_omar)
    assert "Why 7 failed" in page
    reasons = re.findall(r'<a class="link" href="(/dashboard/log/[^"]*)">([^<]*)</a>', page)
    assert [words for _, words in reasons] == [
        "3 the person turned these messages off", "2 accepted, then not delivered", "1 out of tries", "1 other",
    ]  # fmt: skip
    assert all("status=failed" in address for address, _ in reasons)


def test_the_risk_stands_beside_this_time_yesterday_as_the_items_tell_it(as_omar):
    now = clock.now()
    alert = an_alert("Held", kind="payment_hold", rupees=500, hours=72)

    def item(rupees, seen, cleared=None, of=alert):
        AlertItem.objects.create(
            alert=of, object_type="payment", object_id=str(seen) + str(rupees), label="Held", since=now, severity="high",
            rupees=rupees, first_seen_at=now - timedelta(hours=seen), cleared_at=cleared and now - timedelta(hours=cleared),
        )  # fmt: skip

    item(200, 48)
    item(300, 2)
    item(50, 48, 3)
    item(7_000, 70, 30)
    closed = an_alert("Closed", status="resolved", resolved_at=now - timedelta(hours=2), hours=40)
    item(10, 40, 2, closed)
    long_closed = an_alert("Long closed", status="resolved", resolved_at=now - timedelta(hours=40), hours=60)
    item(9_000, 60, None, long_closed)
    # 500 now; 200, 50 and 10 then.
    assert '<span class="delta delta--bad">▲ ₹240</span> since this time yesterday' in text_of(as_omar)


def test_how_long_alerts_waited_for_somebody_stands_beside_last_week(as_omar, omar):
    now = clock.now()
    for weeks, minutes in ((0, 20), (1, 60)):
        opened = now - timedelta(weeks=weeks, minutes=90)
        alert = BusinessAlert.objects.create(title="Held", alert_type="payment_hold", severity="high", created_at=opened)
        AlertEvent.objects.create(alert=alert, at=opened, kind="opened")
        AlertEvent.objects.create(alert=alert, at=opened + timedelta(minutes=minutes), kind="acknowledged", actor=omar)
    page = text_of(as_omar)
    assert (
        '>20 min</dd><dd class="fig__c"><span class="delta delta--good">▼ 40 min</span> last 7 days against the 7 before · p90 20 min'
        in page
    )


def test_a_slot_that_was_missed_is_said_beside_the_job_s_last_run(as_omar):
    now = clock.now()
    ScheduleRun.objects.create(job="high_demand", status="done", slot=now - timedelta(days=2), started_at=now - timedelta(days=2))
    ScheduleRun.objects.create(job="high_demand", status="missed", slot=now - timedelta(days=1), started_at=now - timedelta(days=1))
    page = text_of(as_omar)
    assert "1 slot missed in a week" in page
    assert "Sun 9:00" in page
    assert "not on the schedule" in page


def test_a_provider_that_is_held_says_so_with_its_own_last_word_on_its_page(as_omar):
    ProviderState.objects.create(
        provider="websocket", breaker="open", is_outage=True, failures=6, last_error="421 go away, vera@homeserve.example",
        opened_at=clock.now() - timedelta(minutes=20), retry_at=clock.now() + timedelta(minutes=3),
    )  # fmt: skip
    assert "Held" in text_of(as_omar)
    page = as_omar.get("/dashboard/providers/").content.decode()
    assert "it does not answer since 8:40; one message tries it at 9:03" in page
    assert "421 go away, v•••@homeserve.example" in page


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
    for hidden in ("Bookings overdue", "560001", "Pincode analytics", "₹5,000", "₹6,000", "Pause sending", "Twilio", "h-prov"):
        assert hidden not in page


def test_what_people_wrote_is_shown_as_text(as_omar):
    evil = "<script>alert(1)</script>"
    an_alert(evil)
    page = text_of(as_omar)
    assert escape(evil) in page
    assert evil not in page

"""When a campaign fires, whom it tells, and what it says: the numbers of the rules to the last booking (docs/rules.md, 4)."""

from datetime import timedelta
from decimal import Decimal

import pytest

from core.models import NotificationLog, PincodeAnalytics
from tests.messaging.market import MONDAY, SUNDAY, bonus, booked, demand, ist, messages, promote, row, told, vendors
from tests.people import HOME, NEXT_DOOR

pytestmark = pytest.mark.django_db

YESTERDAY = ist(SUNDAY)
TODAY = ist(MONDAY, 8, 30)


# --- The limits are strict ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bookings", "free", "fires"),
    [
        (5, 2, False),  # 5 is not more than 5, and 2.5 is not more than 3
        (6, 6, True),  # more than 5, whatever the ratio
        (3, 1, False),  # exactly 3 for each vendor
        (4, 1, True),
        (1, 1, False),
        (0, 1, False),
    ],
)
def test_high_demand_is_more_than_five_or_more_than_three_for_each_vendor(frozen, bookings, free, fires):
    vendors(free)
    booked(bookings, at=YESTERDAY)
    assert demand()["matched"] == int(fires)
    assert len(told("demand_notification")) == (free if fires else 0)


@pytest.mark.parametrize(("bookings", "free", "fires"), [(8, 1, False), (9, 2, True), (9, 3, False), (9, 0, True)])
def test_a_bonus_takes_more_than_eight_bookings_and_fewer_than_three_vendors(frozen, now, viren, bookings, free, fires):
    frozen.move_to(now + timedelta(hours=1))
    vendors(free)
    booked(bookings, at=YESTERDAY)
    assert bonus()["matched"] == int(fires)
    assert ("viren" in told("bonus_alert")) is fires


@pytest.mark.parametrize(("bookings", "fires"), [(0, True), (2, True), (3, False), (9, False)])
def test_a_promotion_takes_fewer_than_three_bookings(frozen, now, kiran, bookings, fires):
    frozen.move_to(now + timedelta(hours=2))
    booked(bookings, at=YESTERDAY)
    assert promote()["matched"] == int(fires)
    assert told("promotional") == (["kiran"] if fires else [])


# --- Which days count ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("at", [YESTERDAY, TODAY])
def test_demand_looks_at_yesterday_and_at_today_so_far(frozen, vera, at):
    booked(6, at=at)
    assert (demand()["matched"], told()) == (1, ["vera"])


def test_yesterdays_and_todays_bookings_are_not_added_up(frozen, vera):
    vendors(2)
    booked(4, at=YESTERDAY)
    booked(4, at=TODAY)
    assert demand()["matched"] == 0


def test_the_day_before_yesterday_is_over(frozen, vera):
    booked(50, at=YESTERDAY - timedelta(days=1))
    assert (demand()["matched"], bonus()["matched"]) == (0, 0)


def test_nine_oclock_sees_what_was_booked_until_nine(frozen, vera, now):
    frozen.move_to(ist(MONDAY, 1))
    demand()
    booked(6, at=now - timedelta(seconds=1))
    frozen.move_to(now)
    assert demand()["matched"] == 1


@pytest.mark.parametrize("hour", [0, 1, 9, 10, 11, 23])
def test_at_every_hour_the_last_final_day_is_yesterday_in_india(frozen, vera, kiran, hour):
    booked(9, at=ist(SUNDAY, 0, 1), pincode=HOME)
    frozen.move_to(ist(MONDAY, hour, 5))
    for run in (demand, bonus):
        assert run()["matched"] == 1
    assert promote()["matched"] == 0
    assert {message.metadata["date"] for message in NotificationLog.objects.all()} == {"2026-11-15"}
    assert row(SUNDAY).is_final


def test_the_first_hour_of_a_day_is_not_taken_for_a_quiet_day(frozen, kiran):
    booked(10, at=YESTERDAY)
    frozen.move_to(ist(MONDAY, 0, 30))
    assert promote()["matched"] == 0
    assert row(MONDAY).total_bookings == 0


def test_a_yesterday_that_was_last_measured_before_it_was_over_is_measured_first(frozen, kiran):
    frozen.move_to(ist(SUNDAY, 11))
    promote()
    NotificationLog.objects.all().delete()
    PincodeAnalytics.objects.update(promotional_alert_sent=False)
    booked(10, at=ist(SUNDAY, 22))
    # The night's run did not happen.
    frozen.move_to(ist(MONDAY, 11))
    assert promote()["matched"] == 0


# --- Who hears ----------------------------------------------------------------------------------------------------------


def test_demand_is_told_to_the_pincodes_available_vendors_by_email_and_websocket(frozen, vera, viren, kiran):
    vendors(1, pincode=NEXT_DOOR)
    booked(6, at=YESTERDAY)
    demand()
    assert messages() == [("vera", "email"), ("vera", "websocket")]


def test_a_bonus_is_told_to_every_vendor_also_by_sms(frozen, vera, viren, kiran):
    booked(9, at=YESTERDAY)
    bonus()
    assert messages() == [(who, method) for who in ("vera", "viren") for method in ("email", "sms", "websocket")]


def test_a_promotion_is_told_to_the_pincodes_customers(frozen, vera, kiran, chitra):
    booked(3, at=YESTERDAY, pincode=NEXT_DOOR)
    promote()
    assert messages() == [("kiran", "email"), ("kiran", "websocket")]


# --- What it says -------------------------------------------------------------------------------------------------------


def said(method: str = "email") -> NotificationLog:
    return NotificationLog.objects.select_related("content").get(method=method)


def test_demand_says_bookings_vendors_ratio_earnings_and_as_of_when(frozen, vera):
    booked(4, at=YESTERDAY)
    booked(3, at=YESTERDAY - timedelta(days=3), status="signed", total_price=Decimal(1500))
    demand()
    for words in (said().message, said().content.html):
        assert "560001" in words
        assert "4 bookings" in words
        assert "1 vendor is free" in words
        assert "₹1,500" in words
        assert "As of 9:00" in words
    assert "4.0" in said().message


def test_demand_promises_no_earnings_where_no_job_was_completed(frozen, vera):
    booked(6, at=YESTERDAY)
    demand()
    assert "₹" not in said().message


def test_a_bonus_says_fifteen_percent_where_and_until_when(frozen, vera):
    booked(9, at=YESTERDAY)
    bonus()
    assert "15" in said("sms").message
    for words in (said().message, said().content.html):
        assert "15" in words
        assert "560001" in words
        assert "Mon 16 Nov" in words


@pytest.mark.parametrize(("day", "sunday"), [(16, "Sunday 22 November"), (18, "Sunday 22 November"), (20, "Sunday 22 November")])
def test_a_promotion_says_a_quarter_off_until_the_end_of_this_weeks_sunday(frozen, kiran, day, sunday):
    frozen.move_to(ist(MONDAY.replace(day=day), 11))
    promote()
    for words in (said().message, said().content.html):
        assert "25%" in words
        assert sunday in words
    assert "/r/" in said().message


# --- A dry run ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("run", [demand, bonus, promote])
def test_a_dry_run_counts_the_same_and_writes_nothing(frozen, vera, kiran, chitra, run):
    booked(9, at=YESTERDAY)
    dry = run(dry_run=True)
    assert dry.pop("dry_run") is True
    assert not NotificationLog.objects.exists()
    assert not PincodeAnalytics.objects.exists()
    assert run() == dry
    assert dry["queued"] > 0

"""High demand that the vendors there cannot meet is an alert for ops while it lasts (docs/rules.md, 5)."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from core import clock
from core.alerts.check import checks
from core.alerts.lifecycle import reconcile
from core.alerts.manual import clear_alert, report_coverage_gaps
from core.models import PincodeAnalytics, Role, Threshold, User
from tests.alerts.stuck import messages, only_alert, said
from tests.alerts.test_manual import gap
from tests.people import HOME, NEXT_DOOR, people

pytestmark = pytest.mark.django_db

SHORTAGE = checks.get("vendor_shortage")
HOUR = timedelta(hours=1)


def day(now: datetime, bookings: int, *, days_ago: int = 0, pincode: str = HOME) -> PincodeAnalytics:
    date = clock.business_day(now) - timedelta(days=days_ago)
    return PincodeAnalytics.objects.create(pincode=pincode, date=date, total_bookings=bookings, measured_at=now)


def found(now: datetime, **limits: Any) -> list[tuple[str, str]]:
    return [(finding.object_id, finding.label) for finding in SHORTAGE.find(now=now, limits={**SHORTAGE.limits, **limits})]


@pytest.mark.parametrize(
    ("bookings", "vendors", "short"), [(6, 0, 0), (7, 0, 3), (9, 1, 0), (10, 1, 3), (18, 3, 3), (18, 4, 0), (30, 2, 8)]
)
def test_it_is_short_when_three_more_vendors_would_be_needed_at_three_bookings_each(bookings, vendors, short, now):
    day(now, bookings)
    people(vendors, Role.VENDOR)
    expected = (
        [(HOME, f"{HOME}: {bookings} bookings, {vendors} {'vendor' if vendors == 1 else 'vendors'} free, {short} short")] if short else []
    )
    assert found(now) == expected


def test_vendors_are_counted_as_they_are_now_and_only_those_who_are_free_and_active(vera, viren, now):
    day(now, 12)
    assert found(now) == [(HOME, f"{HOME}: 12 bookings, 1 vendor free, 3 short")]
    User.objects.filter(pk=viren.pk).update(is_available=True)
    assert found(now) == []
    User.objects.filter(pk=vera.pk).update(is_active=False)
    assert len(found(now)) == 1


def test_of_yesterday_and_today_the_busier_one_counts_once_and_older_days_do_not(now):
    day(now, 8)
    day(now, 12, days_ago=1)
    day(now, 90, days_ago=2)
    assert found(now) == [(HOME, f"{HOME}: 12 bookings, 0 vendors free, 4 short")]


def test_an_admin_says_how_many_vendors_short_is_too_few(omar, now):
    day(now, 10)
    Threshold.objects.create(rule="vendor_shortage", name="vendors_short", value=Decimal(5), effective_from=now)
    assert reconcile(SHORTAGE, now=now)["found"] == 0
    assert reconcile(SHORTAGE, now=now - HOUR)["found"] == 1


def test_a_pincode_where_nobody_could_be_told_stands_in_one_alert_only(omar, now):
    day(now, 12)
    day(now, 12, pincode=NEXT_DOOR)
    report_coverage_gaps("high_demand", "high demand", [gap(HOME, now)], now=now)
    assert [pincode for pincode, _ in found(now)] == [NEXT_DOOR]
    clear_alert("coverage:high_demand", now=now)
    assert [pincode for pincode, _ in found(now)] == [HOME, NEXT_DOOR]


def test_it_is_a_high_demand_alert_for_ops_which_follows_the_vendors_and_closes_when_they_come(omar, farah, now):
    day(now, 20)
    day(now, 20, pincode=NEXT_DOOR)
    reconcile(SHORTAGE, now=now)
    alert = only_alert()
    assert (alert.alert_type, alert.severity, alert.item_count) == ("high_demand", "high", 2)
    assert alert.title.startswith("2 pincodes short of vendors")
    assert {who for who, _ in messages(notification_type="business_alert")} == {"omar"}
    people(6, Role.VENDOR)
    assert reconcile(SHORTAGE, now=now + HOUR)["cleared"] == 1
    people(6, Role.VENDOR, pincode=NEXT_DOOR)
    assert reconcile(SHORTAGE, now=now + 2 * HOUR)["resolved"] == 1
    assert said() == ["opened"]


def test_one_query_whatever_the_number_of_pincodes(now, django_assert_num_queries):
    for number in range(30):
        day(now, 20, pincode=f"5600{number:02}")
    with django_assert_num_queries(1):
        assert len(found(now)) == 30


def test_it_looks_while_somebody_can_do_something_about_it():
    assert (SHORTAGE.times.minute, SHORTAGE.times.hour, SHORTAGE.task) == ("15", "9-18", "core.tasks.run_check")

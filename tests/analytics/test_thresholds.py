"""Which limit holds: the pincode's own, else its region's, else the default; each from its moment on (docs/rules.md, 4)."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from core.analytics.thresholds import in_force
from core.messaging.campaigns.high_demand import HighDemand
from core.models import MessagingRun, NotificationLog, PincodeAnalytics, Threshold
from tests.messaging.market import SUNDAY, booked, demand, ist, promote, told, vendors
from tests.people import HOME

pytestmark = pytest.mark.django_db

LONG_AGO = ist(SUNDAY - timedelta(days=30))


def limit(value: int | str | None, scope: str = "", *, name: str = "bookings_over", since: datetime = LONG_AGO) -> Threshold:
    return Threshold.objects.create(
        rule="high_demand", name=name, scope=scope, value=None if value is None else Decimal(value), effective_from=since
    )


@pytest.fixture
def six_bookings(frozen, vera):
    """Yesterday Vera's pincode had six bookings and four vendors: just enough to fire by the usual limits."""
    vendors(3)
    booked(6, at=ist(SUNDAY))


def test_the_seeds_number_holds_where_nobody_says_otherwise(six_bookings):
    assert demand()["matched"] == 1


@pytest.mark.parametrize("scope", ["", "5", "56", "560", "5600", "56000", "560001"])
def test_a_limit_is_everybodys_a_regions_or_a_pincodes_own(six_bookings, scope):
    limit(6, scope)
    limit(5, "4")
    limit(5, "560002")
    assert demand()["matched"] == 0


def test_the_narrowest_scope_wins_whatever_the_order_of_entry(six_bookings):
    limit(5, HOME)
    limit(100, "5600")
    limit(100, "56")
    limit(100)
    assert demand()["matched"] == 1


def test_a_longer_region_goes_before_a_shorter_one(six_bookings):
    limit(100, "5600")
    limit(1, "56")
    assert demand()["matched"] == 0


def test_a_limit_holds_from_its_moment_on(six_bookings, frozen, now):
    limit(6, since=now + timedelta(seconds=1))
    assert demand(dry_run=True)["matched"] == 1
    frozen.shift(1)
    assert demand(dry_run=True)["matched"] == 0


def test_of_two_limits_the_later_one_in_force_holds(six_bookings, now):
    limit(5, since=now - timedelta(days=1))
    limit(100, since=now - timedelta(days=2))
    limit(100, since=now + timedelta(days=1))
    assert demand()["matched"] == 1


def test_a_row_without_a_value_gives_its_scope_back_to_the_wider_one(six_bookings, now):
    limit(100, HOME)
    limit(None, HOME, since=now - timedelta(hours=1))
    assert demand(dry_run=True)["matched"] == 1
    limit(6, "560")
    assert demand(dry_run=True)["matched"] == 0


def test_each_limit_of_a_rule_has_a_scope_of_its_own(six_bookings):
    limit(100, HOME)
    assert demand(dry_run=True)["matched"] == 0
    limit(1, "560", name="bookings_per_vendor_over")
    assert demand(dry_run=True)["matched"] == 1


def test_another_rules_limit_changes_nothing(six_bookings):
    Threshold.objects.create(rule="vendor_bonus", name="bookings_over", scope="", value=100, effective_from=LONG_AGO)
    assert demand()["matched"] == 1


def test_what_was_used_is_kept_with_the_run_and_with_the_message(six_bookings):
    limit("5.5", HOME)
    demand()
    assert MessagingRun.objects.get().rule["limits"] == {"bookings_over": "5", "bookings_per_vendor_over": "3"}
    why = NotificationLog.objects.filter(recipient__username="vera").first().metadata
    assert why["limits"] == {"bookings_over": "5.50", "bookings_per_vendor_over": "3"}
    assert (why["total_bookings"], why["available_vendors"], why["date"]) == (6, 4, "2026-11-15")


def test_a_limit_may_silence_a_pincode_altogether(frozen, kiran):
    Threshold.objects.create(rule="promotions", name="bookings_under", scope=HOME, value=0, effective_from=LONG_AGO)
    promote()
    assert told() == []


def test_the_database_says_of_every_day_what_the_campaign_decides_of_it(db, now):
    for value, scope in (("4.35", "5"), ("2.30", "56"), (7, "5600"), (9, "560001"), (None, "560002"), ("0.01", "400"), (9, "560003")):
        limit(value, scope, name="bookings_per_vendor_over")
    for value, scope in ((1000, ""), (20, "560001"), ("12.50", "4000"), (3, "56"), (5000, "56000")):
        limit(value, scope)
    limit(1, "560001", since=now + timedelta(seconds=1))
    days = [
        # 435 bookings and 100 vendors: exactly the limit, which floating point would miss.
        PincodeAnalytics(pincode=pincode, date=SUNDAY - timedelta(days=back), total_bookings=bookings, available_vendors=vendors)
        for pincode in ("560001", "560002", "560003", "560100", "570001", "400001", "400101", "110001")
        for back, (bookings, vendors) in enumerate(
            ((435, 100), (436, 100), (23, 10), (24, 10), (20, 9), (21, 9), (12, 900), (13, 900), (0, 0), (1, 0), (1001, 900), (4, 3))
        )
    ]
    PincodeAnalytics.objects.bulk_create(days)
    rule, limits = HighDemand(), in_force(HighDemand.name, HighDemand.limits, now=now)
    decided = {day.pk for day in PincodeAnalytics.objects.all() if rule.matches(day, limits.for_pincode(day.pincode))}
    assert set(PincodeAnalytics.objects.filter(rule.matching(limits)).values_list("pk", flat=True)) == decided
    assert 0 < len(decided) < len(days)

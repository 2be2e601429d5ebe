"""Demand, and nobody to tell: an alert for ops, never a silent "sent" (docs/rules.md, 4 and 10)."""

from datetime import timedelta

import pytest

from core.models import BusinessAlert, NotificationLog, PincodeAnalytics, Preference, User
from tests.messaging.market import MONDAY, SUNDAY, bonus, booked, demand, ist, told, vendors
from tests.people import HOME, NEXT_DOOR

pytestmark = pytest.mark.django_db

YESTERDAY = ist(SUNDAY)


@pytest.fixture
def uncovered(frozen, omar):
    """Six bookings yesterday, and no vendor at all."""
    booked(6, at=YESTERDAY)


def gap() -> BusinessAlert:
    return BusinessAlert.objects.get(alert_type="low_vendor_count")


def flagged() -> bool:
    return PincodeAnalytics.objects.filter(high_demand_alert_sent=True).exists()


def test_demand_with_nobody_to_tell_is_told_to_ops(uncovered, sara, farah):
    result = demand()
    assert (result["matched"], result["queued"], result["coverage_gaps"], result["gap_pincodes"]) == (1, 0, 1, [HOME])
    assert gap().status == "active"
    assert HOME in gap().items.get().label
    assert told() == ["omar"]


def test_the_row_is_not_flagged_as_told(uncovered):
    demand()
    assert not flagged()


def test_vendors_who_are_not_available_do_not_cover(uncovered, viren):
    assert demand()["coverage_gaps"] == 1


@pytest.mark.parametrize("why", ["inactive", "opted_out"])
def test_vendors_who_cannot_be_told_do_not_cover(uncovered, vera, why):
    if why == "inactive":
        User.objects.filter(pk=vera.pk).update(is_active=False)
    else:
        for method in ("email", "websocket"):
            Preference.objects.create(person=vera, category="demand_notification", method=method, allowed=False)
    result = demand()
    assert (result["coverage_gaps"], result["suppressed"]) == (1, {why: 1})
    assert not flagged()


def test_as_soon_as_somebody_can_be_told_they_are_and_the_alert_resolves(uncovered, frozen, now):
    demand()
    (newcomer,) = vendors(1)
    frozen.move_to(now + timedelta(hours=1))
    assert demand()["queued"] == 2
    assert told("demand_notification") == [newcomer.username]
    assert (gap().status, gap().resolved_by) == ("resolved", None)
    assert flagged()


def test_run_again_it_is_one_alert_told_once(uncovered, frozen, now):
    for minutes in (0, 10, 30):
        frozen.move_to(now + timedelta(minutes=minutes))
        demand()
    assert gap().status == "active"
    assert NotificationLog.objects.filter(method="email").count() == 1


def test_told_people_are_no_gap_when_it_runs_again(frozen, vera, omar):
    booked(6, at=YESTERDAY)
    demand()
    booked(8, at=ist(MONDAY, 9, 30))
    frozen.move_to(ist(MONDAY, 10))
    assert demand()["coverage_gaps"] == 0
    assert not BusinessAlert.objects.exists()


def test_one_alert_holds_every_pincode_that_is_uncovered(uncovered):
    booked(9, at=YESTERDAY, pincode=NEXT_DOOR)
    vendors(1, pincode="560003")
    booked(9, at=YESTERDAY, pincode="560003")
    demand()
    assert sorted(gap().items.values_list("object_id", flat=True)) == [HOME, NEXT_DOOR]


def test_a_bonus_with_no_vendor_at_all_is_a_gap_of_its_own(frozen, omar):
    booked(9, at=YESTERDAY)
    demand()
    assert bonus()["coverage_gaps"] == 1
    assert BusinessAlert.objects.filter(alert_type="low_vendor_count", status="active").count() == 2


def test_a_bonus_reaches_the_unavailable_and_is_then_no_gap(frozen, viren, omar):
    booked(9, at=YESTERDAY)
    result = bonus()
    assert (result["coverage_gaps"], result["queued"]) == (0, 3)


def test_a_dry_run_tells_ops_nothing(uncovered):
    assert demand(dry_run=True)["coverage_gaps"] == 1
    assert not BusinessAlert.objects.exists()

"""Alerts raised by hand or by the product itself: once for each problem, told once for each piece of news."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from core.alerts import steps, watch
from core.alerts.check import Finding
from core.alerts.manual import clear_alert, raise_alert, report_coverage_gaps
from core.models import BusinessAlert, NotificationLog, Role, User
from tests.alerts.stuck import messages, only_alert, said
from tests.alerts.stuck import steps as events
from tests.people import person

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


def missed(now: datetime, **fields: Any) -> BusinessAlert:
    return raise_alert(
        **{
            "alert_type": "system_error",
            "severity": "high",
            "title": "A run was missed",
            "description": "The 9:00 run was not made.",
            "fingerprint": "missed:high_demand",
            "now": now,
            **fields,
        }
    )


def gap(pincode: str, now: datetime) -> Finding:
    return Finding(object_type="pincode", object_id=pincode, label=pincode, since=now, pincode=pincode)


def test_raised_again_it_is_the_same_alert_and_told_once(omar, sara, now):
    first = missed(now)
    again = missed(now + HOUR, description="The 10:00 run was not made either.")
    assert first.pk == again.pk
    assert only_alert().description == "The 10:00 run was not made either."
    assert messages() == [("omar", "email"), ("omar", "websocket"), ("sara", "email"), ("sara", "websocket")]
    assert set(NotificationLog.objects.values_list("notification_type", flat=True)) == {"business_alert"}


def test_it_speaks_again_when_it_turns_worse_and_after_a_day_while_its_cause_remains(omar, now):
    missed(now, severity="high")
    missed(now + 23 * HOUR, severity="high")
    assert said() == ["opened"]
    missed(now + 24 * HOUR, severity="high")
    assert said() == ["opened", "still open"]
    missed(now + 25 * HOUR, severity="critical")
    assert said() == ["opened", "still open", "raised"]
    assert missed(now + 26 * HOUR, severity="low").severity == "critical"
    assert said() == ["opened", "still open", "raised"]


def test_without_a_fingerprint_every_call_is_another_alert(omar, now):
    assert missed(now, fingerprint="").pk != missed(now, fingerprint="").pk
    assert said() == ["opened", "opened"]


def test_it_is_told_to_whom_the_caller_names(omar, sara, farah, now):
    missed(now, roles=[Role.FINANCE])
    missed(now, fingerprint="another", people=User.objects.filter(pk=sara.pk))
    assert messages() == [("farah", "email"), ("farah", "websocket"), ("sara", "email"), ("sara", "websocket")]


def test_a_severity_that_does_not_exist_is_refused(now):
    with pytest.raises(ValueError, match="no severity 'dire'"):
        missed(now, severity="dire")


def test_resolved_by_a_person_while_its_cause_remains_it_is_quiet_for_a_day_and_then_reopens(omar, now):
    first = missed(now)
    steps.resolve(first.pk, actor=omar, notes="I know.", now=now)
    for hour in range(1, 24):
        assert missed(now + hour * HOUR).status == "resolved"
    again = missed(now + 24 * HOUR)
    assert (again.pk, again.status, again.reopened_count) == (first.pk, "active", 1)
    assert said() == ["opened", "reopened"]


def test_resolved_by_a_person_and_really_gone_the_next_one_opens_at_once(omar, now):
    first = missed(now)
    steps.resolve(first.pk, actor=omar, notes="Mended.", now=now)
    assert clear_alert("missed:high_demand", now=now + HOUR) is False
    again = missed(now + 2 * HOUR)
    assert (again.status, again.pk != first.pk) == ("active", True)
    assert said() == ["opened", "opened"]


def test_made_by_hand_and_resolved_nothing_brings_it_back(omar, now):
    by_hand = missed(now, fingerprint="")
    steps.resolve(by_hand.pk, actor=omar, notes="Done.", now=now)
    by_hand.refresh_from_db()
    assert by_hand.quiet_until is None
    assert missed(now + HOUR, fingerprint="").pk != by_hand.pk


def test_cleared_it_is_resolved_by_the_system_once(omar, now):
    alert = missed(now)
    assert clear_alert("missed:high_demand", now=now + HOUR) is True
    assert clear_alert("missed:high_demand", now=now + HOUR) is False
    alert.refresh_from_db()
    assert (alert.status, alert.resolved_by, alert.resolved_at) == ("resolved", None, now + HOUR)
    assert events(alert) == ["opened", "told", "resolved"]


def test_a_gap_in_coverage_is_one_alert_for_ops_with_a_pincode_for_each_item(omar, farah, now):
    alert = report_coverage_gaps("high_demand", "high demand", [gap("560001", now), gap("560066", now)], now=now)
    assert alert is not None
    assert (alert.alert_type, alert.severity, alert.item_count) == ("low_vendor_count", "high", 2)
    assert alert.title == "No vendor to tell of high demand in 2 pincodes"
    assert "no vendor to offer it to: 560001, 560066." in alert.description
    assert {who for who, _ in messages()} == {"omar"}


def test_the_next_run_replaces_its_own_gaps_and_no_other_campaigns(omar, now):
    report_coverage_gaps("high_demand", "high demand", [gap("560001", now), gap("560066", now)], now=now)
    bonus = report_coverage_gaps("vendor_bonus", "a bonus", [gap("560001", now)], now=now)
    tomorrow = now + 24 * HOUR
    demand = report_coverage_gaps("high_demand", "high demand", [gap("560066", tomorrow), gap("560100", tomorrow)], now=tomorrow)
    assert demand is not None
    assert sorted(demand.items.filter(cleared_at=None).values_list("object_id", flat=True)) == ["560066", "560100"]
    assert said() == ["opened", "opened", "new items"]
    assert report_coverage_gaps("high_demand", "high demand", [], now=tomorrow + HOUR) is None
    demand.refresh_from_db()
    assert demand.status == "resolved"
    assert bonus is not None
    bonus.refresh_from_db()
    assert (bonus.status, bonus.item_count) == ("active", 1)


def test_with_nobody_there_it_stays_and_is_told_when_somebody_comes(now):
    assert missed(now).last_notified_at is None
    someone = person(Role.OPS_MANAGER)
    missed(now + HOUR)
    assert messages() == [(someone.username, "email"), (someone.username, "websocket")]


@pytest.mark.parametrize("fingerprint", ["", "coverage:high_demand"])
def test_nobody_to_tell_is_an_alert_to_the_super_admins_until_somebody_has_the_role(fingerprint, sara, now):
    person(Role.OPS_MANAGER, is_active=False)
    untold = missed(now, alert_type="low_vendor_count", fingerprint=fingerprint)
    assert untold.last_notified_at is None
    nobody = BusinessAlert.objects.get(fingerprint="nobody_to_tell:low_vendor_count")
    assert (nobody.alert_type, nobody.severity, nobody.title) == ("system_error", "critical", "Nobody to tell: low vendor count")
    assert {who for who, _ in messages()} == {"sara"}
    assert watch.look(now=now + HOUR)["heard_again"] == 0
    person(Role.OPS_MANAGER)
    assert watch.look(now=now + 2 * HOUR)["heard_again"] == 1
    nobody.refresh_from_db()
    assert (nobody.status, nobody.resolved_by) == ("resolved", None)


def test_where_super_admins_should_hear_and_there_is_none_one_alert_waits_not_two(now):
    missed(now)
    assert BusinessAlert.objects.count() == 1

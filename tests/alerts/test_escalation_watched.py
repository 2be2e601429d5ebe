"""Escalation is watched itself: what lost its moment is given it back, what fails keeps nobody else waiting, and nobody to tell is told."""

from datetime import timedelta

import pytest

from core.alerts import escalation, steps
from core.alerts.policies import create_defaults
from core.models import AlertEvent, AlertItem, BusinessAlert, NotificationLog, Preference, Role
from core.notifications.outbox import enqueue
from tests.alerts.minutes import HOUR, MINUTE, an_alert, by, heard, look, looks
from tests.people import person

pytestmark = pytest.mark.django_db

ALL = "email sms websocket"


@pytest.fixture(autouse=True)
def policies(omar):
    create_defaults()


def system_errors():
    return {(alert.title, alert.status) for alert in BusinessAlert.objects.filter(alert_type="system_error")}


# --- Lost moments -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("acknowledged", [False, True])
def test_an_open_alert_without_a_next_moment_gets_one_and_ops_hear_of_it(now, omar, sara, acknowledged):
    alert = an_alert(now)
    look(now)
    if acknowledged:
        steps.acknowledge(alert.pk, actor=omar, now=now)
    BusinessAlert.objects.filter(pk=alert.pk).update(next_step_at=None)
    due = now + (60 if acknowledged else 30) * MINUTE
    assert look(due)["mended"] == 1
    assert {reason for _, _, _, reason in heard(alert=alert, created_at=due)} == {
        "acknowledgement expired" if acknowledged else "escalated"
    }
    assert system_errors() == {("Alerts lost their next step", "active")}
    assert AlertItem.objects.get().object_id == str(alert.pk)
    look(due + HOUR)
    assert system_errors() == {("Alerts lost their next step", "resolved")}


def test_nothing_is_lost_of_what_is_closed_ignored_or_merely_late(now, omar, sara):
    ignored, resolved = an_alert(now), an_alert(now)
    look(now)
    steps.ignore(ignored.pk, actor=omar, reason="Known.", now=now)
    steps.resolve(resolved.pk, actor=omar, now=now)
    an_alert(now)
    assert look(now + 9 * HOUR)["mended"] == 0
    assert system_errors() == set()


def test_a_moment_that_a_look_leaves_behind_is_noticed(now, sara, monkeypatch):
    first, second = an_alert(now), an_alert(now)
    monkeypatch.setattr(escalation, "AT_MOST", 1)
    look(now + 11 * MINUTE)
    assert system_errors() == {("Alerts lost their next step", "active")}
    left = BusinessAlert.objects.filter(pk__in=(first.pk, second.pk), last_notified_at=None).get()
    assert AlertItem.objects.get().object_id == str(left.pk)


# --- Failures ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how_many", [1, 6])
def test_an_alert_that_cannot_be_looked_at_keeps_no_other_from_its_turn(now, sara, how_many):
    broken = an_alert(now, metadata={"roles": 5}, title="Broken")
    others = [an_alert(now, title=f"Other {number}") for number in range(how_many)]
    assert look(now)["failed"] == 1
    assert set(AlertEvent.objects.filter(alert__in=others, kind="told").values_list("alert", flat=True)) == {alert.pk for alert in others}
    broken.refresh_from_db()
    assert (broken.last_notified_at, broken.next_step_at) == (None, now + 5 * MINUTE)
    assert system_errors() == {("Alerts cannot be escalated", "active")}
    told = NotificationLog.objects.filter(alert__alert_type="system_error").count()
    assert look(now + 5 * MINUTE)["failed"] == 1
    assert NotificationLog.objects.filter(alert__alert_type="system_error").count() == told
    BusinessAlert.objects.filter(pk=broken.pk).update(metadata={})
    look(now + 10 * MINUTE)
    assert system_errors() == {("Alerts cannot be escalated", "resolved")}
    assert AlertEvent.objects.filter(alert=broken, kind="told").count() == 1


def test_what_failed_and_is_closed_meanwhile_is_no_failure_any_more(now, omar, sara):
    broken = an_alert(now, metadata={"roles": 5})
    look(now)
    steps.resolve(broken.pk, actor=omar, now=now + MINUTE)
    look(now + 2 * MINUTE)
    assert system_errors() == {("Alerts cannot be escalated", "resolved")}


@pytest.mark.parametrize("how_many", [1, 6])
def test_a_look_that_dies_before_its_end_has_said_nothing_and_the_next_one_says_it_once(now, sara, monkeypatch, how_many):
    for _ in range(how_many):
        an_alert(now)

    def die(*args, **kwargs):
        enqueue(*args, **kwargs)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("core.alerts.digest.enqueue", die)
        with pytest.raises(KeyboardInterrupt):
            look(now)
    assert not NotificationLog.objects.exists()
    assert set(BusinessAlert.objects.values_list("notified_count", "next_step_at")) == {(0, now)}
    look(now + MINUTE)
    assert set(BusinessAlert.objects.values_list("notified_count", flat=True)) == {1}
    assert len(heard(recipient__username="omar")) == 3


# --- Nobody to tell ---------------------------------------------------------------------------------------------------


def test_a_step_that_reaches_nobody_is_an_alert_itself_until_somebody_is_there(now):
    an_alert(now)
    looks(now, now + 31 * MINUTE)
    assert system_errors() == {("Nobody to tell: super admins", "active")}
    assert heard(created_at=now + 30 * MINUTE) == by(ALL, now + 30 * MINUTE, "omar", "opened")
    person(Role.SUPER_ADMIN)
    look(now + 32 * MINUTE)
    assert system_errors() == {("Nobody to tell: super admins", "resolved")}


def test_people_who_can_be_reached_by_no_method_are_nobody(now, sara):
    type(sara).objects.filter(pk=sara.pk).update(email="", phone="")
    Preference.objects.create(person=sara, category="business_alert", method="websocket", allowed=False)
    an_alert(now)
    looks(now, now + 30 * MINUTE, every=30 * MINUTE)
    assert system_errors() == {("Nobody to tell: super admins", "active")}


def test_where_nobody_is_whom_an_alert_concerns_super_admins_hear_that(now, omar, sara):
    type(omar).objects.filter(pk=omar.pk).update(is_active=False)
    an_alert(now, severity="high")
    look(now)
    assert system_errors() == {("Nobody to tell: low vendor count", "active")}
    assert {who for _, who, _, _ in heard()} == {"sara"}


def test_a_look_costs_little_when_nothing_is_due(now, django_assert_max_num_queries):
    for number in range(30):
        an_alert(now, title=str(number), next_step_at=now + timedelta(hours=1))
    with django_assert_max_num_queries(8):
        look(now)

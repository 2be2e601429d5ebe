"""Who is told when nobody answers: step by step, on time, once; and what a person's word changes about it."""

from datetime import datetime

import pytest

from core.alerts import steps
from core.alerts.check import checks
from core.alerts.lifecycle import reconcile
from core.alerts.manual import raise_alert
from core.alerts.policies import create_defaults
from core.models import AlertEvent, BusinessAlert, EscalationPolicy, EscalationStep, Payment, Role, User
from tests.alerts.minutes import HOUR, MINUTE, an_alert, by, heard, look, looks
from tests.alerts.stuck import held, only_alert, said
from tests.people import person

pytestmark = pytest.mark.django_db

ALL = "email sms websocket"
BOTH = "email websocket"


@pytest.fixture(autouse=True)
def policies(omar, sara):
    create_defaults()


def rule(severity="", alert_type="", repeat=24 * 60, steps=(), name=""):
    """A policy; its steps as (minutes, roles, methods)."""
    EscalationPolicy.objects.filter(severity=severity, alert_type=alert_type).delete()
    policy = EscalationPolicy.objects.create(
        name=name or f"{severity} {alert_type}", severity=severity, alert_type=alert_type, repeat_minutes=repeat
    )
    for minutes, roles, methods in steps:
        EscalationStep.objects.create(policy=policy, after_minutes=minutes, roles=roles, methods=methods)
    return policy


# --- Steps on time ----------------------------------------------------------------------------------------------------


def test_a_critical_alert_that_nobody_acknowledges_reaches_super_admins_by_sms_after_30_minutes(now):
    an_alert(now)
    looks(now, now + 3 * HOUR)
    assert heard() == [*by(ALL, now, "omar", "opened"), *by(ALL, now + 30 * MINUTE, "sara", "escalated")]


def test_a_high_alert_reaches_super_admins_after_eight_hours(now):
    an_alert(now, severity="high")
    looks(now, now + 23 * HOUR, every=30 * MINUTE)
    assert heard() == [*by(BOTH, now, "omar", "opened"), *by(BOTH, now + 8 * HOUR, "sara", "escalated")]


def test_a_critical_alert_repeats_itself_every_four_hours_to_all_who_were_told(now):
    an_alert(now)
    looks(now, now + 9 * HOUR, every=10 * MINUTE)
    again = [message for at in (4 * HOUR, 8 * HOUR) for who in ("omar", "sara") for message in by(ALL, now + at, who, "still open")]
    assert heard(created_at__gt=now + HOUR) == again


def test_the_scheduler_was_down_at_that_minute(now):
    an_alert(now)
    look(now)
    look(now + 95 * MINUTE)
    assert heard(created_at__gt=now) == by(ALL, now + 95 * MINUTE, "sara", "escalated")


def test_after_a_stop_every_step_is_told_in_order_and_each_person_once(now):
    finance, other = person(Role.FINANCE, username="fay"), person(Role.SUPER_ADMIN, username="sue")
    rule(
        "critical",
        repeat=240,
        steps=[(30, ["super_admin"], ["email"]), (60, ["finance"], ["email"]), (120, ["super_admin", "ops_manager"], ["sms"])],
    )
    alert = an_alert(now)
    look(now)
    late = now + 5 * HOUR
    assert look(late)["escalated"] == 3
    # The repeat of four hours is due as well: who hears of the escalation hears no second message.
    assert heard(created_at=late) == [
        (late, finance.username, "email", "escalated"),
        (late, "omar", "sms", "escalated"),
        *by("email sms", late, "sara", "escalated"),
        *by("email sms", late, other.username, "escalated"),
    ]
    told = AlertEvent.objects.filter(alert=alert, kind="escalated").order_by("detail__minutes")
    assert [(event.at, event.detail["minutes"], datetime.fromisoformat(event.detail["due"])) for event in told] == [
        (late, minutes, now + minutes * MINUTE) for minutes in (30, 60, 120)
    ]
    alert.refresh_from_db()
    assert alert.escalated_minutes == 120
    looks(late, late + 3 * HOUR, every=15 * MINUTE)
    assert AlertEvent.objects.filter(kind="escalated").count() == 3


def test_a_step_at_minute_0_is_told_with_the_first_word_by_its_own_methods(now):
    rule("high", steps=[(0, ["super_admin"], ["sms"]), (60, ["super_admin"], ["email"])])
    an_alert(now, severity="high")
    look(now)
    assert heard() == [*by(BOTH, now, "omar", "opened"), (now, "sara", "sms", "opened")]


def test_a_check_tells_a_step_at_minute_0_when_it_opens_the_alert(now, farah):
    rule("high", alert_type="payment_hold", steps=[(0, ["super_admin"], ["email"])])
    held(now, 30)
    reconcile(checks.get("payment_holds"), now=now)
    assert heard(method="email") == [(now, who, "email", "opened") for who in ("farah", "omar", "sara")]


def test_the_message_of_an_escalation_names_its_alert_and_why(now):
    alert = an_alert(now)
    looks(now, now + 30 * MINUTE)
    message = alert.notifications.get(recipient__username="sara", method="sms")
    assert message.metadata == {"alert_id": str(alert.pk), "severity": "critical", "reason": "escalated"}
    assert message.notification_type == "business_alert"
    assert message.lane == message.Lane.URGENT
    assert message.subject.startswith("Critical, nobody acknowledged: ")


def test_a_payment_hold_escalates_as_a_message_of_its_type_to_super_admins_and_never_overdue_bookings_to_finance(now, farah):
    an_alert(now, alert_type="payment_hold")
    an_alert(now, alert_type="booking_timeout")
    looks(now, now + 35 * MINUTE, every=5 * MINUTE)
    assert {who for _, who, _, _ in heard(notification_type="payment_hold")} == {"omar", "farah", "sara"}
    assert {who for _, who, _, _ in heard(notification_type="booking_timeout")} == {"omar", "sara"}


def test_an_admin_who_inserts_or_removes_a_step_makes_nobody_hear_twice_or_not_at_all(now):
    policy = rule("critical", steps=[(10, ["super_admin"], ["email"]), (60, ["super_admin"], ["email"])])
    an_alert(now)
    looks(now, now + 20 * MINUTE, every=10 * MINUTE)
    policy.steps.get(after_minutes=10).delete()
    EscalationStep.objects.create(policy=policy, after_minutes=5, roles=["super_admin"], methods=["email"])
    looks(now + 30 * MINUTE, now + 60 * MINUTE, every=10 * MINUTE)
    assert [at for at, who, _, _ in heard(recipient__username="sara")] == [now + 10 * MINUTE, now + 60 * MINUTE]


# --- Repeating --------------------------------------------------------------------------------------------------------


def test_the_interval_is_the_policys(now):
    rule("high", repeat=90, steps=[(6000, ["super_admin"], ["email"])])
    an_alert(now, severity="high")
    looks(now, now + 4 * HOUR, every=15 * MINUTE)
    assert [at for at, _, method, _ in heard() if method == "email"] == [now, now + 90 * MINUTE, now + 180 * MINUTE]


def test_between_the_runs_of_a_check_a_critical_alert_repeats_itself_on_time(now):
    held(now, 50)
    reconcile(checks.get("payment_holds"), now=now)
    looks(now + MINUTE, now + 5 * HOUR, every=MINUTE * 20)
    look(now + 4 * HOUR)
    assert said() == ["opened", "escalated", "still open"]
    # The check comes by just after: there is nothing to add.
    reconcile(checks.get("payment_holds"), now=now + 6 * HOUR)
    assert said() == ["opened", "escalated", "still open"]


def test_twenty_four_hourly_runs_and_every_minute_between_are_one_message_for_a_high_alert(now):
    EscalationStep.objects.all().delete()
    held(now, 24.5)
    for hour in range(24):
        at = now + hour * HOUR
        # Never old enough to turn critical.
        Payment.objects.update(held_at=at - 24.5 * HOUR)
        reconcile(checks.get("payment_holds"), now=at)
        looks(at, at + 59 * MINUTE, every=15 * MINUTE)
    assert said() == ["opened"]
    look(now + 24 * HOUR)
    assert said() == ["opened", "still open"]


# --- What a person says about it --------------------------------------------------------------------------------------


def test_an_acknowledged_alert_is_not_escalated_until_its_acknowledgement_expires(now, omar):
    alert = an_alert(now)
    look(now)
    steps.acknowledge(alert.pk, actor=omar, now=now + 10 * MINUTE)
    looks(now + 11 * MINUTE, now + 69 * MINUTE)
    assert len(heard()) == 3
    looks(now + 70 * MINUTE, now + 5 * HOUR)
    back, escalated = now + 70 * MINUTE, now + 100 * MINUTE
    assert heard(created_at__gt=now) == [
        *by(ALL, back, "omar", "acknowledgement expired"),
        *by(ALL, escalated, "sara", "escalated"),
    ]
    alert.refresh_from_db()
    assert (alert.status, alert.acknowledgement_expires_at) == ("active", None)
    # The repeat clock began anew, too.
    look(back + 4 * HOUR)
    assert {reason for _, _, _, reason in heard(created_at=back + 4 * HOUR)} == {"still open"}


def test_an_acknowledged_alert_that_is_looked_at_early_says_nothing(now, omar):
    alert = an_alert(now)
    look(now)
    steps.acknowledge(alert.pk, actor=omar, now=now + 10 * MINUTE)
    BusinessAlert.objects.update(next_step_at=now + 40 * MINUTE)
    assert look(now + 40 * MINUTE)["looked"] == 1
    assert heard(created_at__gt=now) == []


def test_an_acknowledgement_that_expired_during_a_stop_speaks_once_and_its_steps_are_told(now, omar):
    alert = an_alert(now)
    look(now)
    steps.acknowledge(alert.pk, actor=omar, now=now + 10 * MINUTE)
    late = now + 3 * HOUR
    look(late)
    assert heard(created_at=late) == [*by(ALL, late, "omar", "acknowledgement expired"), *by(ALL, late, "sara", "escalated")]
    looks(late + MINUTE, late + 30 * MINUTE)
    assert heard(created_at__gt=late) == []


def test_acknowledged_and_then_turned_critical_it_is_held_to_a_critical_ones_hour(now, omar):
    payment = held(now, 47)
    reconcile(checks.get("payment_holds"), now=now)
    steps.acknowledge(only_alert().pk, actor=omar, now=now + MINUTE)
    assert payment
    reconcile(checks.get("payment_holds"), now=now + HOUR)
    looks(now + HOUR, now + 3 * HOUR, every=5 * MINUTE)
    assert said() == ["opened", "raised", "acknowledgement expired", "escalated"]
    assert AlertEvent.objects.get(kind="expired").at == now + 2 * HOUR


def test_a_snoozed_alert_is_not_escalated_and_its_round_begins_anew_when_the_snooze_ends(now, omar):
    alert = an_alert(now)
    look(now)
    steps.snooze(alert.pk, actor=omar, until=now + 2 * HOUR, now=now + 10 * MINUTE)
    looks(now + 11 * MINUTE, now + 2 * HOUR + 29 * MINUTE)
    assert heard(created_at__gt=now) == []
    look(now + 2 * HOUR + 30 * MINUTE)
    assert {(who, reason) for _, who, _, reason in heard(created_at__gt=now)} == {("sara", "escalated")}


def test_the_end_of_a_snooze_tells_of_what_came_meanwhile(now, omar):
    held(now, 25)
    reconcile(checks.get("payment_holds"), now=now)
    steps.snooze(only_alert().pk, actor=omar, until=now + 90 * MINUTE, now=now)
    held(now + HOUR, 25)
    reconcile(checks.get("payment_holds"), now=now + HOUR)
    look(now + HOUR)
    assert said() == ["opened"]
    look(now + 90 * MINUTE)
    assert said() == ["opened", "new items"]
    assert only_alert().snoozed_until is None


def test_the_end_of_a_snooze_with_nothing_to_say_says_nothing(now, omar):
    alert = an_alert(now, severity="high")
    look(now)
    steps.snooze(alert.pk, actor=omar, until=now + HOUR, now=now)
    assert look(now + HOUR)["woken"] == 1
    assert said() == ["opened"]


def test_snoozed_past_the_end_of_its_acknowledgement_it_speaks_when_the_snooze_ends(now, omar):
    alert = an_alert(now)
    look(now)
    steps.acknowledge(alert.pk, actor=omar, now=now)
    steps.snooze(alert.pk, actor=omar, until=now + 3 * HOUR, now=now)
    looks(now + MINUTE, now + 3 * HOUR - MINUTE, every=7 * MINUTE)
    assert said() == ["opened"]
    look(now + 3 * HOUR)
    assert said() == ["opened", "acknowledgement expired"]


@pytest.mark.parametrize("end", ["ignore", "resolve"])
def test_ignored_or_resolved_it_is_silent(now, omar, end):
    alert = an_alert(now)
    look(now)
    getattr(steps, end)(alert.pk, actor=omar, now=now + MINUTE, **({"reason": "Known."} if end == "ignore" else {"notes": "Done."}))
    looks(now + 2 * MINUTE, now + 9 * HOUR, every=10 * MINUTE)
    assert said() == ["opened"]


def test_reopened_by_a_person_it_is_told_again_from_the_first_step_on(now, omar):
    alert = an_alert(now)
    look(now)
    steps.resolve(alert.pk, actor=omar, now=now + MINUTE)
    back = now + HOUR
    steps.reopen(alert.pk, actor=omar, reason="It is not over.", now=back)
    looks(back, back + HOUR)
    assert heard(created_at__gt=now) == [*by(ALL, back, "omar", "reopened"), *by(ALL, back + 30 * MINUTE, "sara", "escalated")]


def test_news_held_back_by_the_two_hours_is_told_when_they_are_over(now):
    EscalationStep.objects.all().delete()
    held(now, 25)
    reconcile(checks.get("payment_holds"), now=now)
    for minutes in (60, 90):
        held(now + minutes * MINUTE, 25)
        reconcile(checks.get("payment_holds"), now=now + minutes * MINUTE)
    looks(now + 91 * MINUTE, now + 6 * HOUR)
    told = AlertEvent.objects.filter(kind="told").order_by("at").values_list("at", "reason")
    assert list(told) == [(now, "opened"), (now + HOUR, "new items"), (now + 3 * HOUR, "new items")]


def test_a_rise_begins_a_new_round(now):
    held(now, 40)
    reconcile(checks.get("payment_holds"), now=now)
    looks(now, now + 8 * HOUR - MINUTE, every=7 * MINUTE)
    raised = now + 8 * HOUR
    reconcile(checks.get("payment_holds"), now=raised)
    looks(raised, raised + HOUR)
    assert AlertEvent.objects.get(kind="escalated").at == raised + 30 * MINUTE
    assert said() == ["opened", "raised", "escalated"]


# --- Alerts of all sorts ----------------------------------------------------------------------------------------------


def test_an_alert_written_by_hand_is_told_within_a_minute_and_escalated(now, frozen):
    BusinessAlert.objects.create(
        alert_type="system_error",
        severity="critical",
        title="Database Connection Issue",
        description="Unable to connect to payment gateway",
    )
    looks(now, now + 30 * MINUTE)
    assert {(at, who, reason) for at, who, _, reason in heard()} == {
        (now, "omar", "opened"),
        (now, "sara", "opened"),
        (now + 30 * MINUTE, "sara", "escalated"),
    }


def test_an_alert_that_somebody_named_the_people_of_stays_theirs(now, farah, sara):
    raise_alert(
        alert_type="system_error", severity="critical", title="Look", description="", people=User.objects.filter(pk=farah.pk), now=now
    )
    look(now + 4 * HOUR)
    assert {who for _, who, _, reason in heard() if reason != "escalated"} == {"farah"}


def test_with_nobody_there_the_first_to_come_is_told(now, omar):
    type(omar).objects.update(is_active=False)
    an_alert(now, severity="high")
    looks(now, now + 5 * MINUTE)
    assert heard() == []
    person(Role.OPS_MANAGER, username="olga")
    look(now + 6 * MINUTE)
    assert heard() == by(BOTH, now + 6 * MINUTE, "olga", "opened")

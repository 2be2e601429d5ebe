"""What people do about an alert: each step where it is legal, refused with the reason where it is not (docs/rules.md, 5)."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.contrib.auth.models import AnonymousUser

from core.alerts import steps
from core.alerts.check import checks
from core.alerts.lifecycle import reconcile
from core.alerts.steps import BadStep, IllegalStep
from core.models import AlertEvent, BusinessAlert, Payment, Role
from tests.alerts.stuck import held, only_alert, said
from tests.people import person

pytestmark = pytest.mark.django_db

HOLDS = checks.get("payment_holds")
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)

TAKE: dict[str, Any] = {
    "acknowledge": lambda alert, **by: steps.acknowledge(alert.pk, **by),
    "assign": lambda alert, actor, **by: steps.assign(alert.pk, actor=actor, to=actor, **by),
    "comment": lambda alert, actor, now, version=None: steps.comment(alert.pk, actor=actor, text="I called them.", now=now),
    "snooze": lambda alert, now, **by: steps.snooze(alert.pk, until=now + 2 * HOUR, now=now, **by),
    "ignore": lambda alert, **by: steps.ignore(alert.pk, reason="The bank is on strike.", **by),
    "resolve": lambda alert, **by: steps.resolve(alert.pk, notes="Released.", **by),
    "reopen": lambda alert, **by: steps.reopen(alert.pk, reason="They are back.", **by),
}
# The steps that lead to each state, from an alert just opened.
WAY_TO = {"active": (), "acknowledged": ("acknowledge",), "ignored": ("ignore",), "resolved": ("resolve",)}
LEGAL = {
    "active": {"acknowledge", "assign", "comment", "snooze", "ignore", "resolve"},
    "acknowledged": {"assign", "comment", "snooze", "ignore", "resolve"},
    "ignored": {"comment", "resolve", "reopen"},
    "resolved": {"comment", "reopen"},
}


@pytest.fixture
def alert(omar, now) -> BusinessAlert:
    """Two payments held for 30 hours: high."""
    held(now, 30)
    held(now, 29)
    reconcile(HOLDS, now=now)
    return only_alert()


def brought_to(status: str, alert: BusinessAlert, *, actor: Any, now: datetime) -> BusinessAlert:
    for step in WAY_TO[status]:
        TAKE[step](alert, actor=actor, now=now)
    alert.refresh_from_db()
    assert alert.status == status
    return alert


@pytest.mark.parametrize("status", LEGAL)
@pytest.mark.parametrize("step", TAKE)
def test_each_step_is_taken_where_it_is_legal_and_refused_elsewhere(step, status, alert, omar, sara, now):
    brought_to(status, alert, actor=omar, now=now)
    assert (step in steps.permitted(alert)) is (step in LEGAL[status])
    before = BusinessAlert.objects.filter(pk=alert.pk).values().get(), AlertEvent.objects.count(), LogEntry.objects.count()
    if step in LEGAL[status]:
        TAKE[step](alert, actor=sara, now=now + MINUTE)
        event = alert.events.order_by("at", "id").last()
        assert (event.kind, event.actor, event.at) == (steps.DONE[step], sara, now + MINUTE)
        return
    with pytest.raises(IllegalStep) as refused:
        TAKE[step](alert, actor=sara, now=now + MINUTE)
    assert refused.value.alert.status == status
    assert refused.value.reason.endswith(".")
    after = BusinessAlert.objects.filter(pk=alert.pk).values().get(), AlertEvent.objects.count(), LogEntry.objects.count()
    assert after == before


def test_an_acknowledgement_of_a_high_alert_holds_eight_hours_of_a_critical_one_an_hour(alert, omar, now):
    taken = steps.acknowledge(alert.pk, actor=omar, now=now)
    assert (taken.acknowledged_by, taken.acknowledged_at, taken.acknowledgement_expires_at) == (omar, now, now + 8 * HOUR)
    assert taken.next_step_at == now + 8 * HOUR
    BusinessAlert.objects.update(status="active", severity="critical", acknowledgement_expires_at=None)
    assert steps.acknowledge(alert.pk, actor=omar, now=now).acknowledgement_expires_at == now + HOUR


def test_what_another_has_acknowledged_is_refused_with_who_and_when(alert, omar, sara, now):
    omar.last_name = "Khan"
    omar.save()
    steps.acknowledge(alert.pk, actor=omar, now=now + 92 * MINUTE)
    with pytest.raises(IllegalStep) as refused:
        steps.acknowledge(alert.pk, actor=sara, now=now + 2 * HOUR)
    assert refused.value.reason == "Omar Khan acknowledged it at 10:32."
    with pytest.raises(IllegalStep, match=r"You acknowledged it at 10:32\."):
        steps.acknowledge(alert.pk, actor=omar, now=now + 2 * HOUR)


def test_an_acknowledgement_that_has_expired_keeps_nobody_from_acknowledging(alert, omar, sara, now):
    steps.acknowledge(alert.pk, actor=omar, now=now)
    with pytest.raises(IllegalStep):
        steps.acknowledge(alert.pk, actor=sara, now=now + 8 * HOUR - MINUTE)
    assert steps.acknowledge(alert.pk, actor=sara, now=now + 8 * HOUR).acknowledged_by == sara


def test_what_the_system_has_resolved_says_so_with_the_day(alert, omar, now):
    Payment.objects.update(status="completed")
    reconcile(HOLDS, now=now)
    with pytest.raises(IllegalStep) as refused:
        steps.resolve(alert.pk, actor=omar, notes="", now=now + 24 * HOUR)
    assert refused.value.reason == "The system resolved it on 16 Nov at 09:00. Reopen it first."


def test_a_row_without_a_history_is_refused_all_the_same(omar, now):
    made = BusinessAlert.objects.create(alert_type="payment_hold", severity="high", title="By hand", status="acknowledged")
    with pytest.raises(IllegalStep, match=r"It is acknowledged\."):
        steps.acknowledge(made.pk, actor=omar, now=now)


def test_whoever_looked_before_another_acted_is_told_who_did_what(alert, omar, sara, now):
    looked = alert.version
    steps.assign(alert.pk, actor=omar, to=omar, now=now, version=looked)
    with pytest.raises(IllegalStep) as refused:
        steps.resolve(alert.pk, actor=sara, notes="Done.", now=now, version=looked)
    assert refused.value.reason == "Omar assigned it at 09:00."
    assert refused.value.alert.status == "active"
    steps.comment(alert.pk, actor=sara, text="Shall I?", now=now)
    assert steps.resolve(alert.pk, actor=sara, notes="Done.", now=now, version=looked + 1).status == "resolved"


@pytest.mark.parametrize(
    ("step", "bad", "field", "message"),
    [
        ("ignore", {"reason": "  "}, "reason", "This may not be empty."),
        ("reopen", {"reason": ""}, "reason", "This may not be empty."),
        ("comment", {"text": ""}, "text", "This may not be empty."),
        ("comment", {"text": "x" * 2001}, "text", "This may have at most 2000 characters."),
        ("comment", {"text": "a\x00b"}, "text", "This holds a character that cannot be stored."),
        ("comment", {"text": "\ud83d"}, "text", "This holds a character that cannot be stored."),
        ("resolve", {"notes": "x" * 2001}, "notes", "This may have at most 2000 characters."),
        ("resolve", {"notes": None}, "notes", "This is not a text."),
        ("snooze", {"until": "2026-11-17"}, "until", "This is not a moment with its time zone."),
        ("snooze", {"until": datetime(2026, 11, 17)}, "until", "This is not a moment with its time zone."),
        ("assign", {"to": 10**30}, "user_id", "There is no such person who may see this alert."),
        ("assign", {"to": "omar"}, "user_id", "There is no such person who may see this alert."),
        ("assign", {"to": True}, "user_id", "There is no such person who may see this alert."),
        ("assign", {"to": 0}, "user_id", "There is no such person who may see this alert."),
    ],
)
def test_bad_input_names_its_field_and_changes_nothing(step, bad, field, message, alert, omar, now):
    if step == "reopen":
        steps.resolve(alert.pk, actor=omar, notes="", now=now)
    events = AlertEvent.objects.count()
    with pytest.raises(BadStep) as refused:
        getattr(steps, step)(alert.pk, actor=omar, now=now, **bad)
    assert (refused.value.field, str(refused.value)) == (field, message)
    assert AlertEvent.objects.count() == events


def test_a_snooze_ends_in_the_future_and_within_thirty_days(alert, omar, now):
    for until in (now, now + timedelta(days=30, seconds=1)):
        with pytest.raises(BadStep) as refused:
            steps.snooze(alert.pk, actor=omar, until=until, now=now)
        assert refused.value.field == "until"
    taken = steps.snooze(alert.pk, actor=omar, until=now + timedelta(days=30), now=now)
    assert (taken.status, taken.snoozed_until, taken.next_step_at) == ("active", now + timedelta(days=30), now + timedelta(days=30))


def test_an_alert_is_assigned_only_to_active_staff_who_may_see_it(alert, omar, sara, farah, vera, now):
    for may in (omar, sara, farah):
        assert steps.assign(alert.pk, actor=omar, to=may.pk, now=now).assigned_to == may
    assert steps.assign(alert.pk, actor=omar, to=None, now=now).assigned_to is None
    gone = person(Role.OPS_MANAGER, is_active=False)
    BusinessAlert.objects.update(alert_type="booking_timeout")
    for may_not in (vera, gone, farah):
        with pytest.raises(BadStep) as refused:
            steps.assign(alert.pk, actor=omar, to=may_not, now=now)
        assert refused.value.field == "user_id"


def test_ignored_it_says_nothing_until_it_is_reopened(alert, omar, now):
    steps.ignore(alert.pk, actor=omar, reason="The bank is on strike.", now=now)
    assert only_alert().next_step_at is None
    held(now, 60)
    reconcile(HOLDS, now=now + HOUR)
    assert (only_alert().status, said()) == ("ignored", ["opened"])
    back = steps.reopen(alert.pk, actor=omar, reason="The strike is over.", now=now + 2 * HOUR)
    assert (back.status, back.next_step_at, back.escalating_since) == ("active", now + 2 * HOUR, now + 2 * HOUR)


def test_resolved_by_a_person_it_keeps_who_when_and_why_and_is_quiet_for_a_day(alert, omar, now):
    steps.acknowledge(alert.pk, actor=omar, now=now)
    taken = steps.resolve(alert.pk, actor=omar, notes="  Called the bank. ", now=now + HOUR)
    assert (taken.resolved_by, taken.resolved_at, taken.resolution_notes) == (omar, now + HOUR, "Called the bank.")
    assert (taken.quiet_until, taken.next_step_at, taken.acknowledgement_expires_at) == (now + 25 * HOUR, None, None)
    for hour in range(2, 25):
        assert reconcile(HOLDS, now=now + hour * HOUR)["quiet"] == 1
    assert reconcile(HOLDS, now=now + 25 * HOUR)["reopened"] == 1
    assert only_alert().status == "active"


def test_reopened_by_a_person_nothing_of_the_end_is_left(alert, omar, now):
    steps.acknowledge(alert.pk, actor=omar, now=now)
    steps.resolve(alert.pk, actor=omar, notes="Done.", now=now)
    taken = steps.reopen(alert.pk, actor=omar, reason="It was not.", now=now + HOUR)
    assert (taken.status, taken.resolved_by, taken.resolved_at, taken.resolution_notes, taken.quiet_until) == (
        "active",
        None,
        None,
        "",
        None,
    )
    assert (taken.acknowledged_by, taken.acknowledged_at, taken.reopened_count) == (None, None, 1)
    assert (taken.next_step_at, taken.escalating_since, taken.escalated_minutes) == (now + HOUR, now + HOUR, 0)


def test_an_old_alert_is_not_reopened_beside_a_newer_one_of_the_same_problem(alert, omar, now):
    Payment.objects.update(status="completed")
    reconcile(HOLDS, now=now)
    held(now + 3 * HOUR, 30)
    reconcile(HOLDS, now=now + 3 * HOUR)
    with pytest.raises(IllegalStep) as refused:
        steps.reopen(alert.pk, actor=omar, reason="Again.", now=now + 4 * HOUR)
    assert refused.value.reason == "A newer alert of the same problem is open."
    assert refused.value.alert.status == "resolved"
    assert BusinessAlert.objects.exclude(status="resolved").count() == 1


def test_each_step_leaves_an_event_and_an_entry_in_the_audit_trail(alert, omar, sara, now):
    steps.acknowledge(alert.pk, actor=omar, now=now)
    steps.assign(alert.pk, actor=omar, to=sara, now=now + MINUTE)
    steps.resolve(alert.pk, actor=sara, notes="Released.", now=now + HOUR)
    events = alert.events.exclude(actor=None).order_by("at")
    assert [(event.kind, event.actor, event.reason) for event in events] == [
        ("acknowledged", omar, ""),
        ("assigned", omar, ""),
        ("resolved", sara, "Released."),
    ]
    # And what undoing it would put back.
    before = {"assigned_to_id": None}
    assert events[1].detail == {"was": "acknowledged", "status": "acknowledged", "version": 3, "to": "Sara", "before": before}
    entry = LogEntry.objects.filter(object_pk=str(alert.pk)).latest()
    assert (entry.actor, entry.timestamp, entry.action) == (sara, now + HOUR, LogEntry.Action.UPDATE)
    assert entry.changes_dict["status"] == ["acknowledged", "resolved"]
    assert entry.changes_dict["resolution_notes"] == ["", "Released."]
    assert entry.additional_data == {"step": "resolve", "reason": "Released."}


def test_of_an_alert_that_is_not_there_nothing_is_said(omar, now):
    with pytest.raises(BusinessAlert.DoesNotExist):
        steps.acknowledge("0191e0c4-0000-7000-8000-000000000000", actor=omar, now=now)


def test_ops_and_super_admins_see_every_alert_finance_those_about_payments_and_nobody_else_any(sara, omar, farah, vera, kiran, now):
    for kind in ("payment_hold", "booking_timeout", "system_error"):
        BusinessAlert.objects.create(alert_type=kind, severity="high", title=kind)
    gone = person(Role.SUPER_ADMIN, is_active=False)
    sees = {
        who.username: set(steps.visible_to(who, BusinessAlert.objects.all()).values_list("alert_type", flat=True))
        for who in (sara, omar, farah, vera, kiran, gone, AnonymousUser())
    }
    everything = {"payment_hold", "booking_timeout", "system_error"}
    nobody: dict[str, set[str]] = {name: set() for name in ("vera", "kiran", gone.username, "")}
    assert sees == {"sara": everything, "omar": everything, "farah": {"payment_hold"}, **nobody}
    for who in (sara, omar, farah, vera, kiran, gone, AnonymousUser()):
        seen = {alert.alert_type for alert in BusinessAlert.objects.all() if steps.may_see(who, alert)}
        assert seen == sees[who.username]


def test_turning_critical_leaves_an_acknowledgement_no_more_than_a_critical_ones_hour(omar, now):
    held(now, 47)
    reconcile(HOLDS, now=now)
    steps.acknowledge(only_alert().pk, actor=omar, now=now)
    reconcile(HOLDS, now=now + HOUR)
    assert (only_alert().severity, only_alert().acknowledgement_expires_at) == ("critical", now + 2 * HOUR)

"""Undoing one's own last step: the alert is as if it had not been made, nothing is said twice and nothing is lost (docs/rules.md, 5)."""

from datetime import timedelta

import pytest
from auditlog.models import LogEntry

from core.alerts import steps
from core.alerts.check import checks
from core.alerts.escalation import escalate_due
from core.alerts.lifecycle import reconcile
from core.alerts.manual import raise_alert
from core.alerts.policies import create_defaults
from core.alerts.record import response_times
from core.alerts.steps import IllegalStep
from core.models import AlertEvent, BusinessAlert, Payment
from tests.alerts.stuck import held, only_alert
from tests.alerts.test_steps import TAKE

pytestmark = pytest.mark.django_db

HOLDS = checks.get("payment_holds")
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


@pytest.fixture
def alert(omar, now) -> BusinessAlert:
    held(now, 30)
    reconcile(HOLDS, now=now)
    return only_alert()


def row_of(alert) -> dict:
    """All that a person's step may change, but for the number of steps and the next look."""
    return BusinessAlert.objects.filter(pk=alert.pk).values().get() | {"version": None, "next_step_at": None}


def raised(name, *, now, severity="critical"):
    raise_alert(alert_type="system_error", severity=severity, title=name, description="Away.", fingerprint=name, now=now)
    return BusinessAlert.objects.get(fingerprint=name)


@pytest.mark.parametrize(
    ("before", "step"),
    [
        *(((), step) for step in steps.UNDOABLE),
        *((("acknowledge", "snooze", "assign"), step) for step in ("assign", "snooze", "ignore", "resolve")),
        (("ignore",), "resolve"),
    ],
)
def test_what_is_undone_is_as_it_was_and_both_are_kept(before, step, alert, omar, sara, now):
    for earlier in before:
        TAKE[earlier](alert, actor=sara, now=now)
    alert.refresh_from_db()
    was, entries = row_of(alert), LogEntry.objects.count()
    TAKE[step](alert, actor=omar, now=now + MINUTE)
    assert row_of(alert) != was
    undone = steps.undo(alert.pk, actor=omar, now=now + 2 * MINUTE)
    assert row_of(alert) == was
    assert undone.version == alert.version + 2
    assert undone.next_step_at == (now + 2 * MINUTE if undone.status != "ignored" else None)
    last = list(alert.events.order_by("at", "id").values_list("kind", "actor", "at"))[-2:]
    assert last == [(steps.DONE[step], omar.pk, now + MINUTE), ("undone", omar.pk, now + 2 * MINUTE)]
    assert LogEntry.objects.count() == entries + 2
    assert LogEntry.objects.get(additional_data__step="undo").actor == omar


@pytest.mark.parametrize(("acknowledged", "undone"), [(5, 10), (26, 34), (238, 244)])
def test_an_undone_acknowledgement_resumes_the_clocks_as_if_it_had_not_been_made(acknowledged, undone, omar, sara, now):
    """Beside one that nobody touched: what came due meanwhile is said at the next look, all else at the same minute, each once."""
    create_defaults()
    touched, left = raised("touched", now=now), raised("left", now=now)
    for minute in (*range(1, 40), *range(235, 250)):
        at = now + minute * MINUTE
        if minute == acknowledged:
            steps.acknowledge(touched.pk, actor=omar, now=at)
        if minute == undone:
            steps.undo(touched.pk, actor=omar, now=at)
        escalate_due(now=at)

    def said(alert):
        found = alert.events.filter(kind__in=("told", "escalated")).order_by("at", "id")
        return [(event.kind, (event.at - now) // MINUTE, event.reason) for event in found]

    def late(minute):
        return undone if acknowledged <= minute < undone else minute

    expected = said(left)
    assert [reason for kind, _, reason in expected if kind == "told"] == ["opened", "escalated", "still open"]
    assert said(touched) == [(kind, late(minute), reason) for kind, minute, reason in expected]


def test_whoever_was_slower_than_another_is_told_who_and_when_and_nothing_changes(alert, omar, sara, now):
    steps.acknowledge(alert.pk, actor=omar, now=now)
    looked = steps.assign(alert.pk, actor=omar, to=omar, now=now + MINUTE).version
    steps.comment(alert.pk, actor=sara, text="Good.", now=now + MINUTE)
    steps.assign(alert.pk, actor=sara, to=sara, now=now + 2 * MINUTE)
    was = row_of(alert)
    for version in (looked, None):
        with pytest.raises(IllegalStep, match=r"^Sara assigned it at 09:02\.$"):
            steps.undo(alert.pk, actor=omar, now=now + 3 * MINUTE, version=version)
    assert row_of(alert) == was


def test_what_is_undone_cannot_be_undone_again_nor_what_came_before_it(alert, omar, now):
    steps.assign(alert.pk, actor=omar, to=omar, now=now)
    steps.acknowledge(alert.pk, actor=omar, now=now)
    steps.undo(alert.pk, actor=omar, now=now + MINUTE)
    with pytest.raises(IllegalStep, match=r"You took back the acknowledgement at 09:01\."):
        steps.undo(alert.pk, actor=omar, now=now + 2 * MINUTE)


def test_it_is_for_ten_minutes_for_ones_own_steps_and_not_for_what_runs_out(alert, omar, sara, now):
    steps.acknowledge(alert.pk, actor=omar, now=now)
    with pytest.raises(IllegalStep, match=r"Omar acknowledged it at 09:00\."):
        steps.undo(alert.pk, actor=sara, now=now + MINUTE)
    with pytest.raises(IllegalStep, match="can be undone for 10 minutes"):
        steps.undo(alert.pk, actor=omar, now=now + 10 * MINUTE)
    steps.snooze(alert.pk, actor=omar, until=now + 12 * MINUTE, now=now + 11 * MINUTE)
    # Somebody else's word does not stand in the way; that the snooze has ended does.
    steps.comment(alert.pk, actor=sara, text="Good.", now=now + 11 * MINUTE)
    BusinessAlert.objects.update(next_step_at=now)
    escalate_due(now=now + 12 * MINUTE)
    with pytest.raises(IllegalStep, match=r"The snooze ended at 09:12\."):
        steps.undo(alert.pk, actor=omar, now=now + 13 * MINUTE)
    with pytest.raises(IllegalStep, match=r"nothing to undo"):
        steps.undo(BusinessAlert.objects.create(alert_type="x", title="By hand").pk, actor=omar, now=now)


def test_a_step_that_kept_silent_what_was_to_be_said_is_not_undone(omar, sara, now):
    """Else nobody would hear that it turned worse; of an acknowledged one they have heard."""
    silent, said = raised("silent", now=now, severity="high"), raised("said", now=now, severity="high")
    steps.ignore(silent.pk, actor=omar, reason="Known.", now=now)
    steps.acknowledge(said.pk, actor=omar, now=now)
    for name in ("silent", "said"):
        raised(name, now=now + MINUTE)
    with pytest.raises(IllegalStep, match=r"It turned worse at 09:01\."):
        steps.undo(silent.pk, actor=omar, now=now + 2 * MINUTE)
    assert steps.undo(said.pk, actor=omar, now=now + 2 * MINUTE).status == "active"
    assert list(said.events.filter(kind="told").values_list("reason", flat=True)) == ["opened", "raised"]
    escalate_due(now=now + 2 * MINUTE)
    assert said.events.filter(kind="told").count() == 2


def test_a_resolution_whose_cause_has_gone_meanwhile_stays(alert, omar, now):
    steps.resolve(alert.pk, actor=omar, notes="Paid.", now=now)
    Payment.objects.update(status="completed")
    reconcile(HOLDS, now=now + MINUTE)
    with pytest.raises(IllegalStep, match=r"Its cause went away at 09:01\."):
        steps.undo(alert.pk, actor=omar, now=now + 2 * MINUTE)


def test_what_was_undone_counts_for_no_time_to_acknowledge_or_to_resolve(alert, omar, sara, now):
    steps.acknowledge(alert.pk, actor=omar, now=now + MINUTE)
    steps.comment(alert.pk, actor=sara, text="Sure?", now=now + MINUTE)
    steps.undo(alert.pk, actor=omar, now=now + MINUTE)
    steps.acknowledge(alert.pk, actor=sara, now=now + 30 * MINUTE)
    steps.resolve(alert.pk, actor=omar, now=now + HOUR)
    steps.undo(alert.pk, actor=omar, now=now + HOUR + MINUTE)
    day = now.date()
    lines = response_times(day, day, by=("person",))
    assert [(line.what, line.person, line.median) for line in lines] == [("acknowledged", "Sara", 30 * MINUTE), ("open", "", None)]
    assert AlertEvent.objects.filter(kind="undone").count() == 2

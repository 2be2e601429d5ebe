"""A random life of alerts: things get stuck and come free, causes come and go, people act, processes die; and what must hold throughout.

What is expected is worked out here from the events and the rows alone, by the words of docs/rules.md, 5.
"""

import contextlib
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from core.alerts import steps
from core.alerts.check import RANK, checks
from core.alerts.escalation import escalate_due
from core.alerts.lifecycle import reconcile
from core.alerts.manual import clear_alert, raise_alert
from core.alerts.steps import IllegalStep
from core.models import AlertEvent, AlertItem, BusinessAlert, NotificationLog, Payment, User
from tests.alerts.stuck import held
from tests.conftest import MONDAY_NINE

HOLDS = checks.get("payment_holds")
HOUR = timedelta(hours=1)
STAFF = ("omar", "sara", "farah")
# What an event makes of an alert's status; all others leave it.
BECOMES = {
    "opened": "active",
    "reopened": "active",
    "expired": "active",
    "acknowledged": "acknowledged",
    "ignored": "ignored",
    "resolved": "resolved",
}
LEGAL = {
    "active": {"acknowledge", "assign", "comment", "snooze", "ignore", "resolve"},
    "acknowledged": {"assign", "comment", "snooze", "ignore", "resolve"},
    "ignored": {"comment", "resolve", "reopen"},
    "resolved": {"comment", "reopen"},
}
STEPS: dict[str, Callable[..., BusinessAlert]] = {
    "acknowledge": steps.acknowledge,
    # Finance may not see every alert, and what one may not see is not made one's own.
    "assign": lambda pk, actor, **by: steps.assign(pk, actor=actor, to=None if actor.role == "finance" else actor, **by),
    "comment": lambda pk, actor, now, version: steps.comment(pk, actor=actor, text="Hm.", now=now),
    "snooze": lambda pk, now, **by: steps.snooze(pk, until=now + 5 * HOUR, now=now, **by),
    "ignore": lambda pk, **by: steps.ignore(pk, reason="Known.", **by),
    "resolve": lambda pk, **by: steps.resolve(pk, notes="Done.", **by),
    "reopen": lambda pk, **by: steps.reopen(pk, reason="Not done.", **by),
    "undo": steps.undo,
}
UNDOABLE = {"acknowledged", "assigned", "snoozed", "ignored", "resolved"}
# Between a step and its undoing these may happen; of TURNED where the step kept nothing silent.
IN_BETWEEN = {"commented", "told", "escalated", "items_added", "items_cleared", "flapping", "steady"}
TURNED = {"raised", "gone"}


class Died(BaseException):
    """The process is gone; nothing catches it."""


class Life(RuleBasedStateMachine):
    """Alerts of a check, of a cause that comes and goes, and made by hand. The database is the caller's, and put back at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.now = MONDAY_NINE
        self.told_before: set[Any] = set()
        self.before: dict[Any, BusinessAlert] = {}
        self.by_hand = False
        self.looked = False
        self.atomic = transaction.atomic()
        self.atomic.__enter__()
        self.people = {user.username: user for user in User.objects.filter(username__in=STAFF)}

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.atomic.__exit__(None, None, None)

    # --- What happens -------------------------------------------------------------------------------------------------

    @rule(minutes=st.sampled_from([1, 10, 30, 45, 60, 120, 240, 480, 1440]))
    def time_passes(self, minutes: int) -> None:
        self.begin()
        self.now += timedelta(minutes=minutes)

    @rule(hours=st.sampled_from([23, 25, 40, 47, 60]))
    def a_payment_gets_stuck(self, hours: int) -> None:
        self.begin()
        held(self.now, hours)

    @rule(all_of_them=st.booleans())
    def payments_come_free(self, all_of_them: bool) -> None:
        self.begin()
        stuck = Payment.objects.filter(status="on_hold").order_by("pk")
        Payment.objects.filter(pk__in=stuck.values_list("pk", flat=True)[: None if all_of_them else 1]).update(status="completed")

    @rule()
    def the_check_runs(self) -> None:
        self.begin()
        reconcile(HOLDS, now=self.now)
        self.the_check_has_seen()

    @rule(severity=st.sampled_from(["high", "critical"]))
    def the_provider_is_away(self, severity: str) -> None:
        self.begin()
        self.away(severity)

    @rule()
    def the_provider_is_back(self) -> None:
        self.begin()
        clear_alert("provider:away", now=self.now)
        assert not BusinessAlert.objects.filter(fingerprint="provider:away").exclude(status="resolved").exists()

    @rule(times=st.integers(2, 5), minutes=st.integers(1, 50))
    def the_provider_comes_and_goes(self, times: int, minutes: int) -> None:
        for _ in range(times):
            self.begin()
            self.away("high")
            self.all_is_as_it_must_be()
            self.begin()
            clear_alert("provider:away", now=self.now)
            self.all_is_as_it_must_be()
            self.now += timedelta(minutes=minutes)
        self.begin()

    @rule()
    def somebody_reports_a_problem(self) -> None:
        self.begin()
        raise_alert(alert_type="service_completion_reminder", severity="medium", title="Odd", description="Look.", now=self.now)

    @rule()
    def the_minute_is_looked_at(self) -> None:
        self.begin()
        escalate_due(now=self.now)
        self.looked = True
        assert not BusinessAlert.objects.filter(next_step_at__lte=self.now).exists()

    @precondition(lambda self: BusinessAlert.objects.exists())
    @rule(which=st.integers(0, 9), step=st.sampled_from(sorted(STEPS)), who=st.sampled_from(STAFF), late=st.booleans())
    def somebody_acts(self, which: int, step: str, who: str, late: bool) -> None:
        self.begin()
        alert = self.pick(which)
        version = alert.version - 1 if late and alert.version else alert.version
        expired = alert.status == "acknowledged" and (alert.acknowledgement_expires_at or self.now) <= self.now
        legal = step in LEGAL["active" if expired else alert.status] and (version == alert.version or step == "comment")
        legal = legal or (step == "undo" and version == alert.version and self.may_be_undone(alert, who))
        rival = BusinessAlert.objects.exclude(fingerprint="").filter(fingerprint=alert.fingerprint).exclude(status="resolved")
        legal = legal and not (step == "reopen" and rival.exclude(pk=alert.pk).exists())
        events = alert.events.count()
        refused: IllegalStep | None = None
        try:
            STEPS[step](alert.pk, actor=self.people[who], now=self.now, version=version)
        except IllegalStep as error:
            refused = error
        assert legal is (refused is None), (step, alert.status, refused)
        assert refused is None or (refused.reason and refused.alert.status == alert.status)
        assert alert.events.count() == events + legal
        self.by_hand = True

    @rule(
        at=st.integers(1, 60), what=st.sampled_from(["check", "look", "away", "acknowledge", "resolve", "reopen"]), which=st.integers(0, 9)
    )
    def a_process_dies(self, at: int, what: str, which: int) -> None:
        """At one of its statements; it had the state it wrote so far in a transaction, or it had not begun."""
        self.begin()
        snapshot = self.everything()
        done = {
            "check": lambda: reconcile(HOLDS, now=self.now),
            "look": lambda: escalate_due(now=self.now),
            "away": lambda: self.away("critical"),
        }.get(what) or (lambda: STEPS[what](self.pick(which).pk, actor=self.people["omar"], now=self.now, version=None))
        if what in STEPS and not BusinessAlert.objects.exists():
            return
        countdown = iter(range(at, 0, -1))

        def dying(execute: Callable[..., Any], sql: str, *more: Any) -> Any:
            # Within the test's own transaction savepoints stand for BEGIN and COMMIT, which happen or do not.
            if "SAVEPOINT" not in sql and next(countdown, None) == 1:
                raise Died
            return execute(sql, *more)

        died = False
        with contextlib.suppress(IllegalStep):
            try:
                with connection.execute_wrapper(dying):
                    done()
            except Died:
                died = True
        if died and what != "look":
            assert self.everything() == snapshot
        self.by_hand = self.by_hand or what in STEPS

    # --- What must hold -----------------------------------------------------------------------------------------------

    @invariant()
    def all_is_as_it_must_be(self) -> None:
        alerts = list(BusinessAlert.objects.order_by("created_at", "pk"))
        open_ones = Counter(alert.fingerprint for alert in alerts if alert.fingerprint and alert.status != "resolved")
        assert all(count == 1 for count in open_ones.values()), open_ones
        events: dict[Any, list[AlertEvent]] = {}
        for event in AlertEvent.objects.order_by("at", "id"):
            events.setdefault(event.alert_id, []).append(event)
        for alert in alerts:
            self.one_alert_is_as_it_must_be(alert, events.get(alert.pk, []))
            self.it_said_only_what_it_may(alert, [e for e in events.get(alert.pk, []) if e.kind == "told" and e.pk not in self.told_before])
        written = Counter(NotificationLog.objects.values_list("key", "recipient_id", "method"))
        assert all(count == 1 for count in written.values())

    def one_alert_is_as_it_must_be(self, alert: BusinessAlert, events: list[AlertEvent]) -> None:
        status = ""
        for event in events:
            status = event.detail["status"] if event.kind == "undone" else BECOMES.get(event.kind, status)
        assert status == alert.status, [event.kind for event in events]
        assert (alert.resolved_at is not None) == (alert.status == "resolved")
        assert (alert.acknowledgement_expires_at is not None) == (alert.status == "acknowledged")
        assert (alert.acknowledged_by_id is not None) or alert.status != "acknowledged"
        # Somebody is there to be told; so it is known when it is looked at next.
        assert (alert.next_step_at is not None) == (alert.status in {"active", "acknowledged"})
        was = self.before.get(alert.pk)
        assert was is None or was.version <= alert.version
        assert was is None or was.status == alert.status or was.version < alert.version
        told = [event for event in events if event.kind == "told"]
        returns = [event.at for event in told if event.reason in {"reopened", "keeps coming back"}]
        # What a person reopened says so, however often it came back by itself.
        by_people = sum(event.kind == "reopened" and event.actor_id is not None for event in events)
        assert all(sum(at - 6 * HOUR < other <= at for other in returns) <= 3 + by_people for at in returns)

    def it_said_only_what_it_may(self, alert: BusinessAlert, told: list[AlertEvent]) -> None:
        """What an alert said since the last thing happened, by the state it was in before."""
        was = self.before.get(alert.pk)
        if was is None or self.by_hand:
            return
        reasons = {event.reason for event in told}
        assert len(reasons) == len(told), "Said twice of one thing."
        if was.status == "ignored":
            assert not reasons
        elif was.status == "resolved":
            # "still open" and "raised": what keeps coming back says no more at its return than it would say if it had stayed.
            assert reasons <= {"reopened", "keeps coming back", "opened", "still open", "raised"}
        elif was.snoozed_until is not None and self.now < was.snoozed_until:
            assert not reasons or (reasons == {"raised"} and alert.severity == "critical")
        elif was.status == "acknowledged" and was.acknowledgement_expires_at is not None and self.now < was.acknowledgement_expires_at:
            assert reasons <= {"raised", "new items"}
            assert "raised" not in reasons or RANK[alert.severity] > RANK[was.severity]
            assert "new items" not in reasons or AlertItem.objects.filter(alert=alert, severity="critical", cleared_at=None).exists()

    def the_check_has_seen(self) -> None:
        stuck = Payment.objects.filter(status="on_hold", held_at__lt=self.now - 24 * HOUR).count()
        alert = BusinessAlert.objects.filter(fingerprint=HOLDS.name).exclude(status="resolved").first()
        if alert is not None:
            assert alert.item_count == stuck == alert.items.filter(cleared_at=None).count() > 0
        elif stuck:
            quiet = BusinessAlert.objects.filter(fingerprint=HOLDS.name, quiet_until__gt=self.now).exclude(resolved_by=None)
            assert quiet.exists(), "Something is stuck, and nobody knows."

    # --- How it is done -----------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """What is said from here on is said because of what happens now."""
        self.told_before = set(AlertEvent.objects.filter(kind="told").values_list("pk", flat=True))
        self.before = {alert.pk: alert for alert in BusinessAlert.objects.all()}
        self.by_hand = False

    def may_be_undone(self, alert: BusinessAlert, who: str) -> bool:
        turned = False
        for event in alert.events.order_by("-at", "-id"):
            if event.kind in UNDOABLE:
                mine = event.actor_id == self.people[who].pk and self.now < event.at + timedelta(minutes=10)
                return mine and not (turned and event.kind not in {"acknowledged", "assigned"})
            turned = turned or event.kind in TURNED
            if event.kind not in IN_BETWEEN | TURNED:
                return False
        return False

    def pick(self, which: int) -> BusinessAlert:
        alerts = list(BusinessAlert.objects.order_by("-created_at", "pk"))
        return alerts[which % len(alerts)]

    def away(self, severity: str) -> None:
        raise_alert(
            alert_type="system_error", severity=severity, title="Away", description="Away.", fingerprint="provider:away", now=self.now
        )

    def everything(self) -> list[object]:
        kept = (BusinessAlert, AlertItem, AlertEvent, NotificationLog)
        return [list(model.objects.order_by("pk").values()) for model in kept]

"""One alert's life: it opens, grows, turns worse, speaks, resolves, comes back. The same for a check's and for one raised by hand."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import structlog
from django.db.models import Case, Count, Exists, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce

from core.alerts import flapping, items, live, policies, speech, wording
from core.alerts.check import RANK
from core.alerts.digest import Telling
from core.alerts.findings import Found
from core.alerts.items import Change, News
from core.models import AlertEvent, AlertItem, BusinessAlert, User
from core.notifications.kinds import Kind
from core.notifications.outbox import Tally

log = structlog.get_logger(__name__)
Severity = BusinessAlert.Severity
Status = BusinessAlert.Status

# docs/rules.md, 5: back within an hour of the system's own resolution, the same alert reopens; resolved by a person
# while the cause remains, it is quiet for a day; for so long "I am on it" holds.
REOPENS_WITHIN = timedelta(hours=1)
QUIET_FOR = timedelta(hours=24)
ACKNOWLEDGED_FOR: Mapping[str, timedelta] = MappingProxyType({Severity.CRITICAL: timedelta(hours=1)})
ACKNOWLEDGED_FOR_OTHERS = timedelta(hours=8)


@dataclass(frozen=True, slots=True)
class Words:
    title: str
    description: str


@dataclass(frozen=True, kw_only=True)
class Cause:
    """What an alert stands for, who hears of it, and what it says.

    With a fingerprint it is evaluated again and again: it repeats itself, and is quiet for a day after a person resolved it.
    Without one it stands for itself.
    """

    fingerprint: str
    alert_type: str
    name: str  # Of the runs that speak of it.
    kind: Kind
    people: QuerySet[User]
    words: Callable[[Found], Words]
    region: str = ""
    rule: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Outcome:
    """What became of one alert."""

    alert: BusinessAlert | None = None
    opened: int = 0
    reopened: int = 0
    raised: int = 0
    new_items: int = 0
    cleared: int = 0
    resolved: int = 0
    quiet: int = 0
    # There was something to say, and nobody to say it to.
    unheard: bool = False
    said: speech.Saying | None = None
    events: list[AlertEvent] = field(default_factory=list)

    @property
    def tally(self) -> Tally:
        """Of what it said, once that is told."""
        return self.said.tally if self.said else Tally()

    def note(self, kind: str, now: datetime, *, reason: str = "", **detail: Any) -> None:
        assert self.alert is not None
        self.events.append(AlertEvent(alert=self.alert, at=now, kind=kind, reason=reason, detail=detail))


def settle(cause: Cause, found: Found | None, *, now: datetime, alert: BusinessAlert | None, telling: Telling | None = None) -> Outcome:
    """Bring a cause's alert in line with what was found of it (None: nothing), inside the caller's transaction.

    `alert` is the cause's `latest`, locked. With items, they are those of `findings.staged`. With a `telling` the caller
    tells what is said, when it has settled all of its alerts.
    """
    words = telling or Telling(now=now)
    outcome = Outcome(alert=alert)
    if found is None:
        _nothing_left(outcome, now=now)
    else:
        opened = _stand(cause, found, outcome, now=now)
        if not outcome.quiet:
            _update(cause, found, outcome, words, opened=opened, now=now)
    AlertEvent.objects.bulk_create(outcome.events)
    if telling is None:
        words.tell()
    if outcome.events and outcome.alert is not None:
        live.hint(outcome.alert)
    return outcome


def _stand(cause: Cause, found: Found, outcome: Outcome, *, now: datetime) -> str:
    """See that the outcome's alert is an open one, or that it stays quiet. The reason to speak, if it was opened."""
    alert = outcome.alert
    if alert is not None and alert.is_open:
        return ""
    if alert is not None and _by_a_person(alert) and not _cause_went_away(alert):
        if now < _quiet_until(alert):
            outcome.quiet = 1
            return ""
        return _reopen(outcome, found, now=now)
    if alert is not None and not _by_a_person(alert) and alert.resolved_at and now <= alert.resolved_at + REOPENS_WITHIN:
        return _reopen(outcome, found, now=now)
    return _open(cause, found, outcome, now=now)


def _open(cause: Cause, found: Found, outcome: Outcome, *, now: datetime) -> str:
    alert = BusinessAlert(
        alert_type=cause.alert_type, fingerprint=cause.fingerprint, region=cause.region, severity=found.severity, created_at=now, version=1
    )  # fmt: skip
    # Of two at once, the constraint takes one row; the other process waits here, and then reads the first one's.
    BusinessAlert.objects.bulk_create([alert], ignore_conflicts=bool(cause.fingerprint))
    outcome.alert = open_alerts(Q(fingerprint=cause.fingerprint)).get() if cause.fingerprint else alert
    if outcome.alert.pk != alert.pk:
        return ""
    outcome.opened = 1
    outcome.note("opened", now, severity=found.severity, items=found.count)
    return wording.OPENED


def _reopen(outcome: Outcome, found: Found, *, now: datetime) -> str:
    alert = outcome.alert
    assert alert is not None
    outcome.reopened = 1
    outcome.note("reopened", now, severity=found.severity, items=found.count, resolved_at=str(alert.resolved_at))
    make_active(alert)
    alert.reopened_count += 1
    alert.version += 1
    reason = flapping.notice(alert, now=now)
    if reason == wording.FLAPPING:
        outcome.note("flapping", now, within_hours=flapping.WITHIN.total_seconds() / 3600)
    # How bad it is starts anew, but for one that keeps coming back: it would be news again and again that it turned worse.
    worse = RANK[found.severity] > RANK[alert.severity]
    if not alert.flapping_since or worse:
        alert.severity = found.severity
    return reason or (wording.RAISED if worse else "")


def _update(cause: Cause, found: Found, outcome: Outcome, telling: Telling, *, opened: str, now: datetime) -> None:
    alert = outcome.alert
    assert alert is not None
    begun = bool(outcome.opened or outcome.reopened)
    before = alert.severity
    raised = not begun and RANK[found.severity] > RANK[before]
    if raised:
        alert.severity = found.severity
        outcome.raised = 1
        outcome.note("raised", now, severity=alert.severity, was=before)
        if alert.acknowledgement_expires_at is not None:
            alert.acknowledgement_expires_at = min(alert.acknowledgement_expires_at, now + acknowledged_for(alert))
    if not begun and flapping.has_ended(alert, now=now):
        alert.flapping_since = None
        outcome.note("steady", now)
        # How it stands now is what nobody has been told.
        opened = wording.STILL_OPEN if alert.status == Status.ACTIVE else ""
    change = Change()
    if found.count or alert.item_count:
        change = items.merge(alert, found, region=cause.region, is_new=bool(outcome.opened), now=now)
        outcome.new_items, outcome.cleared = change.new, change.cleared
        if change.new and not begun:
            outcome.note("items_added", now, count=change.new)
        if change.cleared:
            outcome.note("items_cleared", now, count=change.cleared)
    words = cause.words(found)
    alert.title, alert.description = words.title[:200], words.description
    alert.item_count, alert.oldest_since = found.count, found.oldest
    alert.rupees_at_risk = found.rupees or Decimal(0)
    alert.last_evaluated_at = now
    alert.metadata = {**alert.metadata, **cause.metadata, "critical_items": found.critical}
    if (begun or raised) and alert.status != Status.IGNORED:
        alert.begin_round(now, now=now)
    elif outcome.new_items:
        # Told now or held back for a while: the minute's look plans when.
        alert.next_step_at = now
    _say(cause, outcome, telling, opened=opened, raised=raised, unheard=change.unheard, now=now)
    alert.save()


def _say(cause: Cause, outcome: Outcome, telling: Telling, *, opened: str, raised: bool, unheard: News, now: datetime) -> None:
    alert = outcome.alert
    assert alert is not None
    # Most runs say nothing, and then need not know what the policies are.
    repeats = bool(cause.fingerprint) and not policies.is_too_soon(alert, now=now)
    repeat = telling.policies.of(alert).repeat if repeats else None
    reason = speech.why_speak(alert, repeat=repeat, now=now, opened=opened, raised=raised, unheard=unheard)
    if not reason:
        return
    groups = speech.listeners(alert, telling.policies.of(alert), cause.kind, cause.people)
    if not speech.anybody(groups):
        # It counts as not told, and speaks once somebody is there.
        outcome.unheard = True
        log.warning("alert.nobody_to_tell", alert=str(alert.pk), alert_type=alert.alert_type)
        return
    outcome.said = telling.add(
        speech.say(alert, reason, kind=cause.kind, groups=groups, name=cause.name, rule=cause.rule, unheard=unheard, now=now)
    )


def _nothing_left(outcome: Outcome, *, now: datetime) -> None:
    alert = outcome.alert
    if alert is None:
        return
    if alert.is_open:
        outcome.cleared = items.clear(alert, now=now)
        outcome.resolved = 1
        outcome.note("resolved", now, reason="Nothing is left.", items_cleared=outcome.cleared, was=alert.status)
        alert.status, alert.resolved_by, alert.resolved_at = Status.RESOLVED, None, now
        alert.resolution_notes = "Nothing is left."
        alert.item_count, alert.rupees_at_risk, alert.oldest_since = 0, Decimal(0), None
        alert.next_step_at = alert.snoozed_until = alert.acknowledgement_expires_at = alert.quiet_until = None
        alert.last_evaluated_at = now
        alert.version += 1
        alert.save()
    elif _by_a_person(alert) and not _cause_went_away(alert):
        # Resolved by a person, and now gone: what comes later is another problem, and opens at once.
        outcome.cleared = items.clear(alert, now=now)
        outcome.note("gone", now, reason="Nothing is left.", items_cleared=outcome.cleared)
        alert.quiet_until = alert.resolved_at
        alert.last_evaluated_at = now
        alert.save(update_fields=["quiet_until", "last_evaluated_at"])


def make_active(alert: BusinessAlert) -> None:
    """Take back what acknowledging, snoozing and resolving have left on the row."""
    alert.status = Status.ACTIVE
    alert.resolved_by = alert.resolved_at = alert.acknowledged_by = alert.acknowledged_at = None
    alert.acknowledgement_expires_at = alert.snoozed_until = alert.quiet_until = None
    alert.resolution_notes = ""


def acknowledged_for(alert: BusinessAlert) -> timedelta:
    """How long an acknowledgement of this alert holds."""
    return ACKNOWLEDGED_FOR.get(alert.severity, ACKNOWLEDGED_FOR_OTHERS)


def _by_a_person(alert: BusinessAlert) -> bool:
    return alert.resolved_by_id is not None or alert.quiet_until is not None


def _cause_went_away(alert: BusinessAlert) -> bool:
    """Whether a complete evaluation found nothing since a person resolved the alert: marked by a quiet of no length."""
    return alert.quiet_until is not None and alert.quiet_until == alert.resolved_at


def _quiet_until(alert: BusinessAlert) -> datetime:
    return alert.quiet_until or (alert.resolved_at or alert.created_at) + QUIET_FOR


def open_alerts(which: Q) -> QuerySet[BusinessAlert]:
    """The open ones among them, locked until the transaction ends (on SQLite the whole database is, from its BEGIN on)."""
    return BusinessAlert.objects.select_for_update(no_key=True).filter(which).exclude(status=Status.RESOLVED)


def latest(fingerprint: str) -> BusinessAlert | None:
    """The open alert of a fingerprint, else the one resolved last; locked. None without a fingerprint."""
    if not fingerprint:
        return None
    which = Q(fingerprint=fingerprint)
    found = latest_of(which).get(fingerprint)
    if found is None or found.is_open:
        return found
    # Whoever held that lock before may have opened another one, which only a new statement sees.
    return open_alerts(which).first() or found


def latest_of(which: Q, **also: Combinable) -> dict[str, Any]:
    """By fingerprint, each one's open alert, else the one resolved last; locked, and each with its number of `open_items`.

    One statement, which answers on each alert what is asked `also`. Call it while nobody else can open one of them.
    """
    later = BusinessAlert.objects.filter(
        fingerprint=OuterRef("fingerprint"), status=Status.RESOLVED, resolved_at__gt=OuterRef("resolved_at")
    )  # fmt: skip
    open_items = AlertItem.objects.filter(alert=OuterRef("pk"), cleared_at=None).order_by().values("alert").values(n=Count("pk"))
    alerts = (
        BusinessAlert.objects.select_for_update(no_key=True, of=("self",))
        .filter(which & ~Q(fingerprint=""))
        .filter(~Q(status=Status.RESOLVED) | ~Exists(later))
        .annotate(open_items=Coalesce(Subquery(open_items), 0), **also)
        # The open one last, so that it is the one that stays.
        .order_by(Case(When(status=Status.RESOLVED, then=Value(0)), default=Value(1)), "created_at")
    )
    return {alert.fingerprint: alert for alert in alerts}

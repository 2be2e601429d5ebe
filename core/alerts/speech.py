"""When an alert speaks, and to whom.

Both are read from the row and its policy alone (its status, severity, when its round began and when it last spoke), so that it
does not matter which process asks or how often, and nobody is told twice of one thing. `digest` writes what is to be said.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import QuerySet

from core.alerts.items import News
from core.alerts.policies import Policy, Step
from core.alerts.wording import ESCALATED, EXPIRED, NEW_ITEMS, OPENED, RAISED, REOPENED, STILL_OPEN
from core.models import BusinessAlert, User
from core.notifications.kinds import Kind
from core.notifications.outbox import Tally, methods_of

Severity = BusinessAlert.Severity
Status = BusinessAlert.Status

# New items are told in one message, at most this often (docs/rules.md, 5).
NEWS_EVERY = timedelta(hours=2)
NEWS_TOLD_AT = "new_items_told_at"


class Group(NamedTuple):
    """Some people, and by which methods they hear."""

    people: QuerySet[User]
    methods: tuple[str, ...]


@dataclass(kw_only=True)
class Saying:
    """What one alert says to some people, for one reason. Nothing of it is written until `digest.Telling` does."""

    alert: BusinessAlert
    reason: str
    kind: Kind
    name: str  # Of the run that it makes.
    rule: Mapping[str, Any]
    unheard: News
    groups: Sequence[Group]
    # The number of times it spoke before is part of it: said once by its key, whoever calls.
    key: str
    severity: str
    # What came of it, when it has been told.
    tally: Tally = field(default_factory=Tally)


def is_snoozed(alert: BusinessAlert, now: datetime) -> bool:
    return alert.snoozed_until is not None and now < alert.snoozed_until


def why_speak(
    alert: BusinessAlert,
    *,
    repeat: timedelta | None,
    now: datetime,
    opened: str = "",
    raised: bool = False,
    expired: bool = False,
    unheard: News | None = None,
) -> str:
    """The reason to speak now; empty when there is none (docs/rules.md, 5).

    `repeat` is how long it is silent before it says the same again (None: it does not). `opened` is the reason when it has just
    been opened or reopened; `raised` says that its severity, `expired` that its acknowledgement has just risen or run out.
    """
    if alert.status not in {Status.ACTIVE, Status.ACKNOWLEDGED}:
        return ""
    if is_snoozed(alert, now):
        return RAISED if raised and alert.severity == Severity.CRITICAL else ""
    active = alert.status == Status.ACTIVE
    if opened or (active and alert.last_notified_at is None):
        return opened or (REOPENED if alert.reopened_count else OPENED)
    if raised:
        return RAISED
    if expired:
        return EXPIRED
    if unheard and news_is_told(alert, unheard) and now >= news_due(alert, now=now):
        return NEW_ITEMS
    if repeat is not None and active and alert.last_notified_at is not None and now >= alert.last_notified_at + repeat:
        return STILL_OPEN
    return ""


def whom_next(alert: BusinessAlert, policy: Policy, *, now: datetime) -> list[tuple[datetime, Step]]:
    """The steps of its policy that are to be told now, in order, with the moment each was due at."""
    if alert.status != Status.ACTIVE or is_snoozed(alert, now):
        return []
    return [(at, step) for at, step in policy.due_times(alert) if at <= now]


def upcoming(alert: BusinessAlert, policy: Policy) -> list[tuple[datetime, str]]:
    """What an active alert does by itself while nobody acknowledges it, soonest first: whom it tells next, and "repeats"."""
    steps = [(at, step.who) for at, step in policy.due_times(alert)[:1]]
    repeat = [(alert.last_notified_at + policy.repeat, "repeats")] if alert.last_notified_at else []
    return sorted(steps + repeat)


def news_is_told(alert: BusinessAlert, unheard: News) -> bool:
    """Whether what is new is worth a message: of an acknowledged alert only what is critical, of one that keeps coming back nothing."""
    if alert.flapping_since is not None:
        return False
    return bool(unheard.critical if alert.status == Status.ACKNOWLEDGED else unheard.count)


def news_due(alert: BusinessAlert, *, now: datetime) -> datetime:
    """From when on it may tell of new items again."""
    told_at = alert.metadata.get(NEWS_TOLD_AT)
    return datetime.fromisoformat(told_at) + NEWS_EVERY if told_at else now


def listeners(alert: BusinessAlert, policy: Policy, kind: Kind, people: QuerySet[User]) -> list[Group]:
    """Those whom it concerns, by the kind's methods (and SMS when it is critical), and those told by steps, by the steps' own."""
    usual = methods_of(kind)
    if alert.severity == Severity.CRITICAL:
        usual = tuple(dict.fromkeys((*usual, "sms")))
    return [Group(people, usual), *reached_by(policy.reached(alert))]


def reached_by(steps: Collection[Step]) -> list[Group]:
    return [Group(step.people(), step.methods) for step in steps]


def anybody(groups: Sequence[Group]) -> bool:
    """Whether anybody is there to hear."""
    return any(group.people.filter(is_active=True).exists() for group in groups)


def say(
    alert: BusinessAlert,
    reason: str,
    *,
    kind: Kind,
    groups: Sequence[Group],
    name: str,
    rule: Mapping[str, Any],
    unheard: News,
    now: datetime,
) -> Saying:
    """Note on the row, which the caller saves, that it speaks; what it says is told by the caller's `Telling`.

    An escalation tells further people what the others know: neither its news nor its repeating begins anew.
    """
    alert.notified_count += 1
    if reason != ESCALATED:
        alert.last_notified_at = now
    if reason == NEW_ITEMS:
        alert.metadata[NEWS_TOLD_AT] = now.isoformat()
    return Saying(
        alert=alert,
        reason=reason,
        kind=kind,
        name=name,
        rule=rule,
        unheard=unheard,
        groups=groups,
        key=f"alert:{alert.pk}:{reason.replace(' ', '_')}:{alert.notified_count}",
        severity=alert.severity,
    )

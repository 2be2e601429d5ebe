"""What happens to an alert next unless somebody does something, and what keeps it open."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from core import schedule
from core.alerts.policies import Policy, exactly
from core.alerts.settle import acknowledged_for
from core.models import BusinessAlert, User
from core.web.alerts.words import by_methods, name_of
from core.web.words import Moment, moment

Severity = BusinessAlert.Severity
Status = BusinessAlert.Status

DAY: Final = timedelta(days=1)
COMING_SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class Note:
    """Where it stands and what happens next, in a few sentences, and how loud."""

    tone: str
    bold: str
    words: str


@dataclass(frozen=True, slots=True)
class Coming:
    """Something that will happen by itself."""

    who: str
    what: str
    at: Moment


@dataclass(frozen=True, slots=True)
class Rule:
    """What keeps it open, how often that is looked at, and how it ends."""

    words: str
    looked: str
    ends: str


def standing(row: BusinessAlert, policy: Policy, reader: User, *, now: datetime) -> Note:
    """Where it stands, and what happens unless somebody does something."""
    if row.status == Status.RESOLVED:
        return _resolved(row, reader, now=now)
    if row.status == Status.IGNORED:
        return Note("", "Ignored.", "It says nothing, and closes by itself when its cause has gone.")
    if row.snoozed_until and row.snoozed_until > now:
        return Note("", f"Snoozed to {_until(row.snoozed_until, now)}.", "Until then it says nothing, unless it turns critical.")
    if row.status == Status.ACKNOWLEDGED and row.acknowledgement_expires_at:
        who = name_of(row.acknowledged_by, reader)
        first = f"{who} {'are' if who == 'You' else 'is'} on it until {_until(row.acknowledgement_expires_at, now)}."
        return Note("accent", first, "Then it speaks again, and whoever is told next is counted from that moment.")
    tone = row.severity if row.severity in (Severity.CRITICAL, Severity.HIGH) else ""
    lasts = f"An acknowledgement lasts {_exactly(acknowledged_for(row))}."
    return Note(tone, _whose(row, reader), f"{_next_word(row, policy, now=now)} {lasts}")


def _resolved(row: BusinessAlert, reader: User, *, now: datetime) -> Note:
    who = f"{name_of(row.resolved_by, reader)} resolved it" if row.resolved_by else "Resolved by the system"
    at = f", {moment(row.resolved_at, now=now).short}" if row.resolved_at else ""
    if row.quiet_until and row.quiet_until > now:
        return Note("ok", f"{who}{at}.", f"What of its cause remains then opens it again {_when(row.quiet_until, now)}.")
    return Note("ok", f"{who}{at}.", "" if row.resolved_by else row.resolution_notes)


def _whose(row: BusinessAlert, reader: User) -> str:
    if row.assigned_to is None:
        return "Nobody is on this."
    return f"{name_of(row.assigned_to, reader)} {'have' if row.assigned_to == reader else 'has'} it, unacknowledged."


def _next_word(row: BusinessAlert, policy: Policy, *, now: datetime) -> str:
    if row.last_notified_at is None:
        return "Those whom it concerns hear within a minute."
    due = policy.due_times(row)
    if not due:
        return f"It says the same again {_when(row.last_notified_at + policy.repeat, now)}."
    at, step = due[0]
    hears = "hear" if step.who.endswith("s") or " and " in step.who else "hears"
    by = by_methods(step.methods).removeprefix(",")
    return f"{_capital(step.who)} {hears}{by} {_when(at, now) if at > now else 'within a minute'}, unless someone acknowledges."


def coming(row: BusinessAlert, policy: Policy, *, now: datetime) -> list[Coming]:
    """What will happen to it by itself, the latest on top as in the timeline below it."""
    soonest = sorted(_coming(row, policy, now=now), key=lambda one: one[0])[:COMING_SHOWN]
    return [Coming(who, what, moment(at, now=now)) for at, who, what in reversed(soonest)]


def _coming(row: BusinessAlert, policy: Policy, *, now: datetime) -> Iterator[tuple[datetime, str, str]]:
    if row.status in (Status.RESOLVED, Status.IGNORED):
        return
    if row.snoozed_until and row.snoozed_until > now:
        yield row.snoozed_until, "", "The snooze ends"
    elif row.status == Status.ACKNOWLEDGED:
        if row.acknowledgement_expires_at:
            yield row.acknowledgement_expires_at, "", "The acknowledgement runs out, and it speaks again"
    else:
        for at, step in policy.due_times(row):
            if at > now:
                yield at, f"{_capital(step.who)}{by_methods(step.methods)}", "unless someone acknowledges"
        if row.last_notified_at and row.last_notified_at + policy.repeat > now:
            yield row.last_notified_at + policy.repeat, "", "It says the same again"


def rule_of(row: BusinessAlert, *, now: datetime) -> Rule:
    """The rule in the words it was used with; when it is looked at again, where a check keeps it open. One query."""
    check = row.metadata.get("check") if isinstance(row.metadata, dict) else None
    plan = next((plan for plan in schedule.plans() if plan.job.name == check), None) if check else None
    last = f"last {moment(row.last_evaluated_at, now=now).short}" if row.last_evaluated_at else "not looked at yet"
    if plan is None:
        if not row.fingerprint:
            return Rule(row.description, "", "No check stands for it: it is open until somebody resolves it.")
        ends = "" if "closes by itself" in row.description else "It closes by itself when its cause has gone."
        return Rule(row.description, f"Looked at whenever its cause is, {last}.", ends)
    if not plan.enabled:
        return Rule(row.description, f"Not checked now: the job is switched off, {last}.", "")
    slots = list(plan.times.slots(now, now + DAY))
    gaps = {later - sooner for sooner, later in pairwise(slots)}
    often = f"every {_exactly(gaps.pop()).removeprefix('1 ')}" if len(gaps) == 1 else f"{len(slots)} times a day"
    return Rule(row.description, f"Checked {often}, {last}, next {moment(plan.times.next_after(now), now=now).short}.", "")


def _when(at: datetime, now: datetime) -> str:
    words = _until(at, now)
    return words if words[:1].isalpha() else f"at {words}"


def _until(at: datetime, now: datetime) -> str:
    told = moment(at, now=now)
    return f"{told.short}, in {told.ago}".replace(" ", "\N{NO-BREAK SPACE}").replace(",\N{NO-BREAK SPACE}", ", ")


def _exactly(length: timedelta) -> str:
    return exactly(int(length.total_seconds() // 60))


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]

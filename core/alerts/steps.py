"""What people do about an alert: one step at a time, legal in the state it is in, of two at once only one (docs/rules.md, 5).

Each step is one transaction that locks the row, and leaves an event (who, what, when, why) and an entry in the audit trail.
Whether the person may act on alerts at all is the caller's to see to; whether they may see this one is `may_see`.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from core import audit
from core.alerts import live
from core.alerts.settle import QUIET_FOR, acknowledged_for, make_active
from core.models import AlertEvent, BusinessAlert, Role, User

Status = BusinessAlert.Status

ACTIVE, ACKNOWLEDGED, IGNORED, RESOLVED = Status.ACTIVE, Status.ACKNOWLEDGED, Status.IGNORED, Status.RESOLVED

# Where undoing leads: to whatever was before the step that is undone.
BACK = "as it was"

# In which state a step may be taken, and the state it leads to. What is not here is refused.
TRANSITIONS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        ACTIVE: {
            "acknowledge": ACKNOWLEDGED, "assign": ACTIVE, "comment": ACTIVE, "snooze": ACTIVE, "ignore": IGNORED, "resolve": RESOLVED,
            "undo": BACK,
        },
        ACKNOWLEDGED: {
            "assign": ACKNOWLEDGED, "comment": ACKNOWLEDGED, "snooze": ACKNOWLEDGED, "ignore": IGNORED, "resolve": RESOLVED,
            "undo": BACK,
        },
        IGNORED: {"comment": IGNORED, "resolve": RESOLVED, "reopen": ACTIVE, "undo": BACK},
        RESOLVED: {"comment": RESOLVED, "reopen": ACTIVE, "undo": BACK},
    }
)  # fmt: skip

# The event that a step leaves.
DONE: Mapping[str, str] = MappingProxyType(
    {
        "acknowledge": "acknowledged", "assign": "assigned", "comment": "commented", "snooze": "snoozed", "ignore": "ignored",
        "resolve": "resolved", "reopen": "reopened", "undo": "undone",
    }
)  # fmt: skip

# The steps that may be undone, and how each is called then. Reopening may not: it is told within a minute.
UNDOABLE: Mapping[str, str] = MappingProxyType(
    {
        "acknowledge": "the acknowledgement", "assign": "the assignment", "snooze": "the snooze", "ignore": "ignoring it",
        "resolve": "the resolution",
    }
)  # fmt: skip
UNDO_WITHIN = timedelta(minutes=10)

LONGEST_SNOOZE = timedelta(days=30)
LONGEST_TEXT = 2_000

# Whose alerts are everybody's, and whose are some types only. A role that is not here sees none.
SEES_ALL = (Role.SUPER_ADMIN, Role.OPS_MANAGER)
SEES_TYPES: Mapping[str, tuple[str, ...]] = MappingProxyType({Role.FINANCE: ("payment_hold",)})

# What a step may change, as the audit trail shows it before and after.
KEPT = (
    "status",
    "assigned_to_id",
    "acknowledged_by_id",
    "acknowledgement_expires_at",
    "snoozed_until",
    "resolved_by_id",
    "resolution_notes",
)
# And what undoing it puts back. Its rounds, and what it has said, are no step's: they stay as they are.
PUT_BACK = (*KEPT, "acknowledged_at", "resolved_at", "quiet_until")
# By themselves these change an alert as a step does: what was done before them can no longer be undone.
BY_ITSELF: Mapping[str, str] = MappingProxyType(
    {
        "expired": "The acknowledgement ran out", "woken": "The snooze ended", "raised": "It turned worse", "gone": "Its cause went away",
    }
)  # fmt: skip


class IllegalStep(Exception):
    """A step that the alert's present state does not allow, or that somebody else was faster to take. Nothing has changed.

    `alert` is the alert as it is; `reason` a sentence for the person, as "Asha Rao acknowledged it at 10:32."
    """

    def __init__(self, alert: BusinessAlert, reason: str) -> None:
        super().__init__(reason)
        self.alert = alert
        self.reason = reason


class BadStep(ValueError):
    """What came with a step cannot be used: `field` names it, the text says why."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


# --- Who may see what -------------------------------------------------------------------------------------------------


def may_see(user: Any, alert: BusinessAlert) -> bool:
    """Whether the alert is this person's to see: ops managers and super admins see all, finance those about payments."""
    return _active(user) and (user.role in SEES_ALL or alert.alert_type in SEES_TYPES.get(user.role, ()))


def visible_to(user: Any, alerts: QuerySet[BusinessAlert]) -> QuerySet[BusinessAlert]:
    """Those of the alerts that this person may see."""
    if not _active(user):
        return alerts.none()
    return alerts if user.role in SEES_ALL else alerts.filter(alert_type__in=SEES_TYPES.get(user.role, ()))


def _active(user: Any) -> bool:
    return bool(user.is_authenticated and user.is_active)


# --- The steps --------------------------------------------------------------------------------------------------------


def permitted(alert: BusinessAlert) -> tuple[str, ...]:
    """The steps that may be taken in the alert's present state, whoever asks: `undo` depends on who did what, see `undoable`."""
    return tuple(step for step in TRANSITIONS[alert.status] if step != "undo")


def undoable(alert: BusinessAlert, events: Iterable[AlertEvent], *, actor: User, now: datetime) -> str:
    """The step of their own that this person may still undo, judged by the alert's newest events, newest first; empty for none."""
    step, _ = _last_own(alert, events, actor=actor, now=now)
    return step


def acknowledge(alert_id: UUID | str, *, actor: User, now: datetime, version: int | None = None) -> BusinessAlert:
    """ "I am on it": the alert keeps quiet, for an hour when it is critical, else for eight; then it speaks again.

    This and every other step: returns the alert as saved. `version` is that of the alert the person looked at; when it
    has been through a step since, theirs is refused. Raises BusinessAlert.DoesNotExist, IllegalStep, BadStep.
    """
    with _taken("acknowledge", alert_id, actor=actor, now=now, version=version) as alert:
        alert.acknowledged_by, alert.acknowledged_at = actor, now
        alert.acknowledgement_expires_at = now + acknowledged_for(alert)
        alert.next_step_at = max(alert.acknowledgement_expires_at, alert.snoozed_until or now)
    return alert


def assign(alert_id: UUID | str, *, actor: User, to: User | int | None, now: datetime, version: int | None = None) -> BusinessAlert:
    """Make it somebody's, who must be active and may see it; or, with None, nobody's."""
    with _taken("assign", alert_id, actor=actor, now=now, version=version) as alert:
        alert.assigned_to = None if to is None else _assignable(to, alert)
    return alert


def comment(alert_id: UUID | str, *, actor: User, text: str, now: datetime) -> BusinessAlert:
    """Say something about it, whatever its state. Never too late: it changes nothing that another might have changed."""
    text = _text("text", text)
    with _taken("comment", alert_id, actor=actor, now=now, reason=text) as alert:
        pass
    return alert


def snooze(alert_id: UUID | str, *, actor: User, until: datetime, now: datetime, version: int | None = None) -> BusinessAlert:
    """Quiet until a moment within the next 30 days, unless it turns critical."""
    _future("until", until, now=now)
    with _taken("snooze", alert_id, actor=actor, now=now, version=version, detail={"until": until.isoformat()}) as alert:
        alert.snoozed_until = until
        alert.next_step_at = max(until, alert.acknowledgement_expires_at or until)
    return alert


def ignore(alert_id: UUID | str, *, actor: User, reason: str, now: datetime, version: int | None = None) -> BusinessAlert:
    """Silence this episode: it says nothing, and nothing opens for the same problem until that has gone, which resolves it."""
    reason = _text("reason", reason)
    with _taken("ignore", alert_id, actor=actor, now=now, version=version, reason=reason) as alert:
        alert.next_step_at = alert.snoozed_until = alert.acknowledgement_expires_at = None
    return alert


def resolve(alert_id: UUID | str, *, actor: User, notes: str = "", now: datetime, version: int | None = None) -> BusinessAlert:
    """It is over. Should its cause remain, it is quiet for a day and then reopens."""
    notes = _text("notes", notes, required=False)
    with _taken("resolve", alert_id, actor=actor, now=now, version=version, reason=notes) as alert:
        alert.resolved_by, alert.resolved_at, alert.resolution_notes = actor, now, notes
        alert.quiet_until = now + QUIET_FOR if alert.fingerprint else None
        alert.next_step_at = alert.snoozed_until = alert.acknowledgement_expires_at = None
    return alert


def reopen(alert_id: UUID | str, *, actor: User, reason: str, now: datetime, version: int | None = None) -> BusinessAlert:
    """It is not over after all, or not to be ignored: active again, and its policy begins anew."""
    reason = _text("reason", reason)
    with _beside_no_newer(alert_id), _taken("reopen", alert_id, actor=actor, now=now, version=version, reason=reason) as alert:
        make_active(alert)
        alert.reopened_count += 1
        alert.begin_round(now, now=now)
        # It has said nothing yet since: the minute's look tells those whom it concerns.
        alert.last_notified_at = None
    return alert


def undo(alert_id: UUID | str, *, actor: User, now: datetime, version: int | None = None) -> BusinessAlert:
    """Take back one's own last step, within ten minutes, when nobody has acted since and nothing has happened that it kept silent.

    The alert is as if the step had not been made: what would have been said meanwhile is said at the minute's look, and what
    had been said before is not said again. Both stay in its history; for times to acknowledge and to resolve neither counts.
    """
    said: dict[str, Any] = {}
    with _beside_no_newer(alert_id), _taken("undo", alert_id, actor=actor, now=now, version=version, detail=said) as alert:
        newest = alert.events.filter(at__gt=now - UNDO_WITHIN).order_by("-at", "-id")
        said["step"], event = _last_own(alert, newest, actor=actor, now=now)
        if event is None:
            raise IllegalStep(alert, _why_not_undone(alert, actor=actor, now=now))
        for name, value in event.detail["before"].items():
            setattr(alert, name, BusinessAlert._meta.get_field(name).to_python(value))  # type: ignore[union-attr]
        alert.next_step_at = now if alert.status in (ACTIVE, ACKNOWLEDGED) else None
    return alert


# --- How a step is taken ----------------------------------------------------------------------------------------------


@contextmanager
def _taken(
    step: str,
    alert_id: UUID | str,
    *,
    actor: User,
    now: datetime,
    version: int | None = None,
    reason: str = "",
    detail: dict[str, Any] | None = None,
) -> Iterator[BusinessAlert]:
    """The alert, locked, and in its new state; what the block sets on it is saved with the event and the audit entry. What it puts
    into `detail` is the event's."""
    with transaction.atomic():
        alert = BusinessAlert.objects.select_for_update(no_key=True).get(pk=alert_id)
        was = _status_at(alert, now)
        if step not in TRANSITIONS[was]:
            raise IllegalStep(alert, _why_not(step, alert, was, actor=actor, now=now))
        if version is not None and version != alert.version:
            raise IllegalStep(alert, _what_happened(alert, actor=actor, now=now) or "It has changed since you looked at it.")
        before = {name: getattr(alert, name) for name in PUT_BACK}
        if TRANSITIONS[was][step] not in (was, BACK):
            alert.status = TRANSITIONS[was][step]
        yield alert
        if step != "comment":
            alert.version += 1
            alert.save()
        changed = {name: (old, getattr(alert, name)) for name, old in before.items() if old != getattr(alert, name)}
        said = {**(detail or {}), "was": was, "status": alert.status, "version": alert.version}
        if step == "assign":
            said["to"] = None if alert.assigned_to is None else str(alert.assigned_to)
        if step in UNDOABLE:
            said["before"] = {name: old.isoformat() if isinstance(old, datetime) else old for name, (old, _) in changed.items()}
        AlertEvent.objects.create(alert=alert, at=now, kind=DONE[step], actor=actor, reason=reason, detail=said)
        shown = {name: both for name, both in changed.items() if name in KEPT}
        audit.enter(alert, shown, actor=actor, more={"step": step, "reason": reason}, now=now)
        live.hint(alert)


@contextmanager
def _beside_no_newer(alert_id: UUID | str) -> Iterator[None]:
    """A resolved alert does not open again beside a newer open one of the same problem."""
    try:
        yield
    except IntegrityError as error:
        alert = BusinessAlert.objects.get(pk=alert_id)
        if not BusinessAlert.objects.filter(fingerprint=alert.fingerprint).exclude(status=RESOLVED).exists():
            raise
        raise IllegalStep(alert, "A newer alert of the same problem is open.") from error


def _last_own(alert: BusinessAlert, newest: Iterable[AlertEvent], *, actor: User, now: datetime) -> tuple[str, AlertEvent | None]:
    """The last step about the alert with its event, when it is this person's to undo; else an empty one."""
    has_turned = False
    for event in newest:
        if event.at <= now - UNDO_WITHIN:
            break
        if event.kind in ("raised", "gone"):
            has_turned = True
        step = next((step for step in UNDOABLE if DONE[step] == event.kind), "")
        if step and event.actor_id == actor.pk and event.detail.get("version") == alert.version and "before" in event.detail:
            # Acknowledged, it said so; the others kept it silent, and nobody would hear of it any more.
            return ("", None) if has_turned and step not in ("acknowledge", "assign") else (step, event)
    return "", None


def _why_not_undone(alert: BusinessAlert, *, actor: User, now: datetime) -> str:
    last = alert.events.filter(kind__in=[DONE[step] for step in UNDOABLE]).order_by("-at", "-id").first()
    if last is not None and last.actor_id == actor.pk and last.at <= now - UNDO_WITHIN:
        return f"A step can be undone for {UNDO_WITHIN.seconds // 60} minutes."
    return _what_happened(alert, also=("raised", "gone"), actor=actor, now=now) or "There is nothing to undo."


def _status_at(alert: BusinessAlert, now: datetime) -> str:
    """An acknowledgement that has expired counts for nothing, also before the sweep that says so comes by."""
    expires = alert.acknowledgement_expires_at
    return ACTIVE if alert.status == ACKNOWLEDGED and expires is not None and expires <= now else alert.status


def _why_not(step: str, alert: BusinessAlert, status: str, *, actor: User, now: datetime) -> str:
    if step == "reopen":
        return "It is open."
    happened = _what_happened(alert, kind=status, actor=actor, now=now) or f"It is {Status(status).label.lower()}."
    return happened if status == ACKNOWLEDGED else f"{happened} Reopen it first."


def _what_happened(alert: BusinessAlert, *, kind: str = "", also: Collection[str] = (), actor: User, now: datetime) -> str:
    """The latest step, or the latest of a kind, as "Asha Rao acknowledged it at 10:32."; empty when there was none."""
    kinds = (kind,) if kind else (*(done for step, done in DONE.items() if step != "comment"), "expired", "woken", *also)
    event = alert.events.filter(kind__in=kinds).select_related("actor").order_by("-at", "-id").first()
    if event is None:
        return ""
    who = "The system" if event.actor is None else "You" if event.actor == actor else str(event.actor)
    at = timezone.localtime(event.at)
    when = f"at {at:%H:%M}" if at.date() == timezone.localtime(now).date() else f"on {at:%d %b} at {at:%H:%M}"
    if event.kind == DONE["undo"]:
        return f"{who} took back {UNDOABLE[event.detail['step']]} {when}."
    return f"{BY_ITSELF.get(event.kind) or f'{who} {event.kind} it'} {when}."


def _assignable(to: User | int, alert: BusinessAlert) -> User:
    person = to if isinstance(to, User) else _person(to)
    # Told apart, the two would say to whoever counts through the numbers which there are; by name, who they are.
    if person is None or not may_see(person, alert):
        raise BadStep("user_id", "There is no such person who may see this alert.")
    return person


def _person(pk: Any) -> User | None:
    # A database's integer, not whatever a client calls one.
    whole = isinstance(pk, int) and not isinstance(pk, bool) and 0 < pk < 2**63
    return User.objects.filter(pk=pk).first() if whole else None


def _text(field: str, text: Any, *, required: bool = True) -> str:
    if not isinstance(text, str):
        raise BadStep(field, "This is not a text.")
    clean = text.strip()
    if required and not clean:
        raise BadStep(field, "This may not be empty.")
    if len(clean) > LONGEST_TEXT:
        raise BadStep(field, f"This may have at most {LONGEST_TEXT} characters.")
    # Neither can be stored: PostgreSQL takes no NUL, UTF-8 no half of a pair.
    if "\x00" in clean or any("\ud800" <= letter <= "\udfff" for letter in clean):
        raise BadStep(field, "This holds a character that cannot be stored.")
    return clean


def _future(field: str, moment: Any, *, now: datetime) -> None:
    if not isinstance(moment, datetime) or timezone.is_naive(moment):
        raise BadStep(field, "This is not a moment with its time zone.")
    if moment <= now:
        raise BadStep(field, "This is in the past.")
    if moment > now + LONGEST_SNOOZE:
        raise BadStep(field, f"This is more than {LONGEST_SNOOZE.days} days ahead.")

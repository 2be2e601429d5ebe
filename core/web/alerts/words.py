"""What the pages say of an alert: what it is called, whose it is, what has happened to it, and what happens next."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.dateparse import parse_datetime

from core.alerts import speech
from core.alerts.check import check_for
from core.alerts.policies import Policies, exactly
from core.alerts.steps import UNDOABLE
from core.formatting import indian
from core.models import AlertEvent, BusinessAlert, Role, User
from core.web.words import moment, plural, short_name, span

Status = BusinessAlert.Status
# What no check stands for.
OTHERS: Mapping[str, str] = MappingProxyType(
    {
        "low_vendor_count": "No vendor to tell",
        "service_completion_reminder": "Completion reminders",
        "system_error": "The system itself",
    }
)
METHODS: Mapping[str, str] = MappingProxyType({"email": "email", "websocket": "app", "sms": "SMS"})
# Each with the mark it has in the timeline: its icon, and the class that colours it.
MARKS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "opened": ("i-flag", "high"), "reopened": ("i-flag", "high"), "raised": ("i-up", "critical"), "items_added": ("i-plus", ""),
        "items_cleared": ("i-minus", ""), "resolved": ("i-check", "ok"), "gone": ("i-check", "ok"), "flapping": ("i-refresh", "high"),
        "steady": ("i-minus", ""), "acknowledged": ("i-check", "me"), "assigned": ("i-assign", "me"), "commented": ("i-text", "me"),
        "snoozed": ("i-clock", "me"), "ignored": ("i-x", "me"), "expired": ("i-bell", "high"), "woken": ("i-bell", "high"),
        "escalated": ("i-send", ""), "told": ("i-send", ""), "undone": ("i-left", "me"),
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Words:
    """A step of an alert's life: who did it, what became, and what they said. `who` is empty where the system did."""

    who: str
    what: str
    said: str = ""


def type_label(alert_type: str) -> str:
    check = check_for(alert_type)
    return check.label if check else OTHERS.get(alert_type, alert_type.replace("_", " ").capitalize())


def name_of_alert(alert: BusinessAlert) -> str:
    """What it is called where its figures stand beside it: "Payments on hold", in a region "Payments on hold · 560…"; else its title."""
    check = check_for(alert.alert_type)
    if check is None or not isinstance(alert.metadata, dict) or alert.metadata.get("check") != check.name:
        return alert.title
    return f"{check.label} · {alert.region}…" if alert.region else check.label


def things(alert: BusinessAlert, *, still: bool = False) -> str:
    """Its items by their noun: "14 payments held"; with `still`, "14 payments still held"."""
    check = check_for(alert.alert_type)
    if check is None:
        return f"{indian(alert.item_count)} {plural(alert.item_count, 'item', 'items')}" + (" still open" if still else "")
    noun, _, state = check.nouns.of(alert.item_count).partition(" ")
    return f"{indian(alert.item_count)} {noun} {'still ' if still else ''}{state}".rstrip()


def owner_of(alert: BusinessAlert) -> User | None:
    """Whose it is: whoever it was given to, else who acknowledged it, while that holds."""
    return alert.assigned_to or (alert.acknowledged_by if alert.status == Status.ACKNOWLEDGED else None)


def owned_by(person: int) -> Q:
    """The alerts that `owner_of` says are this person's."""
    return Q(assigned_to=person) | Q(assigned_to=None, status=Status.ACKNOWLEDGED, acknowledged_by=person)


UNOWNED = Q(assigned_to=None) & ~Q(status=Status.ACKNOWLEDGED, acknowledged_by__isnull=False)


def name_of(person: User | None, reader: User) -> str:
    return "Nobody" if person is None else "You" if person == reader else short_name(person)


def team() -> QuerySet[User]:
    """Those whose work alerts are, by name."""
    roles = (Role.SUPER_ADMIN, Role.OPS_MANAGER, Role.FINANCE)
    return User.objects.filter(role__in=roles, is_active=True).order_by("first_name", "last_name", "username")


def what_next(alert: BusinessAlert, policies: Policies, *, now: datetime) -> str:
    """What happens to it next by itself: as "super admins in 12 min"."""
    if alert.status in (Status.RESOLVED, Status.IGNORED):
        return ""
    if alert.snoozed_until and alert.snoozed_until > now:
        return f"snoozed to {moment(alert.snoozed_until, now=now).short}"
    if alert.status == Status.ACKNOWLEDGED:
        return f"ack until {moment(alert.acknowledgement_expires_at, now=now).short}" if alert.acknowledgement_expires_at else ""
    # What is due is done by the minute's look.
    at, what = min(speech.upcoming(alert, policies.of(alert))) if alert.last_notified_at else (now, "told")
    return f"{what} in {span(at - now)}" if at > now else f"{what} within a minute"


# --- What happened ----------------------------------------------------------------------------------------------------


def words_of(event: AlertEvent, reader: User, *, now: datetime) -> Words:
    """A step in plain words, as whoever reads would say it."""
    who = name_of(event.actor, reader) if event.actor else ""
    detail = event.detail if isinstance(event.detail, dict) else {}
    what = _by_somebody(event, detail, now=now) if event.actor else _by_itself(event, detail)
    return Words(who, what, event.reason if event.actor else "")


def _by_somebody(event: AlertEvent, detail: dict[str, Any], *, now: datetime) -> str:
    match event.kind:
        case "assigned":
            to = detail.get("to")
            return "took it" if to and to == str(event.actor) else f"gave it to {to}" if to else "made it nobody's"
        case "snoozed":
            until = _moment(detail.get("until"))
            return f"snoozed it to {moment(until, now=now).short}" if until else "snoozed it"
        case "commented":
            return "commented"
        case "undone":
            return f"took back {UNDOABLE.get(detail.get('step', ''), 'a step')}"
    return f"{event.kind.replace('_', ' ')} it"


def _by_itself(event: AlertEvent, detail: dict[str, Any]) -> str:
    match event.kind:
        case "opened" | "reopened":
            how_many = f": {_items(detail.get('items'))}" if detail.get("items") else ""
            return f"Opened{how_many}" if event.kind == "opened" else f"Back again{how_many}"
        case "raised":
            return f"{str(detail.get('was', '')).capitalize() or 'Less'} to {detail.get('severity', 'worse')}"
        case "items_added":
            count = detail.get("count")
            return f"{indian(count)} new {plural(count, 'item', 'items')}" if isinstance(count, int) else "New items"
        case "items_cleared":
            return f"{_items(detail.get('count'))} cleared"
        case "resolved":
            return "Resolved by the system. Nothing is left"
        case "gone":
            return "Gone. Nothing is left"
        case "flapping":
            return "Keeps coming back. From here on it says only how it stands"
        case "steady":
            return "Steady again"
        case "expired":
            return "The acknowledgement ran out"
        case "woken":
            return "The snooze is over"
        case "escalated":
            return _escalated(event, detail)
        case "told":
            return _told(event, detail)
    return f"{event.kind.replace('_', ' ').capitalize()}{f': {event.reason}' if event.reason else ''}"


def _escalated(event: AlertEvent, detail: dict[str, Any]) -> str:
    who, minutes = event.reason.partition(" after ")[0], detail.get("minutes")
    after = f" after {exactly(minutes)}" if isinstance(minutes, int) else ""
    return f"Escalated{f' to {who}' if who else ''}{after}{by_methods(detail.get('methods'))}"


def _told(event: AlertEvent, detail: dict[str, Any]) -> str:
    people, queued = detail.get("people"), detail.get("queued")
    if not isinstance(people, int) or not people:
        return f"Nobody was there to be told: {event.reason}" if event.reason else "Nobody was told"
    messages = f" in {indian(queued)} {plural(queued, 'message', 'messages')}" if isinstance(queued, int) else ""
    return f"Told {indian(people)} {plural(people, 'person', 'people')}{messages}{f': {event.reason}' if event.reason else ''}"


def by_methods(methods: Any) -> str:
    """ ", by email, app and SMS"; empty for none."""
    names = [METHODS.get(name, str(name)) for name in methods] if isinstance(methods, list | tuple) else []
    return f", by {listed(names)}" if names else ""


def listed(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _items(count: Any) -> str:
    return f"{indian(count)} {plural(count, 'item', 'items')}" if isinstance(count, int) else "some items"


def _moment(text: Any) -> datetime | None:
    try:
        return parse_datetime(text) if isinstance(text, str) else None
    except ValueError:
        return None

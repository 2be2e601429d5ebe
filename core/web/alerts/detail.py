"""One open problem: what happens next, how it came to this, what it consists of, and what people may do about it.

The same address is a drawer beside the list on wide screens, and a page of its own on narrow ones.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from core import clock
from core.alerts import steps
from core.alerts.check import kind_for
from core.alerts.policies import Policies
from core.alerts.priority import items_worst_first
from core.dashboard.alerts import EVENTS_SHOWN, found
from core.formatting import indian, rupees
from core.models import AlertEvent, AlertItem, BusinessAlert, NotificationLog, User
from core.models import Status as Sent
from core.web.alerts import snoozes
from core.web.alerts.next_steps import coming, rule_of, standing
from core.web.alerts.page import Asked, beside
from core.web.alerts.trend import History, trend
from core.web.alerts.words import MARKS, METHODS, listed, name_of, name_of_alert, owner_of, team, things, words_of
from core.web.doors import for_staff, frame, person
from core.web.words import Moment, initials, moment, plural, short_name, span

Severity = BusinessAlert.Severity

ITEMS: Final = 20
EVENTS_AT_ONCE: Final = 20
NEW_FOR: Final = timedelta(hours=24)
NAMES: Mapping[str, str] = MappingProxyType(
    {"assign": "Assign", "snooze": "Snooze", "resolve": "Resolve", "ignore": "Ignore", "reopen": "Reopen"}
)
KEYS: Mapping[str, str] = MappingProxyType({"assign": "s", "snooze": "z", "resolve": "r"})


@dataclass(frozen=True, slots=True)
class Refusal:
    """A step that was not taken: why, in words; beside which field; and what had been typed."""

    step: str
    status: int
    conflict: str = ""
    rather: str = ""
    errors: Mapping[str, str] = field(default_factory=dict)
    typed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ItemLine:
    label: str
    where: str
    rupees: str
    since: Moment
    cleared: Moment | None
    is_new: bool
    severity: str


@dataclass(frozen=True, slots=True)
class EventLine:
    icon: str
    tone: str
    who: str
    what: str
    said: str
    at: Moment


@require_safe
@never_cache
@for_staff
def alert(request: HttpRequest, alert_id: UUID) -> HttpResponse:
    return shown(request, alert_id)


def shown(request: HttpRequest, alert_id: UUID, refusal: Refusal | None = None) -> HttpResponse:
    """The alert as it is now, with what was refused, if anything was. One that this person may not see is not found."""
    user, now = person(request), clock.now()
    row = found(user, alert_id)
    query = Asked.of(request.GET).address()
    policy = Policies.in_force().of(row)
    doing = refusal.step if refusal else request.GET.get("do", "")
    happened = events_of(row)
    events = [event_line(event, user, now=now) for event in happened]
    history = History.of(row)
    owner = owner_of(row) if row.is_open else row.resolved_by
    permitted = [step for step in NAMES if step in steps.permitted(row)]
    context = {
        "alert": row,
        "name": name_of_alert(row),
        "opened": moment(row.created_at, now=now),
        "address": reverse("alert", args=[row.pk]) + query,
        "back": reverse("alerts") + query,
        "join": "&" if query else "?",
        "rupees": rupees(row.rupees_at_risk) if row.rupees_at_risk else "",
        "things": things(row) if row.item_count else "",
        "oldest": span(now - row.oldest_since) if row.oldest_since and row.is_open else "",
        "owner": "The system" if not row.is_open and owner is None else name_of(owner, user),
        "owner_initials": initials(owner) if owner else "",
        "may_acknowledge": "acknowledge" in steps.permitted(row),
        "permitted": permitted,
        "undo": undo_tag(row) if steps.undoable(row, happened, actor=user, now=now) else "",
        "forms": [(step, NAMES[step], KEYS.get(step, ""), step in permitted) for step in NAMES],
        "doing": doing if doing in permitted else "",
        "refusal": refusal,
        "people": [(one.pk, "Me" if one == user else short_name(one), one.get_role_display()) for one in team() if steps.may_see(one, row)],
        "morning": moment(snoozes.morning(now), now=now).short,
        "left": things(row, still=True) if row.item_count else "",
        "longest": steps.LONGEST_TEXT,
        "trend": trend(row, history, critical_at=turned_critical(row), now=now),
        "note": standing(row, policy, user, now=now),
        "coming": coming(row, policy, now=now),
        "events": events[:EVENTS_AT_ONCE],
        "events_before": events[EVENTS_AT_ONCE:],
        "events_shown": EVENTS_SHOWN if len(events) >= EVENTS_SHOWN else 0,
        "told": told(row),
        "log": f"{reverse('log')}?{urlencode({'type': kind_for(row.alert_type).name, 'date_from': clock.business_day(row.created_at)})}",
        "rule": rule_of(row, now=now),
        **items_of(row, history, request, now=now),
    }
    page = frame(request, "alerts") | beside(user, request.GET, now=now, here=row.pk) | context
    return render(request, "web/alerts/page.html", page, status=refusal.status if refusal else 200)


def undo_tag(row: BusinessAlert) -> str:
    """By which the word that a step was taken is known for that of the step the alert went through last."""
    return f"undo-{row.pk}-{row.version}"


# --- What it consists of ----------------------------------------------------------------------------------------------


def items_of(row: BusinessAlert, history: History, request: HttpRequest, *, now: datetime) -> dict[str, Any]:
    """A page of its items, worst first; or of those that cleared, the latest first."""
    is_cleared = request.GET.get("items", "") == "cleared"
    rows = row.items.filter(cleared_at__isnull=not is_cleared)
    count = history.cleared if is_cleared else history.left
    asked = request.GET.get("items_page", "")
    last = max(1, -(-count // ITEMS))
    number = min(int(asked) if asked.isdecimal() and 0 < len(asked) < 7 else 1, last) or 1
    start = (number - 1) * ITEMS
    ordered = rows.order_by("-cleared_at", "pk") if is_cleared else items_worst_first(rows, now=now)
    kept = "items=cleared&" if is_cleared else ""
    return {
        "items": [item_line(item, row, now=now) for item in ordered[start : start + ITEMS]],
        "items_left": history.left,
        "items_cleared": history.cleared,
        "is_cleared": is_cleared,
        "items_first": start + 1,
        "items_before": f"{kept}items_page={number - 1}" if number > 1 else "",
        "items_after": f"{kept}items_page={number + 1}" if number < last else "",
    }


def item_line(item: AlertItem, row: BusinessAlert, *, now: datetime) -> ItemLine:
    # As the checks write it: what, where, and how people name it to each other.
    what, _, where = item.label.partition(f", {item.pincode}, ") if item.pincode else (item.label, "", "")
    return ItemLine(
        label=what,
        where=f"{item.pincode} · {where}" if where else "",
        rupees=rupees(item.rupees) if item.rupees else "",
        since=moment(item.since, now=now),
        cleared=moment(item.cleared_at, now=now) if item.cleared_at else None,
        is_new=item.cleared_at is None and item.first_seen_at > row.created_at and now - item.first_seen_at < NEW_FOR,
        severity=item.severity,
    )


# --- Why, and what happened -------------------------------------------------------------------------------------------


def events_of(row: BusinessAlert) -> Sequence[AlertEvent]:
    return list(row.events.select_related("actor").order_by("-at", "-id")[:EVENTS_SHOWN])


def event_line(event: AlertEvent, reader: User, *, now: datetime) -> EventLine:
    words = words_of(event, reader, now=now)
    icon, tone = MARKS.get(event.kind, ("i-flag", ""))
    if event.kind == "opened" and isinstance(event.detail, dict) and event.detail.get("severity") == Severity.CRITICAL:
        tone = "critical"
    return EventLine(icon, "me" if event.actor else tone, words.who, words.what, words.said, moment(event.at, now=now))


def turned_critical(row: BusinessAlert) -> datetime | None:
    """When it last rose to critical; None when it never did."""
    raised = row.events.filter(kind="raised", detail__severity=Severity.CRITICAL).order_by("-at")
    return raised.values_list("at", flat=True).first()


def told(row: BusinessAlert) -> str:
    """What was sent about it: "8 messages to 4 people by app and email: 3 delivered, 5 accepted"."""
    rows = list(NotificationLog.objects.filter(alert=row).order_by().values_list("method", "status").annotate(Count("pk")))
    if not rows:
        return ""
    people = NotificationLog.objects.filter(alert=row).order_by().aggregate(n=Count("recipient", distinct=True))["n"]
    total = sum(n for _, _, n in rows)
    methods = sorted({METHODS.get(method, method) for method, _, _ in rows}, key=str.lower)
    names = ((Sent.DELIVERED, "delivered"), (Sent.SENT, "accepted"), (Sent.PENDING, "waiting"), (Sent.FAILED, "failed"))
    counted = [(name, sum(n for _, status, n in rows if status == which)) for which, name in names]
    became = ", ".join(f"{indian(n)} {name}" for name, n in counted if n)
    whom = f"{indian(people)} {plural(people, 'person', 'people')}"
    return f"{indian(total)} {plural(total, 'message', 'messages')} to {whom} by {listed(methods)}: {became}."

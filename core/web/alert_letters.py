"""Where the links in an alert's message lead: a page that says what it is and has a button for each step. No login is needed.

A link is its message's: it acts as the person it was written to, while that is still who they were then, for a week.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from core import clock, links
from core.alerts import items, steps
from core.alerts.steps import BadStep, IllegalStep
from core.formatting import rupees
from core.models import BusinessAlert, NotificationLog, Role, User
from core.web.alerts import snoozes
from core.web.words import Moment, moment, span

LIFE = timedelta(days=7)
LISTED = 5
STEPS = ("acknowledge", "snooze", "resolve")
NAMES = {"acknowledge": "Acknowledge", "snooze": "Snooze", "resolve": "Resolve"}
DONE = {"acknowledge": "Acknowledged", "snooze": "Snoozed", "resolve": "Resolved"}


@dataclass(frozen=True, slots=True)
class Shut:
    """Why a link does nothing, in words that give nothing away."""

    title: str
    words: str
    status: int


UNKNOWN = Shut("This link leads nowhere", "Perhaps a part of it was lost when it was copied. Open it from the message itself.", 404)
OLD = Shut("This link has expired", "Links in messages about alerts work for 7 days. Log in to see what is open now.", 410)
OTHER = Shut(
    "This link is no longer yours to use",
    "It was written to somebody with another role, or to an account that is closed. Log in to see what you may open.",
    403,
)


@dataclass(frozen=True, slots=True)
class Item:
    label: str
    rupees: str
    since: Moment


# The signature in the address is what a POST shows; there is no cookie, and nothing here looks at who is logged in.
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def act(request: HttpRequest, token: str) -> HttpResponse:
    """GET shows the alert and changes nothing, however often something looks. POST takes the step that `do` names, as the
    person the message was written to. A step that is refused is told in words, with the alert as it is now (409)."""
    now = clock.now()
    row = _message(token)
    shut = _why_shut(row, now=now)
    if shut is not None:
        return render(request, "web/act_shut.html", {"shut": shut}, status=shut.status)
    assert row is not None
    assert row.recipient is not None
    assert row.alert is not None
    person, alert, done, problem, status = row.recipient, row.alert, "", "", 200
    if request.method == "POST":
        try:
            alert, done = _take(request, alert, person, now=now)
        except IllegalStep as refused:
            alert, problem, status = refused.alert, refused.reason, 409
        except BadStep as bad:
            problem, status = bad.message, 400
    return render(request, "web/act.html", _context(request, token, alert, person, done, problem, now=now), status=status)


def _message(token: str) -> NotificationLog | None:
    """The message whose link it is. None for a forged one, and for one of a message that is no longer kept."""
    named = links.read(links.ACT, token)
    return NotificationLog.objects.select_related("recipient", "alert").filter(pk=named).first() if named else None


def _why_shut(row: NotificationLog | None, *, now: datetime) -> Shut | None:
    if row is None or row.recipient is None or row.alert is None:
        return UNKNOWN
    if now >= row.created_at + LIFE:
        return OLD
    same = row.personal.get("role") == row.recipient.role and row.recipient.role in Role.values
    return None if same and steps.may_see(row.recipient, row.alert) else OTHER


def _take(request: HttpRequest, alert: BusinessAlert, person: User, *, now: datetime) -> tuple[BusinessAlert, str]:
    """Take the step. Returns the alert as it is then, and the step. Raises IllegalStep, BadStep."""
    version = request.POST.get("version", "")
    common: dict[str, Any] = {"actor": person, "now": now, "version": int(version) if version.isdecimal() and len(version) < 10 else None}
    match step := request.POST.get("do", ""):
        case "acknowledge":
            return steps.acknowledge(alert.pk, **common), step
        case "snooze":
            return steps.snooze(alert.pk, until=_until(request.POST.get("until", ""), now=now), **common), step
        case "resolve":
            return steps.resolve(alert.pk, notes=request.POST.get("notes", ""), **common), step
    raise BadStep("do", "Choose what to do: acknowledge, snooze or resolve.")


def _until(choice: str, *, now: datetime) -> datetime:
    """The end of a snooze, from one of the choices of the page."""
    if choice not in ("1h", "4h", "morning"):
        raise BadStep("until", "Choose until when: an hour, four hours or 9:00.")
    return snoozes.until(choice, now=now)


def _context(
    request: HttpRequest, token: str, alert: BusinessAlert, person: User, done: str, problem: str, *, now: datetime
) -> dict[str, Any]:
    permitted = [step for step in STEPS if step in steps.permitted(alert)]
    asked = request.POST.get("do") or request.GET.get("do", "")
    first = asked if asked in permitted else (permitted or [""])[0]
    listed = items.worst(alert, LISTED, now=now) if alert.is_open else []
    return {
        "token": token,
        "alert": alert,
        "done": DONE.get(done, ""),
        "until": _quiet_until(alert, done, now=now),
        "problem": problem,
        "person": person,
        "role": Role(person.role).label.lower(),
        "step": first,
        "name": NAMES.get(first, ""),
        "others": [(step, NAMES[step]) for step in permitted if step != first],
        "rupees": rupees(alert.rupees_at_risk) if alert.rupees_at_risk else "",
        "open_for": span(now - alert.created_at),
        "items": [Item(i.label, rupees(i.rupees) if i.rupees else "", moment(i.since, now=now)) for i in listed],
        "more": max(alert.item_count - len(listed), 0) if alert.is_open else 0,
        "morning": moment(snoozes.morning(now), now=now).short,
    }


def _quiet_until(alert: BusinessAlert, done: str, *, now: datetime) -> Moment | None:
    ends = {"acknowledge": alert.acknowledgement_expires_at, "snooze": alert.snoozed_until, "resolve": alert.quiet_until}.get(done)
    return moment(ends, now=now) if ends else None

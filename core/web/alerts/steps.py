"""The steps people take about an alert, each a form of its own, carried out as the API does: of two at once, one."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from core import clock
from core.alerts import steps
from core.alerts.steps import BadStep, IllegalStep
from core.dashboard.alerts import found
from core.models import BusinessAlert, User
from core.web.alerts import snoozes, speed
from core.web.alerts.detail import Refusal, shown, undo_tag
from core.web.alerts.page import Asked
from core.web.alerts.words import name_of, things
from core.web.doors import for_staff, person
from core.web.words import moment

Status = BusinessAlert.Status

# What there is to do instead, once somebody was faster.
RATHER: Mapping[str, str] = MappingProxyType(
    {
        Status.ACTIVE: "Look at what it is now, and do it again if it is still right.",
        Status.ACKNOWLEDGED: "Say what you know in a comment, or assign it to whoever does it.",
        Status.IGNORED: "Reopen it if it should be seen to.",
        Status.RESOLVED: "Reopen it if it is not over.",
    }
)


@require_POST
@for_staff
def take(request: HttpRequest, alert_id: UUID, step: str) -> HttpResponse:
    """Take the step and show the alert. One that is refused is told with the alert as it is now: 409 when it is not legal or
    somebody was faster, 400 when what was typed cannot be used; nothing that was typed is lost."""
    user, now = person(request), clock.now()
    row = found(user, alert_id)
    typed = {name: str(value) for name, value in request.POST.items() if name != "csrfmiddlewaretoken"}
    common: dict[str, Any] = {"actor": user, "now": now}
    if step != "comment":
        common["version"] = _number(typed.get("version", ""))
    try:
        if step == "resolve" and row.is_open and row.item_count and not typed.get("left"):
            raise BadStep("left", f"{things(row, still=True).capitalize()}. Resolve it all the same?")
        row = _TAKE[step](alert_id, typed, common)
    except IllegalStep as refused:
        rather = "It is shown as it is now." if step == "undo" else RATHER[refused.alert.status]
        return shown(request, alert_id, Refusal(step, 409, refused.reason, rather, typed=typed))
    except BadStep as bad:
        return shown(request, alert_id, Refusal(step, 400, errors={bad.field: bad.message}, typed=typed))
    speed.forget(row.alert_type, now=now)
    messages.success(request, _done(step, row, user), extra_tags=undo_tag(row) if step in steps.UNDOABLE else "")
    return HttpResponseRedirect(reverse("alert", args=[alert_id]) + Asked.of(request.GET).address(), status=303)


Taking = Callable[[UUID, Mapping[str, str], dict[str, Any]], BusinessAlert]


def _snooze(alert_id: UUID, typed: Mapping[str, str], common: dict[str, Any]) -> BusinessAlert:
    end = snoozes.until(typed.get("until", ""), now=common["now"], at=typed.get("at", ""))
    return steps.snooze(alert_id, until=end, **common)


def _assign(alert_id: UUID, typed: Mapping[str, str], common: dict[str, Any]) -> BusinessAlert:
    to = typed.get("user_id")
    if to is None:
        raise BadStep("user_id", "Choose whom to assign it to.")
    return steps.assign(alert_id, to=None if to == "nobody" else _number(to) or 0, **common)


_TAKE: Mapping[str, Taking] = MappingProxyType(
    {
        "acknowledge": lambda alert_id, _, common: steps.acknowledge(alert_id, **common),
        "assign": _assign,
        "comment": lambda alert_id, typed, common: steps.comment(alert_id, text=typed.get("text", ""), **common),
        "snooze": _snooze,
        "ignore": lambda alert_id, typed, common: steps.ignore(alert_id, reason=typed.get("reason", ""), **common),
        "resolve": lambda alert_id, typed, common: steps.resolve(alert_id, notes=typed.get("notes", ""), **common),
        "reopen": lambda alert_id, typed, common: steps.reopen(alert_id, reason=typed.get("reason", ""), **common),
        "undo": lambda alert_id, _, common: steps.undo(alert_id, **common),
    }
)


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None


def _done(step: str, row: BusinessAlert, user: User) -> str:
    """What was done, and until when it holds."""
    now = clock.now()
    match step:
        case "acknowledge" if row.acknowledgement_expires_at:
            return f"Acknowledged until {moment(row.acknowledgement_expires_at, now=now).short}"
        case "assign":
            return (
                f"Assigned to {'you' if row.assigned_to == user else name_of(row.assigned_to, user)}"
                if row.assigned_to
                else "Nobody has it"
            )
        case "comment":
            return "Comment added"
        case "snooze" if row.snoozed_until:
            return f"Snoozed to {moment(row.snoozed_until, now=now).short}"
        case "undo":
            return "Undone. It is as it was before"
        case "resolve" if row.quiet_until:
            return f"Resolved. Should the cause remain, it reopens {moment(row.quiet_until, now=now).short}"
    return steps.DONE[step].capitalize()

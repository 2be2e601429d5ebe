"""The log: what was sent, to whom, and whether it arrived. Its filters, its answers and its refusals are the API's."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from core import access, clock
from core.dashboard.errors import body
from core.dashboard.logs import NEWEST_FIRST, LogFilter, filtered
from core.dashboard.pages import Part, part_of
from core.dashboard.strict import LAST_PAGE, query_of
from core.formatting import indian
from core.models import NotificationLog, Role, Status, User
from core.notifications.kinds import kinds
from core.notifications.transports import methods
from core.web.doors import for_staff, frame, person
from core.web.log.lines import line_of, shown
from core.web.log.outcome import outcome_of
from core.web.outbox import kind_label, method_label
from core.web.words import plural, short_name

PAGE: Final = 50
# What dropping a filter finds is counted as far as this.
ENOUGH: Final = 1_000
LABELS: Final = {
    "type": "Type", "status": "Status", "method": "Method", "recipient_id": "Person", "pincode": "Pincode", "date_from": "From",
    "date_to": "To", "search": "Search", "page": "Page",
}  # fmt: skip
# On a phone these are behind "More filters".
SECOND: Final = ("method", "recipient_id", "pincode", "date_from", "date_to")


class Asked(LogFilter):
    """The API's filters, and which page."""

    page = serializers.IntegerField(required=False, default=1, min_value=1, max_value=LAST_PAGE)


@dataclass(frozen=True, slots=True)
class Choice:
    value: str
    label: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Field:
    """One filter as its form shows it: what was typed stays, and what is wrong with it is said beside it."""

    name: str
    label: str
    value: str
    wrong: str
    choices: list[Choice]
    kind: str = "text"
    hint: str = ""
    second: bool = False


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter that holds, in words, and the address without it."""

    label: str
    value: str
    without: str


@dataclass(frozen=True, slots=True)
class Instead:
    """A filter to drop when nothing is left, and what dropping it finds."""

    words: str
    finds: str
    address: str


@dataclass(slots=True)
class Listed:
    """The list as an address asks for it."""

    status: int
    context: dict[str, Any]


@require_safe
@never_cache
@for_staff
def log(request: HttpRequest) -> HttpResponse:
    found = listed(request, now=clock.now())
    return render(request, "web/log.html", frame(request, "log") | found.context, status=found.status)


def listed(request: HttpRequest, *, now: datetime) -> Listed:
    """What the filters of this address find, for the list; or what is wrong with them, beside each."""
    user, given = person(request), _given(request.GET)
    try:
        said: dict[str, Any] = query_of(Asked, given)
        wrong: dict[str, list[str]] = {}
    except ValidationError as error:
        said, wrong = {}, body(error)["errors"]
    typed = {name: str(value) for name, value in given.dict().items() if name in LABELS}
    context: dict[str, Any] = {
        "fields": [field for field in _fields(user, typed, wrong) if field.name != "search"],
        "search": next(field for field in _fields(user, typed, wrong) if field.name == "search"),
        "elsewhere": [f"{name}: {' '.join(whys)}" for name, whys in wrong.items() if name not in LABELS or name == "page"],
        "second_open": any(name in typed for name in SECOND),
        "refused": bool(wrong),
        "query": urlencode(typed),
    }
    if wrong:
        return Listed(400, context)
    return Listed(200, context | _found(user, said, typed, now=now))


def _found(user: User, said: dict[str, Any], typed: dict[str, str], *, now: datetime) -> dict[str, Any]:
    rows = filtered(user, said)
    part: Part[NotificationLog] = part_of(rows, NEWEST_FIRST, {**said, "per_page": PAGE}, loaded=shown)
    first = (part.page - 1) * PAGE + 1
    filters = {name: value for name, value in typed.items() if name != "page"}
    anything = part.total > 0 or bool(filters)
    return {
        "lines": [line_of(row, now=now) for row in part.rows],
        "total": part.total,
        "counted": f"{indian(part.total)} {plural(part.total, 'message', 'messages')}" + (" match" if filters else ""),
        "stretch": f"{indian(first)}–{indian(first + len(part.rows) - 1)} of {indian(part.total)}" if part.rows else "",
        "newer": _address({**filters, **({"page": part.page - 1} if part.page > 2 else {})}) if part.page > 1 and part.total else "",
        "older": _address({**filters, "page": part.page + 1}) if part.page * PAGE < part.total else "",
        "outcome": outcome_of(filtered(user, _without(said, "status")), filters, status=said.get("status", "")) if anything else None,
        "chips": [Chip(LABELS[name], _words(name, said[name]), _address(_without(filters, name))) for name in filters if name in said],
        "instead": list(_instead(user, said, filters)) if not part.total else [],
        "beyond": bool(part.total) and not part.rows,
        "export": reverse("api-logs-export") + (_address(filters) if filters else ""),
    }


def _given(asked: QueryDict) -> QueryDict:
    """The parameters as a form without script sends them: what is empty is not asked."""
    given = asked.copy()
    for name in list(given):
        if given.getlist(name) == [""]:
            del given[name]
    return given


def _without(filters: dict[str, Any], name: str) -> dict[str, Any]:
    return {other: value for other, value in filters.items() if other != name}


def _address(filters: dict[str, Any]) -> str:
    return "?" + urlencode(filters)


# --- The form ---------------------------------------------------------------------------------------------------------


def _fields(user: User, typed: dict[str, str], wrong: dict[str, list[str]]) -> Iterable[Field]:
    names = [access.FINANCE_TYPE] if user.role == Role.FINANCE else list(kinds.names())
    choices = {
        "type": [(name, kind_label(name)) for name in names],
        "status": [(one.value, one.label) for one in Status],
        "method": [(name, method_label(name)) for name in methods()],
    }
    for name, label in LABELS.items():
        if name == "page":
            continue
        value = typed.get(name, "")
        yield Field(
            name=name,
            label=label,
            value=value,
            wrong=" ".join(wrong.get(name, [])),
            choices=[Choice(one, words, one == value) for one, words in choices.get(name, [])],
            kind="date" if name.startswith("date_") else "text",
            hint={"recipient_id": "number", "pincode": "6 digits"}.get(name, ""),
            second=name in SECOND,
        )


def _words(name: str, value: Any) -> str:
    """A filter's value as people say it."""
    match name:
        case "type":
            return kind_label(value)
        case "status":
            return Status(value).label
        case "method":
            return method_label(value)
        case "recipient_id":
            found = User.objects.filter(pk=value).first()
            return short_name(found) if found else f"number {value}"
    return f"{value:%a} {value.day} {value:%b %Y}" if isinstance(value, date) else str(value)


def _instead(user: User, said: dict[str, Any], filters: dict[str, str]) -> Iterable[Instead]:
    """For each filter what the list would show without it, counted as far as `ENOUGH`."""
    for name in filters:
        if name not in said:
            continue
        found = filtered(user, _without(said, name)).order_by().values("pk")[: ENOUGH + 1].count()
        finds = f"more than {indian(ENOUGH)}" if found > ENOUGH else indian(found) if found else "nothing either"
        yield Instead(f"{LABELS[name]} {_words(name, said[name])}", finds, _address(_without(filters, name)))

"""The audit trail: who changed what, from what to what, from where and when. To read: nothing here edits or deletes an entry."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from django.apps import apps
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django_celery_beat.models import PeriodicTask

from core import access, clock
from core.audit import AUDITED
from core.dashboard.audit import ACTIONS, NEWEST_FIRST, TrailQuery, entries_of, entry_of
from core.formatting import indian
from core.masking import mask
from core.models import BusinessAlert, User
from core.web.doors import for_staff, frame
from core.web.filters import older, part_asked
from core.web.words import Moment, moment, plural

PAGE: Final = 40
# Of whom the form offers its choice; by an address anybody's entries are found.
PEOPLE: Final = 200
# Longer values fold.
LONG: Final = 120
MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:")
# What the trail writes of a new row's relation to many others.
OF_MANY: Final = re.compile(r"\w+\.\w+\.None")
NOTHING: Final = "nothing"
DID: Final = {"create": "added", "update": "changed", "delete": "removed", "access": "did"}


@dataclass(frozen=True, slots=True)
class Change:
    """A field, what it was and what it became."""

    field: str
    before: str
    after: str

    @property
    def says_something(self) -> bool:
        """Of what is new, its empty fields say nothing."""
        return (self.before or NOTHING, self.after) != (NOTHING, NOTHING)

    @property
    def is_long(self) -> bool:
        return len(self.before) > LONG or len(self.after) > LONG


@dataclass(frozen=True, slots=True)
class Line:
    """An entry as the page shows it."""

    id: int
    at: Moment
    who: str
    did: str
    action: str
    kind: str
    model: str
    object_id: str
    what: str
    changes: list[Change]
    more: list[tuple[str, str]]
    address: str
    request_id: str


@require_safe
@never_cache
@for_staff
def trail(request: HttpRequest) -> HttpResponse:
    now = clock.now()
    part, said, wrong = part_asked(
        TrailQuery, request.GET, entries_of, NEWEST_FIRST, size=PAGE, loaded=lambda rows: rows.select_related("actor", "content_type")
    )
    context = {
        "lines": [line_of(entry_of(row), now=now) for row in part.rows],
        "total": f"{indian(part.total)} {plural(part.total, 'entry', 'entries')}",
        "older": older(request.GET, part.next_cursor),
        "later": "cursor" in said,
        "people": [(user.pk, str(user)) for user in User.objects.filter(role__in=access.STAFF).order_by("first_name", "pk")[:PEOPLE]],
        "kinds": kinds(),
        "actions": [(name, DID.get(name, name)) for name in ACTIONS],
        "said": {name: str(value) for name, value in said.items()},
        "filtered": [name for name in said if name not in ("page", "per_page", "cursor")],
        "wrong": wrong,
    }
    return render(request, "web/audit.html", frame(request, "audit") | context, status=400 if wrong else 200)


def kinds() -> list[tuple[str, str]]:
    """What people change, by the names that the filter knows."""
    known = {*AUDITED, BusinessAlert, PeriodicTask, User}
    return sorted(((str(model._meta.model_name), _kind(str(model._meta.model_name))) for model in known), key=lambda pair: pair[1])


def _kind(name: str) -> str:
    found = next((model for model in apps.get_models() if model._meta.model_name == name), None)
    label = str(found._meta.verbose_name) if found else name
    return label[:1].upper() + label[1:]


def line_of(entry: dict[str, Any], *, now: datetime) -> Line:
    more = {name: value for name, value in (entry["more"] or {}).items() if name != "act"}
    return Line(
        id=entry["id"],
        at=moment(entry["timestamp"], now=now),
        who=entry["actor"]["name"] if entry["actor"] else "The system",
        did=DID.get(entry["action"], entry["action"]),
        action=entry["action"],
        kind=_kind(entry["model"]),
        model=entry["model"],
        object_id=entry["object_id"],
        what=entry["object"],
        changes=[change for change in _changes(entry["changes"] or {}) if change.says_something],
        more=[(name.replace("_", " "), in_words(value, name=name)) for name, value in more.items()],
        address=entry["remote_addr"] or "",
        request_id=entry["request_id"] or "",
    )


def _changes(changes: dict[str, Any]) -> Iterator[Change]:
    for name, change in changes.items():
        field = name.replace("_", " ")
        if isinstance(change, list) and len(change) == len(("before", "after")):
            yield Change(field, *(in_words(value, name=name) for value in change))
        elif isinstance(change, dict):
            # Of many to many: what was done with which.
            objects = ", ".join(map(str, change.get("objects", ())))
            yield Change(field, "", f"{change.get('operation', '')} {in_words(objects, name=name)}".strip())
        else:
            yield Change(field, "", in_words(change, name=name))


def in_words(value: Any, *, name: str = "") -> str:
    """A value as a person reads it."""
    if isinstance(value, dict):
        return ", ".join(f"{key.replace('_', ' ')} {in_words(item, name=key)}" for key, item in value.items()) or NOTHING
    if isinstance(value, list):
        return ", ".join(in_words(item, name=name) for item in value) or NOTHING
    text = str(value)
    if text in ("None", "") or OF_MANY.fullmatch(text):
        return NOTHING
    if text[:1] in "[{" and (read := _read(text)):
        return in_words(read, name=name)
    if text in ("True", "False"):
        return "yes" if text == "True" else "no"
    return _moment(text) or str(mask(text, name=name))


def _read(text: str) -> Any:
    """A list or an object that was written as text; None: it is none."""
    try:
        return json.loads(text)
    except ValueError:
        return None


def _moment(text: str) -> str:
    """A moment in words; empty: it is none. A mask would take its digits for a phone's."""
    try:
        at = parse_datetime(text) if MOMENT.match(text) else None
    except ValueError:
        return ""
    if at is None:
        return ""
    # Without its zone it is UTC: the trail is written so.
    local = timezone.localtime(at if at.tzinfo else timezone.make_aware(at, UTC))
    return f"{local:%a} {local.day} {local:%b %Y}, {local.hour}:{local:%M:%S}"

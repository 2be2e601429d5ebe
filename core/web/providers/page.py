"""The providers: how each stands, and the switches that pause a method or everything, which ask first and say how many wait."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe
from rest_framework.exceptions import ValidationError

from core import clock
from core.dashboard.errors import body
from core.dashboard.strict import body_of
from core.dashboard.switches import SwitchForm, thrown
from core.formatting import indian
from core.models import NotificationLog, Switch
from core.notifications.switches import LONGEST_REASON, held_by
from core.web.doors import for_staff, frame, person
from core.web.hours import usual
from core.web.outbox import method_label
from core.web.providers.lines import Providers, providers
from core.web.words import plural

# How far ahead it is said what more will wait.
AHEAD: Final = 4


@dataclass(frozen=True, slots=True)
class Question:
    """What a switch asks before it is thrown."""

    id: str
    scope: str
    name: str
    pauses: bool
    title: str
    words: str
    does: str
    reason: str = ""
    wrong: str = ""
    # What the button says, where that is more.
    press: str = ""


@require_safe
@never_cache
@for_staff
def page(request: HttpRequest) -> HttpResponse:
    """With `ask` the question stands in the page itself, for who has no script."""
    return _page(request, asks=request.GET.get("ask", ""), now=clock.now())


@require_POST
@for_staff
def switch(request: HttpRequest) -> HttpResponse:
    """Throw a switch, as the API does. Where it stands there already, who was first is named."""
    given = {
        "scope": request.POST.get("scope", ""),
        "name": request.POST.get("name", ""),
        "is_paused": request.POST.get("paused") == "yes",
        "reason": request.POST.get("reason", ""),
    }
    try:
        said = body_of(SwitchForm, given)
    except ValidationError as error:
        wrong = body(error)["errors"]
        asks = f"{given['scope']}:{given['name']}"
        return _page(request, asks=asks, typed=str(given["reason"]), wrong=wrong, status=400, now=clock.now())
    done = thrown(said["scope"], said["name"], paused=said["is_paused"], reason=said["reason"], actor=person(request))
    what = "Everything" if said["scope"] == Switch.Scope.ALL else _label(said["scope"], said["name"])
    stands = "paused" if done["is_paused"] else "running"
    if done["changed"]:
        messages.success(request, f"{what} is {stands}." + (" What is due waits." if done["is_paused"] else " What waited leaves now."))
    else:
        who = done["changed_by"]["name"] if done["changed_by"] else "Somebody"
        at = timezone.localtime(done["changed_at"])
        messages.warning(request, f"{what} was {stands} already: {who} saw to it at {at.hour}:{at:%M:%S}. Nothing was changed.")
    answer = HttpResponseRedirect(reverse("providers"))
    answer.status_code = 303
    return answer


def _label(scope: str, name: str) -> str:
    return method_label(name) if scope == Switch.Scope.METHOD else name.replace("_", " ").capitalize()


def _page(
    request: HttpRequest, *, asks: str, now: datetime, typed: str = "", wrong: dict[str, list[str]] | None = None, status: int = 200
) -> HttpResponse:
    found = providers(now=now)
    questions = [*_questions(found, now=now)]
    asked = next((one for one in questions if f"{one.scope}:{one.name}" == asks), None)
    elsewhere = {name: whys for name, whys in (wrong or {}).items() if asked is None or name != "reason"}
    if asked is not None:
        said = " ".join((wrong or {}).get("reason", []))
        asked = replace(asked, id="asked", reason=typed, wrong=said or " ".join(_all(elsewhere)))
    by_method = {(one.scope, one.name): one for one in questions}
    context: dict[str, Any] = {
        "found": found,
        "rows": [(line, by_method[Switch.Scope.METHOD, line.method]) for line in found.lines],
        "everything": by_method[Switch.Scope.ALL, ""],
        "questions": questions,
        "asked": asked,
        "wrong": " ".join(_all(wrong or {})) if asked is None else "",
        "others": list(_others()),
        "longest": LONGEST_REASON,
    }
    return render(request, "web/providers.html", frame(request, "providers") | context, status=status)


def _others() -> QuerySet[Switch]:
    """What else is paused, of which the campaigns' own pages speak."""
    others = Switch.objects.filter(is_paused=True, scope__in=(Switch.Scope.CAMPAIGN, Switch.Scope.TYPE))
    return others.select_related("changed_by")[:50]


def _all(wrong: dict[str, list[str]]) -> list[str]:
    return [f"{name}: {' '.join(whys)}" for name, whys in wrong.items()]


def _questions(found: Providers, *, now: datetime) -> Iterator[Question]:
    every = found.everything
    if every is None:
        words = f"{indian(found.waiting) if found.waiting else 'Nothing'} waiting now{_soon(now=now)}. Sign-in codes stop too. Why?"
        yield _question(Switch.Scope.ALL, "", "everything", words, pauses=True)
    else:
        words = f"{every.who} paused it at {every.since.short}: {every.reason}."
        yield _resumed(Switch.Scope.ALL, "", "everything", words)
    for line in found.lines:
        if line.paused:
            words = "Everything is paused besides: none of it leaves until that ends, too." if every else ""
            yield _resumed(Switch.Scope.METHOD, line.method, line.label, words)
        else:
            words = f"{_waits(line.waiting)} Sign-in codes by {line.label} stop too; other methods go on. Why?"
            yield _question(Switch.Scope.METHOD, line.method, line.label, words, pauses=True)


def _resumed(scope: str, name: str, what: str, words: str) -> Question:
    """Of what is let go it is said to how many it goes."""
    held = held_by(scope, name)
    asks = _question(scope, name, what, f"{words} {held.leaves}".strip(), pauses=False)
    return replace(asks, press=f"{asks.does}, write to {held.whom}") if held.messages else asks


def _question(scope: str, name: str, what: str, words: str, *, pauses: bool) -> Question:
    does = f"{'Pause' if pauses else 'Go on with'} {what}"
    return Question(f"{'pause' if pauses else 'resume'}-{name or 'all'}", scope, name, pauses, f"{does}?", words, does)


def _waits(count: int) -> str:
    return f"{indian(count)} {plural(count, 'message waits', 'messages wait')} now." if count else "Nothing waits now."


def _soon(*, now: datetime) -> str:
    """As ", about 640 more by 18:00": what this weekday usually brings in the hours after this one."""
    hour = timezone.localtime(now).hour
    last = min(hour + 1 + AHEAD, 24)
    more = usual(NotificationLog.objects.all(), now=now).until(hour + 1, last) if hour < 23 else 0
    return f", about {indian(more)} more by {last}:00" if more else ""

"""What I get: each person's own switches, by kind and method, and whether the addresses behind them can be reached."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from core import clock
from core.models import Suppression, User
from core.notifications import choices
from core.notifications.choices import Pair, Topic
from core.notifications.screening import suppression_address
from core.notifications.transports import methods, transport_class
from core.web.doors import for_everyone, frame, person
from core.web.outbox import ICONS, NAMES
from core.web.words import BY, Moment, moment

# In the order of the page: what is nearest first.
NEAREST = ("websocket", "sms", "email")


@dataclass(frozen=True, slots=True)
class Way:
    """A method as its person sees it: where it reaches them, and since when it does not."""

    method: str
    name: str
    icon: str
    address: str
    aside_since: Moment | None
    complained: bool


@dataclass(frozen=True, slots=True)
class Cell:
    """One switch. `value` names it in the form, with the state it is shown in."""

    name: str
    value: str
    on: bool


@dataclass(frozen=True, slots=True)
class Row:
    """A kind, with a switch for each way: None where it never goes that way."""

    title: str
    about: str
    always: bool
    cells: list[tuple[Way, Cell | None]]


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@for_everyone
def preferences(request: HttpRequest) -> HttpResponse:
    """GET shows the switches. POST changes those that were flipped on the page as it was shown, and says what it changed."""
    user = person(request)
    found = choices.topics(user)
    if request.method == "POST":
        try:
            said = _stop_offers(user) if "stop-offers" in request.POST else _save(user, found, request)
        except ValueError as error:
            return HttpResponseBadRequest(str(error), content_type="text/plain; charset=utf-8")
        messages.success(request, said)
        return HttpResponseRedirect(reverse("preferences"))
    ways = _ways(user, found)
    return render(
        request,
        "web/preferences.html",
        frame(request, "preferences")
        | {
            "rows": [_row(topic, ways) for topic in found],
            "ways": ways,
            "offers_on": any(on for topic in found if topic.kind.marketing for on in topic.methods.values()),
            "offers": [_title(topic) for topic in found if topic.kind.marketing],
            "saved_at": moment(clock.now(), now=clock.now()).short,
        },
    )


def _save(user: User, found: list[Topic], request: HttpRequest) -> str:
    """Change what was flipped, and only that: a page left open since yesterday takes nothing back that was said meanwhile.

    Raises ValueError for a switch that this person does not have.
    """
    own = {(topic.kind.category, method): topic for topic in found for method in topic.methods if not topic.kind.mandatory}
    on = set(request.POST.getlist("on"))
    wanted: dict[Pair, bool] = {}
    for shown in request.POST.getlist("shown"):
        category, _, rest = shown.partition(":")
        method, _, state = rest.partition(":")
        if (category, method) not in own or state not in ("on", "off"):
            raise ValueError("You have no such switch. Load the page again.")
        if (now_on := f"{category}:{method}" in on) is not (state == "on"):
            wanted[category, method] = now_on
    changed = choices.set_choices(user.pk, wanted, source=choices.PAGE, now=clock.now())
    words = [f"{_title(own[pair])} {BY.get(pair[1], pair[1])} {'on' if wanted[pair] else 'off'}" for pair in changed]
    return "Saved: " + ", ".join(words) + "." if words else "Nothing was changed."


def _stop_offers(user: User) -> str:
    stopped = choices.stop_all_offers([user.pk], source=choices.PAGE, now=clock.now())
    return "Stopped: no more offers, by any way." if stopped else "All offers were stopped already."


def _ways(user: User, found: Iterable[Topic]) -> list[Way]:
    used = {method for topic in found for method in topic.methods}
    order = sorted((method for method in methods() if method in used), key=lambda m: NEAREST.index(m) if m in NEAREST else len(NEAREST))
    now, ways = clock.now(), []
    for method in order:
        address = transport_class(method).address_of(user)
        aside = Suppression.objects.filter(method=method, address=suppression_address(address)).exclude(expires_at__lte=now).first()
        ways.append(
            Way(
                method=method,
                name=NAMES.get(method, method.capitalize()),
                icon=ICONS.get(method, "i-send"),
                # In the app, the address is only our own number for the person.
                address=address if method != "websocket" else "",
                aside_since=moment(aside.created_at, now=now) if aside else None,
                complained=aside is not None and aside.reason in ("complained", "complaint"),
            )
        )
    return ways


def _row(topic: Topic, ways: Iterable[Way]) -> Row:
    cells: list[tuple[Way, Cell | None]] = []
    for way in ways:
        if way.method not in topic.methods:
            cells.append((way, None))
            continue
        on = topic.methods[way.method]
        name = f"{_title(topic)} {BY.get(way.method, way.name)}"
        cells.append((way, Cell(name, f"{topic.kind.category}:{way.method}", on)))
    return Row(_title(topic), topic.kind.about, topic.kind.mandatory, cells)


def _title(topic: Topic) -> str:
    return topic.kind.title or topic.kind.label

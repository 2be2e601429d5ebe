"""Who may open a page, and the frame around it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Concatenate, Final, ParamSpec

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse

from core import access
from core.alerts import steps
from core.models import BusinessAlert, User
from core.notifications.receipts import unread_count
from core.web import demo
from core.web.words import initials

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


def for_everyone(view: View[P]) -> View[P]:
    """A page of one's own: whoever is logged in. Others are led to the login page."""
    return login_required(view)


def for_staff(view: View[P]) -> View[P]:
    """A page of the team, open to the roles that `core.access` gives its address and method to. Others are refused."""

    @wraps(view)
    def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        match = request.resolver_match
        if match is None or not access.may(person(request), match.route, str(request.method)):
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return for_everyone(guarded)


def is_staff(user: User) -> bool:
    return user.is_active and user.role in access.STAFF


def person(request: HttpRequest) -> User:
    """Who asks, on a page that only opens for who is logged in."""
    assert isinstance(request.user, User)
    return request.user


@dataclass(frozen=True, slots=True)
class Way:
    """A page of the rail, by the name of its address, with the two keys that lead there."""

    label: str
    name: str
    icon: str
    keys: str = ""
    # The heading of the group it begins.
    heading: str = ""


WAYS: Final = (
    Way("Today", "today", "i-today", "g t"),
    Way("Alerts", "alerts", "i-bell", "g a"),
    Way("Map", "map", "i-map", "g m"),
    Way("Log", "log", "i-log", "g l"),
    Way("Campaigns", "campaigns", "i-camp", "g c"),
    Way("Schedule", "schedule", "i-clock", "g s"),
    Way("Thresholds", "thresholds", "i-sliders", heading="Rules"),
    Way("Wording", "wording", "i-text"),
    Way("People", "people", "i-people"),
    Way("Audit trail", "audit", "i-audit"),
    Way("Providers", "providers", "i-link", heading="Running"),
    Way("Outbox", "outbox", "i-send", "g o"),
    Way("Inbox", "inbox", "i-app", "g i"),
    Way("Admin", "admin:index", "i-sliders"),
)
# The first tabs at the foot of a phone's page; the others are behind the last one.
TABS: Final = 4


@dataclass(frozen=True, slots=True)
class Door:
    """A way to another page, in the rail and in the bar."""

    label: str
    name: str
    address: str
    icon: str
    keys: str
    heading: str
    here: bool = False
    count: int = 0
    # What the count says, and whether it is bad.
    counted: str = ""
    is_bad: bool = False


def frame(request: HttpRequest, here: str) -> dict[str, Any]:
    """What the frame shows: the pages this person may open, and who they are. Two queries, one for who is not of the team."""
    user = person(request)
    unread = unread_count(user.pk)
    team = is_staff(user)
    doors = list(_doors(user, here, unread=unread, alerts=_open_alerts(user))) if team else []
    return {
        "doors": doors,
        "tabs": doors[:TABS],
        "more": doors[TABS:],
        "person": user,
        "initials": initials(user),
        "staff": team,
        "unread": unread,
        "in_demo": team and demo.is_there(),
    }


def _doors(user: User, here: str, *, unread: int, alerts: int) -> Any:
    counts = {"inbox": (unread, "unread", False), "alerts": (alerts, "open", True)}
    for way in WAYS:
        address = reverse(way.name)
        if access.may(user, address.lstrip("/"), "GET"):
            count, counted, is_bad = counts.get(way.name, (0, "", False))
            yield Door(way.label, way.name, address, way.icon, way.keys, way.heading, way.name == here, count, counted, is_bad)


def _open_alerts(user: User) -> int:
    states = (BusinessAlert.Status.ACTIVE, BusinessAlert.Status.ACKNOWLEDGED)
    return steps.visible_to(user, BusinessAlert.objects.filter(status__in=states)).order_by().count()

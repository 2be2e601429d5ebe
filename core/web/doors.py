"""Who may open a page, and the frame around it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse

from core.models import Role, User
from core.notifications.receipts import unread_count
from core.web.words import initials

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]

STAFF = (Role.SUPER_ADMIN, Role.OPS_MANAGER, Role.FINANCE)


def for_everyone(view: View[P]) -> View[P]:
    """A page of one's own: whoever is logged in. Others are led to the login page."""
    return login_required(view)


def for_staff(view: View[P]) -> View[P]:
    """A page of the team. Somebody logged in without the role is refused."""

    @wraps(view)
    def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if not is_staff(person(request)):
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return for_everyone(guarded)


def is_staff(user: User) -> bool:
    return user.is_active and user.role in STAFF


def person(request: HttpRequest) -> User:
    """Who asks, on a page that only opens for who is logged in."""
    assert isinstance(request.user, User)
    return request.user


@dataclass(frozen=True, slots=True)
class Door:
    """A way to another page, in the rail and in the bar."""

    label: str
    address: str
    icon: str
    here: bool = False
    count: int = 0


def frame(request: HttpRequest, here: str) -> dict[str, Any]:
    """What the frame shows: the pages this person may open, and who they are. One query."""
    user = person(request)
    unread = unread_count(user.pk)
    doors = [
        Door("Today", reverse("today"), "i-today", here == "today"),
        Door("Outbox", reverse("outbox"), "i-send", here == "outbox"),
        Door("Inbox", reverse("inbox"), "i-app", here == "inbox", unread),
        Door("Admin", reverse("admin:index"), "i-sliders"),
    ]
    return {
        "doors": doors if is_staff(user) else [],
        "person": user,
        "initials": initials(user),
        "staff": is_staff(user),
        "unread": unread,
    }

"""Logging in with a password: how often it may be tried, and what is said when it was tried too often.

django-axes counts the failures of a username from an address and locks that pair. Whoever changes one or the other all the time
is counted here: by username from everywhere, by address, and by network.
"""

from datetime import datetime, timedelta
from typing import Any

from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.auth.signals import user_logged_in
from django.core.exceptions import PermissionDenied
from django.db.models import Max
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from core import clock
from core.models import User
from core.security.addresses import client_address, for_lockout, network_of
from core.security.limits import Counted, Limit, forget, give_back, spend

WINDOW = timedelta(minutes=15)
BY_USERNAME = Limit("login_username", most=50, within=WINDOW)
BY_ADDRESS = Limit("login_address", most=50, within=WINDOW)
BY_NETWORK = Limit("login_network", most=200, within=WINDOW)
# A login form has a hundred bytes; what fails is kept, and need not be kept at any length.
LONGEST_FORM = 8_192
# Who works here logs in each morning.
STAFF_SESSION = timedelta(hours=12)


def tries_of(request: HttpRequest, username: str) -> list[Counted]:
    address = client_address(request)
    return [(BY_USERNAME, username), (BY_ADDRESS, address), (BY_NETWORK, network_of(address))]


class Slowed:
    """An authentication backend that lets nobody in: it stops who has tried too often, before a password is looked at."""

    def authenticate(self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **_: Any) -> None:
        if request is None or username is None or password is None:
            return
        until = spend(tries_of(request, username), now=clock.now())
        if until is not None:
            # Django's own request, where the API wraps it.
            asked: Any = getattr(request, "_request", request)
            # django-axes' middleware makes its answer of whatever the view said.
            asked.axes_locked_out = True
            asked.slowed_until = until
            raise PermissionDenied


@receiver(user_logged_in, dispatch_uid="core.security.logins")
def _was_none(request: HttpRequest | None, user: User, **_: Any) -> None:
    """A password that was right was no guess."""
    if request is not None:
        username = user.get_username()
        give_back(tries_of(request, username)[1:], now=clock.now())
        forget([(BY_USERNAME, username)])


def locked_out(request: HttpRequest, response: HttpResponse | None, credentials: dict[str, Any] | None) -> HttpResponse:  # noqa: ARG001
    """What django-axes answers: when to try again, and not whether there is such a person."""
    now = clock.now()
    wait = max(timedelta(seconds=1), (getattr(request, "slowed_until", None) or _locked_until(request, credentials) or now + WINDOW) - now)
    minutes = -(-int(wait.total_seconds()) // 60)
    answer = render(request, "web/locked.html", {"minutes": minutes}, status=429)
    answer.headers["Retry-After"] = str(int(wait.total_seconds()) + 1)
    return answer


def _locked_until(request: HttpRequest, credentials: dict[str, Any] | None) -> datetime | None:
    """When the pair of username and address is free again."""
    username = (credentials or {}).get("username")
    last = AccessAttempt.objects.filter(username=username, ip_address=for_lockout(request)).aggregate(last=Max("attempt_time"))["last"]
    return last + settings.AXES_COOLOFF_TIME if last else None

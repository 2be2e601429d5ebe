"""How often a person may change something on pages and in the admin: as often as over the API, and counted together with it."""

import math
from collections.abc import Callable
from typing import Any, Final

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from rest_framework.views import APIView

from core.dashboard.throttles import Writes

View = Callable[[HttpRequest], HttpResponseBase]

# Whoever wants to leave may.
ALWAYS: Final = ("accounts/logout/",)


class Paced:
    """Middleware: a change too many is refused before anything is looked at, with when to come back.

    Nobody's changes are logins, which are counted where they are judged, and what is signed.
    """

    def __init__(self, get_response: View) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, *_given: Any) -> HttpResponse | None:
        match = request.resolver_match
        # The API's views count for themselves: a token's person is known only there.
        if issubclass(getattr(view, "cls", object), APIView) or (match and match.route in ALWAYS):
            return None
        pace: Any = Writes()
        if pace.allow_request(request, view):
            return None
        wait = math.ceil(pace.wait() or 1)
        answer = render(request, "429.html", {"wait": wait}, status=429)
        answer.headers["Retry-After"] = str(wait)
        return answer

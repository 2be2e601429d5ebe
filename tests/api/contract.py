"""The API's description, and calls made from it: what every answer is held to, and how many were made by whom."""

import json
from collections import Counter
from copy import deepcopy
from functools import cache
from typing import Any
from urllib.parse import quote, unquote, urlencode, urlsplit

import requests
import schemathesis
from django.contrib.auth.models import AnonymousUser
from django.urls import Resolver404, resolve
from drf_spectacular.generators import SchemaGenerator
from schemathesis.checks import not_a_server_error
from schemathesis.core.transport import Response
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, status_code_conformance

from core.access import API, Open, may, rule_of
from core.models import Role, User
from tests.api.callers import Caller
from tests.people import person

CHECKS: list[Any] = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
# By role and status: the generated calls of this process.
CALLS: Counter[tuple[str, int]] = Counter()
NOBODY = "nobody"


@cache
def described() -> dict[str, Any]:
    generated: dict[str, Any] = SchemaGenerator().get_schema(public=True)
    # As a client reads it.
    told: dict[str, Any] = json.loads(json.dumps(generated, default=str))
    return told


def schema() -> Any:
    # A copy: what makes chains of calls rewrites the links in it.
    return schemathesis.openapi.from_dict(deepcopy(described()))


def as_told(route: str) -> str:
    """A route in the words of the description."""
    return "/".join(f"{{{part.partition(':')[2][:-1]}}}" if part.startswith("<") else part for part in route.split("/"))


@cache
def route_of(path: str) -> str:
    return next(route for route in API if as_told(route) == path.lstrip("/"))


class Callers:
    """One of each role, and nobody. What they do to each other is undone, but for what they leave in tables."""

    def __init__(self) -> None:
        self.people: dict[str, User | None] = {NOBODY: None, **{str(role): person(role, username=f"a-{role}") for role in Role}}
        self.come_back()

    def come_back(self) -> None:
        """Each with the role and a token that works, whatever was called meanwhile."""
        for name, user in self.people.items():
            if user is not None:
                User.objects.filter(pk=user.pk).update(role=name, is_active=True)
        self.callers = {name: Caller(user) for name, user in self.people.items()}

    def each(self, case: Any) -> dict[str, Response]:
        """The answers to all of them, each held to the description and to the table of who may."""
        return {name: self.one(name, case) for name in self.callers}

    def one(self, name: str, case: Any) -> Response:
        answer = self._answer(name, case)
        user, rule = self.people[name], rule_of(route_of(case.operation.path)) or {}
        if user and answer.status_code == 401 and not isinstance(rule[case.method.upper()], Open):
            # Its token was deleted, or its person sent away: both may be called.
            self.come_back()
            answer = self._answer(name, case)
        if not may(user or AnonymousUser(), route_of(case.operation.path), case.method.upper()) and is_an_address(answer.request.url):
            assert answer.status_code == (403 if user else 401), (name, case.method, case.path, answer.status_code)
        if case.operation.label == "PATCH /admin-dashboard/users/{user_id}/" and answer.status_code == 200:
            self.come_back()
        return answer

    def _answer(self, name: str, case: Any) -> Response:
        answer = sent(self.callers[name], case)
        CALLS[name, answer.status_code] += 1
        case.validate_response(answer, checks=CHECKS)
        return answer


def is_an_address(url: str | None) -> bool:
    """Whether anything is there: of a number below nought nothing is."""
    try:
        resolve(unquote(urlsplit(url or "").path))
    except Resolver404:
        return False
    return True


def sent(caller: Caller, case: Any) -> Response:
    """The answer to a generated call, in the words of schemathesis."""
    path = case.path
    for name, value in (case.path_parameters or {}).items():
        path = path.replace(f"{{{name}}}", quote(str(value), safe=""))
    query = urlencode(dict(case.query or {}), doseq=True)
    body = json.dumps(case.body).encode() if isinstance(case.body, dict | list | str | int | float | bool | None) else b""
    headers = {name: str(value).encode("latin-1", "replace").decode("latin-1") for name, value in (case.headers or {}).items()}
    url = f"{path}?{query}" if query else path
    answer = caller.client.generic(
        case.method, url, body if case.method != "GET" else b"", content_type="application/json", headers={**headers, **caller.headers}
    )
    return Response(
        status_code=answer.status_code,
        headers={name.lower(): [value] for name, value in answer.headers.items()},
        content=answer.getvalue(),
        request=requests.Request(case.method, f"http://testserver{url}").prepare(),
        elapsed=0.0,
        verify=False,
    )

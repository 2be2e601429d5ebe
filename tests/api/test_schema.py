"""The API answers as its schema says, whoever calls and whatever is sent: in short here, at length with API_EXAMPLES=500.

What is sent is made from the schema, both what it allows and what it does not. Each answer's status, kind and shape are held against it.
"""

import json
import os
from functools import cache
from typing import Any
from urllib.parse import quote, urlencode

import pytest
import requests
import schemathesis
from django.conf import settings as product
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.transport import Response
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, status_code_conformance

from core.access import API
from core.models import Role
from tests.api.callers import Caller
from tests.api.world import address, furnish
from tests.people import person

pytestmark = pytest.mark.django_db

EXAMPLES = int(os.environ.get("API_EXAMPLES", "2"))
CHECKS: list[Any] = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
CALLERS = [None, *Role] if EXAMPLES >= 100 else [None, Role.SUPER_ADMIN, *([] if product.REDIS_URL else [Role.FINANCE, Role.VENDOR])]


@cache
def described() -> dict[str, Any]:
    generated: dict[str, Any] = SchemaGenerator().get_schema(public=True)
    # As a client reads it.
    return json.loads(json.dumps(generated, default=str))


def operations():
    schema = schemathesis.openapi.from_dict(described())
    return [operation.ok() for operation in schema.get_all_operations()]


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


def hold_to_the_schema(caller: Caller, operation: Any, mode: GenerationMode) -> None:
    """Call it in many ways; each answer is as the schema says."""

    @settings(
        max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )  # fmt: skip
    @given(case=operation.as_strategy(generation_mode=mode))
    def answers(case: Any) -> None:
        case.validate_response(sent(caller, case), checks=CHECKS)

    answers()


def test_the_schema_is_one_and_nothing_in_it_had_to_be_guessed(capsys):
    GENERATOR_STATS.reset()
    validate_schema(SchemaGenerator().get_schema(public=True))
    assert not GENERATOR_STATS, capsys.readouterr().err


def test_every_address_of_the_table_is_in_the_schema():
    told = {path.lstrip("/") for path in described()["paths"]}
    untold = {"api/schema/", "api/docs/"}
    assert {_as_told(route) for route in API} - told == untold


def _as_told(route: str) -> str:
    return "/".join(f"{{{part.partition(':')[2][:-1]}}}" if part.startswith("<") else part for part in route.split("/"))


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["allowed", "not allowed"])
@pytest.mark.parametrize("role", CALLERS)
def test_every_answer_is_as_the_schema_says(role, mode):
    user = person(role or Role.CUSTOMER)
    world = furnish(user)
    for operation in operations():
        route = next(route for route in API if _as_told(route) == operation.path.lstrip("/"))
        if route == "api/auth/logout/":
            continue  # Said elsewhere: it would end what the others are called with.
        caller = Caller(user if role else None)
        hold_to_the_schema(caller, operation, mode)
        # And of something that is there, which nobody generates.
        if "<" in route:
            verb = operation.method.upper()
            answer = caller.call(verb, address(route, world), world.body_of(route, verb))
            assert answer.status_code < 500
            assert str(answer.status_code) in operation.definition.raw["responses"]

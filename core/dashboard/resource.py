"""What every address of the API has in common, and how one is written: a view of `Resource`, a method under `endpoint`.

    class Things(Resource):
        @endpoint("List things", query=ThingQuery, answers=ThingPage)
        def get(self, request: Request, said: Said) -> Response: ...

`said` is what the client sent, as the form takes it: the query of a GET, the body of everything else.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from auditlog.context import set_actor
from django.http import HttpResponseBase
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core import clock
from core.dashboard import idempotency
from core.dashboard.errors import request_id
from core.dashboard.openapi import IDEMPOTENCY, errors_of
from core.dashboard.strict import Query, Strict, body_of, query_of
from core.models import User

Said = dict[str, Any]
Handler = Callable[..., HttpResponseBase]


class Resource(APIView):
    """Asks the table who may; reads strictly; enters changes under their person's name; names each answer."""

    # There is nothing to ask of an address: the schema says it.
    http_method_names = ("get", "head", "post", "put", "patch", "delete")
    # What is left to do when the answer's transaction is over, as to hurry a worker.
    afterwards: list[Callable[[], object]]

    @property
    def user(self) -> User:
        """Who calls, where nobody else is let in."""
        assert isinstance(self.request.user, User)
        return self.request.user

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        self.afterwards = []
        super().initial(request, *args, **kwargs)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        if name := request_id():
            response.headers["X-Request-ID"] = name
        response.headers.setdefault("Cache-Control", "no-store")
        return response


def endpoint(
    summary: str,
    *,
    query: type[Query] = Query,
    body: type[Strict] = Strict,
    answers: Any = None,
    status: int = 200,
    also: dict[int, Any] | None = None,
    parameters: list[OpenApiParameter] | None = None,
    is_idempotent: bool = False,
) -> Callable[[Handler], Handler]:
    """A method of a resource: what it takes, what it answers, and how the schema says so.

    `also` are further answers besides the errors any call may get. With `is_idempotent` it honours `Idempotency-Key`, and runs in a
    transaction when it has one.
    """

    def wrap(handler: Handler) -> Handler:
        verb = handler.__name__

        @wraps(handler)
        def run(self: Resource, request: Request, **path: Any) -> HttpResponseBase:
            asked = query_of(query, request.query_params)
            if verb == "get":
                return handler(self, request, asked, **path)
            said = body_of(body, request.data) if body._declared_fields or _is_json(request) else {}

            def work() -> Any:
                return handler(self, request, said, **path)

            with set_actor(request.user if isinstance(request.user, User) else None, request.META.get("REMOTE_ADDR") or None):
                answer: Any = idempotency.once(request, work, now=clock.now()) if is_idempotent else work()
                for step in self.afterwards:
                    step()
            return answer

        forms: list[Any] = [*([query] if query._declared_fields else []), *(parameters or []), *([IDEMPOTENCY] if is_idempotent else [])]
        schema: Any = extend_schema(
            summary=summary,
            description=handler.__doc__ or "",
            parameters=forms,
            request=body if verb != "get" and body._declared_fields else None,
            responses={**_responses(status, answers), **(also or {}), **_errors(verb, also, is_idempotent)},
        )
        decorated: Handler = schema(run)
        return decorated

    return wrap


def _is_json(request: Request) -> bool:
    """Of a call that takes nothing, only JSON is looked at: whatever else a client's library sends along says nothing."""
    return str(request.content_type).partition(";")[0].strip().lower() in ("application/json", "")


def _responses(status: int, answers: Any) -> dict[Any, Any]:
    return answers if isinstance(answers, dict) else {status: answers}


def _errors(verb: str, also: dict[int, Any] | None, is_idempotent: bool) -> dict[int, Any]:
    return {code: shape for code, shape in errors_of(verb, is_idempotent=is_idempotent).items() if code not in (also or {})}


def plain(data: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """An answer of JSON."""
    return Response(data, status=status, headers=headers)

"""One shape for whatever is refused: `{"status": "error", "code", "message", "errors": {field: [why]}, "request_id"}`."""

import math
import re
from collections.abc import Mapping
from typing import Any

import structlog
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views import defaults
from rest_framework import exceptions, status
from rest_framework.response import Response

# Where the API's addresses begin: whatever is wrong there is said in JSON.
ADDRESSES = ("/api/", "/admin-dashboard/")
# A client may bring a request's name of its own; what does not look like one is not repeated.
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,100}")
# Said of the request as a whole, not of one of its fields.
WHOLE = "non_field_errors"


class Refused(exceptions.APIException):
    """A call that is understood and cannot be done now: 409 unless told otherwise. `more` joins the answer."""

    status_code: int = status.HTTP_409_CONFLICT
    default_code = "conflict"

    def __init__(self, message: str, *, code: str = "conflict", status_code: int = status.HTTP_409_CONFLICT, **more: Any) -> None:
        super().__init__(message, code)
        self.status_code = status_code
        self.more = more


class TooLarge(exceptions.APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_detail = "The body is too long."
    default_code = "too_large"


def wrong(field: str, why: str) -> exceptions.ValidationError:
    """A 400 that names one field."""
    return exceptions.ValidationError({field: [why]})


def answer(error: Exception, context: Mapping[str, Any]) -> Response | None:  # noqa: ARG001
    """DRF's exception handler. None for what nobody foresaw: that is a 500, and is logged."""
    known = _known(error)
    if known is None:
        return None
    headers = {}
    if header := getattr(known, "auth_header", None):
        headers["WWW-Authenticate"] = header
    if wait := getattr(known, "wait", None):
        headers["Retry-After"] = str(math.ceil(wait))
    return Response(body(known), status=known.status_code, headers=headers)


def _known(error: Exception) -> exceptions.APIException | None:
    match error:
        case exceptions.APIException():
            return error
        case Http404():
            return exceptions.NotFound()
        case PermissionDenied():
            return exceptions.PermissionDenied()
        case RequestDataTooBig():
            return TooLarge()
        case SuspiciousOperation():
            return exceptions.ParseError("The request cannot be read.")
        case _:
            return None


def body(error: exceptions.APIException) -> dict[str, Any]:
    """What is said of an error."""
    if isinstance(error, exceptions.ValidationError):
        fields = _by_field(error.detail)
        return shape("invalid", "; ".join(_sentence(name, whys) for name, whys in fields.items()), fields)
    code = error.get_codes()
    return {**shape(code if isinstance(code, str) else error.default_code, str(error.detail)), **getattr(error, "more", {})}


def shape(code: str, message: str, fields: Mapping[str, list[str]] | None = None) -> dict[str, Any]:
    return {"status": "error", "code": code, "message": message, "errors": dict(fields or {}), "request_id": request_id()}


def request_id() -> str:
    """This request's name in the log."""
    name = str(structlog.contextvars.get_contextvars().get("request_id", ""))
    return name if REQUEST_ID.fullmatch(name) else ""


def _sentence(field: str, whys: list[str]) -> str:
    return " ".join(whys) if field == WHOLE else f"{field}: {' '.join(whys)}"


def _by_field(detail: Any, name: str = "") -> dict[str, list[str]]:
    """Errors by field, those within a field by their path: `methods.0`."""
    if isinstance(detail, dict):
        found: dict[str, list[str]] = {}
        for key, within in detail.items():
            path = str(key) if not name else name if key == WHOLE else f"{name}.{key}"
            for field, whys in _by_field(within, path).items():
                found.setdefault(field, []).extend(whys)
        return found
    if isinstance(detail, list) and any(isinstance(one, dict | list) for one in detail):
        return _by_field({str(number): one for number, one in enumerate(detail) if one}, name)
    return {name or WHOLE: [str(one) for one in detail] if isinstance(detail, list) else [str(detail)]}


# --- Where no view was reached ------------------------------------------------------------------------------------------


def _is_ours(request: HttpRequest) -> bool:
    return request.path.startswith(ADDRESSES)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if _is_ours(request):
        return JsonResponse(shape("parse_error", "The request cannot be read."), status=400)
    return defaults.bad_request(request, exception)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    if _is_ours(request):
        return JsonResponse(shape("permission_denied", "You may not do this."), status=403)
    return defaults.permission_denied(request, exception)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if _is_ours(request):
        return JsonResponse(shape("not_found", "There is nothing at this address."), status=404)
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    if _is_ours(request):
        return JsonResponse(shape("error", "Something went wrong here. It has been logged."), status=500)
    return defaults.server_error(request)

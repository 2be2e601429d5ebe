"""What the schema says of every call: the errors, the headers, the names of operations."""

from typing import Any

from drf_spectacular.contrib.knox_auth_token import KnoxTokenScheme
from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from core import access
from core.dashboard.strict import OneOf, Strict

IDEMPOTENCY = OpenApiParameter(
    "Idempotency-Key",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    required=False,
    description="A name of your own for this call: sent again within 24 hours, it is answered as before and not done twice.",
)


class Error(serializers.Serializer[Any]):
    """Whatever is refused, in one shape."""

    status = serializers.CharField(help_text="error")
    code = serializers.CharField(help_text="For programs: invalid, not_found, permission_denied, conflict …")
    message = serializers.CharField(help_text="For people.")
    errors = serializers.DictField(  # type: ignore[assignment]  # A field, in place of what a form has of this name.
        child=serializers.ListField(child=serializers.CharField()), help_text="By field, where fields are at fault."
    )
    request_id = serializers.CharField(allow_blank=True, help_text="This call's name in the log.")


class Pagination(serializers.Serializer[Any]):
    page = serializers.IntegerField()
    per_page = serializers.IntegerField()
    total = serializers.IntegerField()
    total_pages = serializers.IntegerField()


class Done(serializers.Serializer[Any]):
    """It is done."""

    status = serializers.CharField(help_text="success")
    message = serializers.CharField()


def errors_of(verb: str, *, is_idempotent: bool) -> dict[int, Any]:
    """The errors that any call by this method may be answered with."""
    always = (400, 401, 403, 404, 405)
    of_a_change = (409, 413, 415, 422, 429, 503) if is_idempotent else (409, 413, 415, 429)
    return dict.fromkeys((*always, *(() if verb == "get" else of_a_change)), Error)


class Schema(AutoSchema):
    """Operations by what they are about; those that need no login say so."""

    def get_tags(self) -> list[str]:
        parts = [part for part in self.path.split("/") if part and part not in ("api", "admin-dashboard") and "{" not in part]
        return [parts[0] if parts[:1] != ["notifications"] or len(parts) == 1 else parts[1]]

    def _map_basic_serializer(self, serializer: Any, direction: Any) -> Any:
        """A strict form takes nothing that it does not name."""
        schema = super()._map_basic_serializer(serializer, direction)  # type: ignore[no-untyped-call]
        return {**schema, "additionalProperties": False} if isinstance(serializer, Strict) else schema

    def get_operation_id(self) -> str:
        """Of the whole address: no two are the same."""
        parts = [f"by_{part[1:-1]}" if part.startswith("{") else part for part in self.path.split("/") if part]
        return "_".join([self.method.lower(), *(part.replace("-", "_") for part in parts if part not in ("api", "admin-dashboard"))])

    def get_auth(self) -> Any:
        rule = access.rule_of(self.path.lstrip("/")) or {}
        return [] if isinstance(rule.get(self.method), access.Open) else super().get_auth()


class BearerScheme(KnoxTokenScheme):  # type: ignore[no-untyped-call]
    """How the schema names a token."""

    target_class = "core.dashboard.authentication.BearerToken"
    name = "token"


class OneOfInTheSchema(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    target_class = OneOf

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Any) -> dict[str, Any]:
        return {"type": "string", "enum": list(self.target.names())}

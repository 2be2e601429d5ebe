"""Rows of a marketplace that lives elsewhere, written by their id: bookings, signatures, payments."""

from typing import Any, ClassVar, Final

from django.db import IntegrityError, models
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from core import clock
from core.dashboard.errors import WHOLE, Refused
from core.dashboard.resource import Resource, Said, endpoint, plain
from core.dashboard.strict import Strict
from core.imports.rows import MOST_ROWS, TABLE, upsert
from core.imports.tables import Table


class Rows(Strict):
    """A list of rows. What each may hold is the import's to say, row by row."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, list):
            raise ValidationError({WHOLE: ["Send a JSON array of rows."]})
        if len(data) > MOST_ROWS:
            raise ValidationError({WHOLE: [f"At most {MOST_ROWS:,} rows at a time; these are {len(data):,}."]})
        return {"rows": data}


class RowError(serializers.Serializer[Any]):
    index = serializers.IntegerField(help_text="The row's place in the list, from 0.")
    field = serializers.CharField(allow_blank=True, help_text="Empty: the row as a whole.")
    message = serializers.CharField()


class UpsertAnswer(serializers.Serializer[Any]):
    created = serializers.IntegerField()
    updated = serializers.IntegerField()
    unchanged = serializers.IntegerField(help_text="Were as they are here.")
    skipped = serializers.IntegerField(help_text="Rows with errors; nothing of them is written.")
    errors = RowError(many=True)  # type: ignore[assignment]  # A field, in place of what a form has of this name.


class Upsert(Resource):
    """Rows of one table. `table` says which."""

    table: ClassVar[Table]

    def written(self, said: Said) -> Response:
        try:
            outcome = upsert(type(self).table, said["rows"], now=clock.now())
        except IntegrityError as error:
            raise Refused("Somebody wrote some of these rows at the same time. Send them again.") from error
        errors = [{"index": place, "field": fault.field, "message": fault.why} for place, fault in outcome.errors]
        counts = {name: getattr(outcome, name) for name in ("created", "updated", "unchanged", "skipped")}
        return plain({**counts, "errors": errors})


def _view(table: Table) -> type[Upsert]:
    form = _documented(table)

    @extend_schema(request=form(many=True))
    @endpoint(f"Write {table.name}", body=Rows, answers=UpsertAnswer, is_idempotent=True)
    def post(self: Upsert, request: Request, said: Said) -> Response:  # noqa: ARG001
        """Up to 1,000 rows, by the rules of the CSV import. A known id is an update, the same again changes nothing, and what a row does
        not name it keeps. A row with an error is skipped whole; the others are written."""
        return self.written(said)

    return type(f"Upsert{table.name.capitalize()}", (Upsert,), {"table": table, "post": post})


def _documented(table: Table) -> type[Strict]:
    """The form of a row, for the schema alone."""
    fields = {name: _field(table, name) for name in (*table.required, *table.optional)}
    return type(f"{table.model.__name__}Row", (Strict,), {"__doc__": f"A row of {table.name}.", **fields})


def _field(table: Table, name: str) -> serializers.Field[Any, Any, Any, Any]:
    field = table.field(name)
    given: dict[str, Any] = {"required": name in table.required, "allow_null": field.null}
    match field:
        case models.ForeignKey():
            return serializers.CharField(**given, help_text=f"The {field.related_model._meta.verbose_name}, as the CSV import names it.")
        case models.DateTimeField():
            return serializers.DateTimeField(**given)
        case models.DecimalField():
            return serializers.DecimalField(**given, max_digits=field.max_digits or 0, decimal_places=field.decimal_places or 0)
        case models.UUIDField():
            return serializers.UUIDField(**given)
        case models.IntegerField():
            return serializers.IntegerField(**given)
        case _:
            return serializers.CharField(**given, help_text=", ".join(value for value, _ in field.choices or ()))


VIEWS: Final = {name: _view(TABLE[name]) for name in ("bookings", "signatures", "payments")}

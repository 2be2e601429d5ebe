"""Addresses set aside: found, added by hand, and written to again with a reason. What was said stays on record."""

from datetime import datetime
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db.models import Q
from django.http import Http404
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core import clock
from core.dashboard.errors import Refused
from core.dashboard.pages import Order, part_of
from core.dashboard.resource import Resource, Said, endpoint, plain
from core.dashboard.shapes import Flag, page_of, shown
from core.dashboard.strict import Moment, OneOf, Paged, Strict, Text
from core.models import Suppression
from core.notifications import choices
from core.notifications.screening import suppression_address
from core.notifications.transports import methods

NEWEST_FIRST: Final = Order(("-id",), (int,))
LONGEST_DETAIL: Final = 2_000


class SuppressionQuery(Paged):
    method = OneOf(methods, required=False)
    address = Text(required=False, max_length=254, help_text="The whole address.")
    reason = Text(required=False, max_length=40)
    holds = Flag(required=False, help_text="Whether it is set aside now.")


class SuppressionForm(Strict):
    method = OneOf(methods)
    address = Text(max_length=254)
    reason = Text(max_length=40)
    detail = Text(required=False, default="", allow_blank=True, max_length=LONGEST_DETAIL)
    expires_at = Moment(required=False, allow_null=True, default=None, help_text="Until then; null: until somebody lifts it.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        try:
            attrs["address"] = choices.spelt(attrs["method"], attrs["address"])
        except ValidationError as error:
            raise serializers.ValidationError({"address": error.messages}) from error
        if attrs["expires_at"] is not None and attrs["expires_at"] <= clock.now():
            raise serializers.ValidationError({"expires_at": ["Has gone by."]})
        return attrs


class LiftForm(Strict):
    reason = Text(max_length=LONGEST_DETAIL, help_text="Why this address is written to again; it is kept in the audit trail.")


class SuppressionRow(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    method = serializers.CharField()
    address = serializers.CharField()
    reason = serializers.CharField()
    detail = serializers.CharField(allow_blank=True)
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)
    holds = serializers.BooleanField(help_text="Whether it is set aside now.")


class Suppressions(Resource):
    @endpoint("List addresses set aside", query=SuppressionQuery, answers=page_of("suppressions", SuppressionRow))
    def get(self, request: Request, said: Said) -> Response:
        """Newest first, those lifted again included."""
        now = clock.now()
        rows = Suppression.objects.filter(**{name: said[name] for name in ("method", "reason") if name in said})
        if "address" in said:
            rows = rows.filter(address=suppression_address(said["address"].strip()))
        if "holds" in said:
            holding = Q(expires_at=None) | Q(expires_at__gt=now)
            rows = rows.filter(holding if said["holds"] else ~holding)
        part = part_of(rows, NEWEST_FIRST, said)
        return plain(shown("suppressions", part, [row_of(row, now=now) for row in part.rows]))

    @endpoint("Set an address aside", body=SuppressionForm, answers=SuppressionRow, status=201, is_idempotent=True)
    def post(self, request: Request, said: Said) -> Response:
        """Nobody is written to at this address by this method from now on, whoever it belongs to and whatever it is; what is queued to it
        is cancelled. Said again it changes nothing, unless it makes it last longer."""
        now = clock.now()
        choices.set_aside(**said, now=now)
        return plain(row_of(Suppression.objects.get(method=said["method"], address=said["address"]), now=now), status=201)


class Lift(Resource):
    @endpoint("Write to an address again", body=LiftForm, answers=SuppressionRow, is_idempotent=True)
    def post(self, request: Request, said: Said, suppression_id: int) -> Response:
        """409 when it is not set aside any more."""
        now = clock.now()
        try:
            row, was_lifted = choices.lift(suppression_id, reason=said["reason"], now=now)
        except Suppression.DoesNotExist:
            raise Http404 from None
        if not was_lifted:
            raise Refused("This address is written to already.", code="lifted_already", suppression=row_of(row, now=now))
        return plain(row_of(row, now=now))


def row_of(row: Suppression, *, now: datetime) -> dict[str, Any]:
    names = ("id", "method", "address", "reason", "detail", "created_at", "expires_at")
    return {**{name: getattr(row, name) for name in names}, "holds": row.expires_at is None or row.expires_at > now}

"""What was sent, to whom, why, and whether it arrived."""

from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core import access, clock
from core.dashboard.csv_files import CSV, csv_file
from core.dashboard.openapi import Pagination
from core.dashboard.pages import WITH_CURSOR, Order, Part, moment, part_of
from core.dashboard.resource import Resource, Said, endpoint, plain
from core.dashboard.search import holding
from core.dashboard.strict import Dated, Id, OneOf, Paged, Pincode, Text
from core.masking import mask_text
from core.models import NotificationLog, Status, User
from core.notifications.kinds import kinds
from core.notifications.transports import methods

NEWEST_FIRST: Final = Order(("-created_at", "-id"), (moment, UUID), newest="created_at")


class LogFilter(Dated):
    type = OneOf(kinds.names, required=False, help_text="`notification_type`.")
    status = OneOf(lambda: Status.values, required=False)
    method = OneOf(methods, required=False)
    recipient_id = Id(required=False)
    pincode = Pincode(required=False)
    search = Text(
        required=False,
        max_length=100,
        help_text="Within subject and text; or the beginning of a person's name, username, email or phone.",
    )


class LogQuery(LogFilter, Paged):
    pass


class LogRow(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    notification_type = serializers.CharField()
    method = serializers.CharField()
    status = serializers.ChoiceField(Status.choices)
    phase = serializers.CharField(help_text="Where delivery stands, more exactly than `status`.")
    recipient_id = serializers.IntegerField(allow_null=True)
    recipient = serializers.CharField(allow_null=True, help_text="The person's name; null for an address without an account.")
    address = serializers.CharField(help_text="Masked.", allow_blank=True)
    subject = serializers.CharField(allow_blank=True)
    message = serializers.CharField(allow_blank=True)
    pincode = serializers.CharField(allow_blank=True)
    metadata = serializers.JSONField()
    created_at = serializers.DateTimeField()
    sent_at = serializers.DateTimeField(allow_null=True, help_text="When a provider accepted it.")
    delivered_at = serializers.DateTimeField(allow_null=True, help_text="When a receipt said so.")
    read_at = serializers.DateTimeField(allow_null=True)
    clicked_at = serializers.DateTimeField(allow_null=True)
    dup_risk = serializers.BooleanField(help_text="It may have reached its person twice.")
    tries = serializers.IntegerField()
    provider = serializers.CharField(allow_blank=True, help_text="`outbox`: shown here, and sent nowhere.")
    error_code = serializers.CharField(allow_blank=True)
    error_message = serializers.CharField(allow_blank=True)
    alert_id = serializers.UUIDField(allow_null=True)


class LogPage(serializers.Serializer[Any]):
    notifications = LogRow(many=True)
    pagination = Pagination()
    next_cursor = serializers.CharField(allow_null=True, required=False, help_text=WITH_CURSOR)


class DeliveryStep(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    kind = serializers.CharField()
    code = serializers.CharField(allow_blank=True)
    detail = serializers.CharField(allow_blank=True)


class LogDetail(LogRow):
    events = DeliveryStep(many=True, help_text="What happened to it on its way.")


class Logs(Resource):
    @endpoint("List notifications", query=LogQuery, answers=LogPage)
    def get(self, request: Request, said: Said) -> Response:
        """Newest first. Finance sees those of payments."""
        part = page_of(self.user, said)
        return plain({"notifications": [row_of(row) for row in part.rows], "pagination": part.pagination} | part.how_to_go_on(said))


class LogOne(Resource):
    @endpoint("One notification", answers=LogDetail)
    def get(self, request: Request, said: Said, notification_id: UUID) -> Response:
        """With what happened to it on its way."""
        row = loaded(access.logs_of(self.user)).filter(pk=notification_id).first()
        if row is None:
            raise Http404
        events = row.events.values_list("at", "kind", "code", "detail")
        steps = [{"at": at, "kind": kind, "code": code, "detail": mask_text(detail)} for at, kind, code, detail in events]
        return plain({**row_of(row), "events": steps})


class LogExport(Resource):
    @endpoint("Export notifications", query=LogFilter, answers={(200, CSV): OpenApiTypes.BINARY})
    def get(self, request: Request, said: Said) -> StreamingHttpResponse:
        """CSV, newest first, as many as the filters leave; the trail keeps who took it."""
        rows = filtered(self.user, said)
        columns = [name for name in LogRow._declared_fields if name != "metadata"]
        lines = ([row_of(row)[name] for name in columns] for row in loaded(rows.order_by(*NEWEST_FIRST.fields)).iterator(chunk_size=500))
        return csv_file("notifications", columns, lines, user=self.user, asked=said, now=clock.now())


def page_of(user: User, said: Said) -> Part[NotificationLog]:
    """The page that is asked for, of what this person may see."""
    rows = _by_fields(user, said)
    if not said.get("search"):
        return part_of(rows, NEWEST_FIRST, said, loaded=loaded)
    found = holding(said["search"])
    top = rows.filter(found.newest) if found.newest is not None else None
    return part_of(rows.filter(found.all), NEWEST_FIRST, said, loaded=loaded, top=top)


def filtered(user: User, said: Said) -> QuerySet[NotificationLog]:
    """The messages that this person may see, as the filters leave them."""
    rows = _by_fields(user, said)
    return rows.filter(holding(said["search"]).all) if said.get("search") else rows


def _by_fields(user: User, said: Said) -> QuerySet[NotificationLog]:
    rows = access.logs_of(user)
    exact = {"type": "notification_type", "status": "status", "method": "method", "recipient_id": "recipient_id", "pincode": "pincode"}
    rows = rows.filter(**{field: said[name] for name, field in exact.items() if name in said})
    if "date_from" in said:
        rows = rows.filter(created_at__gte=clock.day_start(said["date_from"]))
    if "date_to" in said:
        rows = rows.filter(created_at__lt=clock.day_bounds(said["date_to"])[1])
    return rows


def loaded(rows: QuerySet[NotificationLog]) -> QuerySet[NotificationLog]:
    """With the person, and without what no answer shows."""
    return rows.select_related("recipient").only(
        "id", "notification_type", "method", "status", "phase", "subject", "message", "pincode", "metadata", "created_at", "sent_at",
        "delivered_at", "read_at", "clicked_at", "dup_risk", "tries", "provider", "error_code", "error_message", "alert_id", "address",
        "recipient__username", "recipient__first_name", "recipient__last_name",
    )  # fmt: skip


def row_of(row: NotificationLog) -> dict[str, Any]:
    return {
        "id": row.pk,
        "notification_type": row.notification_type,
        "method": row.method,
        "status": row.status,
        "phase": row.phase,
        "recipient_id": row.recipient_id,
        "recipient": str(row.recipient) if row.recipient else None,
        # In the app, the address is only our own number for the person.
        "address": mask_text(row.address) if row.method != "websocket" else "",
        "subject": row.subject,
        "message": row.message,
        "pincode": row.pincode,
        "metadata": row.metadata,
        "created_at": row.created_at,
        "sent_at": row.sent_at,
        "delivered_at": row.delivered_at,
        "read_at": row.read_at,
        "clicked_at": row.clicked_at,
        "dup_risk": row.dup_risk,
        "tries": row.tries,
        "provider": row.provider,
        "error_code": row.error_code,
        "error_message": mask_text(row.error_message),
        "alert_id": row.alert_id,
    }

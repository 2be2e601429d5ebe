"""Everybody's own messages: what came in the app."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core import clock
from core.dashboard.logs import NEWEST_FIRST
from core.dashboard.openapi import Pagination
from core.dashboard.pages import part_of
from core.dashboard.resource import Resource, Said, endpoint, plain
from core.dashboard.strict import OneOf, Paged
from core.models import NotificationLog, User
from core.notifications import receipts


class InboxQuery(Paged):
    unread = OneOf(lambda: ("true", "false"), required=False, help_text="Only those not opened yet, or only those opened.")


class Mail(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    notification_type = serializers.CharField()
    subject = serializers.CharField(allow_blank=True)
    message = serializers.CharField(allow_blank=True)
    created_at = serializers.DateTimeField()
    read_at = serializers.DateTimeField(allow_null=True)


class InboxPage(serializers.Serializer[Any]):
    messages = Mail(many=True)
    unread = serializers.IntegerField(help_text="How many are not opened yet, of all.")
    pagination = Pagination()
    next_cursor = serializers.CharField(allow_null=True)


class ReadAll(serializers.Serializer[Any]):
    status = serializers.CharField()
    message = serializers.CharField()
    read = serializers.IntegerField(help_text="How many were opened by this.")
    unread = serializers.IntegerField()


class Inbox(Resource):
    @endpoint("My messages", query=InboxQuery, answers=InboxPage)
    def get(self, request: Request, said: Said) -> Response:
        """Newest first."""
        rows = own(self.user)
        if "unread" in said:
            rows = rows.filter(read_at__isnull=said["unread"] == "true")
        part = part_of(rows, NEWEST_FIRST, said, loaded=_loaded)
        return plain(
            {
                "messages": [mail_of(row) for row in part.rows],
                "unread": receipts.unread_count(self.user.pk),
                "pagination": part.pagination,
                "next_cursor": part.next_cursor,
            }
        )


class InboxOne(Resource):
    @endpoint("One of my messages", answers=Mail)
    def get(self, request: Request, said: Said, message_id: UUID) -> Response:
        """Looking at it here does not count as opening it."""
        return plain(mail_of(found(self.user, message_id)))


class InboxRead(Resource):
    @endpoint("I have opened it", answers=Mail)
    def post(self, request: Request, said: Said, message_id: UUID) -> Response:
        """The first time counts. What was opened has arrived, too."""
        found(self.user, message_id)
        receipts.mark_read(message_id, self.user.pk, now=clock.now())
        return plain(mail_of(found(self.user, message_id)))


class InboxReadAll(Resource):
    @endpoint("I have opened them all", answers=ReadAll)
    def post(self, request: Request, said: Said) -> Response:
        """Everything that is in the inbox now."""
        now, user = clock.now(), self.user
        waiting = list(own(user).filter(read_at__isnull=True).values_list("pk", flat=True))
        for message_id in waiting:
            receipts.mark_read(message_id, user.pk, now=now)
        done = {"status": "success", "message": "Everything is read.", "read": len(waiting), "unread": receipts.unread_count(user.pk)}
        return plain(done)


def own(user: User) -> QuerySet[NotificationLog]:
    """What this person's inbox holds."""
    rows: QuerySet[NotificationLog] = NotificationLog.objects.filter(recipient=user, method="websocket")
    return rows.exclude(phase__in=receipts.NOT_IN_INBOX)


def found(user: User, message_id: UUID) -> NotificationLog:
    """One's own; somebody else's is as if it were not there."""
    row = _loaded(own(user)).filter(pk=message_id).first()
    if row is None:
        raise Http404
    return row


def _loaded(rows: QuerySet[NotificationLog]) -> QuerySet[NotificationLog]:
    return rows.only("id", "notification_type", "subject", "message", "created_at", "read_at")


def mail_of(row: NotificationLog) -> dict[str, Any]:
    return {name: getattr(row, name) for name in Mail._declared_fields}

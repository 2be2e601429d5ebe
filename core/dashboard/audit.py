"""The audit trail: who changed what, before and after, from where and when. To read: nothing here edits or deletes an entry."""

from typing import Any, Final

from auditlog.models import LogEntry
from django.apps import apps
from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core import audit, clock
from core.dashboard.pages import Order, moment, part_of
from core.dashboard.resource import Resource, Said, endpoint, plain
from core.dashboard.shapes import PersonShown, page_of, person_of, shown
from core.dashboard.strict import Dated, Id, OneOf, Paged, Text

NEWEST_FIRST: Final = Order(("-timestamp", "-id"), (moment, int), newest="timestamp")
ACTIONS: Final = {str(label): value for value, label in LogEntry.Action.choices}


def models() -> list[str]:
    """The names of what there can be an entry of."""
    return sorted({str(model._meta.model_name) for model in apps.get_models()})


class TrailQuery(Dated, Paged):
    actor_id = Id(required=False, help_text="The number of a person.")
    model = OneOf(models, required=False, help_text="What kind of thing: threshold, switch, user …")
    object_id = Text(required=False, max_length=255, help_text="The id of the thing.")
    action = OneOf(lambda: ACTIONS, required=False)


class Entry(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    timestamp = serializers.DateTimeField()
    actor = PersonShown(allow_null=True, help_text="null: the system, or a command.")
    actor_email = serializers.CharField(allow_null=True, help_text="As it was then, masked.")
    action = OneOf(lambda: ACTIONS)
    model = serializers.CharField()
    object_id = serializers.CharField()
    object = serializers.CharField(help_text="What it was called.")
    changes = serializers.JSONField(help_text="Of each field, what it was and what it became; people and secrets masked.")
    more = serializers.JSONField(allow_null=True)
    remote_addr = serializers.CharField(allow_null=True)
    request_id = serializers.CharField(allow_null=True, help_text="The call's name in the log.")


class Trail(Resource):
    @endpoint("Read the audit trail", query=TrailQuery, answers=page_of("entries", Entry))
    def get(self, request: Request, said: Said) -> Response:
        """Newest first."""
        part = part_of(entries_of(said), NEWEST_FIRST, said, loaded=lambda rows: rows.select_related("actor", "content_type"))
        return plain(shown("entries", part, [entry_of(row) for row in part.rows]))


def entries_of(said: Said) -> QuerySet[Any]:
    """The entries that a `TrailQuery` asks for."""
    exact = {"actor_id": "actor_id", "model": "content_type__model", "object_id": "object_pk"}
    rows: QuerySet[Any] = LogEntry.objects.filter(**{field: said[name] for name, field in exact.items() if name in said})
    if "action" in said:
        rows = rows.filter(action=ACTIONS[said["action"]])
    if "date_from" in said:
        rows = rows.filter(timestamp__gte=clock.day_start(said["date_from"]))
    if "date_to" in said:
        rows = rows.filter(timestamp__lt=clock.day_bounds(said["date_to"])[1])
    return rows


def entry_of(row: Any) -> dict[str, Any]:
    """As the page and the admin show it, too: people and secrets masked. Whose row it is, its id says."""
    return {
        "id": row.pk,
        "timestamp": row.timestamp,
        "actor": person_of(row.actor),
        "actor_email": audit.masked(row.actor_email),
        "action": row.get_action_display(),
        "model": row.content_type.model,
        "object_id": row.object_pk,
        "object": audit.masked(row.object_repr),
        "changes": audit.masked(row.changes),
        "more": audit.masked(row.additional_data),
        "remote_addr": row.remote_addr,
        "request_id": row.cid,
    }

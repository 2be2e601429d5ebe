"""Who changed what, and what clients asked for twice. To read: the trail cannot be edited or deleted through the product."""

from typing import Any

from auditlog.models import LogEntry
from django.contrib import admin
from django.http import HttpRequest
from import_export.resources import ModelResource
from unfold.decorators import display

from core.admin.base import Days, Exported, Found, Long, Record, choices_of
from core.admin.looks import data
from core.admin.site import site
from core.audit import masked
from core.models import IdempotencyKey


class TrailResource(ModelResource):
    """The trail as a file: what its page masks is masked."""

    class Meta:
        model = LogEntry

    def export_field(self, field: Any, instance: Any, **kwargs: Any) -> Any:
        return masked(super().export_field(field, instance, **kwargs))


@admin.register(LogEntry, site=site)
class TrailAdmin(Found, Exported, Long, Record):
    resource_classes = [TrailResource]
    list_display = ("timestamp", "actor", "done", "content_type", "what", "remote_addr")
    list_select_related = ("actor", "content_type")
    list_filter = (choices_of("action", "action", lambda: LogEntry.Action.choices), ("timestamp", Days))
    ordering = ("-timestamp",)
    ids = ()
    texts = ("object_pk", "cid", "actor_email")
    people = ("actor",)
    changes_shown = data("changes", "before and after", said=masked)
    more = data("additional_data", "more", said=masked)
    fieldsets = (
        (None, {"fields": ("timestamp", "actor", "done", "content_type", "what", "object_pk")}),
        ("What changed", {"fields": ("changes_shown", "more")}),
        ("From where", {"fields": ("remote_addr", "cid")}),
    )

    @display(description="action", label={"Create": "success", "Update": "info", "Delete": "danger", "Access": "default"})
    def done(self, entry: LogEntry) -> str:
        return str(entry.get_action_display()).capitalize()

    @display(description="object")
    def what(self, entry: LogEntry) -> str:
        return str(masked(entry.object_repr))


@admin.register(IdempotencyKey, site=site)
class IdempotencyAdmin(Found, Long, Record):
    """Requests that clients named, kept for 24 hours."""

    list_display = ("created_at", "user", "path", "key", "status_code")
    list_select_related = ("user",)
    ordering = ("-id",)
    ids = ()
    texts = ("key", "path")
    people = ("user",)
    fields = ("created_at", "user", "path", "key", "status_code")

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        return lookup.split("__", maxsplit=1)[0] not in ("response", "body_hash") and bool(super().lookup_allowed(lookup, value, request))

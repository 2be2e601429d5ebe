"""What was decided, sent and heard back. It is the record: nobody adds to it, changes it or deletes from it here."""

from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from unfold.decorators import display

from core import clock
from core.admin.base import Days, Exported, Found, House, Long, ReadOnlyRows, Record, choices_of
from core.admin.looks import data, state, yes
from core.admin.site import site
from core.models import (
    DeliveryEvent,
    LeftOut,
    MessageContent,
    MessagingRun,
    NotificationLog,
    OneTimePassword,
    ProviderReceipt,
    Switch,
    TypeSetting,
)
from core.notifications.kinds import kinds
from core.notifications.rendering import as_sent
from core.notifications.switches import held_by
from core.notifications.transports import methods

BY_TYPE = choices_of("type", "notification_type", lambda: [(kind.name, kind.label) for kind in kinds])
BY_METHOD = choices_of("method", "method", lambda: [(name, name) for name in methods()])
REASONS = ("inactive", "opted_out", "no_address", "suppressed_address", "over_cap", "already_told")
BY_REASON = choices_of("reason", "reason", lambda: [(reason, reason.replace("_", " ")) for reason in REASONS])


class EventsOfNotification(ReadOnlyRows):
    model = DeliveryEvent
    fields = ("at", "kind", "code", "detail")
    readonly_fields = fields


@admin.register(NotificationLog, site=site)
class NotificationAdmin(Found, Exported, Long, Record):
    list_display = (
        "created_at",
        "notification_type",
        "method",
        "recipient",
        "pincode",
        "subject_shown",
        "status_shown",
        "sent_at",
        "provider",
    )
    list_select_related = ("recipient", "content")
    list_filter = (
        BY_TYPE,
        BY_METHOD,
        choices_of("status", "status", lambda: NotificationLog.Status.choices),
        choices_of("phase", "phase", lambda: NotificationLog.Phase.choices),
        "dup_risk",
        ("created_at", Days),
    )
    ids = ("pk", "run", "alert")
    texts = ("provider_message_id",)
    pincodes = ("pincode",)
    people = ("recipient",)
    inlines = (EventsOfNotification,)
    status_shown = state("status", "status")
    metadata_shown = data("metadata", "metadata")
    fieldsets = (
        (None, {"fields": ("recipient", "notification_type", "method", "status_shown", "phase")}),
        ("What it said", {"fields": ("subject_shown", "text_shown"), "description": "As this person got it. Codes are never shown."}),
        (
            "What happened",
            {
                "fields": (
                    "created_at",
                    "due_at",
                    "expires_at",
                    "sent_at",
                    "delivered_at",
                    "read_at",
                    "clicked_at",
                    "tries",
                    "error_code",
                    "error_message",
                    "dup_risk",
                    "provider",
                    "provider_message_id",
                ),
                "description": "Accepted is the provider's word that it took the message; delivered is its receipt.",
            },
        ),
        ("Why", {"fields": ("run", "alert", "pincode", "key", "metadata_shown"), "classes": ("collapse",)}),
    )

    @display(description="subject")
    def subject_shown(self, row: NotificationLog) -> str:
        return as_sent(row).subject

    @display(description="text")
    def text_shown(self, row: NotificationLog) -> str:
        return as_sent(row).text


@admin.register(DeliveryEvent, site=site)
class DeliveryEventAdmin(Found, Long, Record):
    list_display = ("at", "kind", "code", "detail", "notification")
    list_select_related = ("notification",)
    ordering = ("-id",)
    ids = ("notification",)
    fields = ("at", "notification", "kind", "code", "detail", "receipt")


@admin.register(ProviderReceipt, site=site)
class ReceiptAdmin(Found, Long, Record):
    list_display = ("received_at", "provider", "kind", "code", "provider_message_id", "was_applied")
    list_filter = (("received_at", Days),)
    ordering = ("-received_at",)
    texts = ("provider_message_id", "event_id")
    was_applied = yes("applied_at", "applied")
    payload_shown = data("payload", "as it came")
    fields = ("received_at", "applied_at", "provider", "event_id", "provider_message_id", "kind", "code", "payload_shown")


@admin.register(MessageContent, site=site)
class ContentAdmin(Found, Long, Record):
    list_display = ("created_at", "template", "version", "subject")
    ordering = ("-id",)
    texts = ("template",)
    fields = ("created_at", "template", "version", "subject", "body", "sms", "link_url")


class LeftOutOfRun(ReadOnlyRows):
    model = LeftOut
    fields = ("person", "reason", "methods", "pincode")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("person").order_by("id")


@admin.register(MessagingRun, site=site)
class RunAdmin(Found, Long, Record):
    list_display = ("started_at", "name", "actor", "matched", "queued", "left_out_count")
    list_select_related = ("actor",)
    list_filter = (("started_at", Days),)
    texts = ("name",)
    inlines = (LeftOutOfRun,)
    rule_shown = data("rule", "rule")
    result_shown = data("result", "result")
    fieldsets = (
        (None, {"fields": ("name", "started_at", "actor"), "description": "No actor: the clock started it."}),
        ("By which rule", {"fields": ("rule_shown",)}),
        ("What came of it", {"fields": ("result_shown",)}),
    )

    @display(description="matched")
    def matched(self, run: MessagingRun) -> Any:
        return run.result.get("matched")

    @display(description="queued")
    def queued(self, run: MessagingRun) -> Any:
        return run.result.get("queued")

    @display(description="left out")
    def left_out_count(self, run: MessagingRun) -> str:
        return ", ".join(f"{count} {reason.replace('_', ' ')}" for reason, count in sorted(run.result.get("suppressed", {}).items()))


@admin.register(LeftOut, site=site)
class LeftOutAdmin(Found, Long, Record):
    list_display = ("person", "reason", "methods", "run", "pincode")
    list_select_related = ("person", "run")
    list_filter = (BY_REASON,)
    ordering = ("-id",)
    ids = ("run",)
    pincodes = ("pincode",)
    people = ("person",)
    fields = ("run", "person", "reason", "methods", "cause", "pincode")


@admin.register(OneTimePassword, site=site)
class OneTimePasswordAdmin(Long, Record):
    """That a code was asked for and used; neither the code nor for whom, of which only keyed hashes are kept."""

    list_display = ("created_at", "expires_at", "tries", "was_used")
    ordering = ("-created_at",)
    was_used = yes("used_at", "used")
    fields = ("created_at", "expires_at", "tries", "used_at")

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        # A filter on a hash would tell it, digit by digit.
        return "hash" not in lookup and bool(super().lookup_allowed(lookup, value, request))


@admin.register(Switch, site=site)
class SwitchAdmin(House):
    """Pauses. What is paused waits and is sent when it is let go, unless it has become too late."""

    list_display = ("__str__", "scope", "name", "is_paused", "reason", "changed_at", "changed_by")
    list_select_related = ("changed_by",)
    deleting = True
    written_beside = ("changed_by", "changed_at")
    fieldsets = (
        (
            None,
            {
                "fields": ("scope", "name", "is_paused"),
                "description": "Everything has no name; a campaign, type or method is named as in the log (vendor_bonus, otp, sms). "
                "While everything is paused, sign-in codes wait too.",
            },
        ),
        ("Why", {"fields": ("reason",)}),
        ("Who", {"fields": ("changed_by", "changed_at")}),
    )
    readonly_fields = ("waits", "changed_by", "changed_at")

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> Any:
        """Nothing is let go without saying first to how many it goes."""
        if obj is None:
            return self.fieldsets
        (title, first), *others = self.fieldsets
        return ((title, {**first, "fields": (*first["fields"], "waits")}), *others)

    @display(description="what it concerns")
    def waits(self, switch: Switch) -> str:
        held = held_by(switch.scope, switch.name)
        return held.leaves if switch.is_paused else f"{held.words}."

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """What is paused is let go before it is deleted: to delete it would let go of it without a word."""
        return super().has_delete_permission(request, obj) and not (isinstance(obj, Switch) and obj.is_paused)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """One by one."""
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return dict(actions)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        obj.changed_by, obj.changed_at = request.user, clock.now()
        super().save_model(request, obj, form, change)


@admin.register(TypeSetting, site=site)
class TypeSettingAdmin(House):
    """By which methods a type goes, where that differs from what its declaration says. Deleting a row restores that."""

    deleting = True
    written_beside = ("changed_at",)
    list_display = ("notification_type", "methods", "changed_at")
    fields = ("notification_type", "methods", "changed_at")
    readonly_fields = ("changed_at",)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        obj.changed_at = clock.now()
        super().save_model(request, obj, form, change)

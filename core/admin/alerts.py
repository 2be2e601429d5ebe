"""Open problems, what they consist of, and what happened to them."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Model
from django.forms import ModelForm
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminSelectWidget

from core import clock
from core.admin.base import Days, Exported, Found, House, Long, ReadOnlyRows, Record, choices_of
from core.admin.looks import data, money, state
from core.admin.site import site
from core.alerts.check import checks
from core.alerts.manual import raise_alert
from core.models import AlertEvent, AlertItem, BusinessAlert

# The types an alert may have whether or not a check of that type is declared.
TYPES = (
    "booking_timeout",
    "pending_signature",
    "payment_hold",
    "low_vendor_count",
    "high_demand",
    "service_completion_reminder",
    "system_error",
)


def alert_types() -> list[tuple[str, str]]:
    known = {name: name.replace("_", " ").capitalize() for name in TYPES}
    return [*(known | {check.alert_type: check.label for check in checks}).items()]


class ItemsOfAlert(ReadOnlyRows):
    model = AlertItem
    fields = ("label", "severity", "since", "money_shown", "pincode", "first_seen_at", "cleared_at")
    readonly_fields = fields
    money_shown = money("rupees", "amount")


class EventsOfAlert(ReadOnlyRows):
    model = AlertEvent
    fields = ("at", "kind", "actor", "reason")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("actor")


class HandMadeAlert(ModelForm):  # type: ignore[type-arg]
    """A problem that a person reports."""

    alert_type = forms.ChoiceField(choices=alert_types, widget=UnfoldAdminSelectWidget(), initial="system_error")

    class Meta:
        model = BusinessAlert
        fields = ("alert_type", "severity", "title", "description")


@admin.register(BusinessAlert, site=site)
class AlertAdmin(Found, Exported, Long, House):
    """Alerts are opened by checks, or by hand; what is done about them is done in steps, each with its reason."""

    list_display = (
        "title",
        "severity_shown",
        "status_shown",
        "alert_type",
        "item_count",
        "at_risk",
        "oldest_since",
        "assigned_to",
        "created_at",
    )
    list_select_related = ("assigned_to",)
    list_filter = (
        choices_of("status", "status", lambda: BusinessAlert.Status.choices),
        choices_of("severity", "severity", lambda: BusinessAlert.Severity.choices),
        choices_of("type", "alert_type", alert_types),
        ("created_at", Days),
    )
    texts = ("region",)
    people = ("assigned_to",)
    inlines = (ItemsOfAlert, EventsOfAlert)
    severity_shown = state("severity", "severity")
    status_shown = state("status", "status")
    at_risk = money("rupees_at_risk", "at risk")
    metadata_shown = data("metadata", "metadata")
    fieldsets = (
        (None, {"fields": ("title", "description", "alert_type", "severity_shown", "status_shown", "region")}),
        ("How bad", {"fields": ("item_count", "at_risk", "oldest_since", "last_evaluated_at")}),
        (
            "Whose it is",
            {
                "fields": ("assigned_to", "acknowledged_by", "acknowledged_at", "acknowledgement_expires_at", "snoozed_until"),
                "description": "Acknowledge, assign, snooze, ignore and resolve are steps with a reason: they are taken on the dashboard "
                "or through the API, so that of two people one wins and the other is told.",
            },
        ),
        (
            "When it speaks",
            {
                "fields": (
                    "created_at",
                    "last_notified_at",
                    "notified_count",
                    "next_step_at",
                    "escalating_since",
                    "escalated_minutes",
                    "quiet_until",
                )
            },
        ),
        ("How it ended", {"fields": ("resolved_by", "resolved_at", "resolution_notes", "reopened_count")}),
        ("Behind it", {"fields": ("fingerprint", "metadata_shown"), "classes": ("collapse",)}),
    )
    add_fieldsets = (
        (
            None,
            {
                "fields": ("alert_type", "severity", "title", "description"),
                "description": "Those whom the type concerns are told at once. A hand-made alert stands for itself: no check resolves it.",
            },
        ),
    )

    def get_form(self, request: HttpRequest, obj: Model | None = None, change: bool = False, **kwargs: Any) -> Any:
        return super().get_form(request, obj, change, **({} if change else {"form": HandMadeAlert}), **kwargs)

    def get_readonly_fields(self, request: HttpRequest, obj: BusinessAlert | None = None) -> tuple[str, ...]:
        """Of a hand-made alert the words can be mended."""
        shown = [name for _, options in self.fieldsets for name in options["fields"]]
        return tuple(name for name in shown if name not in ("title", "description")) if obj else ()

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """There is nothing to edit on a check's alert: it is what the check found."""
        of_a_check = isinstance(obj, BusinessAlert) and bool(obj.fingerprint)
        return not of_a_check and super().has_change_permission(request, obj)

    def get_inlines(self, request: HttpRequest, obj: BusinessAlert | None) -> Any:
        return self.inlines if obj else ()

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
            return
        raised = raise_alert(
            alert_type=obj.alert_type,
            severity=obj.severity,
            title=obj.title,
            description=obj.description,
            metadata={"raised_by": str(request.user)},
            now=clock.now(),
        )
        obj.pk = raised.pk
        obj._state.adding = False


@admin.register(AlertItem, site=site)
class ItemAdmin(Found, Long, Record):
    list_display = ("label", "severity_shown", "since", "money_shown", "pincode", "first_seen_at", "cleared_at", "alert")
    list_select_related = ("alert",)
    list_filter = (choices_of("severity", "severity", lambda: BusinessAlert.Severity.choices),)
    ordering = ("-id",)
    ids = ("alert",)
    texts = ("object_id",)
    pincodes = ("pincode",)
    severity_shown = state("severity", "severity")
    money_shown = money("rupees", "amount")
    fields = ("alert", "label", "object_type", "object_id", "severity", "since", "money_shown", "pincode", "first_seen_at", "cleared_at")


@admin.register(AlertEvent, site=site)
class AlertEventAdmin(Found, Long, Record):
    list_display = ("at", "alert", "kind", "actor", "reason")
    list_select_related = ("alert", "actor")
    ordering = ("-id",)
    ids = ("alert",)
    people = ("actor",)
    detail_shown = data("detail", "detail")
    fields = ("at", "alert", "kind", "actor", "reason", "detail_shown")

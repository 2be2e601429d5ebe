"""What was measured, the limits it is held against, and how fast providers may be written to."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from unfold.contrib.filters.admin import RangeDateFilter
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget

from core import audit, clock, limits
from core.admin.base import Exported, Found, House, Long, Record, choices_of, person_of
from core.admin.looks import data, money, state
from core.admin.site import site
from core.models import PincodeAnalytics, ProviderState, Threshold
from core.notifications.transports import methods, transport_for

IN_FORCE = (
    "This limit is in force, and what was decided by it is on record: it cannot be changed. "
    "To change what holds from now on, add a new limit for the same rule, name and scope."
)


class ThresholdForm(ModelForm):  # type: ignore[type-arg]
    """Only limits that some rule reads can be set."""

    class Meta:
        model = Threshold
        fields = ("rule", "name", "scope", "value", "effective_from", "note")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rules = limits.rules()
        names = sorted({name for rule in rules.values() for name in rule.limits})
        self._offer("rule", [(name, rule.label) for name, rule in rules.items()])
        self._offer("name", [(name, name.replace("_", " ")) for name in names])

    def _offer(self, field: str, choices: list[tuple[str, str]]) -> None:
        if field in self.fields:
            self.fields[field] = forms.ChoiceField(
                choices=[("", "Select value"), *choices], widget=UnfoldAdminSelectWidget(), help_text=self.fields[field].help_text
            )

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or self.cleaned_data
        if given.get("rule") and given.get("name"):
            for field, why in limits.faults(given["rule"], given["name"], given.get("scope", ""), given.get("value")).items():
                self.add_error(field, why)
        return given


@admin.register(Threshold, site=site)
class ThresholdAdmin(Exported, House):
    """Limits are added, never rewritten: what was decided yesterday can then always be explained."""

    deleting = True
    form = ThresholdForm
    written_beside = ("effective_from",)
    list_display = ("rule", "name", "where", "value", "effective_from", "holds", "created_by", "note")
    list_select_related = ("created_by",)
    list_filter = (choices_of("rule", "rule", lambda: [(name, rule.label) for name, rule in limits.rules().items()]),)
    search_fields = ("rule", "name", "scope", "note")
    search_help_text = "Search by rule, name, pincode or its first digits, or note"
    fieldsets = (
        (
            None,
            {
                "fields": ("rule", "name", "scope", "value"),
                "description": "A pincode's own limit wins over its region's (the longest first digits), and that over the one for "
                "everywhere. Without a value, the scope's own limit ends and the wider one holds.",
            },
        ),
        (
            "From when",
            {
                "fields": ("effective_from", "note"),
                "description": "A moment gone by means now. Once in force, a limit cannot be changed: add a new one from now on.",
            },
        ),
        ("Who", {"fields": ("created_by", "created_at")}),
    )
    readonly_fields = ("created_by", "created_at")

    @display(description="where", ordering="scope")
    def where(self, limit: Threshold) -> str:
        return limit.scope or "everywhere"

    @display(description="holds", label={"In force": "success", "To come": "info"})
    def holds(self, limit: Threshold) -> str:
        return "In force" if limit.effective_from <= clock.now() else "To come"

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return super().has_change_permission(request, obj) and not is_in_force(obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return super().has_delete_permission(request, obj) and not is_in_force(obj)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Deleting many at once would not look at each."""
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return dict(actions)

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        if request.method == "GET" and super().has_change_permission(request) and is_in_force(self.get_object(request, object_id)):
            self.message_user(request, IN_FORCE, messages.INFO)
        return super().change_view(request, object_id, form_url, extra_context)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        now = clock.now()
        obj.effective_from = max(obj.effective_from, now)
        if not change:
            obj.created_by, obj.created_at = request.user, now
        super().save_model(request, obj, form, change)


def is_in_force(limit: Model | None) -> bool:
    return isinstance(limit, Threshold) and limit.effective_from <= clock.now()


@admin.register(PincodeAnalytics, site=site)
class AnalyticsAdmin(Found, Exported, Long, Record):
    list_display = (
        "pincode",
        "date",
        "total_bookings",
        "available_vendors",
        "demand",
        "revenue",
        "high_demand_alert_sent",
        "bonus_alert_sent",
        "promotional_alert_sent",
        "is_final",
        "measured_at",
    )
    list_filter = (("date", RangeDateFilter), "is_final", "high_demand_alert_sent", "bonus_alert_sent", "promotional_alert_sent")
    ids = ()
    pincodes = ("pincode",)
    revenue = money("total_revenue", "revenue")
    average = money("avg_booking_value", "average booking")
    other_flags = data("other_alerts_sent", "other campaigns")
    fieldsets = (
        (None, {"fields": ("pincode", "date", "is_final", "measured_at")}),
        ("Bookings", {"fields": ("total_bookings", "pending_bookings", "completed_bookings", "cancelled_bookings")}),
        ("Vendors", {"fields": ("available_vendors", "active_vendors", "demand")}),
        ("How it went", {"fields": ("avg_response_time_minutes", "avg_completion_time_hours", "customer_satisfaction_avg")}),
        ("Money", {"fields": ("revenue", "average")}),
        (
            "Told",
            {
                "fields": ("high_demand_alert_sent", "bonus_alert_sent", "promotional_alert_sent", "other_flags"),
                "description": "Which campaign wrote about this day. A day that has fired does not fire again.",
            },
        ),
    )

    @display(description="bookings per vendor")
    def demand(self, day: PincodeAnalytics) -> str:
        if day.available_vendors:
            return f"{day.demand_ratio:.1f}"
        return "∞" if day.total_bookings else "0.0"


class ProviderForm(ModelForm):  # type: ignore[type-arg]
    """Of a provider, how fast. A new one is one of those that carry something."""

    class Meta:
        model = ProviderState
        fields = ("provider", "per_second", "burst")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "provider" in self.fields:
            self.fields["provider"].help_text = f"One of those that carry something: {', '.join(providers_in_use())}."

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or self.cleaned_data
        provider, carrying = given.get("provider", self.instance.provider), providers_in_use()
        if not self.instance.pk and provider and provider not in carrying:
            self.add_error("provider", f"Nothing is carried by {provider}. There are: {', '.join(carrying)}.")
        if given.get("burst") and not given.get("per_second") and provider not in settings.PROVIDER_RATES:
            self.add_error("burst", "Without messages a second there is nothing to save up for.")
        return given


def providers_in_use() -> list[str]:
    return sorted({transport_for(method).provider for method in methods()})


@admin.register(ProviderState, site=site)
class ProviderAdmin(House):
    """Providers as all processes know them. Only the rate is set here; the breaker opens and closes by itself."""

    form = ProviderForm
    list_display = ("provider", "breaker_shown", "why_held", "failures", "retry_at", "paused_until", "per_second", "last_error")
    breaker_shown = state("breaker", "state")
    known = ("breaker_shown", "why_held", "failures", "opened_at", "retry_at", "paused_until", "last_error")
    rate = (
        "How fast",
        {
            "fields": ("per_second", "burst"),
            "description": "Shared by all processes. Empty: as PROVIDER_RATES says, or no limit. It holds from the next message on.",
        },
    )
    actions = ("try_now",)
    list_before_template = "admin/providers_before.html"

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> Any:
        return ((None, {"fields": ("provider", *self.known) if obj else ("provider",)}), self.rate)

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        return ("provider", *self.known) if obj else ()

    @display(description="why held")
    def why_held(self, row: ProviderState) -> str | None:
        if row.breaker == ProviderState.Breaker.CLOSED:
            return None
        return "It does not answer" if row.is_outage else "It refuses us"

    @admin.action(description="Try held providers now", permissions=["change"])
    def try_now(self, request: HttpRequest, chosen: QuerySet[ProviderState]) -> None:
        """After something was mended: one message is let through without waiting for the breaker."""
        now, names = clock.now(), list(chosen.filter(breaker=ProviderState.Breaker.OPEN).values_list("provider", flat=True))
        held = ProviderState.objects.filter(provider__in=names, breaker=ProviderState.Breaker.OPEN).update(retry_at=now)
        if names:
            audit.enter_act("try held providers now", actor=person_of(request), more={"providers": names}, now=now)
        self.message_user(request, f"{held} will be tried with the next message." if held else "None of these is held.")

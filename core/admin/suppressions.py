"""Addresses set aside: found, added by hand, and written to again with a reason. What was said stays on record."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Model
from django.forms import ModelForm
from django.http import HttpRequest
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldBooleanSwitchWidget

from core import clock
from core.admin.base import Exported, House, choices_of
from core.admin.site import site
from core.models import Suppression
from core.notifications import choices
from core.notifications.transports import methods


class SuppressionForm(ModelForm):  # type: ignore[type-arg]
    """An address is spelt as it is compared. To write there again takes a reason."""

    lift = forms.BooleanField(
        label="Write there again from now on", required=False, widget=UnfoldBooleanSwitchWidget(), help_text="Add to the details why."
    )

    class Meta:
        model = Suppression
        fields = ("method", "address", "reason", "detail", "expires_at")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "method" in self.fields:
            self.fields["method"] = forms.ChoiceField(
                choices=[("", "Select value"), *((name, name) for name in methods())], widget=UnfoldAdminSelectWidget()
            )

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or self.cleaned_data
        if self.instance.pk is None:
            self._look_at_address(given)
        elif self._ends_sooner(given) and given.get("detail", "").strip() in ("", self.instance.detail.strip()):
            self.add_error("detail", "Say why this address is written to again: it is kept in the audit trail.")
        if given.get("lift"):
            given["expires_at"] = clock.now()
        return given

    def _look_at_address(self, given: dict[str, Any]) -> None:
        try:
            given["address"] = choices.spelt(given.get("method", ""), given.get("address", ""))
        except forms.ValidationError as error:
            self.add_error("address", error)

    def _ends_sooner(self, given: dict[str, Any]) -> bool:
        before = Suppression.objects.values_list("expires_at", flat=True).get(pk=self.instance.pk)
        until = given.get("expires_at")
        return bool(given.get("lift")) or (until is not None and (before is None or until < before))


@admin.register(Suppression, site=site)
class SuppressionAdmin(Exported, House):
    """A row is not deleted: who had an address set aside, and who lifted that and why, is to be seen afterwards."""

    form = SuppressionForm
    written_beside = ("expires_at",)
    list_display = ("address", "method", "reason", "holds", "created_at", "expires_at")
    list_filter = (choices_of("method", "method", lambda: [(name, name) for name in methods()]),)
    search_fields = ("=address",)
    search_help_text = "Search by the whole address"
    ordering = ("-id",)

    @display(description="now", label={"Set aside": "danger", "Written to": "success"})
    def holds(self, row: Suppression) -> str:
        return "Set aside" if row.expires_at is None or row.expires_at > clock.now() else "Written to"

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> Any:
        until = ("expires_at", "lift") if obj is not None and self.has_change_permission(request, obj) else ("expires_at",)
        return (
            (
                None,
                {
                    "fields": ("method", "address"),
                    "description": "Nobody is written to at this address by this method, whoever it belongs to and whatever it is.",
                },
            ),
            ("Why", {"fields": ("reason", "detail")}),
            ("Until when", {"fields": until, "description": "Empty: until somebody lifts it. Until a moment gone by: no longer."}),
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        return () if obj is None else ("method", "address")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Added by hand, it ends what is queued to the address, as a bounce does."""
        if change:
            super().save_model(request, obj, form, change)
            return
        choices.set_aside(obj.method, obj.address, reason=obj.reason, detail=obj.detail, now=clock.now(), expires_at=obj.expires_at)
        kept = Suppression.objects.get(method=obj.method, address=obj.address)
        obj.pk, obj._state.adding = kept.pk, False

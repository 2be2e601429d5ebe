"""Wording that overrides the files. What was published is never rewritten: a new version is."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db import transaction
from django.db.models import Model
from django.forms import ModelForm
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminSelectWidget

from core import clock
from core.admin.base import House, choices_of
from core.admin.looks import state
from core.admin.site import site
from core.models import TemplateVersion
from core.notifications import publishing, rendering
from core.notifications.wordings import PARTS


class WordingForm(ModelForm):  # type: ignore[type-arg]
    """Tried on the example's values before it is kept, so that what is wrong is said where it is written."""

    class Meta:
        model = TemplateVersion
        fields = ("name", "region", "language", *PARTS, "dlt_template_id", "is_service", "note")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "name" in self.fields:
            names = [("", "Select value"), *((name, name.replace("_", " ")) for name in rendering.names())]
            self.fields["name"] = forms.ChoiceField(choices=names, widget=UnfoldAdminSelectWidget())

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or self.cleaned_data
        if name := given.get("name"):
            parts = {part: given.get(part, "") for part in PARTS}
            for reason in publishing.faults(TemplateVersion(name=name, **parts)):
                self.add_error(publishing.part_of(reason) or None, reason)
        return given


@admin.register(TemplateVersion, site=site)
class WordingAdmin(House):
    """Drafts are written here; publishing one is a step of its own."""

    deleting = True
    form = WordingForm
    list_display = ("name", "region", "language", "version", "status_shown", "published_at", "created_by")
    list_select_related = ("created_by",)
    list_filter = (
        choices_of("template", "name", lambda: [(name, name.replace("_", " ")) for name in rendering.names()]),
        choices_of("status", "status", lambda: TemplateVersion.Status.choices),
    )
    search_fields = ("name", "note")
    search_help_text = "Search by template or note"
    readonly_fields = ("version", "status_shown", "created_at", "created_by", "published_at", "published_by")
    status_shown = state("status", "status")
    fieldsets = (
        (
            None,
            {
                "fields": ("name", "region", "language", "version", "status_shown"),
                "description": "The most particular wording wins: the longest first digits of a pincode, then the person's language. "
                "Only a draft can be changed; it is tried on example data when it is saved.",
            },
        ),
        ("Wording", {"fields": tuple(PARTS)}),
        ("SMS by law", {"fields": ("dlt_template_id", "is_service")}),
        ("Who and when", {"fields": ("note", "created_by", "created_at", "published_by", "published_at")}),
    )

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return super().has_change_permission(request, obj) and is_draft(obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return super().has_delete_permission(request, obj) and is_draft(obj)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Deleting many at once would not look at each."""
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return dict(actions)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
            return
        with transaction.atomic():
            publishing.hold(obj.name, obj.region, obj.language)
            obj.version = publishing.next_version(obj.name, obj.region, obj.language)
            obj.created_by, obj.created_at = request.user, clock.now()
            super().save_model(request, obj, form, change)


def is_draft(row: Model | None) -> bool:
    return not isinstance(row, TemplateVersion) or row.status == TemplateVersion.Status.DRAFT

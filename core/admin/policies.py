"""Who is told when nobody answers, as rows that people edit; each says in a sentence what it means."""

from itertools import pairwise
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.forms import BaseInlineFormSet, ModelForm
from django.http import HttpRequest
from unfold.admin import StackedInline
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget

from core.admin.alerts import alert_types
from core.admin.base import House
from core.admin.permissions import ByRole
from core.admin.site import site
from core.alerts.policies import in_words, policy_of
from core.models import EscalationPolicy, EscalationStep, Role
from core.notifications.kinds import STAFF
from core.notifications.transports import methods

METHODS = {"email": "Mail", "websocket": "In the app", "sms": "SMS"}


def staff_roles() -> list[tuple[str, str]]:
    return [(role.value, str(role.label)) for role in Role if role in STAFF]


def carried() -> list[tuple[str, str]]:
    return [(name, METHODS.get(name, name)) for name in methods()]


class PolicyForm(ModelForm):  # type: ignore[type-arg]
    alert_type = forms.ChoiceField(choices=lambda: [("", "Any type"), *alert_types()], required=False, widget=UnfoldAdminSelectWidget())
    repeat_minutes = forms.IntegerField(
        min_value=1, help_text="Minutes: 240 are four hours, 1440 a day.", error_messages={"min_value": "At least one minute."}
    )

    class Meta:
        model = EscalationPolicy
        fields = ("name", "alert_type", "severity", "repeat_minutes", "is_active")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # One who may only read gets none of the fields. A type whose check is gone keeps its policy.
        if "alert_type" in self.fields and self.instance.alert_type:
            field, given = self.fields["alert_type"], self.instance.alert_type
            known = ["", *dict(alert_types())]
            assert isinstance(field, forms.ChoiceField)
            field.choices = [("", "Any type"), *alert_types(), *([] if given in known else [(given, given)])]


class StepForm(ModelForm):  # type: ignore[type-arg]
    """Roles and methods as boxes to tick."""

    roles = forms.MultipleChoiceField(
        choices=staff_roles,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"invalid_choice": "%(value)s is no role of the staff."},
    )
    methods = forms.MultipleChoiceField(
        choices=carried,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"invalid_choice": "Nothing carries messages by %(value)s.", "required": "By which way? Tick at least one."},
    )

    class Meta:
        model = EscalationStep
        fields = ("after_minutes", "roles", "person", "methods", "business_hours_only")

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or self.cleaned_data
        person = given.get("person")
        if person is not None and (person.role not in STAFF or not person.is_active):
            self.add_error("person", f"{person} is not an active member of the staff: alerts go to nobody else.")
        if "roles" in given and not given["roles"] and not person and "person" not in self.errors:
            self.add_error("roles", "A step tells somebody: some roles, or one person.")
        return given


class StepsForm(BaseInlineFormSet):  # type: ignore[type-arg]
    """The steps of a policy, as a whole."""

    def clean(self) -> None:
        if any(self.errors):
            return
        kept = [form.cleaned_data for form in self.forms if form.cleaned_data and not form.cleaned_data.get("DELETE")]
        if not kept:
            raise forms.ValidationError("A policy without a step tells nobody. Add one, or switch the policy off and keep its step.")
        in_order = sorted(kept, key=lambda step: step["after_minutes"])
        for earlier, later in pairwise(in_order):
            if earlier["after_minutes"] == later["after_minutes"]:
                raise forms.ValidationError(
                    f"There are two steps after {earlier['after_minutes']} minutes. Make them one, or set them apart."
                )
            if earlier["business_hours_only"] and not later["business_hours_only"]:
                raise forms.ValidationError(
                    f"The step after {later['after_minutes']} minutes would wait for the business hours of the one before it. "
                    "Tick business hours there, too, or let neither wait."
                )
        super().clean()

    def validate_unique(self) -> None:
        """Said by `clean`, in plainer words."""


class StepsOfPolicy(ByRole, StackedInline):
    model = EscalationStep
    form = StepForm
    formset = StepsForm
    deleting = True
    extra = 0
    min_num = 1
    autocomplete_fields = ("person",)
    fields = (("after_minutes", "business_hours_only"), ("roles", "methods"), "person")


@admin.register(EscalationPolicy, site=site)
class PolicyAdmin(House):
    """What is changed here holds from the next minute on, also for alerts that are open."""

    form = PolicyForm
    deleting = True
    list_display = ("name", "means", "is_active")
    list_filter = ("is_active",)
    inlines = (StepsOfPolicy,)
    readonly_fields = ("means",)
    fieldsets = (
        (
            None,
            {
                "fields": ("name", ("alert_type", "severity"), "is_active", "means"),
                "description": "Of all active policies that fit an alert the most exact holds: of its type and severity, else of its type, "
                "else of its severity, else of any alert. Those whom an alert concerns hear of it at once, whatever stands here.",
            },
        ),
        (
            "While nobody acknowledges",
            {"fields": ("repeat_minutes",), "description": "How often it speaks again. The steps below say who hears next."},
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[EscalationPolicy]:
        return super().get_queryset(request).prefetch_related("steps__person")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Before there is a policy there is nothing that it means."""
        if obj is not None:
            return self.fieldsets
        (title, options), *others = self.fieldsets
        return ((title, {**options, "fields": tuple(name for name in options["fields"] if name != "means")}), *others)

    @display(description="what it means")
    def means(self, row: EscalationPolicy) -> str:
        return in_words(policy_of(row), alert_type=row.alert_type, severity=row.severity)

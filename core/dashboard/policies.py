"""Escalation policies: who hears next of an alert that nobody acknowledges, and how often it repeats itself."""

import hashlib
from collections.abc import Callable, Iterable
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.http import Http404
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.fields import empty
from rest_framework.request import Request
from rest_framework.response import Response

from core.dashboard.alerts import alert_types
from core.dashboard.errors import Refused, wrong
from core.dashboard.openapi import Done
from core.dashboard.pages import Order, part_of
from core.dashboard.resource import Resource, Said, endpoint, plain
from core.dashboard.shapes import PersonShown, page_of, person_of, shown
from core.dashboard.strict import Id, OneOf, Paged, Strict, Text, Truth
from core.models import BusinessAlert, EscalationPolicy, EscalationStep, User
from core.notifications.kinds import STAFF
from core.notifications.transports import methods

BY_NUMBER: Final = Order(("id",), (int,))
LONGEST_MINUTES: Final = 60 * 24 * 60
MOST_STEPS: Final = 20


def any_type() -> list[str]:
    return ["", *alert_types()]


def any_severity() -> list[str]:
    return ["", *BusinessAlert.Severity.values]


class NameOf(Text):
    """One of some names, as `OneOf`; in the schema a text, for a list of names that others have almost the same of."""

    def __init__(self, names: Callable[[], Iterable[str]], **kwargs: Any) -> None:
        super().__init__(max_length=40, **kwargs)
        self.names = names

    def run_validation(self, data: Any = empty) -> Any:
        value = super().run_validation(data)
        if value not in (known := list(self.names())):
            raise ValidationError(f"None of: {', '.join(filter(None, known))}.")
        return value


class StepForm(Strict):
    after_minutes = serializers.IntegerField(min_value=0, max_value=LONGEST_MINUTES, help_text="After a round began; 0: at once.")
    roles = serializers.ListField(child=OneOf(lambda: [role.value for role in STAFF]), required=False, default=list, max_length=len(STAFF))
    person_id = Id(required=False, allow_null=True, default=None)
    methods = serializers.ListField(child=NameOf(methods), min_length=1, max_length=10)
    business_hours_only = Truth(required=False, default=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs["roles"] and attrs["person_id"] is None:
            raise ValidationError({"roles": ["A step tells somebody: some roles, or one person."]})
        return attrs


class PolicyForm(Strict):
    name = Text(max_length=80)
    alert_type = NameOf(any_type, required=False, default="", allow_blank=True, help_text="Empty: any.")
    severity = NameOf(
        any_severity, required=False, default="", allow_blank=True, help_text="Empty: any. Of two policies that fit, the more exact holds."
    )
    repeat_minutes = serializers.IntegerField(min_value=1, max_value=LONGEST_MINUTES, help_text="How often it speaks again meanwhile.")
    is_active = Truth(required=False, default=True)
    steps = StepForm(many=True)

    def validate_steps(self, steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
        minutes = [step["after_minutes"] for step in steps]
        if len(steps) > MOST_STEPS:
            raise ValidationError(f"At most {MOST_STEPS} steps.")
        if len(set(minutes)) < len(minutes):
            raise ValidationError("Two steps cannot be at the same minute.")
        people = {step["person_id"] for step in steps} - {None}
        if people - set(User.objects.filter(pk__in=people, is_active=True, role__in=STAFF).values_list("pk", flat=True)):
            raise ValidationError("A step's person is one of the staff, and active.")
        return steps


class PolicyRewrite(PolicyForm):
    revision = Text(required=False, max_length=12, help_text="What one looked at: 409 when the policy says something else by now.")


class StepRow(serializers.Serializer[Any]):
    after_minutes = serializers.IntegerField()
    roles = serializers.ListField(child=serializers.CharField())
    person = PersonShown(allow_null=True)
    methods = serializers.ListField(child=serializers.CharField())
    business_hours_only = serializers.BooleanField()


class PolicyRow(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    alert_type = serializers.CharField(allow_blank=True)
    severity = serializers.CharField(allow_blank=True)
    repeat_minutes = serializers.IntegerField()
    is_active = serializers.BooleanField()
    steps = StepRow(many=True)
    revision = serializers.CharField()


class Policies(Resource):
    @endpoint("List escalation policies", query=Paged, answers=page_of("policies", PolicyRow))
    def get(self, request: Request, said: Said) -> Response:
        """Each with its steps in the order of minutes."""
        part = part_of(EscalationPolicy.objects.all(), BY_NUMBER, said, loaded=_loaded)
        return plain(shown("policies", part, [row_of(policy) for policy in part.rows]))

    @endpoint("Add an escalation policy", body=PolicyForm, answers=PolicyRow, status=201, is_idempotent=True)
    def post(self, request: Request, said: Said) -> Response:
        """It holds from the next look on, within a minute. 409 while another one is active for the same type and severity."""
        with transaction.atomic():
            policy = _kept(EscalationPolicy(), said)
        return plain(row_of(_loaded(EscalationPolicy.objects.filter(pk=policy.pk)).get()), status=201)


class PolicyOne(Resource):
    @endpoint("Rewrite an escalation policy", body=PolicyRewrite, answers=PolicyRow)
    def put(self, request: Request, said: Said, policy_id: int) -> Response:
        """The whole of it, steps included."""
        revision = said.pop("revision", None)
        with transaction.atomic():
            policy = _held(policy_id)
            present = row_of(policy)
            if revision not in (None, present["revision"]):
                raise Refused("The policy says something else by now.", code="faster", policy=present)
            _kept(policy, said)
        return plain(row_of(_loaded(EscalationPolicy.objects.filter(pk=policy_id)).get()))

    @endpoint("Remove an escalation policy", answers=Done)
    def delete(self, request: Request, said: Said, policy_id: int) -> Response:
        """The less exact one holds from then on, or none."""
        with transaction.atomic():
            _held(policy_id).delete()
        return plain({"status": "success", "message": "Removed."})


def _loaded(rows: QuerySet[EscalationPolicy]) -> QuerySet[EscalationPolicy]:
    return rows.prefetch_related("steps__person")


def _held(policy_id: int) -> EscalationPolicy:
    policy = _loaded(EscalationPolicy.objects.select_for_update()).filter(pk=policy_id).first()
    if policy is None:
        raise Http404
    return policy


def _kept(policy: EscalationPolicy, said: Said) -> EscalationPolicy:
    """The policy as it was said, in the caller's transaction; steps that stay as they are are left alone."""
    steps = {step["after_minutes"]: step for step in said["steps"]}
    for name in ("name", "alert_type", "severity", "repeat_minutes", "is_active"):
        setattr(policy, name, said[name])
    others = EscalationPolicy.objects.exclude(pk=policy.pk)
    if others.filter(name=policy.name).exists():
        raise wrong("name", "There is a policy of this name.")
    try:
        with transaction.atomic():
            policy.save()
    except IntegrityError as error:
        raise Refused("Another policy is active for the same type and severity, or has this name.", code="taken") from error
    known = {step.after_minutes: step for step in policy.steps.all()}
    for minutes in known.keys() - steps.keys():
        known[minutes].delete()
    for minutes, step in steps.items():
        row = known.get(minutes) or EscalationStep(policy=policy, after_minutes=minutes)
        before = [getattr(row, name) for name in step]
        for name, value in step.items():
            setattr(row, name, value)
        if row._state.adding or before != list(step.values()):
            row.save()
    return policy


def row_of(policy: EscalationPolicy) -> dict[str, Any]:
    steps = [
        {
            "after_minutes": step.after_minutes,
            "roles": step.roles,
            "person": person_of(step.person),
            "methods": step.methods,
            "business_hours_only": step.business_hours_only,
        }
        for step in sorted(policy.steps.all(), key=lambda step: step.after_minutes)
    ]
    names = ("id", "name", "alert_type", "severity", "repeat_minutes", "is_active")
    row = {**{name: getattr(policy, name) for name in names}, "steps": steps}
    return {**row, "revision": hashlib.sha256(repr(row).encode()).hexdigest()[:12]}

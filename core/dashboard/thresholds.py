"""The limits of campaigns and checks: what holds where, what is to come, and what another one would do."""

from datetime import datetime
from typing import Any, Final

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import Http404
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core import backtest, clock, limits
from core.alerts.check import Check
from core.analytics import thresholds
from core.dashboard.errors import Refused
from core.dashboard.openapi import Done
from core.dashboard.pages import Order, part_of
from core.dashboard.resource import Resource, Said, endpoint, plain
from core.dashboard.shapes import PersonShown, Region, page_of, person_of, shown
from core.dashboard.strict import LARGEST_ID, Moment, OneOf, Paged, Pincode, Query, Strict, Text
from core.messaging.pincode_campaign import PincodeCampaign
from core.models import Threshold

NEWEST_FIRST: Final = Order(("-id",), (int,))
STATES: Final = ("in_force", "to_come", "past")


class ThresholdQuery(Paged):
    rule = OneOf(limits.rules, required=False)
    name = Text(required=False, max_length=60)
    scope = Region(required=False)
    state = OneOf(lambda: STATES, required=False)


class LimitForm(Strict):
    rule = OneOf(limits.rules)
    name = Text(max_length=60, help_text="Which of the rule's limits.")
    scope = Region(required=False, default="", help_text="A pincode, its first digits, or empty for everywhere.")
    value = serializers.DecimalField(
        max_digits=12, decimal_places=2, allow_null=True, help_text="null: from then on the wider scope's limit holds again."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if found := limits.faults(attrs["rule"], attrs["name"], attrs["scope"], attrs["value"]):
            raise serializers.ValidationError({field: [why] for field, why in found.items()})
        return attrs


class ThresholdForm(LimitForm):
    effective_from = Moment(required=False, allow_null=True, default=None, help_text="null, or a moment gone by: from now on.")
    note = Text(required=False, default="", allow_blank=True, max_length=200)
    seen = serializers.IntegerField(
        required=False,
        allow_null=True,
        min_value=1,
        max_value=LARGEST_ID,
        help_text="The id of this scope's row that you looked at, null where there was none: 409 when another one holds by now.",
    )


class ThresholdRow(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    rule = serializers.CharField()
    name = serializers.CharField()
    scope = serializers.CharField(allow_blank=True)
    value = serializers.DecimalField(max_digits=12, decimal_places=2, allow_null=True)
    effective_from = serializers.DateTimeField()
    state = serializers.ChoiceField(STATES)
    note = serializers.CharField(allow_blank=True)
    created_at = serializers.DateTimeField()
    created_by = PersonShown(allow_null=True)


class Thresholds(Resource):
    @endpoint("List limits", query=ThresholdQuery, answers=page_of("thresholds", ThresholdRow))
    def get(self, request: Request, said: Said) -> Response:
        """Newest first. Of each scope the newest one whose moment has come is in force."""
        now = clock.now()
        rows = in_state(Threshold.objects.filter(**{key: said[key] for key in ("rule", "name", "scope") if key in said}), said, now=now)
        part = part_of(rows, NEWEST_FIRST, said, loaded=lambda rows: with_state(rows, now=now).select_related("created_by"))
        return plain(shown("thresholds", part, [row_of(row, now=now) for row in part.rows]))

    @endpoint("Set a limit", body=ThresholdForm, answers=ThresholdRow, status=201, is_idempotent=True)
    def post(self, request: Request, said: Said) -> Response:
        """A limit is added, never rewritten: what was decided by an earlier one can be explained."""
        now = clock.now()
        starts = said.pop("effective_from")
        try:
            row = limits.set_limit(**{"seen": limits.UNSEEN, **said}, starts=starts, actor=self.user, now=now)
        except limits.Faster as faster:
            raise refusal(faster, now=now) from faster
        return plain(row_of(row, now=now), status=201)


class ThresholdOne(Resource):
    @endpoint("Take back a limit to come", answers=Done)
    def delete(self, request: Request, said: Said, threshold_id: int) -> Response:
        """409 once it is in force: set another one then."""
        try:
            limits.take_back(threshold_id, now=clock.now())
        except Threshold.DoesNotExist:
            raise Http404 from None
        except limits.InForce as error:
            raise Refused(str(error), code="in_force") from error
        return plain({"status": "success", "message": "Taken back."})


def refusal(faster: limits.Faster, *, now: datetime) -> Refused:
    """Who was faster, and what holds now."""
    row = faster.present
    who = (str(row.created_by) if row.created_by else "Somebody") if row else ""
    said = f"{who} has set this limit to {row.value} meanwhile." if row else "This scope has no limit of its own."
    return Refused(said, code="faster", threshold=row_of(row, now=now) if row else None)


# --- What holds -------------------------------------------------------------------------------------------------------------


class InForceQuery(Query):
    pincode = Pincode(required=False, help_text="What holds there; left out: what holds where no pincode or region says otherwise.")


class LimitShown(serializers.Serializer[Any]):
    name = serializers.CharField()
    value = serializers.DecimalField(max_digits=12, decimal_places=2)
    declared = serializers.DecimalField(max_digits=12, decimal_places=2, help_text="What holds when nobody says otherwise.")
    largest = serializers.DecimalField(max_digits=12, decimal_places=2, help_text="What may be set at most.")
    scope = serializers.CharField(allow_null=True, help_text="Whose limit it is: a pincode, a region, empty: everywhere, null: declared.")


class RuleShown(serializers.Serializer[Any]):
    rule = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # A field, in place of what a form has of this name.
    kind = serializers.ChoiceField(["campaign", "check"])
    is_regional = serializers.BooleanField(help_text="Whether a pincode or region may have a limit of its own.")
    limits = LimitShown(many=True)


class InForceAnswer(serializers.Serializer[Any]):
    pincode = serializers.CharField(allow_null=True)
    as_of = serializers.DateTimeField()
    rules = RuleShown(many=True)


class InForce(Resource):
    @endpoint("Limits in force", query=InForceQuery, answers=InForceAnswer)
    def get(self, request: Request, said: Said) -> Response:
        """By rule, with the scope that each value comes from: the pincode's own, else its region's, else everywhere's."""
        now, pincode = clock.now(), said.get("pincode", "")
        known = limits.rules()
        held = thresholds.all_in_force({name: rule.limits for name, rule in known.items()}, now=now)
        found = [rule_of(rule, held[name], pincode) for name, rule in known.items()]
        return plain({"pincode": pincode or None, "as_of": now, "rules": found})


def rule_of(rule: limits.Rule, held: thresholds.Limits, pincode: str) -> dict[str, Any]:
    """A rule and its limits as they hold in a pincode; without one, everywhere."""
    where = pincode if rule.is_regional else ""
    values = held.for_pincode(where)
    return {
        "rule": rule.name,
        "label": rule.label,
        "kind": rule.kind,
        "is_regional": rule.is_regional,
        "limits": [
            {
                "name": name,
                "value": str(value),
                "declared": str(rule.limits[name]),
                "largest": str(limits.most(name)),
                "scope": held.source(name, where),
            }
            for name, value in sorted(values.items())
        ],
    }


# --- What it would do -------------------------------------------------------------------------------------------------------


class DayShown(serializers.Serializer[Any]):
    date = serializers.DateField()
    fired = serializers.IntegerField()


class FiredShown(serializers.Serializer[Any]):
    fired = serializers.IntegerField(help_text="Pincodes' days that match; each fires at most once.")
    pincodes = serializers.IntegerField()
    people = serializers.IntegerField(help_text="Who live there now, each once; before their own choices.")
    messages_to = serializers.IntegerField(help_text="The same, each as often as they would have been told.")
    nobody_to_tell = serializers.IntegerField(help_text="Times with nobody there.")
    by_day = DayShown(many=True)


class StuckShown(serializers.Serializer[Any]):
    items = serializers.IntegerField()
    critical = serializers.IntegerField()
    rupees = serializers.DecimalField(max_digits=14, decimal_places=2)
    people = serializers.IntegerField(help_text="Who would hear of it.")


class CampaignEffect(serializers.Serializer[Any]):
    present = FiredShown(help_text="By the limits in force.")
    proposed = FiredShown(help_text="By the same, with this one among them.")


class CheckEffect(serializers.Serializer[Any]):
    present = StuckShown()
    proposed = StuckShown()


class EffectAnswer(serializers.Serializer[Any]):
    rule = serializers.CharField()
    kind = serializers.ChoiceField(["campaign", "check"])
    days = serializers.IntegerField(allow_null=True, help_text="How many full days were looked at; null: what is stuck now.")
    campaign = CampaignEffect(allow_null=True, help_text="Of a campaign.")
    check = CheckEffect(allow_null=True, help_text="Of a check.")


class Preview(Resource):
    throttle_scope = "jobs"

    @endpoint("What a limit would do", body=LimitForm, answers=EffectAnswer)
    def post(self, request: Request, said: Said) -> Response:
        """Nothing is written. A campaign's limit is held against the last 28 full days as they were measured; a check's against what is
        stuck at this moment. Beside it stands what the limits in force make of the same."""
        now, rule = clock.now(), limits.rules()[said["rule"]]
        held = thresholds.in_force(rule.name, rule.limits, now=now)
        other = held.changed(said["name"], said["scope"], said["value"])
        answer: dict[str, Any] = {"rule": rule.name, "kind": rule.kind, "days": None, "campaign": None, "check": None}
        if isinstance(rule.declared, PincodeCampaign):
            present, proposed = map(_fired, backtest.fired(rule.declared, [held, other], now=now))
            return plain({**answer, "days": backtest.DAYS, "campaign": {"present": present, "proposed": proposed}})
        assert isinstance(rule.declared, Check)
        present, proposed = (_stuck(backtest.stuck(rule.declared, option.everywhere(), now=now)) for option in (held, other))
        return plain({**answer, "check": {"present": present, "proposed": proposed}})


def _fired(outcome: backtest.Fired) -> dict[str, Any]:
    return {
        "fired": outcome.times,
        "pincodes": len(outcome.by_pincode),
        "people": outcome.people,
        "messages_to": outcome.messages_to,
        "nobody_to_tell": outcome.gaps,
        "by_day": [{"date": day, "fired": times} for day, times in sorted(outcome.by_day.items())],
    }


def _stuck(outcome: backtest.Stuck) -> dict[str, Any]:
    return {"items": outcome.items, "critical": outcome.critical, "rupees": str(outcome.rupees), "people": outcome.people}


# --- Rows -------------------------------------------------------------------------------------------------------------------


def with_state(rows: QuerySet[Threshold], *, now: datetime) -> QuerySet[Threshold]:
    """Each with `is_past`: another row of its scope has come into force since."""
    later = Threshold.objects.filter(
        rule=OuterRef("rule"),
        name=OuterRef("name"),
        scope=OuterRef("scope"),
        effective_from__lte=now,
        effective_from__gt=OuterRef("effective_from"),
    )
    return rows.annotate(is_past=Exists(later))


def in_state(rows: QuerySet[Threshold], said: Said, *, now: datetime) -> QuerySet[Threshold]:
    state = said.get("state")
    if state == "to_come":
        return rows.filter(effective_from__gt=now)
    if state is None:
        return rows
    return with_state(rows, now=now).filter(Q(is_past=state == "past"), effective_from__lte=now)


def row_of(row: Threshold, *, now: datetime) -> dict[str, Any]:
    state = "to_come" if row.effective_from > now else "past" if getattr(row, "is_past", False) else "in_force"
    names = ("id", "rule", "name", "scope", "effective_from", "note", "created_at")
    value = None if row.value is None else f"{row.value:.2f}"
    return {**{name: getattr(row, name) for name in names}, "value": value, "state": state, "created_by": person_of(row.created_by)}

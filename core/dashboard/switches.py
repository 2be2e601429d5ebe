"""Pause switches: of everything, a campaign, a type or a method."""

from typing import Any, Final

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core import clock
from core.dashboard.pages import Order, part_of
from core.dashboard.resource import Resource, Said, endpoint, plain
from core.dashboard.shapes import Flag, PersonShown, page_of, person_of, shown
from core.dashboard.strict import OneOf, Paged, Strict, Text, Truth
from core.messaging.campaign import campaigns
from core.models import Switch, User
from core.notifications.kinds import kinds
from core.notifications.switches import LONGEST_REASON, throw
from core.notifications.transports import methods

BY_SCOPE: Final = Order(("scope", "name"), (str, str))


def pausable(scope: str) -> list[str]:
    """The names that a scope knows. Everything has none."""
    names = {Switch.Scope.CAMPAIGN: campaigns.names, Switch.Scope.TYPE: kinds.names, Switch.Scope.METHOD: methods}
    return list(names[Switch.Scope(scope)]()) if scope in names else [""]


class SwitchQuery(Paged):
    scope = OneOf(lambda: Switch.Scope.values, required=False)
    is_paused = Flag(required=False)


class Reason(Strict):
    reason = Text(max_length=LONGEST_REASON, help_text="Why; it is kept with the switch and in the audit trail.")


class SwitchForm(Reason):
    scope = OneOf(lambda: Switch.Scope.values)
    name = Text(required=False, default="", allow_blank=True, max_length=60, help_text="As the log names it; empty for everything.")
    is_paused = Truth(help_text="true: wait from now on; false: go on.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        names = pausable(attrs["scope"])
        if attrs["name"] not in names:
            raise serializers.ValidationError({"name": [f"None of: {', '.join(names)}." if names != [""] else "Everything has no name."]})
        return attrs


class SwitchRow(serializers.Serializer[Any]):
    scope = OneOf(lambda: Switch.Scope.values)
    name = serializers.CharField(allow_blank=True)
    is_paused = serializers.BooleanField()
    reason = serializers.CharField(allow_blank=True)
    changed_at = serializers.DateTimeField()
    changed_by = PersonShown(allow_null=True)


class Thrown(SwitchRow):
    changed = serializers.BooleanField(help_text="false: it stood there already, and keeps who threw it first and why.")


class Switches(Resource):
    @endpoint("List pause switches", query=SwitchQuery, answers=page_of("switches", SwitchRow))
    def get(self, request: Request, said: Said) -> Response:
        """Those ever thrown; what is not listed is on."""
        rows = Switch.objects.all()
        if "scope" in said:
            rows = rows.filter(scope=said["scope"])
        if "is_paused" in said:
            rows = rows.filter(is_paused=said["is_paused"])
        part = part_of(rows, BY_SCOPE, said, loaded=lambda rows: rows.select_related("changed_by"))
        return plain(shown("switches", part, [row_of(switch) for switch in part.rows]))

    @endpoint("Throw a pause switch", body=SwitchForm, answers=Thrown, is_idempotent=True)
    def post(self, request: Request, said: Said) -> Response:
        """What is paused waits and is sent when it is let go, unless it has become too late. While everything is paused, sign-in codes
        wait, too."""
        return plain(thrown(said["scope"], said["name"], paused=said["is_paused"], reason=said["reason"], actor=self.user))


def thrown(scope: str, name: str, *, paused: bool, reason: str, actor: User) -> dict[str, Any]:
    """Throw a switch, and answer as `Thrown`."""
    switch, changed = throw(scope, name, paused=paused, reason=reason, actor=actor, now=clock.now())
    return {**row_of(switch), "changed": changed}


def row_of(switch: Switch) -> dict[str, Any]:
    return {
        "scope": switch.scope,
        "name": switch.name,
        "is_paused": switch.is_paused,
        "reason": switch.reason,
        "changed_at": switch.changed_at,
        "changed_by": person_of(switch.changed_by),
    }

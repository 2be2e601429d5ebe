"""Everybody's own word on what they want to hear of, by kind and method."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core import clock
from core.dashboard.errors import wrong
from core.dashboard.resource import Resource, Said, endpoint, plain
from core.dashboard.strict import OneOf, Strict, Truth
from core.models import User
from core.notifications import choices
from core.notifications.kinds import kinds
from core.notifications.transports import methods

SOURCE = "api"


class Choice(serializers.Serializer[Any]):
    category = serializers.CharField()
    title = serializers.CharField()
    about = serializers.CharField(allow_blank=True)
    mandatory = serializers.BooleanField(help_text="It always comes: there is nothing to choose.")
    marketing = serializers.BooleanField(help_text="By law an offer.")
    methods = serializers.DictField(child=serializers.BooleanField(), help_text="By method, whether it comes.")


class Preferences(serializers.Serializer[Any]):
    preferences = Choice(many=True)


class Wish(Strict):
    category = OneOf(lambda: [kind.category for kind in kinds])
    method = OneOf(methods)
    allowed = Truth()


class Wishes(Strict):
    preferences = serializers.ListField(child=Wish(), min_length=1, max_length=100, help_text="What changes; the rest stays as it is.")


class OwnPreferences(Resource):
    @endpoint("What I get", answers=Preferences)
    def get(self, request: Request, said: Said) -> Response:
        """Every kind that may reach me."""
        return plain(shown(self.user))

    @endpoint("Change what I get", body=Wishes, answers=Preferences)
    def patch(self, request: Request, said: Said) -> Response:
        """All or nothing, from now on: what is queued and no longer wanted does not leave."""
        own = {(topic.kind.category, method): topic for topic in choices.topics(self.user) for method in topic.methods}
        wanted: dict[choices.Pair, bool] = {}
        for number, wish in enumerate(said["preferences"]):
            pair = (wish["category"], wish["method"])
            if pair in wanted:
                raise wrong(f"preferences.{number}", "Given more than once.")
            if pair not in own:
                raise wrong(f"preferences.{number}", "You have no such choice.")
            if own[pair].kind.mandatory:
                raise wrong(f"preferences.{number}", f"{own[pair].kind.label} always comes.")
            wanted[pair] = wish["allowed"]
        choices.set_choices(self.user.pk, wanted, source=SOURCE, now=clock.now())
        return plain(shown(self.user))


def shown(user: User) -> dict[str, Any]:
    return {
        "preferences": [
            {
                "category": topic.kind.category,
                "title": topic.kind.title or topic.kind.label,
                "about": topic.kind.about,
                "mandatory": topic.kind.mandatory,
                "marketing": topic.kind.marketing,
                "methods": dict(topic.methods),
            }
            for topic in choices.topics(user)
        ]
    }

"""Forms and answers that several addresses share."""

from typing import Any

from drf_spectacular.utils import inline_serializer
from rest_framework import serializers

from core.dashboard.openapi import Pagination
from core.dashboard.pages import Part
from core.dashboard.strict import Paged, Text
from core.models import User
from core.models.fields import is_pincode_prefix


class PersonShown(serializers.Serializer[Any]):
    """Somebody, as far as an answer about something else names them."""

    id = serializers.IntegerField()
    username = serializers.CharField()
    name = serializers.CharField()


def person_of(user: User | None) -> dict[str, Any] | None:
    """As `PersonShown`; None: nobody, or the system."""
    return None if user is None else {"id": user.pk, "username": user.username, "name": str(user)}


class Numbered(Paged):
    """Which page of a list that is never long."""

    cursor = None  # type: ignore[assignment]  # Takes the field away.


class Flag(serializers.BooleanField):
    """Of a parameter: true or false."""

    def to_internal_value(self, data: Any) -> bool:
        if data not in ("true", "false"):
            self.fail("invalid", input=data)
        return bool(data == "true")


class Region(Text):
    """A pincode, its first digits, or empty for everywhere."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(validators=[is_pincode_prefix], max_length=6, allow_blank=True, **kwargs)


def page_of(name: str, row: type[serializers.Serializer[Any]]) -> Any:
    """The answer of a list: its rows under their name, where they stand in it, and how to go on."""
    return inline_serializer(
        name=f"{row.__name__}Page",
        fields={
            name: row(many=True),
            "pagination": Pagination(),
            "next_cursor": serializers.CharField(allow_null=True, help_text="For `cursor`; null: that was the last part."),
        },
    )


def shown(name: str, part: Part[Any], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The answer as `page_of` describes it."""
    return {name: rows, "pagination": part.pagination, "next_cursor": part.next_cursor}

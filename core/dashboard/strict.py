"""What clients send, read strictly: what is unknown, given twice, of another type or beyond its bounds is a 400 that names the field."""

import re
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from typing import Any, ClassVar

from django.http import QueryDict
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from core.models.fields import is_pincode

LONGEST_RANGE = timedelta(days=366)
MOST_PER_PAGE = 100
# Beyond it no list goes, and no database's integers end.
LAST_PAGE = 1_000_000
LARGEST_ID = 2**63 - 1
# Of the fields that a call has no place for, so many are named.
MOST_NAMED = 10


class Strict(serializers.Serializer[Any]):
    """A form that knows its fields and takes no others. Only what is declared comes out."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, dict):
            raise ValidationError({"non_field_errors": ["Send a JSON object."]})
        known = [name for name, field in self.fields.items() if not field.read_only]
        unknown = [str(name) for name in data if name not in known]
        if unknown:
            # What one may say is answered to each, and is ten times as long as a name: of a body full of names, to the first few.
            raise ValidationError({name: [f"Unknown. There are: {', '.join(known) or 'none'}."] for name in unknown[:MOST_NAMED]})
        return dict(super().to_internal_value(data))


class Query(Strict):
    """The parameters of an address."""


class Dated(Query):
    """A range of days of the business time zone, both ends counted."""

    date_from = serializers.DateField(required=False, help_text="From this day on, as 2026-11-22.")
    date_to = serializers.DateField(required=False, help_text="Up to this day's end. A range has 366 days at most.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        check_range(attrs.get("date_from"), attrs.get("date_to"))
        return attrs


def check_range(first: date | None, last: date | None) -> None:
    """Raises a 400 for a range that ends before it begins, or has more than 366 days."""
    for name, day in (("date_from", first), ("date_to", last)):
        if day is not None and not 2000 <= day.year <= 2200:
            raise ValidationError({name: ["The year must lie within 2000 and 2200."]})
    if first is None or last is None:
        return
    if last < first:
        raise ValidationError({"date_from": ["Lies after date_to."]})
    if last - first >= LONGEST_RANGE:
        raise ValidationError({"date_to": [f"A range has {LONGEST_RANGE.days} days at most."]})


class Paged(Query):
    """Which part of a list."""

    page = serializers.IntegerField(required=False, default=1, min_value=1, max_value=LAST_PAGE, help_text="From 1.")
    per_page = serializers.IntegerField(required=False, default=20, min_value=1, max_value=MOST_PER_PAGE)
    cursor = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=200,
        help_text="The `next_cursor` of the answer before, in place of `page`: quicker for reading it all. Empty: from the beginning.",
    )


# --- Fields -------------------------------------------------------------------------------------------------------------


class Text(serializers.CharField):
    """A string, and nothing that could be made one."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return str(super().to_internal_value(data))


class Truth(serializers.BooleanField):
    """true or false; not "yes", 1 or "true"."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class Id(serializers.IntegerField):
    """A number that names a row; no larger than a database's."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=1, max_value=LARGEST_ID, **kwargs)

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool | float):
            self.fail("invalid")
        return int(super().to_internal_value(data))


class Pincode(Text):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(validators=[is_pincode], max_length=6, **kwargs)


class Moment(serializers.DateTimeField):
    """A moment with its time zone, as 2026-11-22T09:00:00+05:30."""

    default_error_messages: ClassVar[dict[str, Any]] = {"zone": "Say the time zone, as in 2026-11-22T09:00:00+05:30."}

    def to_internal_value(self, value: Any) -> datetime:
        if not isinstance(value, str):
            self.fail("invalid", format="YYYY-MM-DDThh:mm:ss+05:30")
        if not re.search(r"(Z|[+-]\d{2}:?\d{2})\s*\Z", value, re.IGNORECASE):
            self.fail("zone")
        try:
            moment: datetime = super().to_internal_value(value)
        except OverflowError:
            self.fail("invalid", format="YYYY-MM-DDThh:mm:ss+05:30")
        if not 2000 <= moment.year <= 2200:
            raise ValidationError("The year must lie within 2000 and 2200.")
        return moment


class OneOf(serializers.Field[str, Any, str, Any]):
    """One of some names, which are asked for anew at each call: what is declared later is known, too."""

    default_error_messages: ClassVar[dict[str, Any]] = {"unknown": "{given} is none of: {names}."}

    def __init__(self, names: Callable[[], Iterable[str]], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.names = names

    def to_internal_value(self, data: Any) -> str:
        names = list(self.names())
        if not isinstance(data, str) or data not in names:
            self.fail("unknown", given=repr(data)[:60], names=", ".join(names))
        return str(data)

    def to_representation(self, value: Any) -> str:
        return str(value)


# --- Reading ------------------------------------------------------------------------------------------------------------


def query_of(form: type[Query], given: QueryDict) -> dict[str, Any]:
    """The parameters of an address as its form takes them. Raises a 400 that names what is wrong."""
    several = {name: ["Given more than once."] for name, values in given.lists() if len(values) > 1}
    if several:
        raise ValidationError(several)
    form_ = form(data=given.dict())
    form_.is_valid(raise_exception=True)
    return dict(form_.validated_data)


def body_of(form: type[Strict], given: Any) -> dict[str, Any]:
    """The body of a call as its form takes it. Raises a 400 that names what is wrong."""
    form_ = form(data=given)
    form_.is_valid(raise_exception=True)
    return dict(form_.validated_data)

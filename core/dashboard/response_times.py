"""How long alerts wait for people: median and p90 of the times to acknowledge and to resolve, as JSON and as a file."""

from datetime import date, timedelta
from typing import Any, Final

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from core import clock
from core.access import FINANCE_TYPE
from core.alerts import record
from core.dashboard.alerts import alert_types
from core.dashboard.csv_files import CSV, csv_file
from core.dashboard.resource import Resource, Said, endpoint, plain
from core.dashboard.strict import Dated, OneOf, Text
from core.models import Role, User

USUAL: Final = timedelta(days=28)


class TimesQuery(Dated):
    by = Text(required=False, default="type", max_length=40, help_text=f"Groups, separated by commas: some of {', '.join(record.BY)}.")
    type = OneOf(alert_types, required=False, help_text="`alert_type`.")

    def validate_by(self, by: str) -> tuple[str, ...]:
        names = tuple(by.split(","))
        if set(names) - set(record.BY) or len(set(names)) < len(names):
            raise ValidationError(f"Some of {', '.join(record.BY)}, separated by commas, each once.")
        return names


class TimesRow(serializers.Serializer[Any]):
    what = serializers.CharField(help_text="acknowledged and resolved have times; the others are counted.")
    who = serializers.CharField(allow_blank=True, help_text="people or system.")
    type = serializers.CharField(allow_blank=True)
    person = serializers.CharField(allow_blank=True)
    week = serializers.DateField(allow_null=True, help_text="Its Monday.")
    count = serializers.IntegerField()
    median_minutes = serializers.FloatField(allow_null=True)
    p90_minutes = serializers.FloatField(allow_null=True)


class TimesAnswer(serializers.Serializer[Any]):
    date_from = serializers.DateField()
    date_to = serializers.DateField()
    response_times = TimesRow(many=True)


class ResponseTimes(Resource):
    @endpoint("Response times", query=TimesQuery, answers=TimesAnswer)
    def get(self, request: Request, said: Said) -> Response:
        """Of the alerts that opened on these days, the last four weeks unless told otherwise. Finance sees those of payments."""
        first, last = _days(said)
        rows = [{name: _plain(value) for name, value in zip(record.LINE_COLUMNS, row, strict=True)} for row in _rows(self.user, said)]
        return plain({"date_from": first, "date_to": last, "response_times": rows})


class ResponseTimesExport(Resource):
    @endpoint("Export response times", query=TimesQuery, answers={(200, CSV): OpenApiTypes.BINARY})
    def get(self, request: Request, said: Said) -> StreamingHttpResponse:
        """The same as CSV; the trail keeps who took it."""
        return csv_file("response-times", list(record.LINE_COLUMNS), _rows(self.user, said), user=self.user, asked=said, now=clock.now())


def _days(said: Said) -> tuple[date, date]:
    last = said.get("date_to") or max(clock.business_day(clock.now()), said.get("date_from", date.min))
    return said.get("date_from") or last - USUAL + timedelta(days=1), last


def _rows(user: User, said: Said) -> list[tuple[Any, ...]]:
    own = {FINANCE_TYPE} if user.role == Role.FINANCE else None
    asked = {said["type"]} if "type" in said else None
    types = own if asked is None else asked if own is None else asked & own
    try:
        return list(record.lines_as_rows(record.response_times(*_days(said), by=said["by"], types=types)))
    except ValueError as error:
        raise ValidationError({"date_from": [str(error)]}) from error


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, str | int | date) else float(value)

"""What each pincode's days looked like."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from math import isinf
from typing import Any, Final

from django.db.models import Avg, Count, FloatField, Max, Min, Q, QuerySet, Sum
from django.db.models.functions import Cast
from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core import clock
from core.dashboard.csv_files import CSV, csv_file
from core.dashboard.openapi import Pagination
from core.dashboard.pages import WITH_CURSOR, Order, part_of, remembered
from core.dashboard.resource import Resource, Said, endpoint, plain
from core.dashboard.strict import Dated, Paged, Pincode
from core.formatting import exact
from core.models import PincodeAnalytics
from core.models.fields import PINCODE


def pincode(text: str) -> str:
    if not PINCODE.fullmatch(text):
        raise ValueError(text)
    return text


NEWEST_FIRST: Final = Order(("-date", "pincode"), (date.fromisoformat, pincode), newest="date")
COUNTS: Final = ("total_bookings", "pending_bookings", "completed_bookings", "cancelled_bookings")
MEANS: Final = ("avg_response_time_minutes", "avg_completion_time_hours", "customer_satisfaction_avg")


class DayFilter(Dated):
    pincode = Pincode(required=False)


class DayQuery(DayFilter, Paged):
    pass


class DayRow(serializers.Serializer[Any]):
    pincode = serializers.CharField()
    date = serializers.DateField()
    total_bookings = serializers.IntegerField()
    pending_bookings = serializers.IntegerField()
    completed_bookings = serializers.IntegerField()
    cancelled_bookings = serializers.IntegerField()
    available_vendors = serializers.IntegerField()
    active_vendors = serializers.IntegerField()
    demand_ratio = serializers.FloatField(allow_null=True, help_text="Bookings per available vendor; null: bookings and no vendor.")
    avg_response_time_minutes = serializers.FloatField(allow_null=True)
    avg_completion_time_hours = serializers.FloatField(allow_null=True)
    customer_satisfaction_avg = serializers.FloatField(allow_null=True)
    total_revenue = serializers.DecimalField(max_digits=14, decimal_places=2)
    avg_booking_value = serializers.DecimalField(max_digits=12, decimal_places=2, allow_null=True)
    high_demand_alert_sent = serializers.BooleanField()
    bonus_alert_sent = serializers.BooleanField()
    promotional_alert_sent = serializers.BooleanField()
    is_final = serializers.BooleanField(help_text="The day was over when it was last measured.")
    measured_at = serializers.DateTimeField()


class Summary(serializers.Serializer[Any]):
    """Of every row that the filters leave, not only of this page."""

    pincodes = serializers.IntegerField()
    days = serializers.IntegerField()
    date_from = serializers.DateField(allow_null=True)
    date_to = serializers.DateField(allow_null=True)
    total_bookings = serializers.IntegerField()
    pending_bookings = serializers.IntegerField()
    completed_bookings = serializers.IntegerField()
    cancelled_bookings = serializers.IntegerField()
    total_revenue = serializers.DecimalField(max_digits=20, decimal_places=2)
    avg_booking_value = serializers.DecimalField(max_digits=20, decimal_places=2, allow_null=True)
    avg_available_vendors = serializers.FloatField(allow_null=True)
    avg_demand_ratio = serializers.FloatField(allow_null=True, help_text="Over the rows that have one.")
    avg_response_time_minutes = serializers.FloatField(allow_null=True, help_text="The mean of the days' means.")
    avg_completion_time_hours = serializers.FloatField(allow_null=True)
    customer_satisfaction_avg = serializers.FloatField(allow_null=True)


class DayPage(serializers.Serializer[Any]):
    analytics = DayRow(many=True)
    summary = Summary()
    pagination = Pagination()
    next_cursor = serializers.CharField(allow_null=True, required=False, help_text=WITH_CURSOR)


class Days(Resource):
    @endpoint("Pincode analytics", query=DayQuery, answers=DayPage)
    def get(self, request: Request, said: Said) -> Response:
        """Newest day first, then by pincode."""
        rows = filtered(said)
        part = part_of(rows, NEWEST_FIRST, said)
        summary = remembered("summary", rows, lambda: summary_of(rows), size=part.total)
        return plain(
            {
                "analytics": [row_of(row) for row in part.rows],
                "summary": summary,
                "pagination": part.pagination,
                **part.how_to_go_on(said),
            }
        )


class DayExport(Resource):
    @endpoint("Export pincode analytics", query=DayFilter, answers={(200, CSV): OpenApiTypes.BINARY})
    def get(self, request: Request, said: Said) -> StreamingHttpResponse:
        """CSV, newest day first, then by pincode."""
        columns = list(DayRow._declared_fields)

        def lines() -> Iterator[list[Any]]:
            for day in filtered(said).order_by(*NEWEST_FIRST.fields).iterator(chunk_size=500):
                row = row_of(day)
                yield [row[name] for name in columns]

        return csv_file("pincode-analytics", columns, lines(), user=self.user, asked=said, now=clock.now())


def filtered(said: Said) -> QuerySet[PincodeAnalytics]:
    exact = {"pincode": "pincode", "date_from": "date__gte", "date_to": "date__lte"}
    return PincodeAnalytics.objects.filter(**{field: said[name] for name, field in exact.items() if name in said})


def row_of(row: PincodeAnalytics) -> dict[str, Any]:
    shown = {name: getattr(row, name) for name in DayRow._declared_fields}
    if isinf(shown["demand_ratio"]):
        shown["demand_ratio"] = None
    for name in ("total_revenue", "avg_booking_value"):
        shown[name] = exact(shown[name])
    return shown


def summary_of(rows: QuerySet[PincodeAnalytics]) -> dict[str, Any]:
    """In one statement. Within it the names have a tail: a sum that is called like its column hides the column."""
    ratio = Cast("total_bookings", FloatField()) / Cast("available_vendors", FloatField())
    asked: dict[str, Any] = {
        "pincodes": Count("pincode", distinct=True),
        "days": Count("date", distinct=True),
        "date_from": Min("date"),
        "date_to": Max("date"),
        **{name: Sum(name, default=0) for name in (*COUNTS, "total_revenue")},
        "avg_available_vendors": Avg("available_vendors"),
        "avg_demand_ratio": Avg(ratio, filter=Q(available_vendors__gt=0)),
        **{name: Avg(name) for name in MEANS},
    }
    answers = rows.order_by().aggregate(**{f"{name}_": expression for name, expression in asked.items()})
    found = {name.removesuffix("_"): value for name, value in answers.items()}
    revenue, done = Decimal(found["total_revenue"]), found["completed_bookings"]
    found["total_revenue"], found["avg_booking_value"] = exact(revenue), exact(revenue / done if done else None)
    return {name: found[name] for name in Summary._declared_fields}

"""Pincode analytics through the API."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from core.models import PincodeAnalytics
from tests.api.callers import named_fields
from tests.api.conventions import queries_of

pytestmark = pytest.mark.django_db

URL = "/admin-dashboard/analytics/pincode/"
DAY = date(2026, 11, 16)


def row(pincode="560001", day=DAY, **fields):
    return PincodeAnalytics.objects.create(pincode=pincode, date=day, **fields)


def test_a_ratio_without_a_vendor_is_null_and_the_summary_is_of_everything(api, omar):
    row(total_bookings=4, available_vendors=2, completed_bookings=2, total_revenue=Decimal("1000.50"), customer_satisfaction_avg=4.0)
    row("560002", total_bookings=3)
    row("560003", DAY - timedelta(days=1), customer_satisfaction_avg=5.0)
    answer = api(omar).get(URL, per_page=2).json()
    assert [(day["pincode"], day["demand_ratio"]) for day in answer["analytics"]] == [("560001", 2.0), ("560002", None)]
    assert answer["analytics"][0]["total_revenue"] == "1000.50"
    assert answer["summary"] == {
        "pincodes": 3, "days": 2, "date_from": "2026-11-15", "date_to": "2026-11-16", "total_bookings": 7, "pending_bookings": 0,
        "completed_bookings": 2, "cancelled_bookings": 0, "total_revenue": "1000.50", "avg_booking_value": "500.25",
        "avg_available_vendors": pytest.approx(2 / 3), "avg_demand_ratio": 2.0, "avg_response_time_minutes": None,
        "avg_completion_time_hours": None, "customer_satisfaction_avg": 4.5,
    }  # fmt: skip
    assert answer["pagination"]["total"] == 3


def test_filters_count_both_ends_and_cursors_go_on(api, omar):
    for number in range(5):
        row(day=DAY - timedelta(days=number))
        row("560002", DAY - timedelta(days=number))
    caller = api(omar)
    answer = caller.get(URL, pincode="560001", date_from="2026-11-13", date_to="2026-11-15").json()
    assert [day["date"] for day in answer["analytics"]] == ["2026-11-15", "2026-11-14", "2026-11-13"]
    seen: list[tuple[str, str]] = []
    assert set(answer) == {"analytics", "summary", "pagination"}
    cursor: str | None = ""
    while cursor is not None:
        answer = caller.get(URL, per_page=3, cursor=cursor).json()
        seen += [(day["date"], day["pincode"]) for day in answer["analytics"]]
        cursor = answer["next_cursor"]
    assert len(seen) == len(set(seen)) == 10
    assert [
        (day["date"], day["pincode"]) for page in (1, 2, 3, 4) for day in caller.get(URL, per_page=3, page=page).json()["analytics"]
    ] == seen


def test_an_empty_summary_is_null_where_there_is_nothing_to_say(api, omar):
    summary = api(omar).get(URL).json()["summary"]
    assert (summary["pincodes"], summary["date_from"], summary["total_revenue"], summary["avg_booking_value"]) == (0, None, "0.00", None)


@pytest.mark.parametrize("asked", ["pincode=1", "date_from=x", "date_to=2026-13-01", "page=-1", "per_page=1000", "cursor=x", "region=56"])
def test_what_cannot_be_asked_is_said_by_name(api, omar, asked):
    assert named_fields(api(omar).get(f"{URL}?{asked}")) == [asked.partition("=")[0]]


def test_the_list_costs_as_many_statements_with_thirty_rows_as_with_three(api, omar):
    caller = api(omar)
    for number in range(3):
        row(day=DAY - timedelta(days=number))
    few = queries_of(lambda: caller.get(URL))
    for number in range(3, 30):
        row(day=DAY - timedelta(days=number))
    assert queries_of(lambda: caller.get(URL, per_page=100)) == few <= 6


def test_the_file_has_a_line_for_each_row(api, omar):
    row(total_bookings=1)
    lines = api(omar).get(f"{URL}export/").getvalue().decode().splitlines()
    assert lines[0].startswith("pincode,date,total_bookings")
    assert lines[1].startswith("560001,2026-11-16,1")

"""Response times over the API: the record of alerts as JSON and as a file, to finance the part about payments."""

import csv
from datetime import timedelta

import pytest

from core.models import AlertEvent, BusinessAlert
from tests.api.callers import named_fields
from tests.api.conventions import entries

URL = "/admin-dashboard/response-times/"
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen")]


@pytest.fixture
def acknowledged(omar, now):
    """An alert of payments taken after 30 minutes, one of signatures after 90."""
    for alert_type, minutes in (("payment_hold", 30), ("pending_signature", 90)):
        opened = now - timedelta(hours=3)
        alert = BusinessAlert.objects.create(alert_type=alert_type, severity="high", title="Stuck", created_at=opened)
        AlertEvent.objects.create(alert=alert, at=opened, kind="opened")
        AlertEvent.objects.create(alert=alert, at=opened + timedelta(minutes=minutes), kind="acknowledged", actor=omar)


def medians(answer):
    assert answer.status_code == 200, answer.content
    return {(row["type"], row["person"]): row["median_minutes"] for row in answer.json()["response_times"] if row["what"] == "acknowledged"}


@pytest.mark.usefixtures("acknowledged")
def test_times_are_told_by_type_and_person(api, sara):
    assert medians(api(sara).get(URL)) == {("payment_hold", ""): 30.0, ("pending_signature", ""): 90.0}
    assert medians(api(sara).get(URL, by="person")) == {("", "Omar"): 60.0}
    assert medians(api(sara).get(URL, type="payment_hold", date_from="2026-11-16", date_to="2026-11-16")) == {("payment_hold", ""): 30.0}
    assert medians(api(sara).get(URL, date_to="2026-11-10")) == {}


@pytest.mark.usefixtures("acknowledged")
def test_finance_sees_those_of_payments(api, farah):
    assert medians(api(farah).get(URL)) == {("payment_hold", ""): 30.0}
    assert medians(api(farah).get(URL, type="pending_signature")) == {}
    assert "pending_signature" not in b"".join(api(farah).get(f"{URL}export/").streaming_content).decode()


@pytest.mark.usefixtures("acknowledged")
def test_the_same_comes_as_a_file_and_the_trail_keeps_who_took_it(api, sara):
    answer = api(sara).get(f"{URL}export/", by="type")
    rows = list(csv.DictReader(b"".join(answer.streaming_content).decode().splitlines()))
    assert {row["type"]: row["median_minutes"] for row in rows if row["what"] == "acknowledged"} == {
        "payment_hold": "30.0",
        "pending_signature": "90.0",
    }
    assert entries(actor=sara)[-1].additional_data["act"] == "export response-times"


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ({"by": "moon"}, "by"),
        ({"by": "type,type"}, "by"),
        ({"by": ""}, "by"),
        ({"type": "x"}, "type"),
        ({"date_from": "2026-11-16", "date_to": "2026-11-15"}, "date_from"),
        ({"date_from": "2024-01-01", "date_to": "2026-01-01"}, "date_to"),
        ({"since": "2026-11-16"}, "since"),
    ],
)
def test_what_is_wrong_is_named(api, sara, query, named):
    assert named_fields(api(sara).get(URL, **query)) == [named]

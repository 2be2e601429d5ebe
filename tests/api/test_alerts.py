"""Alerts through the API: worst first, step by step, of two people one."""

import csv
import io
from datetime import timedelta

import pytest
from django.utils import timezone

from core.models import AlertEvent, AlertItem, BusinessAlert
from tests.api.callers import named_fields
from tests.api.conventions import entries, queries_of, survives_nonsense
from tests.api.world import AT, alert_of

pytestmark = pytest.mark.django_db

URL = "/admin-dashboard/notifications/alerts/"


def titles(answer):
    assert answer.status_code == 200, answer.content
    return [row["title"] for row in answer.json()["alerts"]]


def step(caller, alert, name, body=None, **headers):
    return caller.post(f"{URL}{alert.pk}/{name}/", body, **headers)


def test_what_is_open_comes_first_worst_first_and_then_what_is_over_newest_first(api, omar):
    alert_of(title="old and over", status="resolved", created_at=AT - timedelta(days=9), rupees_at_risk=10**7)
    alert_of(title="just over", status="resolved")
    alert_of(title="small", rupees_at_risk=100, severity="low")
    alert_of(title="large", rupees_at_risk=90_000, severity="critical")
    caller, expected = api(omar), ["large", "small", "just over", "old and over"]
    assert titles(caller.get(URL)) == expected
    assert [title for page in range(1, 6) for title in titles(caller.get(URL, per_page=1, page=page))] == expected
    assert [title for page in range(1, 3) for title in titles(caller.get(URL, per_page=3, page=page))] == expected
    assert caller.get(URL, per_page=3).json()["pagination"] == {"page": 1, "per_page": 3, "total": 4, "total_pages": 2}


@pytest.mark.parametrize(
    ("asked", "fields"),
    [
        ({"status": "ignored"}, {"status": "ignored"}),
        ({"severity": "critical"}, {"severity": "critical"}),
        ({"type": "system_error"}, {"alert_type": "system_error"}),
    ],
)
def test_each_filter_leaves_what_it_names(api, omar, asked, fields):
    alert_of(title="other")
    alert_of(title="this", **fields)
    assert titles(api(omar).get(URL, **asked)) == ["this"]


def test_what_is_somebodys_is_found_by_that(api, omar, sara):
    alert_of(title="other", assigned_to=sara)
    alert_of(title="mine", assigned_to=omar)
    assert titles(api(sara).get(URL, assigned_to=omar.pk)) == ["mine"]


@pytest.mark.parametrize(
    "asked", ["status=open", "severity=bad", "type=x", "assigned_to=0", "assigned_to=me", "page=0", "per_page=101", "x=1"]
)
def test_what_cannot_be_asked_is_said_by_name(api, omar, asked):
    assert named_fields(api(omar).get(f"{URL}?{asked}")) == [asked.partition("=")[0]]


def test_finance_sees_and_moves_payment_alerts_and_nothing_else(api, farah):
    own, other = alert_of(title="payments"), alert_of(title="disk", alert_type="system_error")
    caller = api(farah)
    assert titles(caller.get(URL)) == ["payments"]
    assert caller.get(f"{URL}{other.pk}/").status_code == 404
    assert step(caller, other, "acknowledge").status_code == 404
    assert step(caller, own, "acknowledge").status_code == 200


def test_an_alert_shows_its_items_and_what_happened_to_it(api, omar):
    alert = alert_of()
    caller = api(omar)
    step(caller, alert, "comment", {"text": "Called the bank."})
    shown = caller.get(f"{URL}{alert.pk}/").json()
    assert [(item["label"], item["rupees"]) for item in shown["items"]] == [("₹500", "500.50")]
    assert [(event["kind"], event["actor"], event["reason"]) for event in shown["events"]] == [("commented", "Omar", "Called the bank.")]
    assert shown["pagination"]["total"] == 1


def test_the_steps_of_an_alerts_life(api, omar, sara):
    alert, caller = alert_of(), api(omar)
    in_an_hour = timezone.now() + timedelta(hours=1)
    assert step(caller, alert, "acknowledge").json()["status"] == "acknowledged"
    assert step(caller, alert, "assign", {"user_id": sara.pk}).json()["assigned_to"] == sara.pk
    assert step(caller, alert, "assign", {"user_id": None}).json()["assigned_to"] is None
    assert step(caller, alert, "snooze", {"until": in_an_hour.isoformat()}).json()["snoozed_until"]
    assert step(caller, alert, "ignore", {"reason": "Known."}).json()["status"] == "ignored"
    assert step(caller, alert, "reopen", {"reason": "It is back."}).json()["status"] == "active"
    done = step(caller, alert, "resolve", {"notes": "Paid."}).json()
    assert (done["status"], done["resolved_by"], done["resolved_by_name"], done["resolution_notes"]) == (
        "resolved",
        omar.pk,
        "Omar",
        "Paid.",
    )
    assert done["permitted"] == ["comment", "reopen"]
    assert {entry.actor for entry in entries(object_pk=str(alert.pk))} == {omar}
    assert all(entry.remote_addr for entry in entries(object_pk=str(alert.pk)))


def test_an_illegal_step_is_refused_with_the_present_state(api, omar, sara):
    alert = alert_of()
    step(api(sara), alert, "acknowledge")
    answer = step(api(omar), alert, "acknowledge")
    assert (answer.status_code, answer.json()["code"]) == (409, "illegal_step")
    assert "Sara" in answer.json()["message"]
    assert (answer.json()["alert"]["status"], answer.json()["alert"]["acknowledged_by"]) == ("acknowledged", sara.pk)


def test_of_two_who_looked_at_the_same_state_the_later_is_told(api, omar, sara):
    alert = alert_of()
    seen = api(omar).get(f"{URL}{alert.pk}/").json()["version"]
    assert step(api(sara), alert, "assign", {"user_id": sara.pk, "version": seen}).status_code == 200
    answer = step(api(omar), alert, "assign", {"user_id": omar.pk, "version": seen})
    assert (answer.status_code, answer.json()["alert"]["assigned_to"]) == (409, sara.pk)


@pytest.mark.parametrize(
    ("name", "body", "field"),
    [
        ("acknowledge", {"note": "x"}, "note"),
        ("acknowledge", {"version": "x"}, "version"),
        ("assign", {}, "user_id"),
        ("assign", {"user_id": 10**12}, "user_id"),
        ("assign", {"user_id": True}, "user_id"),
        ("comment", {"text": " "}, "text"),
        ("comment", {"text": 5}, "text"),
        ("comment", {"text": "x" * 2001}, "text"),
        ("snooze", {"until": "tomorrow"}, "until"),
        ("snooze", {"until": "2026-11-16T09:00:00"}, "until"),
        ("snooze", {"until": "2001-01-01T00:00:00Z"}, "until"),
        ("snooze", {"until": "9999-12-31T23:59:59-23:59"}, "until"),
        ("ignore", {}, "reason"),
        ("resolve", {}, "notes"),
        ("resolve", {"notes": None}, "notes"),
        ("reopen", {"reason": []}, "reason"),
    ],
)
def test_a_bad_body_is_said_by_name_and_changes_nothing(api, omar, name, body, field):
    alert = alert_of(status="ignored" if name == "reopen" else "active")
    assert named_fields(step(api(omar), alert, name, body)) == [field]
    assert not AlertEvent.objects.exists()


@pytest.mark.parametrize(("sent", "status"), [({}, 200), ({"version": "1"}, 415)])
def test_a_call_that_says_nothing_may_come_as_an_empty_form(client, omar, sent, status):
    client.force_login(omar)
    assert client.post(f"{URL}{alert_of().pk}/acknowledge/", sent).status_code == status


def test_nothing_that_is_sent_in_place_of_a_version_or_a_moment_breaks_it(api, omar):
    caller = api(omar)
    survives_nonsense(lambda body: step(caller, alert_of(), "snooze", body), {"until": "2026-11-16T09:00:00Z", "version": 0})


@pytest.mark.parametrize("where", ["00000000-0000-0000-0000-000000000000", "nonsense", "%00", "1"])
def test_an_alert_that_is_not_there_is_not_found(api, omar, where):
    answer = api(omar).post(f"{URL}{where}/acknowledge/", {})
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_the_list_costs_as_many_statements_with_thirty_rows_as_with_three(api, omar, sara):
    caller = api(omar)
    for _ in range(3):
        alert_of(assigned_to=sara, acknowledged_by=omar)
    few = queries_of(lambda: caller.get(URL, per_page=100))
    for number in range(27):
        alert_of(assigned_to=sara, resolved_by=omar, status="resolved" if number % 2 else "active")
    assert queries_of(lambda: caller.get(URL, per_page=100)) == few <= 6


def test_the_file_of_alerts_is_the_readers_part(api, farah):
    alert_of(title="=payments")
    alert_of(title="disk", alert_type="system_error")
    text = api(farah).get(f"{URL}export/").getvalue().decode()
    assert "'=payments" in text
    assert "disk" not in text


def test_the_same_step_with_the_same_key_is_taken_once(api, omar):
    alert, caller = alert_of(), api(omar)
    answers = [step(caller, alert, "comment", {"text": "Once."}, Idempotency_Key="k1") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert AlertEvent.objects.count() == 1
    assert BusinessAlert.objects.get(pk=alert.pk).version == 0


def test_an_alerts_items_are_a_file_that_is_safe_in_a_spreadsheet_and_only_for_who_may_read_it(api, omar, farah, now):
    payments, bookings = alert_of(alert_type="payment_hold"), alert_of(alert_type="booking_timeout")
    AlertItem.objects.all().delete()
    for number, (alert, label, cleared) in enumerate(
        [(payments, "=HYPERLINK(1)", None), (payments, "Released", now), (bookings, "Overdue", None)]
    ):
        AlertItem.objects.create(
            alert=alert,
            object_type="payment",
            object_id=str(number),
            label=label,
            since=now,
            severity="high",
            rupees=150,
            cleared_at=cleared,
        )
    where = f"{URL}{payments.pk}/items/export/"
    for caller in (api(omar), api(farah)):
        lines = list(csv.DictReader(io.StringIO(caller.get(where).getvalue().decode())))
        assert [(line["label"], line["rupees"], line["cleared_at"]) for line in lines] == [("'=HYPERLINK(1)", "150.00", "")]
    assert "Released" in api(omar).get(where, state="cleared").getvalue().decode()
    assert api(farah).get(f"{URL}{bookings.pk}/items/export/").status_code == 404
    assert [entry.additional_data["act"] for entry in entries(action=3)] == ["export alert-items"] * 3

"""The log of notifications: its filters, its pages, its files, and whose it is."""

import csv
import io
from datetime import timedelta

import pytest

from core.models import MessageContent, NotificationLog, Role
from tests.api.callers import named_fields
from tests.api.conventions import entries, queries_of
from tests.api.world import AT, message_of
from tests.people import person

pytestmark = pytest.mark.django_db

URL = "/admin-dashboard/notifications/logs/"


def ids(answer):
    assert answer.status_code == 200, answer.content
    return [row["id"] for row in answer.json()["notifications"]]


def test_a_row_says_what_was_sent_to_whom_and_what_became_of_it(api, omar, vera):
    row = message_of(
        vera, method="email", address="vera@homeserve.example", dup_risk=True, read_at=AT, clicked_at=AT, pincode="560001",
        error_message="Mailbox of vera@homeserve.example is full",
    )  # fmt: skip
    shown = api(omar).get(URL).json()["notifications"][0]
    assert (shown["id"], shown["recipient_id"], shown["recipient"]) == (str(row.pk), vera.pk, "Vera")
    assert (shown["dup_risk"], shown["status"], shown["pincode"]) == (True, "sent", "560001")
    assert shown["read_at"] == shown["clicked_at"] == "2026-11-16T03:30:00Z"
    assert "vera@" not in str(shown)


@pytest.mark.parametrize(
    ("asked", "fields"),
    [
        ({"type": "bonus_alert"}, {"notification_type": "bonus_alert"}),
        ({"status": "failed"}, {"status": "failed"}),
        ({"status": "pending"}, {"status": "pending", "method": "sms"}),
        ({"method": "sms"}, {"method": "sms"}),
        ({"pincode": "560002"}, {"pincode": "560002"}),
        ({"date_from": "2026-11-17"}, {"created_at": AT + timedelta(days=1)}),
        ({"date_to": "2026-11-15"}, {"created_at": AT - timedelta(days=1)}),
        ({"date_from": "2026-11-17", "date_to": "2026-11-17"}, {"created_at": AT + timedelta(days=1)}),
        ({"search": "LEAKING"}, {"message": "The tap is leaking."}),
        ({"search": "50%"}, {"subject": "50% off"}),
    ],
)
def test_each_filter_leaves_what_it_names(api, omar, vera, asked, fields):
    found = message_of(vera, **fields)
    message_of(vera, message="A 5000 tap.")
    assert ids(api(omar).get(URL, **asked)) == [str(found.pk)]


def test_a_row_that_other_code_wrote_is_found_by_the_pincode_it_names_else_its_persons(api, omar, vera):
    named, also = message_of(vera, metadata={"pincode": "560009"}), message_of(vera, metadata={"pincode": "nowhere"})
    NotificationLog.objects.bulk_create([NotificationLog(recipient_id=vera.pk, notification_type="promotional", method="sms")])
    assert ids(api(omar).get(URL, pincode="560009")) == [str(named.pk)]
    assert str(also.pk) in ids(api(omar).get(URL, pincode=vera.pincode))
    assert len(ids(api(omar).get(URL, pincode=vera.pincode))) == 2


def test_a_search_finds_the_words_of_a_campaign_and_the_person(api, omar, vera, kiran):
    content = MessageContent.objects.create(template="promotional", version="file", subject="Diwali", body="25 % off", created_at=AT)
    offer = message_of(kiran, content=content, subject="Diwali", message="25 % off")
    other = message_of(vera)
    assert ids(api(omar).get(URL, search="diwali")) == [str(offer.pk)]
    assert ids(api(omar).get(URL, search="VER")) == [str(other.pk)]
    assert ids(api(omar).get(URL, search="kiran@")) == [str(offer.pk)]
    assert ids(api(omar).get(URL, recipient_id=vera.pk)) == [str(other.pk)]


def test_finance_sees_the_logs_of_payments_and_nothing_else(api, farah, vera):
    own, other = message_of(vera), message_of(vera, notification_type="bonus_alert")
    assert ids(api(farah).get(URL)) == [str(own.pk)]
    assert ids(api(farah).get(URL, type="bonus_alert")) == []
    assert api(farah).get(f"{URL}{own.pk}/").status_code == 200
    assert api(farah).get(f"{URL}{other.pk}/").status_code == 404


def test_pages_and_cursors_show_every_row_once_from_both_ends(api, omar, vera):
    rows = [message_of(vera, created_at=AT + timedelta(minutes=number // 3)) for number in range(11)]
    newest_first = [str(row.pk) for row in sorted(rows, key=lambda row: (row.created_at, row.pk), reverse=True)]
    caller = api(omar)
    paged = [ids(caller.get(URL, page=page, per_page=2)) for page in range(1, 8)]
    assert [row for page in paged for row in page] == newest_first
    assert paged[-1] == []
    assert caller.get(URL, page=3, per_page=2).json()["pagination"] == {"page": 3, "per_page": 2, "total": 11, "total_pages": 6}
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        answer = caller.get(URL, per_page=2, cursor=cursor)
        seen += ids(answer)
        cursor = answer.json()["next_cursor"]
    assert seen == newest_first


def test_an_empty_log_has_no_pages(api, omar):
    assert api(omar).get(URL).json() == {
        "notifications": [],
        "pagination": {"page": 1, "per_page": 20, "total": 0, "total_pages": 0},
    }


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"page": "0"}, "page"), ({"page": "x"}, "page"), ({"page": "9" * 5000}, "page"), ({"page": "1.5"}, "page"),
        ({"per_page": "101"}, "per_page"), ({"per_page": "0"}, "per_page"), ({"type": "nonsense"}, "type"), ({"status": "Sent"}, "status"),
        ({"method": "pigeon"}, "method"), ({"recipient_id": "9" * 30}, "recipient_id"), ({"recipient_id": "-1"}, "recipient_id"),
        ({"pincode": "012345"}, "pincode"), ({"pincode": "56000"}, "pincode"), ({"pincode": "५६०००१"}, "pincode"),
        ({"date_from": "2026-02-30"}, "date_from"), ({"date_from": "yesterday"}, "date_from"), ({"date_to": "0001-01-01"}, "date_to"),
        ({"date_from": "2026-11-17", "date_to": "2026-11-16"}, "date_from"),
        ({"date_from": "2025-11-16", "date_to": "2026-11-17"}, "date_to"),
        ({"search": "\0"}, "search"), ({"search": "x" * 101}, "search"), ({"colour": "red"}, "colour"), ({"format": "json"}, "format"),
        ({"cursor": "nonsense"}, "cursor"), ({"cursor": "AAAA"}, "cursor"), ({"page": ["1", "2"]}, "page"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_said_by_name(api, omar, asked, field):
    assert named_fields(api(omar).get(URL, **asked)) == [field]


def test_a_range_of_366_days_is_taken(api, omar):
    assert api(omar).get(URL, date_from="2025-11-16", date_to="2026-11-16").status_code == 200


def test_the_list_costs_as_many_statements_with_thirty_rows_as_with_three(api, omar):
    caller = api(omar)
    for _ in range(3):
        message_of(person(Role.VENDOR))
    few = queries_of(lambda: caller.get(URL))
    for _ in range(27):
        message_of(person(Role.VENDOR))
    assert queries_of(lambda: caller.get(URL, per_page=100)) == few <= 5


def test_one_message_shows_what_happened_on_its_way(api, omar, vera):
    row = message_of(vera)
    row.events.create(kind="bounced", code="550", detail="vera@homeserve.example is unknown", at=AT)
    shown = api(omar).get(f"{URL}{row.pk}/").json()
    assert [(step["kind"], step["code"]) for step in shown["events"]] == [("bounced", "550")]
    assert "vera@" not in str(shown["events"])


def test_the_file_holds_every_row_carries_out_no_formula_and_is_entered_in_the_trail(api, omar, vera):
    for subject in ("=HYPERLINK(1)", "+1", "@x", "-2", "\tx", 'A "quote", and\na line'):
        message_of(vera, subject=subject)
    answer = api(omar).get(f"{URL}export/", status="sent")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=")
    lines = list(csv.DictReader(io.StringIO(answer.getvalue().decode())))
    assert sorted(line["subject"] for line in lines) == sorted(["'=HYPERLINK(1)", "'+1", "'@x", "'-2", "'\tx", 'A "quote", and\na line'])
    assert [entry.additional_data["act"] for entry in entries(actor=omar, action=3)] == ["export notifications"]


def test_finance_takes_away_only_its_own_part(api, farah, vera):
    own = message_of(vera)
    message_of(vera, notification_type="bonus_alert")
    lines = list(csv.DictReader(io.StringIO(api(farah).get(f"{URL}export/").getvalue().decode())))
    assert [line["id"] for line in lines] == [str(own.pk)]


def test_a_long_count_is_remembered_and_what_is_newer_is_added(api, omar, vera, monkeypatch):
    monkeypatch.setattr("core.dashboard.pages.COUNTED_EACH_TIME", 2)
    rows = [message_of(vera, created_at=AT + timedelta(minutes=number)) for number in range(3)]
    caller = api(omar)
    total = lambda **more: caller.get(URL, **more).json()["pagination"]["total"]  # noqa: E731
    assert total(per_page=2) == 3
    message_of(vera, created_at=AT + timedelta(hours=1))
    assert total(per_page=2) == 4
    NotificationLog.objects.filter(pk=rows[0].pk).delete()
    assert total(per_page=2) == 4
    # A page that all of it is on says what is on it.
    assert total() == total(per_page=2) == 3
    assert caller.get(URL, status="sent").json()["pagination"]["total"] == 3

"""The log's filters and its search: found where a database need not read the log for it, and true whatever is written."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection

from core.dashboard.logs import NEWEST_FIRST, filtered
from core.models import MessageContent, NotificationLog, Status, search
from tests.api.world import AT, message_of
from tests.people import person

pytestmark = pytest.mark.django_db

URL = "/admin-dashboard/notifications/logs/"
BY_INDEX: dict[str, list[dict[str, Any]]] = {
    "created": [{}, {"date_from": date(2026, 11, 1), "date_to": date(2026, 11, 7)}],
    "kind": [{"type": "bonus_alert"}, {"type": "bonus_alert", "date_from": date(2026, 11, 1)}],
    "method": [{"method": "sms"}],
    "status": [{"status": status} for status in Status.values if status != "failed"],
    "went_wrong": [{"status": "failed"}],
    "person": [{"recipient_id": 7}],
    "area": [{"pincode": "560001"}],
}


def found(api, user, term):
    answer = api(user).get(URL, search=term)
    assert answer.status_code == 200, answer.content
    return {row["id"] for row in answer.json()["notifications"]}


def a_log_of_others(asked: dict[str, Any], vera: Any) -> None:
    """Two thousand messages of which the filter finds few, and what PostgreSQL knows of them."""
    usual = {
        "recipient": vera,
        "notification_type": "promotional",
        "method": "email",
        "status": "delivered" if asked.get("status") == "sent" else "sent",
        "pincode": "400001",
    }
    named = {"type": "notification_type", "method": "method", "status": "status", "pincode": "pincode"}
    wanted = {named[name]: value for name, value in asked.items() if name in named}
    NotificationLog.objects.bulk_create(
        NotificationLog(**{**usual, **(wanted if number % 80 == 0 else {})}, created_at=AT - timedelta(minutes=number))
        for number in range(2_000)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE core_notificationlog")


@pytest.mark.parametrize(("index", "asked"), [(index, asked) for index, ways in BY_INDEX.items() for asked in ways])
def test_each_filter_is_paged_and_counted_in_an_index_alone(omar, vera, index, asked):
    a_log_of_others(asked, vera)
    rows = filtered(omar, asked)
    page = rows.order_by(*NEWEST_FIRST.fields).values_list("pk")[:20]
    if connection.vendor == "sqlite":
        plan = page.explain()
        assert f"COVERING INDEX notification_{index}" in plan
        assert "TEMP B-TREE" not in plan
        assert "COVERING INDEX" in rows.order_by().values_list("created_at", "id").explain()
    else:
        plan = page.explain()
        # Failed messages are in two indexes, of which either will do.
        assert any(f"notification_{name} " in plan for name in (index, "status" if index == "went_wrong" else index)), plan
        assert "Sort" not in plan


def test_words_are_found_as_they_are_now(api, omar, vera):
    row = message_of(vera, message="The geyser is leaking.")
    content = MessageContent.objects.create(template="promotional", version="file", subject="Diwali", body="A quarter off", created_at=AT)
    offer = message_of(vera, content=content, subject="Diwali", message="A quarter off")
    assert found(api, omar, "geyser") == {str(row.pk)}
    NotificationLog.objects.filter(pk=row.pk).update(message="The boiler is leaking.")
    MessageContent.objects.filter(pk=content.pk).update(body="A third off")
    assert found(api, omar, "geyser") == found(api, omar, "quarter") == set()
    assert found(api, omar, "BOILER") == {str(row.pk)}
    assert found(api, omar, "third o") == {str(offer.pk)}
    row.delete()
    assert found(api, omar, "boiler") == set()


@pytest.mark.parametrize("term", ['"quoted"', "50%", "a*b", "NOT", "x_y", "it's", "col:umn", "(", "ab", "₹5"])
def test_a_term_is_a_text_and_no_language(api, omar, vera, term):
    own = message_of(vera, message=f"Before {term} after")
    content = MessageContent.objects.create(template="promotional", version="file", subject=f"{term}!", body="", created_at=AT)
    offer = message_of(vera, content=content, subject=f"{term}!", message="")
    message_of(vera, message="500 axb xy columns")
    assert found(api, omar, term) == {str(own.pk), str(offer.pk)}


def test_more_texts_than_are_looked_up_are_met_while_reading(api, omar, vera, monkeypatch):
    monkeypatch.setattr("core.dashboard.search.TEXTS", 2)
    rows = {str(message_of(vera, message=f"Leak {number}").pk) for number in range(4)}
    for number in range(4):
        content = MessageContent.objects.create(template="promotional", version="file", subject="", body=f"Leak {number}", created_at=AT)
        rows.add(str(message_of(vera, content=content).pk))
    message_of(vera, message="Dry")
    assert found(api, omar, "leak") == rows


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_what_is_found_is_paged_newest_first_whatever_holds_it(api, omar, vera, kiran, size):
    rows = [message_of(kiran, message="A leak of one's own.", created_at=AT + timedelta(minutes=minute)) for minute in (2, 7)]
    # Two texts a run, as in two languages, and two people each.
    for number in range(8):
        at = AT + timedelta(minutes=number // 2 * 5)
        content = MessageContent.objects.create(template="promotional", version="file", subject="Leak", body="", created_at=at)
        rows += [message_of(who, content=content, created_at=at) for who in (vera, kiran)]
    newest_first = [str(row.pk) for row in sorted(rows, key=lambda row: (row.created_at, row.pk), reverse=True)]
    caller = api(omar)
    pages = [caller.get(URL, search="leak", page=page, per_page=size).json()["notifications"] for page in range(1, 20)]
    assert [row["id"] for page in pages for row in page] == newest_first


@pytest.mark.sqlite
def test_a_migration_finds_the_words_that_are_there_and_can_be_taken_back(api, omar, vera):
    search.unmake(connection)
    row = message_of(vera, message="The geyser is leaking.")
    content = MessageContent.objects.create(template="promotional", version="file", subject="", body="A geyser", created_at=AT)
    offer = message_of(vera, content=content)
    assert search.holding(NotificationLog, "geyser", most=9) is None
    assert found(api, omar, "geyser") == {str(row.pk), str(offer.pk)}
    search.make(connection)
    assert search.holding(NotificationLog, "geyser", most=9) == [row.pk]
    assert search.holding(MessageContent, "geyser", most=9) == [content.pk]
    assert found(api, omar, "geyser") == {str(row.pk), str(offer.pk)}


@pytest.mark.parametrize(
    ("term", "who"), [("PRI", "first"), ("n_i", "name"), ("+91980", "phone"), ("iyer", "last"), ("p%", "mail"), ("r", None)]
)
def test_people_are_found_by_the_beginning_of_any_of_their_names(api, omar, term, who):
    wanted = {
        "first": person(first_name="Priya"),
        "last": person(last_name="Iyer"),
        "name": person(username="n_i"),
        "phone": person(phone="+919800000099"),
        "mail": person(email="p%25@homeserve.example"),
    }
    rows = {name: str(message_of(one, message="-").pk) for name, one in wanted.items()}
    person(username="nxi", first_name="Apri", email="pq@homeserve.example")
    assert found(api, omar, term) & set(rows.values()) == ({rows[who]} if who else set())


@pytest.mark.sqlite
def test_people_are_looked_up_and_not_read(db):
    statement, values = search.beginning("pri", most=200)
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {statement}", values)
        plan = [str(row[-1]) for row in cursor.fetchall()]
    assert [line for line in plan if "core_user" in line and "SEARCH core_user USING COVERING INDEX core_user_begins_" not in line] == []
    assert sum("core_user_begins_" in line for line in plan) == len(search.NAMES)


@pytest.mark.sqlite
def test_of_one_or_two_letters_only_words_that_are_a_message_s_own_are_read(api, omar, vera):
    own = message_of(vera, message="A zq in it.")
    content = MessageContent.objects.create(template="promotional", version="file", subject="", body="zq", created_at=AT)
    offer = message_of(vera, content=content)
    assert search.holding(NotificationLog, "ZQ", most=9) == [own.pk]
    assert search.holding(NotificationLog, "q_", most=9) == []
    assert found(api, omar, "zq") == {str(own.pk), str(offer.pk)}


@pytest.mark.sqlite
def test_words_go_with_their_rows(vera):
    message_of(vera, message="The geyser is leaking.").delete()
    with connection.cursor() as cursor:
        for table in ("core_notificationlog_words", "core_notificationlog_worded"):
            cursor.execute(f"SELECT count(*) FROM {table}")
            assert cursor.fetchone() == (0,)

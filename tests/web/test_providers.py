"""The providers' page: how each stands, and switches that ask first, say how many wait, and name who was faster."""

import re
from datetime import timedelta

import pytest
from auditlog.models import LogEntry
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core import clock
from core.models import NotificationLog, Role, Switch
from tests.people import person

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen")]

PAGE = "/dashboard/providers/"
SWITCH = f"{PAGE}switch/"


def message(to, *, method="email", status="pending", ago=10, **fields):
    at = clock.now() - timedelta(minutes=ago)
    return NotificationLog.objects.create(
        recipient=to, notification_type="promotional", method=method, status=status, created_at=at, due_at=at, **fields
    )


def text_of(client, url=PAGE):
    answer = client.get(url)
    assert answer.status_code == 200
    return answer.content.decode()


def row_of(page, method):
    row = re.search(rf'<tr data-row="{method}">(.*?)</tr>', page, re.DOTALL)
    assert row
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", row[1]))


def pause(client, name="email", *, scope="method", paused="yes", reason="The wording is wrong", **more):
    return client.post(SWITCH, {"scope": scope, "name": name, "paused": paused, "reason": reason}, **more)


def test_each_provider_tells_what_it_took_and_what_waits_since_when(as_omar, kiran):
    for status in ("sent", "sent", "delivered", "failed"):
        message(kiran, status=status, sent_at=clock.now() - timedelta(minutes=7) if status != "failed" else None)
    message(kiran, ago=25)
    message(kiran, ago=60 * 24, status="sent")
    row = row_of(text_of(as_omar), "email")
    assert re.search(r"\b3 last 8:53 1 1 1 waiting, the oldest since 8:35", row)
    assert "nothing waits" in row_of(text_of(as_omar), "sms")


def test_pausing_asks_first_and_says_how_many_wait(as_omar, kiran):
    message(kiran)
    message(kiran, method="sms")
    page = text_of(as_omar)
    assert "2 waiting now. Sign-in codes stop too. Why?" in page
    assert "1 message waits now. Sign-in codes by Email stop too; other methods go on. Why?" in page
    assert not Switch.objects.exists()
    # And in the page itself, for who has no script.
    assert 'class="card pv-ask"' in text_of(as_omar, f"{PAGE}?ask=method:email")


def test_what_will_come_by_a_usual_day_like_this_is_said_before_everything_stops(as_omar, kiran):
    for weeks in (1, 2, 3):
        for number in range(6):
            # 11:00, and on one day 16:00, which is beyond what is looked at.
            message(kiran, status="sent", ago=weeks * 7 * 24 * 60 - (120 if number < 5 else 420))
    assert "Nothing waiting now, about 5 more by 14:00." in text_of(as_omar)


def test_a_pause_holds_and_tells_who_and_why_and_goes_on_again(as_omar, omar):
    answer = pause(as_omar)
    assert (answer.status_code, answer.headers["Location"]) == (303, PAGE)
    switch = Switch.objects.get()
    assert (switch.scope, switch.name, switch.is_paused, switch.changed_by) == ("method", "email", True, omar)
    assert LogEntry.objects.get_for_object(switch).get().actor == omar
    page = text_of(as_omar)
    assert "Email is paused. What is due waits." in page
    assert "Paused by Omar since 9:00: The wording is wrong" in row_of(page, "email")
    pause(as_omar, paused="no", reason="Mended")
    assert "Email is running. What waited leaves now." in text_of(as_omar)
    assert not Switch.objects.get().is_paused


def test_everything_is_paused_for_all_to_see(as_omar, vera):
    pause(as_omar, "", scope="all", reason="A wrong offer went out")
    page = text_of(as_omar)
    assert "<b>Everything is paused</b> by Omar" in page
    assert "A wrong offer went out" in page
    assert all("Paused" in row_of(page, method) for method in ("email", "sms", "websocket"))
    assert "Go on with everything?" in page
    assert "Nothing waits: nobody is written to by this." in page
    for pincode in ("560001", "560002"):
        NotificationLog.objects.create(recipient=vera, notification_type="bonus_alert", method="email", pincode=pincode)
    page = text_of(as_omar)
    assert "2 messages to 1 person wait now; what is not too late by then leaves at once." in page
    assert "Go on with everything, write to 1 person</button>" in page


def test_who_was_faster_is_named_and_keeps_the_switch(as_omar, sara, client):
    client.force_login(sara)
    pause(client, reason="Mine was first")
    client.force_login(person(Role.OPS_MANAGER, is_available=False))
    page = pause(client, reason="Mine was second", follow=True).content.decode()
    assert "Email was paused already: Sara saw to it at 9:00:00. Nothing was changed." in page
    assert Switch.objects.get().reason == "Mine was first"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"reason": ""}, "may not be blank"),
        ({"reason": "x" * 201}, "no more than 200 characters"),
        ({"name": "pigeon"}, "None of: email"),
        ({"scope": "planet"}, "is none of"),
    ],
)
def test_a_switch_that_cannot_be_thrown_says_why_and_keeps_what_was_typed(as_omar, given, words):
    typed = {"scope": "method", "name": "email", "paused": "yes", "reason": "Because"}
    answer = as_omar.post(SWITCH, typed | given)
    page = answer.content.decode()
    assert answer.status_code == 400
    assert words in page
    assert not Switch.objects.exists()
    if len(given.get("reason", "")) > 1:
        assert f'value="{given["reason"]}"' in page
        assert 'aria-describedby="wrong-asked"' in page


def test_finance_has_no_such_page(client, farah):
    client.force_login(farah)
    assert client.get(PAGE).status_code == 403
    assert pause(client).status_code == 403
    assert f'href="{PAGE}"' not in client.get("/dashboard/").content.decode()


def test_what_somebody_wrote_as_the_reason_is_shown_as_text(as_omar):
    pause(as_omar, "", scope="all", reason="<script>1</script>")
    page = text_of(as_omar)
    assert "&lt;script&gt;1" in page
    assert "<script>1" not in page


def test_it_costs_the_same_with_thirty_messages_as_with_three(as_omar, kiran):
    def cost():
        with CaptureQueriesContext(connection) as captured:
            text_of(as_omar)
        return len(captured)

    message(kiran)
    cost()
    few = cost()
    for number in range(30):
        message(person(), method=("email", "sms", "websocket")[number % 3])
        Switch.objects.create(scope="campaign", name=f"campaign{number}", is_paused=True, changed_by=person())
    assert cost() == few <= 12


@pytest.mark.sqlite
def test_sqlite_reads_what_waits_from_the_few_rows_that_wait(as_omar):
    as_omar.get(PAGE)
    with CaptureQueriesContext(connection) as captured:
        as_omar.get(PAGE)
    (waiting,) = [query["sql"] for query in captured if "'queued'" in query["sql"] and "UNION ALL" in query["sql"]]
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {waiting}")
        plan = " ".join(str(line) for line in cursor.fetchall())
    assert "notification_method" not in plan
    assert all(f"notification_{phase}" in plan for phase in ("due", "leased", "uncertain"))

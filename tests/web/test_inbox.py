"""The inbox: one's own, newest first; opening counts once."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from core import clock
from core.models import NotificationLog
from core.web.paging import mark

pytestmark = pytest.mark.django_db


@pytest.fixture
def as_vera(client, vera):
    client.force_login(vera)
    return client


def arrived(person, subject="Jobs due", *, method="websocket", phase="accepted", at=None, text="Three jobs need you."):
    status = {"accepted": "sent", "delivered": "delivered", "queued": "pending", "suppressed": "failed"}[phase]
    return NotificationLog.objects.create(
        recipient=person,
        notification_type="service_completion_reminder",
        method=method,
        status=status,
        phase=phase,
        subject=subject,
        message=text,
        created_at=at or clock.now(),
    )


def subjects(answer):
    return re.findall(r'<b class="grow wrap">([^<]*)</b>', answer.content.decode())


def test_an_inbox_holds_ones_own_messages_in_the_app_newest_first(as_vera, vera, kiran):
    now = clock.now()
    arrived(vera, "Older", at=now - timedelta(hours=1))
    arrived(vera, "Newer", at=now)
    arrived(vera, "A mail", method="email")
    arrived(vera, "Not sent yet", phase="queued")
    arrived(vera, "Set aside", phase="suppressed")
    arrived(kiran, "Somebody else's")
    assert subjects(as_vera.get("/inbox/")) == ["Newer", "Older"]


def test_a_closed_message_begins_after_the_greeting(as_vera, vera):
    arrived(vera, text="Hello Vera,\n\n<b>Three</b> jobs need you.")
    arrived(vera, text="First, three jobs.\nThen one.")
    arrived(vera, text="Only a greeting,\n")
    begins = re.findall(r'<span class="msg__p q2">([^<]*)</span>', as_vera.get("/inbox/").content.decode())
    assert sorted(begins) == ["&lt;b&gt;Three&lt;/b&gt; jobs need you.", "First, three jobs.\nThen one.", "Only a greeting,\n"]


def test_an_empty_inbox_says_so(as_vera):
    assert "You are up to date" in as_vera.get("/inbox/").content.decode()


def test_opening_a_message_counts_once_and_means_that_it_arrived(as_vera, vera):
    row = arrived(vera)
    assert as_vera.get(f"/inbox/{row.pk}/read/").status_code == 405
    as_vera.post(f"/inbox/{row.pk}/read/")
    row.refresh_from_db()
    first = row.read_at
    assert first is not None
    assert row.status == "delivered"
    as_vera.post(f"/inbox/{row.pk}/read/")
    row.refresh_from_db()
    assert row.read_at == first


def test_somebody_elses_message_is_not_there(as_vera, kiran):
    row = arrived(kiran)
    assert as_vera.post(f"/inbox/{row.pk}/read/").status_code == 404
    row.refresh_from_db()
    assert row.read_at is None


def test_opening_takes_the_token_of_our_own_page(vera):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(vera)
    row = arrived(vera)
    assert strict.post(f"/inbox/{row.pk}/read/").status_code == 403
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', strict.get("/inbox/").content.decode())
    assert token
    assert strict.post(f"/inbox/{row.pk}/read/", {"csrfmiddlewaretoken": token[1]}).status_code == 302


def test_all_are_read_at_once_and_only_ones_own(as_vera, vera, kiran):
    rows, other = [arrived(vera), arrived(vera)], arrived(kiran)
    as_vera.post("/inbox/read/")
    assert NotificationLog.objects.filter(pk__in=[row.pk for row in rows], read_at__isnull=False, status="delivered").count() == 2
    other.refresh_from_db()
    assert other.read_at is None
    assert "all read" in as_vera.get("/inbox/").content.decode()


def test_news_are_the_messages_after_the_last_one_seen(as_vera, vera):
    now = clock.now()
    seen = arrived(vera, "Seen", at=now - timedelta(minutes=2))
    arrived(vera, "New", at=now)
    assert subjects(as_vera.get("/inbox/news/", {"after": mark(seen)})) == ["New"]


def test_fifty_a_page_at_the_cost_of_a_few(as_vera, vera):
    def cost():
        with CaptureQueriesContext(connection) as captured:
            answer = as_vera.get("/inbox/")
        return len(captured), len(subjects(answer))

    arrived(vera)
    cost()
    few, one = cost()
    for number in range(60):
        arrived(vera, f"Number {number}")
    assert (one, cost()) == (1, (few, 50))


def test_words_are_text_and_addresses_are_links(as_vera, vera):
    arrived(vera, "<script>alert(1)</script>", text='<b onclick="x">Go</b> https://homeserve.example/r/abc')
    page = as_vera.get("/inbox/").content.decode()
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page
    assert "<b onclick" not in page
    assert 'href="https://homeserve.example/r/abc"' in page

"""Stopping by the link in a message: no login, one POST (RFC 8058); whoever only looks changes nothing."""

import re

import pytest
from django.test import Client

from core import clock, links
from core.models import NotificationLog, Preference
from core.notifications import choices
from core.notifications.kinds import BONUS, DEMAND, PROMOTION, REMINDER
from core.notifications.retention import clean_up
from tests.notifications.post import fresh, queued

pytestmark = pytest.mark.django_db

ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture
def stranger():
    """A mail client: no cookie, and the CSRF check as in production."""
    return Client(enforce_csrf_checks=True)


def sent(person, kind=PROMOTION, method="email", **fields):
    return queued(person, kind, method, now=clock.now(), **{"phase": "accepted", "status": "sent", **fields})


def url(row, purpose=links.UNSUBSCRIBE):
    return f"/unsubscribe/{links.token(purpose, row.pk)}/"


def words(answer):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def offers_stopped(person):
    return [kind.name for kind in choices.offers() if choices.has_stopped(person.pk, kind)]


@pytest.mark.parametrize("multipart", [False, True], ids=["urlencoded", "multipart"])
def test_a_mail_clients_one_click_stops_the_kind_by_every_method(stranger, kiran, multipart):
    row, waiting = sent(kiran), queued(kiran, PROMOTION, "websocket", now=clock.now())
    extra = {} if multipart else {"content_type": "application/x-www-form-urlencoded"}
    answer = stranger.post(url(row), ONE_CLICK if multipart else "List-Unsubscribe=One-Click", **extra)
    assert answer.status_code == 200
    assert not answer.cookies
    assert offers_stopped(kiran) == ["promotional"]
    assert set(Preference.objects.values_list("source", flat=True)) == {"one click"}
    assert fresh(waiting).phase == "cancelled"


def test_said_again_it_changes_nothing_and_writes_nothing(stranger, kiran, django_assert_max_num_queries):
    row = sent(kiran)
    stranger.post(url(row), ONE_CLICK)
    before = list(Preference.objects.order_by("pk").values())
    with django_assert_max_num_queries(16):
        stranger.post(url(row), ONE_CLICK)
    assert list(Preference.objects.order_by("pk").values()) == before


@pytest.mark.parametrize("method", ["get", "head", "options"])
def test_whoever_only_looks_changes_nothing(stranger, kiran, method):
    row = sent(kiran)
    for _ in range(3):
        answer = getattr(stranger, method)(url(row))
        assert answer.status_code == (204 if method == "options" else 200)
        assert not answer.cookies
    assert not Preference.objects.exists()
    assert fresh(row).clicked_at is None


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_other_ways_of_asking_are_refused(stranger, kiran, method):
    assert getattr(stranger, method)(url(sent(kiran))).status_code == 405


def test_the_page_asks_once_and_says_what_stops_and_for_whom(stranger, kiran):
    answer = stranger.get(url(sent(kiran)))
    text = words(answer)
    assert "Special offers" in text
    assert "k•••@homeserve.example" in text
    assert "kiran@" not in answer.content.decode()
    assert answer.content.decode().count("<button") == 1


@pytest.mark.parametrize(
    ("method", "whom"), [("email", "v•••@homeserve.example"), ("sms", "•••••004"), ("websocket", "v•••@homeserve.example")]
)
def test_whom_it_stops_for_is_shown_masked(stranger, vera, method, whom):
    text = words(stranger.get(url(sent(vera, BONUS, method))))
    assert whom in text
    assert "9845" not in text


def test_only_by_this_way_leaves_the_others(stranger, vera):
    answer = stranger.post(url(sent(vera, BONUS, "sms")), {"what": "method"})
    assert "go by SMS to" in words(answer)
    assert list(Preference.objects.values_list("category", "method", "allowed")) == [("bonus_alert", "sms", False)]


def test_all_offers_are_stopped_and_reminders_stay(stranger, vera):
    answer = stranger.post(url(sent(vera, BONUS)), {"what": "all"})
    assert "No more offers of any kind" in words(answer)
    assert offers_stopped(vera) == ["bonus_alert", "demand_notification", "promotional"]
    assert not choices.has_stopped(vera.pk, REMINDER)


@pytest.mark.parametrize("form", [{}, {"what": "kind"}, {"what": "nonsense"}, {"List-Unsubscribe": "one-click"}])
def test_any_other_post_stops_this_kind(stranger, kiran, form):
    assert stranger.post(url(sent(kiran)), form).status_code == 200
    assert offers_stopped(kiran) == ["promotional"]


@pytest.mark.parametrize("form", [ONE_CLICK, {"what": "kind"}, {"what": "method"}, {"what": "all"}])
def test_the_way_back_takes_back_what_the_link_stopped_and_nothing_else(stranger, vera, form):
    choices.stop(vera.pk, DEMAND, source=choices.PAGE, now=clock.now())
    row = sent(vera, BONUS)
    answer = stranger.post(url(row), form)
    assert 'value="back"' in answer.content.decode()
    assert "Back on" in words(stranger.post(url(row), {"what": "back"}))
    assert offers_stopped(vera) == ["demand_notification"]
    assert set(Preference.objects.values_list("category", flat=True)) == {"demand_notification"}


def test_what_was_stopped_otherwise_is_said_and_no_way_back_is_offered_here(stranger, kiran):
    row = sent(kiran)
    choices.stop_all_offers([kiran.pk], source="sms stop", now=clock.now())
    answer = stranger.get(url(row))
    assert "Stopped" in words(answer)
    assert 'value="back"' not in answer.content.decode()
    stranger.post(url(row), {"what": "back"})
    assert offers_stopped(kiran) == ["bonus_alert", "demand_notification", "promotional"]


def test_the_link_acts_for_its_own_person_whoever_is_logged_in(client, kiran, chitra):
    client.force_login(chitra)
    client.post(url(sent(kiran)), ONE_CLICK)
    assert (offers_stopped(kiran), offers_stopped(chitra)) == (["promotional"], [])


def test_a_link_that_was_never_made_is_not_found_and_tells_nothing(stranger, kiran):
    row = sent(kiran)
    tampered = links.token(links.UNSUBSCRIBE, row.pk)[:-2] + "AA"
    pages = {stranger.get(path).content for path in (f"/unsubscribe/{tampered}/", "/unsubscribe/x/", url(row, links.LINK))}
    assert len(pages) == 1
    answer = stranger.post(f"/unsubscribe/{tampered}/", ONE_CLICK)
    assert answer.status_code == 404
    assert "This link stops nothing" in words(answer)
    assert "homeserve.example" not in words(answer)
    assert not Preference.objects.exists()


def test_a_message_that_is_no_offer_has_no_such_link(stranger, vera):
    assert stranger.get(url(sent(vera, REMINDER))).status_code == 404
    assert stranger.post(url(sent(vera, REMINDER)), ONE_CLICK).status_code == 404
    assert not Preference.objects.exists()


def test_after_ninety_days_the_link_says_that_its_message_is_gone(stranger, kiran, frozen):
    row = sent(kiran)
    frozen.shift(91 * 24 * 3600)
    clean_up(now=clock.now())
    assert not NotificationLog.objects.exists()
    for answer in (stranger.get(url(row)), stranger.post(url(row), ONE_CLICK)):
        assert answer.status_code == 410
        assert "over 90 days old" in words(answer)
        assert 'href="/preferences/"' in answer.content.decode()

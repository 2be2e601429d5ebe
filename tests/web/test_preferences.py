"""What I get: everybody's own switches, and nobody else's."""

import re

import pytest
from auditlog.models import LogEntry
from django.test import Client

from core import clock
from core.models import NotificationLog, Preference, Role
from core.notifications import choices
from core.notifications.kinds import BONUS, PROMOTION
from tests.notifications.post import queued
from tests.people import person

pytestmark = pytest.mark.django_db

PAGE = "/preferences/"


@pytest.fixture
def as_kiran(client, kiran):
    client.force_login(kiran)
    return client


def page(client, **extra):
    return client.get(PAGE, **extra).content.decode()


def form(client):
    """The form as a browser would send it: what is shown, and what is on."""
    text = page(client)
    shown = re.findall(r'name="shown" value="([^"]+)"', text)
    on = re.findall(r'name="on" value="([^"]+)" checked', text)
    return {"shown": shown, "on": on}


def flip(client, switch, filled=None):
    filled = filled or form(client)
    on = [name for name in filled["on"] if name != switch] if switch in filled["on"] else [*filled["on"], switch]
    return client.post(PAGE, {"shown": filled["shown"], "on": on}, follow=True).content.decode()


def refused(who):
    return sorted(Preference.objects.filter(person=who, allowed=False).values_list("category", "method"))


def test_a_customer_sees_a_switch_for_each_kind_and_way_and_what_always_comes(as_kiran):
    assert form(as_kiran) == {
        "shown": ["pincode_alert:websocket:on", "pincode_alert:email:on", "promotional:websocket:on", "promotional:email:on"],
        "on": ["pincode_alert:websocket", "pincode_alert:email", "promotional:websocket", "promotional:email"],
    }
    text = page(as_kiran)
    for words in (
        "Special offers",
        "at most one a day and three a week",
        "Sign-in codes",
        "always",
        "kiran@homeserve.example",
        "+919845000006",
    ):
        assert words in text
    assert "Bonuses" not in text


def test_a_switch_that_is_flipped_is_saved_and_said(as_kiran, kiran):
    row = queued(kiran, PROMOTION, now=clock.now())
    text = flip(as_kiran, "promotional:email")
    assert "Saved: Special offers by email off." in text
    assert refused(kiran) == [("promotional", "email")]
    row.refresh_from_db()
    assert (row.phase, row.error_code) == ("cancelled", "opted_out")
    assert "promotional:email:off" in form(as_kiran)["shown"]
    assert "Saved: Special offers by email on." in flip(as_kiran, "promotional:email")
    assert refused(kiran) == []
    assert "Nothing was changed." in as_kiran.post(PAGE, form(as_kiran), follow=True).content.decode()


def test_the_change_is_entered_with_the_person_who_made_it(as_kiran, kiran):
    flip(as_kiran, "promotional:email")
    entry = LogEntry.objects.filter(content_type__model="preference").get()
    assert (entry.actor, entry.changes_dict["allowed"], entry.additional_data) == (kiran, ["None", "False"], {"source": "page"})


def test_a_page_left_open_takes_nothing_back_that_was_said_meanwhile(as_kiran, kiran):
    old = form(as_kiran)
    choices.stop(kiran.pk, PROMOTION, source=choices.ONE_CLICK, now=clock.now())
    flip(as_kiran, "pincode_alert:email", old)
    assert choices.has_stopped(kiran.pk, PROMOTION)
    assert ("pincode_alert", "email") in refused(kiran)


def test_all_offers_are_stopped_by_one_button_and_the_rest_stays(as_kiran, kiran):
    text = as_kiran.post(PAGE, {"stop-offers": "yes"}, follow=True).content.decode()
    assert "Stopped: no more offers" in text
    assert "All offers are stopped." in text
    assert choices.has_stopped(kiran.pk, PROMOTION)
    assert form(as_kiran)["on"] == ["pincode_alert:websocket", "pincode_alert:email"]


@pytest.mark.parametrize(
    "shown", ["otp:email:on", "bonus_alert:email:on", "promotional:pigeon:on", "promotional:email", "", "promotional:email:perhaps"]
)
def test_a_switch_that_is_not_there_is_refused(as_kiran, shown):
    assert as_kiran.post(PAGE, {"shown": [shown]}).status_code == 400
    assert not Preference.objects.exists()


def test_everybody_has_switches_of_their_own_only(as_kiran, kiran, vera):
    flip(as_kiran, "promotional:email")
    choices.stop(vera.pk, BONUS, source="page", now=clock.now())
    assert set(Preference.objects.filter(person=kiran).values_list("category", flat=True)) == {"promotional"}
    assert "vera@" not in page(as_kiran)


@pytest.mark.parametrize("role", Role.values)
def test_every_role_has_the_page_and_what_is_for_it(client, role):
    client.force_login(person(Role(role), is_available=False))
    shown = {name.split(":")[0] for name in form(client)["shown"]}
    offers = {"promotional", "bonus_alert", "demand_notification"}
    assert shown & offers == {"customer": {"promotional"}, "vendor": {"bonus_alert", "demand_notification"}}.get(role, set())
    assert ("business_alert" in shown) == (role not in ("customer", "vendor"))


def test_nobody_logged_in_is_led_to_the_login_page_and_back(client):
    for answer in (client.get(PAGE), client.post(PAGE, {"stop-offers": "yes"})):
        assert answer.headers["Location"] == f"/accounts/login/?next={PAGE}"


def test_a_change_takes_the_token_of_our_own_page(kiran):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(kiran)
    assert strict.post(PAGE, {"stop-offers": "yes"}).status_code == 403
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page(strict))
    assert token
    assert strict.post(PAGE, {"stop-offers": "yes", "csrfmiddlewaretoken": token[1]}).status_code == 302


def test_the_page_is_linked_from_the_inbox_and_from_the_teams_pages(client, vera, omar):
    for who, url in ((vera, "/inbox/"), (omar, "/dashboard/"), (omar, "/inbox/")):
        client.force_login(who)
        assert f'href="{PAGE}"' in client.get(url).content.decode()


# --- Addresses that cannot be reached -----------------------------------------------------------------------------------


def test_who_cannot_be_reached_is_told_and_what_to_do(as_kiran, kiran):
    assert "came back" not in page(as_kiran)
    choices.set_aside("email", kiran.email, reason="bounced", detail="550 5.1.1 no such user", now=clock.now())
    text = page(as_kiran)
    assert "Mail to you came back" in text
    assert "tell our team" in text
    assert "5.1.1" not in text
    choices.set_aside("sms", kiran.phone, reason="refused", now=clock.now())
    assert "SMS does not reach you" in page(as_kiran)


def test_who_complained_is_told_that(as_kiran, kiran):
    choices.set_aside("email", kiran.email, reason="complained", now=clock.now())
    assert "You told your provider that our messages are unwanted" in page(as_kiran)


def test_who_has_no_address_is_told_that_nothing_comes_that_way(client):
    client.force_login(person(Role.VENDOR, phone=""))
    assert "no address: nothing comes this way" in page(client)


def test_the_page_costs_the_same_however_much_was_said(as_kiran, kiran, django_assert_max_num_queries):
    for number in range(30):
        NotificationLog.objects.create(recipient=kiran, notification_type="promotional", method="email", status="sent", subject=str(number))
    choices.stop_all_offers([kiran.pk], source="page", now=clock.now())
    with django_assert_max_num_queries(8):
        page(as_kiran)

"""The links in an alert's message: whoever looks changes nothing, a POST acts as the person, and a link that is not theirs does nothing."""

import re
from datetime import timedelta

import pytest
from django.test import Client

from core import clock, links
from core.alerts import steps
from core.alerts.check import checks
from core.alerts.lifecycle import reconcile
from core.models import BusinessAlert, NotificationLog
from core.notifications.composing import compose
from core.web.alert_letters import LIFE
from tests.alerts.stuck import held, only_alert

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
TITLE = "1 payment held, ₹18,450"


@pytest.fixture
def stranger():
    """A mail client: no cookie, and the CSRF check as in production."""
    return Client(enforce_csrf_checks=True)


@pytest.fixture
def alert(omar, farah, frozen, now):
    held(now, 30, "18450")
    reconcile(checks.get("payment_holds"), now=now)
    return only_alert()


def letter(person, method="email"):
    return NotificationLog.objects.select_related("content").get(recipient=person, method=method)


def link(person):
    """As it stands in the mail, without the address of the site."""
    found = re.search(r"http://[^/]+(/act/[\w-]+/)\?do=acknowledge", compose(letter(person)).words.text)
    assert found
    return found[1]


def words(answer):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def version(answer):
    (shown,) = re.findall(r'name="version" value="(\d+)"', answer.content.decode())
    return shown


def state():
    return list(BusinessAlert.objects.values()), BusinessAlert.objects.get().events.count()


@pytest.mark.parametrize("look", ["get", "head", "options"])
@pytest.mark.parametrize("query", ["", "?do=acknowledge", "?do=resolve", "?do=nonsense"])
def test_whoever_only_looks_changes_nothing(stranger, alert, omar, look, query):
    before = state()
    answer = getattr(stranger, look)(link(omar) + query)
    assert answer.status_code == (405 if look == "options" else 200)
    assert state() == before
    assert not answer.cookies


def test_the_page_says_what_it_is_who_acts_and_what_the_button_does(stranger, alert, omar):
    page = stranger.get(link(omar) + "?do=snooze")
    for said in (
        TITLE,
        "High, active, open for under 1 min, ₹18,450 at risk.",
        "Cleaning of 60 minutes, 560001",
        "As Omar, ops manager.",
        "In 4 hours",
    ):
        assert said in words(page)
    assert page.headers["Content-Security-Policy"]
    assert "no-store" in page.headers["Cache-Control"]


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"do": "acknowledge"}, "acknowledged", "Acknowledged"),
        ({"do": "snooze", "until": "4h"}, "active", "Quiet until 13:00"),
        ({"do": "snooze", "until": "morning"}, "active", "Quiet until Tue 9:00"),
        ({"do": "resolve", "notes": "Released."}, "resolved", "Resolved"),
    ],
)
def test_a_post_acts_as_the_person_it_was_written_to(stranger, alert, omar, body, status, said):
    answer = stranger.post(link(omar), body | {"version": version(stranger.get(link(omar)))})
    assert answer.status_code == 200
    assert said in words(answer)
    alert.refresh_from_db()
    assert alert.status == status
    assert alert.events.get(actor=omar).reason == body.get("notes", "")


def test_a_step_that_somebody_was_faster_to_take_is_told_in_words(stranger, alert, omar, farah, frozen):
    shown = version(stranger.get(link(omar)))
    frozen.shift(32 * 60)
    steps.acknowledge(alert.pk, actor=farah, now=clock.now())
    frozen.shift(60)
    answer = stranger.post(link(omar), {"do": "acknowledge", "version": shown})
    assert answer.status_code == 409
    assert "Farah acknowledged it at 09:32." in words(answer)
    late = stranger.post(link(omar), {"do": "resolve", "version": shown})
    assert (late.status_code, only_alert().status) == (409, "acknowledged")


@pytest.mark.parametrize("body", [{}, {"do": "explode"}, {"do": "snooze", "until": "2030-01-01"}, {"do": "resolve", "notes": "x" * 3_000}])
def test_what_cannot_be_done_is_said_and_nothing_happens(stranger, alert, omar, body):
    before = state()
    answer = stranger.post(link(omar), body)
    assert answer.status_code == 400
    assert 'role="alert"' in answer.content.decode()
    assert state() == before


def became_a_vendor(omar):
    omar.role = "vendor"


def left(omar):
    omar.is_active = False


def was_promoted(omar):
    omar.role = "super_admin"


@pytest.mark.parametrize("change", [became_a_vendor, left, was_promoted])
@pytest.mark.parametrize("method", ["get", "post"])
def test_whoever_is_not_who_they_were_gets_a_plain_page_and_no_content(stranger, alert, omar, change, method):
    address = link(omar)
    change(omar)
    omar.save()
    before = state()
    answer = getattr(stranger, method)(address, {"do": "acknowledge"})
    assert answer.status_code == 403
    assert "no longer yours" in words(answer)
    assert TITLE not in words(answer)
    assert state() == before


def test_a_link_works_for_seven_days(stranger, alert, omar, frozen):
    address = link(omar)
    frozen.shift(LIFE - timedelta(seconds=1))
    assert stranger.get(address).status_code == 200
    frozen.shift(timedelta(seconds=1))
    answer = stranger.post(address, {"do": "acknowledge"})
    assert (answer.status_code, only_alert().status) == (410, "active")
    assert "has expired" in words(answer)
    assert TITLE not in words(answer)


def forged(token):
    return ("A" if token[0] != "A" else "B") + token[1:]


@pytest.mark.parametrize(
    "altered",
    [forged, lambda token: token[:-2], lambda token: token + "A", lambda token: "x" * 43, lambda token: "%00", lambda token: "ü" * 43],
)
def test_an_altered_link_is_none_of_ours(stranger, alert, omar, altered):
    token = link(omar).split("/")[2]
    answer = stranger.post(f"/act/{altered(token)}/", {"do": "acknowledge"})
    assert (answer.status_code, only_alert().status) == (404, "active")
    assert TITLE not in words(answer)


@pytest.mark.parametrize("purpose", [links.LINK, links.UNSUBSCRIBE])
def test_the_other_links_of_a_message_do_not_act(stranger, alert, omar, purpose):
    answer = stranger.post(f"/act/{links.token(purpose, letter(omar).pk)}/", {"do": "acknowledge"})
    assert (answer.status_code, only_alert().status) == (404, "active")


def test_a_copy_that_others_may_read_does_not_act(alert, omar, sara, client):
    """What is stored, and what staff see of another's message, holds the ordinary link: it takes a login."""
    row = letter(omar)
    assert "/act/" in compose(row).words.html
    assert "/act/" in compose(letter(omar)).words.text
    assert "/act/" not in row.message
    client.force_login(sara)
    for address in (f"/dashboard/outbox/{row.pk}/", f"/dashboard/outbox/{row.pk}/mail/"):
        NotificationLog.objects.filter(pk=row.pk).update(provider="outbox", status="sent", phase="accepted")
        page = client.get(address)
        assert page.status_code == 200
        assert b"/act/" not in page.content


def test_each_person_has_a_link_of_their_own(alert, omar, farah):
    assert link(omar) != link(farah)

"""Live connections end with what they were opened by, and looking after a thousand costs the database what one does."""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.db import OperationalError
from django.test import Client
from django_otp.plugins.otp_totp.models import TOTPDevice

from core import consumers
from core.models import Role, User
from core.security import lookout, sessions
from tests import people
from tests.security.test_second_factor import code_of, say, say_password
from tests.servers.asgi import AsgiServer, log_in


@pytest.fixture
def server(transactional_db: None) -> Iterator[AsgiServer]:
    with AsgiServer() as running:
        yield running


@pytest.fixture
def looks(monkeypatch) -> list[int]:
    """How many sessions each look was for. The watch looks often."""
    made: list[int] = []
    holders = sessions.holders

    def noted(keys):
        made.append(len(keys))
        return holders(keys)

    monkeypatch.setattr(sessions, "holders", noted)
    monkeypatch.setattr(lookout, "LOOK_EVERY", 0.3)
    return made


# --- Whose a session is -----------------------------------------------------------------------------------------------


def test_a_look_costs_as_much_for_thirty_sessions_as_for_three(db, django_assert_num_queries, settings):
    keys = [log_in(user) for user in people.people(30)]
    for some in (keys[:3], keys):
        with django_assert_num_queries(2):
            assert len(sessions.holders(some)) == len(some)
    admins = [log_in(people.person(Role.SUPER_ADMIN)) for _ in range(6)]
    settings.SECOND_FACTOR = True
    for some in (admins[:3], [*keys, *admins]):
        with django_assert_num_queries(4):
            sessions.holders(some)


def test_a_session_is_its_persons_until_it_ends(vera, omar, kiran, chitra, viren):
    keys = {user.username: log_in(user) for user in (vera, omar, kiran, chitra, viren)}
    assert {user.username for user in sessions.holders(keys.values()).values()} == set(keys)
    User.objects.filter(pk=vera.pk).update(is_active=False)
    User.objects.filter(pk=omar.pk).update(role=Role.VENDOR)
    User.objects.filter(pk=kiran.pk).update(password="!")
    SessionStore(keys["chitra"]).delete()
    assert list(sessions.holders(keys.values())) == [keys["viren"]]


def test_what_is_no_session_is_nobodys(vera):
    keys = ["", "no-such-session", "x" * 500]
    anonymous = Client().session
    anonymous["a"] = 1
    anonymous.save()
    assert sessions.holders([*keys, str(anonymous.session_key)]) == {}


def test_a_session_whose_data_were_tampered_with_is_nobodys(vera):
    key = log_in(vera)
    Session.objects.update(session_data="e30:forged:forged")
    assert sessions.holders([key]) == {}


def test_a_super_admins_session_is_theirs_with_the_second_factor_only(client, sara, settings):
    without = log_in(sara)
    settings.SECOND_FACTOR = True
    device = TOTPDevice.objects.create(user=sara, name="app", confirmed=True)
    say_password(client)
    assert sessions.holders([without, client.session.session_key]) == {}
    say(client, code_of(device))
    key = client.session.session_key
    assert list(sessions.holders([without, key])) == [key]
    device.delete()
    assert sessions.holders([key]) == {}


# --- The one watch ----------------------------------------------------------------------------------------------------


def test_all_connections_share_one_look(server, vera, looks):
    cookie = log_in(vera)
    with ExitStack() as stack:
        pages = [stack.enter_context(server.page(cookie)) for _ in range(12)]
        for page in pages:
            page.next_of("unread")
        looks.clear()
        time.sleep(1.6)
        assert 1 <= len(looks) <= 6
        assert set(looks) == {1}
        User.objects.filter(pk=vera.pk).update(is_active=False)
        assert {page.closed_with(3) for page in pages} == {4401}
    time.sleep(0.5)
    looks.clear()
    time.sleep(0.8)
    assert looks == [], "Nobody is there to look after."


def test_a_page_outlives_a_moment_without_the_database_and_no_more(server, vera, looks, monkeypatch):
    monkeypatch.setattr(lookout, "LOOK_AGAIN", 0.2)
    monkeypatch.setattr(lookout, "KNOWN_FOR", 1.5)
    away = threading.Event()
    holders = sessions.holders

    def sometimes(keys):
        if away.is_set():
            raise OperationalError("away")
        return holders(keys)

    monkeypatch.setattr(sessions, "holders", sometimes)
    with server.page(log_in(vera)) as page:
        page.next_of("unread")
        away.set()
        time.sleep(0.7)
        away.clear()
        with pytest.raises(TimeoutError):
            page.next(2)
        away.set()
        assert page.closed_with(4) == 1013
        assert server.page(log_in(vera)).refusal() == 403


def test_one_person_opens_so_many_pages_and_no_more(server, vera, kiran, monkeypatch):
    monkeypatch.setattr(consumers, "MOST_PAGES", 3)
    cookie = log_in(vera)
    with ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(server.page(cookie)).next_of("unread")
        assert server.page(cookie).refusal() == 403
        assert server.page(log_in(kiran)).refusal() == 0


def test_a_super_admin_without_the_second_factor_hears_nothing(server, sara, settings):
    cookie = log_in(sara)
    settings.SECOND_FACTOR = True
    assert server.page(cookie, path="/ws/dashboard/").refusal() == 403

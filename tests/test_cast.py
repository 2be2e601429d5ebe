"""The ground the other tests stand on: the cast, the standing clock, and the wall around this machine."""

import os
import socket
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from core.models import Role, User
from tests.environment import prepare
from tests.people import HOME, PASSWORD, people, person


def test_the_cast_is_who_they_say_they_are(sara, omar, farah, vera, viren, kiran, chitra):
    assert [user.role for user in (sara, omar, farah)] == [Role.SUPER_ADMIN, Role.OPS_MANAGER, Role.FINANCE]
    assert (vera.is_available, viren.is_available) == (True, False)
    assert {vera.pincode, viren.pincode, kiran.pincode} == {HOME}
    assert chitra.pincode != HOME
    assert kiran.check_password(PASSWORD)


def test_a_crowd_is_made_of_different_people(db):
    people(50, Role.VENDOR)
    assert not User.objects.filter(pk=person().pk, role=Role.VENDOR).exists()
    assert User.objects.values("username", "email", "phone").distinct().count() == 51


def test_the_clock_stands_until_it_is_moved(frozen, now):
    assert timezone.now() == now
    frozen.shift(90)
    assert (timezone.now() - now).total_seconds() == 90


def test_no_test_reaches_beyond_this_machine():
    with pytest.raises(RuntimeError, match="this machine only"):
        socket.create_connection(("198.51.100.7", 25), timeout=1)
    with pytest.raises(RuntimeError, match="this machine only"):
        socket.create_connection(("smtp.homeserve.example", 25), timeout=1)


def test_this_machine_is_reached():
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname(), timeout=1) as client:
        assert client.getpeername() == server.getsockname()


def test_a_developers_variables_do_not_reach_a_test(monkeypatch):
    for name in ("EMAIL_HOST_USER", "TIME_ZONE", "TWILIO_AUTH_TOKEN_FILE", "REDIS_URL", "TEST_REDIS_URLS"):
        monkeypatch.setenv(name, "a developer's own")
    monkeypatch.delenv("TEST_REDIS_URLS")
    monkeypatch.setenv("SECRET_KEY", os.environ["SECRET_KEY"])
    for name in ("VAR_DIR", "LOG_FILE"):
        monkeypatch.setenv(name, os.environ[name])
    prepare()
    assert not {"EMAIL_HOST_USER", "TIME_ZONE", "TWILIO_AUTH_TOKEN_FILE", "REDIS_URL"} & set(os.environ)


def test_what_tests_write_stays_out_of_the_project(db):
    places = [settings.VAR_DIR, settings.LOG_FILE]
    if connection.vendor == "sqlite":
        places.append(str(connection.settings_dict["NAME"]))
    assert not any(Path(str(place)).is_relative_to(settings.BASE_DIR) for place in places)

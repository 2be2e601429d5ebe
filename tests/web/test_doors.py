"""Who gets in where, and what a browser may do on our pages."""

import re

import pytest
from django.db import OperationalError, connection

from core.models import Role
from tests.people import PASSWORD, person

pytestmark = pytest.mark.django_db

PAGES_OF_STAFF = ["/dashboard/", "/dashboard/outbox/"]
PAGES_OF_ALL = ["/inbox/", "/inbox/news/", "/preferences/"]
STAFF = [Role.SUPER_ADMIN, Role.OPS_MANAGER, Role.FINANCE]
OTHERS = [Role.CUSTOMER, Role.VENDOR, Role.ONBOARD_MANAGER]


@pytest.mark.parametrize("url", PAGES_OF_STAFF + PAGES_OF_ALL)
def test_nobody_logged_in_is_led_to_the_login_page(client, url):
    assert client.get(url).headers["Location"] == f"/accounts/login/?next={url}"


@pytest.mark.parametrize("role", OTHERS)
@pytest.mark.parametrize("url", PAGES_OF_STAFF)
def test_pages_of_the_team_refuse_others(client, role, url):
    client.force_login(person(role, is_staff=True, is_superuser=True))
    assert client.get(url).status_code == 403


@pytest.mark.parametrize("role", STAFF)
def test_pages_of_the_team_open_for_its_roles(client, role):
    client.force_login(person(role, is_available=False))
    assert [client.get(url).status_code for url in PAGES_OF_STAFF + PAGES_OF_ALL] == [200] * 5


@pytest.mark.parametrize(
    ("name", "first_page"), [("omar", "/dashboard/"), ("farah", "/dashboard/"), ("vera", "/inbox/"), ("kiran", "/inbox/")]
)
def test_after_the_login_everybody_is_on_their_own_first_page(client, request, name, first_page):
    request.getfixturevalue(name)
    answer = client.post("/accounts/login/", {"username": name, "password": PASSWORD}, follow=True)
    assert [url for url, _ in answer.redirect_chain] == ["/", first_page]


def test_a_wrong_password_is_said_at_the_field_and_five_lock_out(client, kiran):
    wrong = {"username": "kiran", "password": "not it"}
    answer = client.post("/accounts/login/", wrong)
    assert 'aria-invalid="true"' in answer.content.decode()
    for _ in range(4):
        client.post("/accounts/login/", wrong)
    assert client.post("/accounts/login/", {"username": "kiran", "password": PASSWORD}).status_code == 429


def test_the_way_back_stays_on_this_site(client, kiran):
    form = {"username": "kiran", "password": PASSWORD, "next": "https://elsewhere.example/"}
    assert client.post("/accounts/login/", form).headers["Location"] == "/"


def test_logging_out_takes_a_post(client, kiran):
    client.force_login(kiran)
    assert client.get("/accounts/logout/").status_code == 405
    client.post("/accounts/logout/")
    assert client.get("/inbox/").status_code == 302


def test_the_first_page_says_what_this_is_and_names_no_demo_where_there_is_none(client, kiran):
    page = client.get("/").content.decode()
    assert "Log in" in page
    assert "demo city" not in page


def test_the_demo_city_names_whom_to_log_in_as(client, settings):
    settings.DEMO = True
    person(Role.OPS_MANAGER, username="omar", email="omar@demo.homeserve.example")
    page = client.get("/").content.decode()
    assert "homeserve-demo" in page
    assert "Log in as omar" in page
    settings.DEMO = False
    assert "homeserve-demo" not in client.get("/").content.decode()


def test_we_are_well_while_the_database_answers(client):
    answer = client.get("/healthz")
    assert (answer.status_code, answer.content) == (200, b"ok\n")


def test_we_are_not_well_when_the_database_is_away(client, monkeypatch):
    def away(*args, **kwargs):
        raise OperationalError("away")

    monkeypatch.setattr(connection, "cursor", away)
    assert client.get("/healthz").status_code == 503


@pytest.mark.parametrize("url", ["/", "/accounts/login/", "/dashboard/", "/dashboard/outbox/", "/inbox/", "/preferences/"])
def test_a_page_runs_and_styles_nothing_that_is_written_into_it(client, omar, url):
    if url.startswith(("/dashboard", "/inbox", "/preferences")):
        client.force_login(omar)
    answer = client.get(url)
    page = answer.content.decode()
    policy = answer.headers["Content-Security-Policy"]
    assert {"default-src 'none'", "script-src 'self'", "style-src 'self'"} <= set(policy.split("; "))
    assert "unsafe" not in policy
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)|javascript:", page)
    fetched = re.findall(r"""<(?:link|script|img|iframe)[^>]*?(?:href|src)="([^"]*)""", page)
    assert fetched
    assert all(target.startswith("/static/") for target in fetched)

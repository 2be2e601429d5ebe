"""What every answer tells the browser, pages, refusals, errors and files alike; and what an error page does not tell anybody."""

import pytest
from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path

from homeserve_pro.urls import urlpatterns as addresses
from tests.security.strict import STRICT, assert_guarded, assert_strict, policy_of

pytestmark = pytest.mark.django_db

SECRET = "sk_live_in_a_local_variable"


def breaks(request: HttpRequest) -> HttpResponse:
    password = SECRET
    raise RuntimeError(f"It broke at {len(password)}")


def is_odd(request: HttpRequest) -> HttpResponse:
    raise SuspiciousOperation("odd")


urlpatterns = [*addresses, path("breaks/", breaks), path("odd/", is_odd)]


@pytest.fixture
def stranger() -> Client:
    """A browser that is shown what a person would be shown."""
    return Client(raise_request_exception=False, enforce_csrf_checks=True)


@pytest.mark.urls(__name__)
@pytest.mark.parametrize(
    ("address", "status", "words"),
    [
        ("/", 200, "Log in"),
        ("/nowhere/", 404, "There is nothing here"),
        ("/breaks/", 500, "That went wrong"),
        ("/odd/", 400, "That did not make sense"),
    ],
)
def test_every_page_has_the_strict_policy(stranger, address, status, words):
    answer = stranger.get(address)
    assert answer.status_code == status
    assert words in answer.content.decode()
    assert_strict(answer)


@pytest.mark.urls(__name__)
def test_an_error_page_tells_nothing_of_what_broke(stranger):
    page = stranger.get("/breaks/").content.decode()
    for word in (SECRET, "RuntimeError", "It broke", "Traceback", ".py", "breaks"):
        assert word not in page


def test_a_refusal_is_a_page_of_our_own(client, vera):
    client.force_login(vera)
    answer = client.get("/dashboard/")
    assert answer.status_code == 403
    assert "Not for your role" in answer.content.decode()
    assert_strict(answer)


def test_a_form_without_its_token_is_refused_by_a_page_of_our_own(stranger):
    answer = stranger.post("/accounts/login/", {"username": "kiran", "password": "x"})
    assert answer.status_code == 403
    assert "That came too late" in answer.content.decode()
    assert_strict(answer)


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1:80@evil.example", "localhost evil", "", "a" * 300])
def test_another_host_is_answered_with_nothing_but_an_error(stranger, host):
    answer = stranger.get("/accounts/login/", headers={"host": host})
    assert answer.status_code == 400
    assert_strict(answer)
    assert not host or host not in answer.content.decode()


def test_another_host_is_refused_before_the_way_to_https_is_shown(stranger, settings):
    settings.SECURE_SSL_REDIRECT = True
    answer = stranger.get("/accounts/login/", headers={"host": "evil.example"})
    assert answer.status_code == 400
    assert_strict(answer)


def test_files_are_guarded_too(client):
    answer = client.get("/static/homeserve/icon.svg")
    assert answer.status_code == 200
    assert_guarded(answer)
    assert policy_of(answer) == STRICT


@pytest.mark.parametrize("address", ["/", "/accounts/login/", "/inbox/", "/admin/", "/nowhere/"])
def test_no_cache_keeps_what_a_page_says(client, omar, address):
    if address.startswith(("/inbox", "/admin")):
        client.force_login(omar)
    answer = client.get(address)
    assert "no-store" in answer.headers["Cache-Control"]
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"


def test_the_admin_loads_nothing_from_elsewhere(client, sara):
    """Its theme writes scripts into pages; that much it needs, and no more (docs/security.md)."""
    client.force_login(sara)
    answer = client.get("/admin/")
    assert_guarded(answer)
    assert {"default-src 'self'", "object-src 'none'", "base-uri 'self'", "form-action 'self'"} <= policy_of(answer)
    assert "http" not in answer.headers["Content-Security-Policy"]


def test_nobody_frames_us(client, sara):
    for address in ("/", "/accounts/login/"):
        assert client.get(address).headers["X-Frame-Options"] == "DENY"
    client.force_login(sara)
    assert client.get("/admin/").headers["X-Frame-Options"] == "DENY"

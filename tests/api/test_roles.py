"""Who may do what: every address of the product, by every method, as every role, held against the one table (docs/rules.md, 7)."""

from datetime import timedelta
from itertools import product
from urllib.parse import urlsplit

import pytest
from django.test import Client
from django.urls import URLPattern, get_resolver
from django.utils import timezone
from knox.models import AuthToken

from core import access
from core.access import API, BELOW, PAGES, TABLE, Open
from core.admin.permissions import right_of
from core.admin.site import site
from core.alerts import steps
from core.models import BusinessAlert, Role
from tests.api.callers import Caller
from tests.api.world import World, address, furnish
from tests.people import person

pytestmark = pytest.mark.django_db

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def routes(patterns=None, before=""):
    """Every address there is, as the URL configuration has it."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            yield route
        else:
            yield from routes(pattern.url_patterns, route)


def test_every_address_has_its_rule():
    assert [route for route in routes() if access.rule_of(route) is None] == []


def test_every_rule_is_of_an_address_there_is():
    known = list(routes())
    assert [route for route in TABLE if route not in known] == []
    assert [beginning for beginning in BELOW if not any(route.startswith(beginning) for route in known)] == []


def test_what_is_in_no_table_is_refused(sara):
    assert not access.may(sara, "api/nobody/wrote/this/down/", "GET")
    assert not access.may(sara, "dashboard/", "DELETE")


def prepare(route: str, world: World) -> None:
    """Bring the alert to where the step is legal."""
    if route.endswith("/reopen/"):
        BusinessAlert.objects.filter(pk=world.named["alert_id"]).update(status="ignored")
    if route.endswith("/undo/"):
        steps.assign(world.named["alert_id"], actor=world.user, to=None, now=timezone.now())


@pytest.mark.parametrize(("route", "role"), list(product(API, Role)))
def test_the_api_lets_in_whom_the_table_lets_in(route, role):
    user = person(role)
    world = furnish(user)
    for method in METHODS:
        allowed = API[route].get(method)
        prepare(route, world)
        status = Caller(user).call(method, address(route, world), world.body_of(route, method)).status_code
        if allowed is None:
            lets_in = any(isinstance(other, Open) or role in other for other in API[route].values())
            assert status == (405 if lets_in else 403), method
        elif isinstance(allowed, Open) or role in allowed:
            assert status in (200, 201, 202), (method, status)
        else:
            assert status == 403, method


@pytest.mark.parametrize("route", API)
def test_nobody_gets_nothing_from_the_api(route, sara):
    world = furnish(sara)
    for method, allowed in API[route].items():
        if not isinstance(allowed, Open):
            answer = Caller().call(method, address(route, world), world.body_of(route, method))
            assert answer.status_code == 401
            assert answer.headers["WWW-Authenticate"] == "Bearer"
            assert answer.json()["code"] == "not_authenticated"


@pytest.mark.parametrize(("route", "role"), list(product(PAGES, [None, *Role])))
def test_pages_open_for_whom_the_table_says(route, role):
    user = person(role or Role.CUSTOMER)
    client, world = Client(), furnish(user)
    prepare(route, world)
    if role:
        client.force_login(user)
    for method in ("GET", "POST"):
        allowed = PAGES[route].get(method)
        answer = client.generic(method, address(route, world))
        if allowed is None:
            assert answer.status_code in (302, 403, 405), method
        elif isinstance(allowed, Open):
            assert answer.status_code not in (401, 403), method
        elif role is None:
            assert answer.status_code == 302
            assert urlsplit(answer.headers["Location"]).path == "/accounts/login/"
        elif role in allowed:
            assert answer.status_code in (200, 302, 303, 400), (method, answer.status_code)
            assert "/accounts/login/" not in answer.headers.get("Location", "")
        else:
            assert answer.status_code == 403, method


@pytest.mark.parametrize("role", Role)
def test_the_admin_opens_by_its_own_table(client, role):
    user = person(role)
    client.force_login(user)
    assert client.get("/admin/").status_code == (200 if role in access.STAFF else 403)
    for model, page in site._registry.items():
        url = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        right = right_of(user, model)
        assert client.get(url).status_code == (200 if right else 403), url
        assert client.get(f"{url}add/").status_code == (200 if right and right.change and page.adding else 403), url


def test_the_admin_asks_nobody_in(client):
    assert [urlsplit(url).path for url, _ in client.get("/admin/", follow=True).redirect_chain][-1] == "/accounts/login/"


@pytest.mark.parametrize("route", [route for route in routes() if route.startswith("webhooks/")])
def test_a_provider_that_proves_nothing_is_refused(client, route):
    assert client.post(f"/{route.replace('^', '').replace('$', '')}", b"{}", content_type="application/json").status_code in (400, 403, 415)


# --- Credentials ------------------------------------------------------------------------------------------------------------


def status_with(token):
    return Client().get("/api/schema/", headers={"Authorization": f"Bearer {token}"}).status_code


def test_a_token_ends_when_it_expires_is_revoked_or_its_person_leaves_and_follows_the_role(omar):
    row, token = AuthToken.objects.create(omar)
    assert status_with(token) == 200
    AuthToken.objects.filter(pk=row.pk).update(expiry=timezone.now() - timedelta(seconds=1))
    assert status_with(token) == 401
    AuthToken.objects.filter(pk=row.pk).update(expiry=None)
    assert status_with(token) == 200
    type(omar).objects.filter(pk=omar.pk).update(role=Role.VENDOR)
    assert status_with(token) == 403
    type(omar).objects.filter(pk=omar.pk).update(role=Role.OPS_MANAGER, is_active=False)
    assert status_with(token) == 401
    type(omar).objects.filter(pk=omar.pk).update(is_active=True)
    row.delete()
    assert status_with(token) == 401


@pytest.mark.parametrize("token", ["", "x", "0" * 64, "0" * 100_000, "ü", "a b", "\x00" * 64, "Bearer"])
def test_what_is_no_token_lets_nobody_in(db, token):
    assert status_with(token) == 401


def test_a_session_of_somebody_who_was_made_inactive_is_nobody(client, omar):
    client.force_login(omar)
    assert client.get("/api/schema/").status_code == 200
    type(omar).objects.filter(pk=omar.pk).update(is_active=False)
    assert client.get("/api/schema/").status_code == 401


def test_a_session_changes_nothing_without_its_csrf_token(omar):
    client = Client(enforce_csrf_checks=True)
    client.force_login(omar)
    answer = client.post("/api/auth/logout/", b"{}", content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")
    client.get("/api/docs/")
    token = client.cookies["csrftoken"].value
    assert client.post("/api/auth/logout/", b"{}", content_type="application/json", headers={"X-CSRFToken": token}).status_code == 200


def test_nothing_opens_for_staff_and_superusers_of_django_by_that_alone(api):
    assert api(person(Role.VENDOR, is_staff=True, is_superuser=True)).get("/api/schema/").status_code == 403

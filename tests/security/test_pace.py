"""No change without a limit: every address that takes one is held back after too many, or says by what else it is."""

import pytest
from django.test import Client

from core.access import API, PAGES, Open
from core.models import Role
from tests.api.callers import Caller
from tests.api.test_roles import routes
from tests.api.world import address, furnish
from tests.people import person

pytestmark = pytest.mark.django_db

WRITING = ("POST", "PUT", "PATCH", "DELETE")
# What nobody's person is known of, and by what each is held back instead.
OTHERWISE = {
    "api/auth/login/": "tries of a name, an address and a network",
    "accounts/login/": "tries of a name, an address and a network",
    "accounts/second-factor/": "tries of a person",
    "accounts/logout/": "there is one thing to end",
    "unsubscribe/<str:token>/": "the link is signed, and its second use changes nothing",
    "act/<str:token>/": "the link is signed, and a step is taken once",
}


@pytest.fixture
def once(monkeypatch):
    """One change a minute."""
    monkeypatch.setattr(
        "rest_framework.throttling.SimpleRateThrottle.THROTTLE_RATES", {"writes": "1/min", "jobs": "1/min", "login": "9/min"}
    )


def test_a_second_change_within_a_limit_of_one_is_refused_everywhere(once):
    boss = person(Role.SUPER_ADMIN)
    world, page, machine = furnish(boss), Client(), Caller(boss)
    page.force_login(boss)
    assert page.post("/inbox/read/").status_code == 302
    tried = 0
    for table, call in ((PAGES, page.generic), (API, machine.call)):
        for route, rule in table.items():
            for verb in WRITING:
                if verb in rule and not isinstance(rule[verb], Open):
                    answer = call(verb, address(route, world))
                    assert answer.status_code == 429, (verb, route)
                    assert 0 < int(answer.headers["Retry-After"]) <= 60
                    tried += 1
    assert tried >= 60
    for url in ("/admin/core/user/add/", "/admin/core/switch/add/"):
        assert page.post(url).status_code == 429
    # Reading is not held back, and neither is leaving.
    assert page.get("/inbox/").status_code == machine.get("/api/inbox/").status_code == 200
    assert page.post("/accounts/logout/").status_code == 302


def test_what_no_person_is_held_back_of_is_held_back_otherwise():
    opened = {route for table in (PAGES, API) for route, rule in table.items() if any(isinstance(rule.get(verb), Open) for verb in WRITING)}
    assert opened == set(OTHERWISE)
    # Whatever else takes a change is the admin's, or a provider's word, which is signed.
    assert {route.split("/")[0] for route in routes() if route not in {**API, **PAGES}} <= {"admin", "webhooks"}


def test_one_persons_haste_is_not_anothers(once, kiran, vera):
    for someone in (kiran, vera):
        page = Client()
        page.force_login(someone)
        assert [page.post("/inbox/read/").status_code for _ in range(2)] == [302, 429]


def test_work_goes_on_while_the_cache_is_away(omar, settings):
    settings.CACHES = {"default": {"BACKEND": "homeserve_pro.cache.ForgetfulCache", "LOCATION": "redis://127.0.0.1:1"}}
    page, machine = Client(), Caller(omar)
    page.force_login(omar)
    for url in ("/dashboard/", "/dashboard/alerts/", "/dashboard/campaigns/promotions/", "/dashboard/providers/", "/inbox/"):
        assert page.get(url).status_code == 200, url
    assert machine.get("/admin-dashboard/notifications/").status_code == 200
    assert page.post("/inbox/read/").status_code == 302
    assert machine.post("/api/inbox/read/").status_code == 200

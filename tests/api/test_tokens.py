"""API tokens over the API: shown once, listed without their secret, ended at once."""

from datetime import timedelta

import pytest
from django.test import Client
from knox.models import AuthToken

from core.models import IdempotencyKey, Role
from tests.api.callers import named_fields
from tests.api.conventions import entries, queries_of, survives_nonsense
from tests.people import person

URL = "/admin-dashboard/tokens/"
pytestmark = pytest.mark.django_db


def status_with(token):
    return Client().get("/api/schema/", headers={"Authorization": f"Bearer {token}"}).status_code


def test_a_token_is_shown_once_and_works(api, sara, omar):
    answer = api(sara).post(URL, {"user_id": omar.pk, "days": 7})
    assert answer.status_code == 201
    told = answer.json()
    token = told["token"]
    assert status_with(token) == 200
    assert token.startswith(told["id"])
    row = AuthToken.objects.get(user=omar)
    assert row.expiry - row.created - timedelta(days=7) < timedelta(seconds=5)
    listed = api(sara).get(URL, user_id=omar.pk)
    assert listed.json()["tokens"][0]["id"] == told["id"]
    assert token not in listed.content.decode()
    assert row.digest not in listed.content.decode()
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_revoked_token_ends_at_once(api, sara, omar):
    told = api(sara).post(URL, {"user_id": omar.pk}).json()
    caller = api(sara)
    assert caller.call("DELETE", f"{URL}{told['id']}/").status_code == 200
    assert status_with(told["token"]) == 401
    assert caller.call("DELETE", f"{URL}{told['id']}/").status_code == 404


def test_the_trail_says_who_made_and_revoked_it_and_holds_neither_token_nor_hash(api, sara, omar):
    told = api(sara).post(URL, {"user_id": omar.pk}).json()
    digest = AuthToken.objects.get(user=omar).digest
    api(sara).call("DELETE", f"{URL}{told['id']}/")
    made, revoked = entries(additional_data__token=told["id"])
    assert (made.actor, made.changes["api_token"], revoked.changes["api_token"]) == (sara, [None, "made"], ["good", "revoked"])
    for entry in entries():
        assert digest not in repr(vars(entry))
        assert told["token"] not in repr(vars(entry))


def test_a_key_keeps_no_token(api, sara, omar):
    api(sara).post(URL, {"user_id": omar.pk}, Idempotency_Key="k1")
    assert not IdempotencyKey.objects.exists()


@pytest.mark.parametrize(
    ("body", "named"),
    [({}, "user_id"), ({"user_id": 999_999}, "user_id"), ({"user_id": 1, "days": 0}, "days"), ({"user_id": 1, "days": 367}, "days")],
)
def test_what_is_wrong_is_named(api, sara, body, named):
    assert named_fields(api(sara).post(URL, body)) == [named]


def test_nobody_inactive_gets_one(api, sara):
    assert named_fields(api(sara).post(URL, {"user_id": person(Role.VENDOR, is_active=False).pk})) == ["user_id"]


def test_nonsense_is_refused(api, sara, omar):
    caller = api(sara)
    survives_nonsense(lambda body: caller.post(URL, body), {"user_id": omar.pk, "days": 1})
    for odd in ("%00", "x" * 5_000, "%F0%9F%8E%89"):
        assert caller.call("DELETE", f"{URL}{odd}/").status_code == 404


def test_the_list_costs_the_same_however_many(api, sara):
    caller = api(sara)
    for _ in range(3):
        AuthToken.objects.create(person())
    few = queries_of(lambda: caller.get(URL))
    for _ in range(27):
        AuthToken.objects.create(person())
    assert queries_of(lambda: caller.get(URL)) == few
    part = caller.get(URL, per_page=2).json()
    assert len(caller.get(URL, cursor=part["next_cursor"], per_page=100).json()["tokens"]) == 29

"""Addresses set aside over the API: nothing is sent there from that moment on, and lifting it takes a reason."""

from datetime import timedelta

import pytest

from core.models import NotificationLog, Suppression
from tests.api.callers import named_fields
from tests.api.conventions import entries, queries_of, survives_nonsense
from tests.api.world import message_of

URL = "/admin-dashboard/suppressions/"
pytestmark = pytest.mark.django_db


def said(**fields):
    return {"method": "email", "address": "Kiran@HomeServe.example", "reason": "asked by phone", **fields}


def test_an_address_set_aside_gets_nothing_that_was_queued(api, omar, kiran):
    waiting = message_of(kiran, method="email", status="pending", address=kiran.email)
    answer = api(omar).post(URL, said())
    assert answer.status_code == 201
    assert answer.json()["address"] == "kiran@homeserve.example"
    assert answer.json()["holds"] is True
    waiting.refresh_from_db()
    assert (waiting.status, waiting.error_code) == (NotificationLog.Status.FAILED, "suppressed_address")
    (entry,) = entries(content_type__model="suppression")
    assert entry.actor == omar
    assert entry.changes["reason"] == ["None", "asked by phone"]


def test_lifting_takes_a_reason_and_is_on_record(api, omar):
    caller = api(omar)
    number = caller.post(URL, said()).json()["id"]
    assert named_fields(caller.post(f"{URL}{number}/lift/")) == ["reason"]
    told = caller.post(f"{URL}{number}/lift/", {"reason": "The mailbox is back."}).json()
    assert (told["holds"], told["detail"]) == (False, "The mailbox is back.")
    entry = entries(content_type__model="suppression")[-1]
    assert (entry.actor, entry.changes["detail"]) == (omar, ["", "The mailbox is back."])


def test_of_two_who_lift_it_the_second_is_told(api, omar, sara):
    number = api(omar).post(URL, said()).json()["id"]
    api(omar).post(f"{URL}{number}/lift/", {"reason": "Back."})
    late = api(sara).post(f"{URL}{number}/lift/", {"reason": "Also me."})
    assert (late.status_code, late.json()["code"], late.json()["suppression"]["detail"]) == (409, "lifted_already", "Back.")


@pytest.mark.parametrize("number", ["1", "99999999999999999999999999"])
def test_what_is_not_there_is_not_lifted(api, omar, number):
    assert api(omar).post(f"{URL}{number}/lift/", {"reason": "x"}).status_code == 404


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"method": "pigeon"}, "method"),
        ({"address": "nobody"}, "address"),
        ({"method": "sms", "address": "98450"}, "address"),
        ({"reason": ""}, "reason"),
        ({"expires_at": "2001-01-01T00:00:00Z"}, "expires_at"),
        ({"expires_at": "2099-01-01T00:00:00"}, "expires_at"),
    ],
)
def test_what_is_wrong_is_named(api, omar, fields, named):
    assert named_fields(api(omar).post(URL, said(**fields))) == [named]
    assert not Suppression.objects.exists()


def test_nonsense_is_refused(api, omar):
    caller = api(omar)
    survives_nonsense(lambda body: caller.post(URL, body), said(detail="x", expires_at=None))
    for query in ({"address": "\0"}, {"method": "x"}, {"holds": "maybe"}, {"page": "0"}, {"cursor": "9" * 100}, {"nothing": "1"}):
        assert named_fields(caller.get(URL, **query)) == [*query]


def test_the_list_is_filtered_and_costs_the_same_however_long(api, omar, frozen):
    def aside(first, last):
        Suppression.objects.bulk_create(
            Suppression(method="email", address=f"a{n}@x.example", reason="bounce", expires_at=None if n % 3 else frozen_now())
            for n in range(first, last)
        )

    def frozen_now():
        return Suppression(method="x").created_at - timedelta(seconds=1)

    caller = api(omar)
    aside(0, 3)
    few = queries_of(lambda: caller.get(URL))
    aside(3, 30)
    assert queries_of(lambda: caller.get(URL)) == few
    assert caller.get(URL, holds="false").json()["pagination"]["total"] == 10
    assert [row["address"] for row in caller.get(URL, address="A7@x.example ").json()["suppressions"]] == ["a7@x.example"]
    newest = caller.get(URL, per_page=2).json()
    assert [row["address"] for row in newest["suppressions"]] == ["a29@x.example", "a28@x.example"]
    assert caller.get(URL, cursor=newest["next_cursor"], per_page=1).json()["suppressions"][0]["address"] == "a27@x.example"

"""Pause switches over the API: what is paused waits, who said so is kept, and nothing is thrown by mistake."""

from datetime import timedelta

import pytest

from core.models import Switch
from tests.api.callers import named_fields
from tests.api.conventions import entries, queries_of, survives_nonsense
from tests.people import person

URL = "/admin-dashboard/switches/"
pytestmark = pytest.mark.django_db


def said(**fields):
    return {"scope": "campaign", "name": "vendor_bonus", "is_paused": True, "reason": "Wrong amount", **fields}


def test_a_pause_holds_back_its_messages_and_says_who_and_why(api, omar):
    answer = api(omar).post(URL, said())
    assert answer.status_code == 200
    told = answer.json()
    assert (told["is_paused"], told["reason"], told["changed_by"]["username"], told["changed"]) == (True, "Wrong amount", "omar", True)
    assert Switch.objects.get(scope="campaign", name="vendor_bonus").is_paused
    (entry,) = entries(content_type__model="switch")
    assert (entry.actor, entry.changes["is_paused"]) == (omar, ["None", "True"])


def test_letting_go_wakes_delivery_once_committed(api, omar, monkeypatch, django_capture_on_commit_callbacks):
    woken = []
    monkeypatch.setattr("core.notifications.switches.wake.delivery", lambda: woken.append(1))
    with django_capture_on_commit_callbacks(execute=True):
        api(omar).post(URL, said())
    assert woken == []
    with django_capture_on_commit_callbacks(execute=True):
        api(omar).post(URL, said(is_paused=False, reason="Mended"))
    assert woken == [1]
    changed = entries(content_type__model="switch")[-1].changes
    assert (changed["is_paused"], changed["reason"]) == (["True", "False"], ["Wrong amount", "Mended"])


def test_thrown_twice_the_first_word_stands(api, omar, sara, frozen):
    api(omar).post(URL, said())
    frozen.shift(timedelta(minutes=1))
    told = api(sara).post(URL, said(reason="Me too")).json()
    assert (told["changed"], told["reason"], told["changed_by"]["username"]) == (False, "Wrong amount", "omar")
    assert len(entries(content_type__model="switch")) == 1


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"scope": "galaxy"}, "scope"),
        ({"name": "no_such_campaign"}, "name"),
        ({"scope": "all"}, "name"),
        ({"scope": "method", "name": "pigeon"}, "name"),
        ({"is_paused": "yes"}, "is_paused"),
        ({"reason": " "}, "reason"),
        ({"reason": "x" * 201}, "reason"),
        ({"why": "x"}, "why"),
    ],
)
def test_what_is_wrong_is_named(api, omar, fields, named):
    assert named_fields(api(omar).post(URL, said(**fields))) == [named]
    assert not Switch.objects.exists()


def test_nonsense_is_refused(api, omar):
    caller = api(omar)
    survives_nonsense(lambda body: caller.post(URL, body), said())


def test_a_key_throws_it_once(api, omar):
    caller = api(omar)
    first, second = (caller.post(URL, said(), Idempotency_Key="k1") for _ in range(2))
    assert first.json() == second.json()
    assert second.headers["Idempotency-Replayed"] == "true"
    assert caller.post(URL, said(reason="Other"), Idempotency_Key="k1").status_code == 422


def test_the_list_is_filtered_and_costs_the_same_however_long(api, omar):
    def thrown(first, last):
        Switch.objects.bulk_create(
            Switch(scope="type", name=f"t{n}", is_paused=n % 3 == 0, changed_by=person()) for n in range(first, last)
        )

    caller = api(omar)
    thrown(0, 3)
    few = queries_of(lambda: caller.get(URL))
    thrown(3, 30)
    assert queries_of(lambda: caller.get(URL)) == few
    told = caller.get(URL, is_paused="true", per_page=4).json()
    assert [row["name"] for row in told["switches"]] == ["t0", "t12", "t15", "t18"]
    assert told["pagination"] == {"page": 1, "per_page": 4, "total": 10, "total_pages": 3}
    assert caller.get(URL, cursor=told["next_cursor"], is_paused="true").json()["switches"][0]["name"] == "t21"
    assert named_fields(caller.get(URL, is_paused="1")) == ["is_paused"]

"""The audit trail over the API: found by who, what and when; read, and never written."""

from datetime import timedelta

import pytest
from auditlog.models import LogEntry
from django.contrib.contenttypes.models import ContentType

from core import audit
from core.models import Suppression, Switch
from tests.api.callers import named_fields
from tests.api.conventions import queries_of

URL = "/admin-dashboard/audit/"
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen")]


def entered(first, last, *, actor, now):
    LogEntry.objects.bulk_create(
        LogEntry(
            content_type=ContentType.objects.get_for_model(Switch),
            object_pk=str(n),
            object_repr=f"Switch {n}",
            action=n % 2,
            changes={"reason": ["", str(n)]},
            actor=actor,
            timestamp=now - timedelta(days=n),
        )
        for n in range(first, last)
    )


def test_a_change_is_found_by_who_what_and_when(api, omar, sara, now):
    api(sara).post("/admin-dashboard/switches/", {"scope": "all", "is_paused": True, "reason": "Fire"})
    entered(1, 5, actor=omar, now=now)
    found = api(omar).get(URL, actor_id=sara.pk, model="switch", action="create").json()["entries"]
    assert [(entry["actor"]["username"], entry["changes"]["reason"], entry["remote_addr"]) for entry in found] == [
        ("sara", ["None", "Fire"], "127.0.0.1")
    ]
    assert [entry["object_id"] for entry in api(omar).get(URL, object_id="3").json()["entries"]] == ["3"]
    dated = api(omar).get(URL, date_from="2026-11-13", date_to="2026-11-14", model="switch").json()
    assert [entry["object"] for entry in dated["entries"]] == ["Switch 2", "Switch 3"]


def test_people_and_secrets_are_masked_wherever_it_is_read(api, omar, sara, client, now):
    LogEntry.objects.all().delete()
    row = Suppression.objects.create(method="sms", address="+919845000004", reason="by hand")
    more = {"to": ["vera@homeserve.example"], "kept": '{"api_token": "abcdef", "phone": "+919845000004"}', "at": "2026-11-16 03:30:00"}
    audit.enter(
        row, {"address": ("+919845000004", "vera@homeserve.example"), "api_token": ("abcdef", "ghijkl")}, actor=sara, now=now, more=more
    )
    client.force_login(sara)
    entry = LogEntry.objects.filter(actor=sara).get()
    export = client.post("/admin/auditlog/logentry/export/", {"format": "0", "resource": ""})
    assert export.headers["Content-Disposition"].startswith("attachment")
    for shown in (
        api(omar).get(URL).content.decode(),
        client.get("/dashboard/audit/").content.decode(),
        client.get("/admin/auditlog/logentry/").content.decode(),
        client.get(f"/admin/auditlog/logentry/{entry.pk}/change/").content.decode(),
        export.content.decode(),
    ):
        for hidden in ("9845000004", "vera@", "abcdef", "ghijkl"):
            assert hidden not in shown
    assert "sara@" not in export.content.decode()  # On the admin's pages the reader's own stands in the corner.
    said = api(omar).get(URL, action="update").json()["entries"][0]
    assert said["changes"] == {"address": ["+•••••004", "v•••@homeserve.example"], "api_token": ["•••", "•••"]}
    assert said["more"]["at"] == "2026-11-16 03:30:00"
    assert said["object_id"] == str(row.pk)


def test_it_costs_the_same_however_long_it_is(api, omar, now):
    caller = api(omar)
    entered(0, 3, actor=omar, now=now)
    few = queries_of(lambda: caller.get(URL))
    entered(3, 30, actor=omar, now=now)
    assert queries_of(lambda: caller.get(URL)) == few


def test_nobody_writes_it(api, sara):
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert api(sara).call(method, URL, {}).status_code == 405


@pytest.mark.parametrize(
    "query",
    [
        {"actor_id": "x"},
        {"actor_id": str(2**63)},
        {"model": "galaxy"},
        {"action": "burn"},
        {"object_id": "\0"},
        {"date_from": "2026-13-01"},
        {"x": "1"},
    ],
)
def test_what_is_wrong_is_named(api, omar, query):
    assert named_fields(api(omar).get(URL, **query)) == [*query]

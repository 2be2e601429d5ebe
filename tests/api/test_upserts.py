"""Rows of a marketplace that lives elsewhere: written by their id, all of a row or nothing, and each change in the trail."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from core.dashboard import upserts
from core.imports.rows import upsert
from core.models import Booking, Payment, Signature
from tests.alerts.stuck import booking, service
from tests.api.conventions import NONSENSE, entries, queries_of
from tests.people import HOME

URL = "/admin-dashboard/import/"
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen", "kiran", "vera")]


def job(**fields):
    return {
        "id": str(uuid4()), "customer": "kiran", "service": service().pk, "status": "confirmed", "total_price": "999.50", "pincode": HOME,
        "scheduled_date": "2026-11-20T10:00:00+05:30", **fields,
    }  # fmt: skip


def written(api, user, rows, table="bookings", **headers):
    answer = api(user).post(f"{URL}{table}/", rows, **headers)
    assert answer.status_code == 200, answer.content
    return answer.json()


def counts(told):
    return [told[name] for name in ("created", "updated", "unchanged", "skipped")]


def test_rows_are_written_by_their_id_and_again_is_an_update(api, omar):
    rows = [job(), job(vendor="vera", created_at="2026-11-10T10:00:00+05:30")]
    assert counts(written(api, omar, rows)) == [2, 0, 0, 0]
    assert counts(written(api, omar, rows)) == [0, 0, 2, 0]
    rows[1]["status"] = "completed"
    assert counts(written(api, omar, rows)) == [0, 1, 1, 0]
    kept = Booking.objects.get(pk=rows[1]["id"])
    assert (kept.status, kept.vendor.username, kept.total_price) == ("completed", "vera", 999.5)


def test_what_a_row_does_not_name_it_keeps(api, omar):
    row = job(vendor="vera")
    written(api, omar, [row])
    del row["vendor"]
    written(api, omar, [row])
    assert Booking.objects.get(pk=row["id"]).vendor.username == "vera"
    written(api, omar, [{**row, "vendor": None}])
    assert Booking.objects.get(pk=row["id"]).vendor is None


def test_a_bad_row_is_skipped_whole_and_says_which_field_of_which_row(api, omar):
    same = job()
    rows = [
        same,
        job(pincode="012345", status="finished"),
        job(customer="nobody"),
        {**job(), "id": same["id"]},
        {**job(), "colour": "red"},
        {name: value for name, value in job().items() if name != "service"},
        job(total_price=True),
        "no row",
        job(total_price=1250, service=str(service().pk)),
    ]
    told = written(api, omar, rows)
    assert counts(told) == [2, 0, 0, 7]
    assert [(error["index"], error["field"]) for error in told["errors"]] == [
        (1, "pincode"), (1, "status"), (2, "customer"), (3, "id"), (4, "colour"), (5, "service"), (6, "total_price"), (7, "")
    ]  # fmt: skip
    assert {str(pk) for pk in Booking.objects.values_list("pk", flat=True)} == {rows[0]["id"], rows[8]["id"]}


def test_each_change_is_in_the_trail_with_what_was_before(api, omar):
    row = job()
    written(api, omar, [row, job()])
    written(api, omar, [{**row, "status": "cancelled"}, job()])
    first, changed = entries(content_type__model="booking", object_pk=row["id"])
    assert (first.actor, first.action, first.changes["status"]) == (omar, 0, [None, "confirmed"])
    assert (changed.actor, changed.action, changed.changes, changed.remote_addr) == (
        omar,
        1,
        {"status": ["confirmed", "cancelled"]},
        "127.0.0.1",
    )
    assert len(entries(content_type__model="booking")) == 4


def test_signatures_and_payments_belong_to_one_booking_each(api, omar, now):
    job_ = booking(now)
    signature: dict[str, Any] = {"id": str(uuid4()), "booking": str(job_.pk), "status": "signed", "satisfaction_rating": 5}
    payment: dict[str, Any] = {
        "id": str(uuid4()),
        "booking": str(job_.pk),
        "amount": 1000,
        "status": "on_hold",
        "held_at": "2026-11-14T09:00:00Z",
    }
    assert counts(written(api, omar, [signature], "signatures")) == [1, 0, 0, 0]
    assert counts(written(api, omar, [payment], "payments")) == [1, 0, 0, 0]
    assert (Signature.objects.get().satisfaction_rating, Payment.objects.get().pk) == (5, UUID(payment["id"]))
    second = written(api, omar, [{**payment, "id": str(uuid4())}], "payments")
    assert [(error["field"], "already" in error["message"]) for error in second["errors"]] == [("booking", True)]
    third = written(api, omar, [{**signature, "satisfaction_rating": 6}], "signatures")
    assert [error["field"] for error in third["errors"]] == ["satisfaction_rating"]


def test_a_key_writes_them_once(api, omar):
    caller, rows = api(omar), [job()]
    first = caller.post(f"{URL}bookings/", rows, Idempotency_Key="k")
    assert counts(first.json()) == counts(caller.post(f"{URL}bookings/", rows, Idempotency_Key="k").json()) == [1, 0, 0, 0]


def test_it_costs_the_same_for_many_rows(api, omar):
    caller = api(omar)
    caller.post(f"{URL}bookings/", [job()])
    some, many = [job() for _ in range(3)], [job() for _ in range(30)]
    few = queries_of(lambda: caller.post(f"{URL}bookings/", some))
    assert queries_of(lambda: caller.post(f"{URL}bookings/", many)) == few


def test_a_thousand_rows_are_taken_and_one_more_is_not(api, omar):
    rows = [job() for _ in range(1_001)]
    assert api(omar).post(f"{URL}bookings/", rows).status_code == 400
    assert counts(written(api, omar, rows[:1_000])) == [1_000, 0, 0, 0]


def test_somebody_who_writes_the_same_row_meanwhile_is_a_conflict(api, omar, now, monkeypatch):
    job_ = booking(now)

    def late(table, rows, *, now):
        # The other one's payment comes between the look and the write.
        monkeypatch.setattr("core.imports.load.Loader.keep_apart", lambda self, batch: Payment.objects.create(booking=job_, amount=1))
        return upsert(table, rows, now=now)

    monkeypatch.setattr(upserts, "upsert", late)
    row = {"id": str(uuid4()), "booking": str(job_.pk), "amount": 1000, "status": "pending"}
    assert api(omar).post(f"{URL}payments/", [row]).status_code == 409


@pytest.mark.parametrize("body", [{}, {"rows": []}, "x", 1, None])
def test_only_a_list_is_taken(api, omar, body):
    assert api(omar).call("POST", f"{URL}bookings/", b"null" if body is None else body).status_code == 400


def test_nonsense_is_refused_row_by_row(api, omar):
    named = [*job(), "vendor", "created_at"]
    kept = [nonsense for nonsense in NONSENSE if len(repr(nonsense)) < 1_000]
    rows = [job(**{name: nonsense}) for name in named for nonsense in kept]
    odd = {
        place for place, (name, nonsense) in enumerate((name, nonsense) for name in named for nonsense in kept) if name in ("id", "status")
    }
    told = written(api, omar, rows)
    assert told["updated"] == 0
    assert odd <= {error["index"] for error in told["errors"]}

"""What came of a campaign's runs, over the API: sent, delivered, read, clicked and booked within three days, by method."""

from datetime import timedelta
from uuid import UUID

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core import clock
from core.dashboard import pages
from core.messaging.totals import MANY, Figures, keep, kept
from core.models import Booking, MessagingRun, NotificationLog
from tests.api.callers import named_fields
from tests.api.conventions import queries_of
from tests.messaging.market import booked, service
from tests.people import people, person

URL = "/admin-dashboard/campaigns/{}/results/"
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen")]


@pytest.fixture
def results(api, omar):
    def ask(name="promotions", **query):
        answer = api(omar).get(URL.format(name), **query)
        assert answer.status_code == 200, answer.content
        return answer.json()["runs"]

    return ask


def a_run(now, *, days=4, name="promotions", people=1, queued=2):
    return MessagingRun.objects.create(name=name, started_at=now - timedelta(days=days), result={"people": people, "queued": queued})


def told(run, user, *methods, status="delivered", **fields):
    return [
        NotificationLog.objects.create(
            recipient=user,
            run=run,
            notification_type="promotional",
            method=method,
            status=status,
            created_at=run.started_at,
            **fields,
        )
        for method in methods or ("email",)
    ]


def test_a_run_shows_what_was_sent_and_what_arrived_by_method(results, now, kiran, chitra):
    run = a_run(now, people=2)
    told(run, kiran, "email", "websocket", read_at=now)
    told(run, chitra, "email", status="sent", clicked_at=now, provider="outbox")
    told(run, chitra, "websocket", status="failed")
    told(run, person(), "email", status="pending")
    [shown] = results()
    assert (shown["id"], shown["people"]) == (str(run.pk), 2)
    whole = {name: value for name, value in shown["total"].items() if name != "booked"}
    assert whole == {
        "messages": 5, "pending": 1, "sent": 3, "shown_in_outbox": 1, "delivered": 2, "failed": 1, "success_rate": 75.0, "read": 2,
        "clicked": 1,
    }  # fmt: skip
    assert {row["method"]: (row["messages"], row["sent"], row["delivered"]) for row in shown["by_method"]} == {
        "email": (3, 2, 1),
        "websocket": (2, 1, 1),
    }


def test_bookings_count_from_the_run_on_for_three_days_and_for_who_was_told_alone(results, now, kiran, chitra):
    run = a_run(now)
    told(run, kiran)
    for before_or_after in (timedelta(seconds=-1), timedelta(0), timedelta(days=3, seconds=-1), timedelta(days=3)):
        booked(1, at=run.started_at + before_or_after, customer=kiran)
    booked(1, at=run.started_at + timedelta(hours=1), customer=chitra)
    [shown] = results()
    assert shown["total"]["booked"] == {"people": 1, "bookings": 2}
    assert shown["is_settled"] is True


def test_who_was_told_in_two_ways_counts_once_in_the_run_and_once_by_each_method(results, now, kiran):
    run = a_run(now)
    told(run, kiran, "email", "websocket")
    booked(3, at=run.started_at + timedelta(hours=1), customer=kiran)
    [shown] = results()
    assert shown["total"]["booked"] == {"people": 1, "bookings": 3}
    assert [(row["method"], row["booked"]["bookings"]) for row in shown["by_method"]] == [("email", 3), ("websocket", 3)]


def test_who_was_never_reached_did_not_book_because_of_it(results, now, kiran):
    run = a_run(now)
    told(run, kiran, status="failed")
    booked(1, at=run.started_at + timedelta(hours=1), customer=kiran)
    assert results()[0]["total"]["booked"] == {"people": 0, "bookings": 0}


def test_a_booking_counts_for_each_run_by_that_runs_own_days(results, now, kiran):
    older, newer = a_run(now, days=9), a_run(now, days=2)
    for run in (older, newer):
        told(run, kiran)
    booked(1, at=now - timedelta(days=8), customer=kiran)
    found = results()
    assert [(row["id"], row["total"]["booked"]["bookings"], row["is_settled"]) for row in found] == [
        (str(newer.pk), 0, False),
        (str(older.pk), 1, True),
    ]


def test_of_those_who_do_not_book_no_bookings_are_counted(results, now, vera):
    run = a_run(now, name="vendor_bonus")
    told(run, vera)
    [shown] = results("vendor_bonus")
    assert shown["total"]["booked"] is None
    assert shown["by_method"][0]["booked"] is None


def test_as_many_runs_as_asked_for_are_shown_newest_first(api, omar, results, now):
    for days in range(12):
        a_run(now, days=days)
    assert len(results()) == 10
    assert len(results(last=3)) == 3
    for wrong in ("0", "51", "x"):
        assert named_fields(api(omar).get(URL.format("promotions"), last=wrong)) == ["last"]
    assert named_fields(api(omar).get(URL.format("promotions"), runs=3)) == ["runs"]


def test_a_campaign_without_runs_has_no_results_and_one_there_is_none_of_is_not_found(api, omar, results):
    assert results() == []
    assert api(omar).get(URL.format("no_such")).status_code == 404


def test_what_took_long_to_count_is_remembered_and_what_did_not_is_counted_anew(results, now, kiran, monkeypatch):
    run = a_run(now)

    def sent(method, long):
        monkeypatch.setattr(pages, "LONG", long)
        told(run, kiran, method, status="sent")
        return results()[0]["total"]["sent"]

    assert [sent("email", 3_600), sent("sms", 3_600), sent("websocket", -1), sent("push", 3_600)] == [1, 2, 3, 3]


def test_what_an_earlier_release_remembered_breaks_nothing_after_an_update(results, now, kiran):
    run = a_run(now)
    told(run, kiran, "email")
    cache.set(f"results:{run.pk}:True", (Figures(messages=7), {"email": Figures(messages=7)}), 60)
    assert results()[0]["total"]["messages"] == 1


def test_a_run_of_thousands_is_told_as_it_was_last_counted(api, omar, results, now, kiran, frozen):
    run = a_run(now, days=0, queued=MANY + 1)
    told(run, kiran, "email", "websocket")
    booked(1, at=now, customer=kiran)
    keep(now=now)
    with CaptureQueriesContext(connection) as asked:
        [first] = results()
    assert not [one["sql"] for one in asked.captured_queries if "core_notificationlog" in one["sql"]]
    assert (first["total"]["messages"], first["total"]["booked"], len(first["by_method"])) == (2, {"people": 1, "bookings": 1}, 2)
    assert first["counted_at"] == "2026-11-16T03:30:00Z"
    told(run, kiran, "sms")
    frozen.shift(timedelta(minutes=9))
    assert not keep(now=clock.now())
    assert results() == [first]
    frozen.shift(timedelta(minutes=1))
    assert keep(now=clock.now())
    [second] = results()
    assert (second["total"]["messages"], second["counted_at"]) == (3, "2026-11-16T03:40:00Z")


def test_each_is_counted_once_more_when_its_bookings_are_over_and_then_daily(now):
    run = a_run(now, days=0, queued=MANY + 1)
    counted = [moment for moment in (timedelta(hours=hours) for hours in range(24 * 5)) if keep(now=now + moment)]
    # Hourly asked, hourly counted, for three days; then the last word on bookings, and from then on each day.
    assert counted == [timedelta(hours=hours) for hours in (*range(73), 96)]
    run.refresh_from_db()
    assert kept(run).whole.bookings == 0


def test_of_large_runs_the_one_that_was_never_counted_comes_first_and_small_ones_are_counted_when_asked(now):
    older, newer, small = (a_run(now, days=days, queued=queued) for days, queued in ((2, MANY + 1), (1, MANY + 1), (0, MANY)))
    a_run(now, days=90, queued=MANY + 1)
    a_run(now, name="no_campaign_any_more", queued=MANY + 1)
    order: list[UUID] = []
    while keep(now=now):
        order.append(MessagingRun.objects.filter(totals_at=now).exclude(pk__in=order).get().pk)
    assert order == [newer.pk, older.pk]
    small.refresh_from_db()
    assert small.totals is None


def test_it_costs_the_same_for_thirty_people_and_runs_as_for_three(api, omar, now):
    caller = api(omar)

    def history(days, count):
        run = a_run(now, days=days)
        for user in people(count):
            told(run, user, "email", "websocket")
            Booking.objects.create(
                customer=user, service=service(), total_price=1, pincode="560001", scheduled_date=now, created_at=run.started_at
            )

    history(1, 3)
    few = queries_of(lambda: caller.get(URL.format("promotions")))
    for days in range(2, 9):
        history(days, 30)
    assert queries_of(lambda: caller.get(URL.format("promotions"))) == few

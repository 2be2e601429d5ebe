"""How long alerts waited: by type, person and week; people's times and the system's apart; nothing lost that has no time yet."""

import csv
import io
import random
import statistics
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core.alerts.record import last_two_weeks, response_times
from core.models import AlertEvent, BusinessAlert
from tests.people import meet

pytestmark = pytest.mark.django_db

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
# The Monday of `now`, and a range of two weeks around it.
MONDAY = date(2026, 11, 16)
RANGE = (date(2026, 11, 9), date(2026, 11, 22))


def episode(now, *steps, type="payment_hold", alert=None, **fields):
    """An alert's life: (what, after how long, by whom). The first is its opening."""
    alert = alert or BusinessAlert.objects.create(alert_type=type, title="Held", created_at=now, **fields)
    for what, after, who in steps:
        AlertEvent.objects.create(alert=alert, kind=what, at=now + after, actor=who)
    return alert


def opened(after=timedelta(0)):
    return ("opened", after, None)


def told(lines, *names):
    return [tuple(getattr(line, name) for name in names) for line in lines]


def test_the_median_and_the_p90_are_of_people_and_the_system_is_apart(now, omar, farah):
    for minutes in (10, 20, 90):
        episode(now, opened(), ("acknowledged", minutes * MINUTE, omar), ("resolved", minutes * 2 * MINUTE, farah))
    episode(now, opened(), ("resolved", 5 * HOUR, None))
    assert told(response_times(*RANGE), "what", "who", "type", "count", "median", "p90") == [
        ("acknowledged", "people", "payment_hold", 3, 20 * MINUTE, 76 * MINUTE),
        ("resolved", "people", "payment_hold", 3, 40 * MINUTE, 152 * MINUTE),
        ("resolved", "system", "payment_hold", 1, 5 * HOUR, 5 * HOUR),
        ("resolved unacknowledged", "", "payment_hold", 1, None, None),
    ]


def test_what_has_no_time_yet_is_counted_by_itself(now, omar):
    episode(now, opened())
    episode(now, opened(), ("acknowledged", HOUR, omar))
    episode(now, opened(), ("resolved", HOUR, omar))
    assert told(response_times(*RANGE), "what", "count", "median") == [
        ("acknowledged", 1, HOUR),
        ("open", 2, None),
        ("open and unacknowledged", 1, None),
        ("resolved", 1, HOUR),
        ("resolved unacknowledged", 1, None),
    ]


def test_the_last_seven_days_have_something_to_say_on_a_monday_morning(now, omar):
    """`now` is a Monday, 9:00: a week by the calendar has just begun."""
    for days, minutes in ((1, 20), (6, 20), (7, 60), (13, 60), (14, 500)):
        episode(now - days * DAY, opened(), ("acknowledged", minutes * MINUTE, omar))
    first, earlier, lines = last_two_weeks(MONDAY, by=())
    assert (first, earlier) == (MONDAY - 6 * DAY, MONDAY - 13 * DAY)
    assert told(lines, "week", "count", "median") == [
        (earlier, 2, 60 * MINUTE), (earlier, 2, None), (first, 2, 20 * MINUTE), (first, 2, None),
    ]  # fmt: skip


def test_each_opening_is_an_episode_of_its_own_in_its_own_week(now, omar):
    episode(
        now - 5 * DAY,
        opened(),
        ("acknowledged", HOUR, omar),
        # Acknowledged again after it ran out: the first time counts.
        ("acknowledged", 9 * HOUR, omar),
        ("resolved", 10 * HOUR, omar),
        ("reopened", 5 * DAY, None),
        ("acknowledged", 5 * DAY + 3 * HOUR, omar),
    )
    lines = response_times(*RANGE, by=("type", "week"))
    assert told(lines, "what", "week", "count", "median") == [
        ("acknowledged", date(2026, 11, 9), 1, HOUR),
        ("resolved", date(2026, 11, 9), 1, 10 * HOUR),
        ("acknowledged", MONDAY, 1, 3 * HOUR),
        ("open", MONDAY, 1, None),
    ]


def test_what_was_ignored_and_taken_up_again_is_one_episode(now, omar):
    episode(now, opened(), ("ignored", HOUR, omar), ("reopened", 2 * HOUR, omar), ("acknowledged", 3 * HOUR, omar))
    assert told(response_times(*RANGE), "what", "count", "median") == [("acknowledged", 1, 3 * HOUR), ("open", 1, None)]


def test_a_time_belongs_to_the_person_who_acted(now, omar, farah):
    episode(now, opened(), ("acknowledged", HOUR, omar), ("resolved", 2 * HOUR, farah))
    episode(now, opened(), ("acknowledged", 3 * HOUR, farah), type="booking_timeout")
    lines = response_times(*RANGE, by=("person",))
    assert told(lines, "what", "person", "count", "median") == [
        ("acknowledged", "Farah", 1, 3 * HOUR),
        ("acknowledged", "Omar", 1, HOUR),
        ("open", "", 1, None),
        ("resolved", "Farah", 1, 2 * HOUR),
    ]


def test_a_week_begins_on_monday_in_india(now, omar):
    """Sunday 23:59 and Monday 0:00 of the business day, whatever the server's clock says."""
    midnight = now - 9 * HOUR
    episode(midnight - MINUTE, opened())
    episode(midnight, opened())
    lines = [line for line in response_times(*RANGE, by=("week",)) if line.what == "open"]
    assert told(lines, "week", "count") == [(date(2026, 11, 9), 1), (MONDAY, 1)]
    assert [line.count for line in response_times(MONDAY, MONDAY) if line.what == "open"] == [1]


def test_an_alert_of_which_no_event_was_written_is_read_from_its_columns(now, omar):
    BusinessAlert.objects.create(alert_type="system_error", title="By hand", created_at=now, status="active")
    BusinessAlert.objects.create(
        alert_type="payment_hold", title="Imported", created_at=now, status="resolved",
        acknowledged_at=now + HOUR, acknowledged_by=omar, resolved_at=now + 2 * HOUR, resolved_by=omar,
    )  # fmt: skip
    assert told(response_times(*RANGE), "type", "what", "count", "median") == [
        ("payment_hold", "acknowledged", 1, HOUR),
        ("payment_hold", "resolved", 1, 2 * HOUR),
        ("system_error", "open", 1, None),
        ("system_error", "open and unacknowledged", 1, None),
    ]


def test_only_the_types_asked_for(now):
    episode(now, opened())
    episode(now, opened(), type="booking_timeout")
    assert {line.type for line in response_times(*RANGE, types=["payment_hold"])} == {"payment_hold"}
    assert response_times(*RANGE, types=[]) == []


def test_percentiles_are_those_of_the_statistics_module(now, omar):
    chance = random.Random(11)
    seconds = sorted(chance.randrange(1, 90_000) for _ in range(37))
    for each in seconds:
        episode(now, opened(), ("acknowledged", timedelta(seconds=each), omar))
    (line,) = [line for line in response_times(*RANGE) if line.what == "acknowledged"]
    assert line.median.total_seconds() == pytest.approx(statistics.median(seconds), abs=0.01)
    assert line.p90.total_seconds() == pytest.approx(statistics.quantiles(seconds, n=10, method="inclusive")[-1], abs=0.01)


@pytest.mark.parametrize("rows", [3, 30])
def test_it_is_one_statement(rows, now, omar):
    for _ in range(rows):
        episode(now, opened(), ("acknowledged", HOUR, omar))
    with CaptureQueriesContext(connection) as asked:
        response_times(*RANGE, by=("type", "person", "week"))
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("since", "until", "by", "reason"),
    [
        (RANGE[1], RANGE[0], ["type"], "until"),
        (date(2025, 1, 1), MONDAY, ["type"], "until"),
        (*RANGE, ["colour"], "by: there is no colour"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_name(since, until, by, reason, db):
    with pytest.raises(ValueError, match=reason):
        response_times(since, until, by=by)


def printed(*arguments):
    out = io.StringIO()
    call_command("response_times", *arguments, stdout=out)
    return list(csv.DictReader(io.StringIO(out.getvalue())))


def test_the_command_prints_times_in_minutes(now, omar, frozen):
    episode(now - HOUR, opened(), ("acknowledged", 45 * MINUTE, omar))
    (first, *_) = printed("--by", "type,person,week")
    assert first == {
        "what": "acknowledged", "who": "people", "type": "payment_hold", "person": "Omar", "week": "2026-11-16", "count": "1",
        "median_minutes": "45.0", "p90_minutes": "45.0",
    }  # fmt: skip


def test_the_command_prints_alerts_that_no_spreadsheet_carries_out(now, frozen):
    meet("omar")
    episode(now - HOUR, rupees_at_risk=Decimal("18450.50"), resolution_notes="=1+1", severity="high")
    (row,) = printed("--alerts")
    assert (row["rupees_at_risk"], row["resolution_notes"], row["created_at"]) == ("18450.50", "'=1+1", "2026-11-16T08:00:00+05:30")
    assert int(row["priority"]) == 18450.50 * 4


@pytest.mark.parametrize(("arguments", "reason"), [(["--since", "soon"], "--since"), (["--by", "colour"], "colour")])
def test_the_command_names_what_is_wrong(arguments, reason, db):
    with pytest.raises(CommandError, match=reason):
        call_command("response_times", *arguments)

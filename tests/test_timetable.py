"""When a job is due: cron fields as Celery writes them, in the business time zone."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.timetable import Times

IST = ZoneInfo("Asia/Kolkata")
NEW_YORK = ZoneInfo("America/New_York")


def ist(day, hour=0, minute=0):
    return datetime(2026, 11, day, hour, minute, tzinfo=IST)


def slots(times, after, until):
    return list(times.slots(after, until))


def test_nine_o_clock_is_nine_in_india_whatever_the_server_thinks():
    (slot,) = slots(Times(hour="9"), ist(16).astimezone(UTC), ist(17).astimezone(UTC))
    assert slot == ist(16, 9) == datetime(2026, 11, 16, 3, 30, tzinfo=UTC)


def test_the_first_moment_is_left_out_and_the_last_is_in():
    nine = Times(hour="9")
    assert slots(nine, ist(16, 9), ist(17, 9)) == [ist(17, 9)]
    assert slots(nine, ist(16, 9), ist(17, 8, 59)) == []
    assert slots(nine, ist(16, 9) - timedelta(microseconds=1), ist(16, 9)) == [ist(16, 9)]
    assert slots(nine, ist(17), ist(16)) == []


def test_monday_wednesday_and_friday():
    week = slots(Times(hour="11", day_of_week="1,3,5"), ist(16), ist(23))
    assert [f"{slot:%a %H:%M}" for slot in week] == ["Mon 11:00", "Wed 11:00", "Fri 11:00"]


@pytest.mark.parametrize("sunday", ["0", "sun"])
def test_sunday_is_the_day_it_is_called(sunday):
    assert [f"{slot:%a}" for slot in slots(Times(hour="5", day_of_week=sunday), ist(16), ist(30))] == ["Sun", "Sun"]


def test_every_hour_every_two_and_every_three():
    assert len(slots(Times(), ist(16), ist(17))) == 24
    assert [slot.hour for slot in slots(Times(hour="*/2"), ist(16), ist(16, 23))] == [2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22]
    assert [slot.hour for slot in slots(Times(hour="*/3"), ist(16), ist(16, 23))] == [3, 6, 9, 12, 15, 18, 21]


def test_several_minutes_of_several_hours_come_in_order():
    found = slots(Times(minute="0,30", hour="8-9"), ist(16), ist(17))
    assert [f"{slot:%H:%M}" for slot in found] == ["08:00", "08:30", "09:00", "09:30"]


def test_a_day_of_the_month_and_a_month():
    times = Times(hour="6", day_of_month="1", month_of_year="4")
    assert times.next_after(ist(16)) == datetime(2027, 4, 1, 6, tzinfo=IST)


def test_the_next_is_later_than_the_moment_itself():
    assert Times(hour="9").next_after(ist(16, 9)) == ist(17, 9)


def test_a_slot_may_be_told_in_another_zone():
    (slot,) = slots(Times(hour="9", zone="Europe/Berlin"), ist(16), ist(17))
    assert slot == ist(16, 13, 30)


@pytest.mark.parametrize(
    ("day", "times"),
    [
        (datetime(2026, 11, 1, tzinfo=NEW_YORK), Times(hour="1", minute="30", zone="America/New_York")),
        (datetime(2027, 3, 14, tzinfo=NEW_YORK), Times(hour="2", minute="30", zone="America/New_York")),
    ],
    ids=["an hour twice", "an hour left out"],
)
def test_a_daily_slot_comes_once_on_the_day_the_clocks_change(day, times):
    # Asked every ten minutes from the last slot on, as the reconciler asks.
    last = start = day.astimezone(UTC)
    found = []
    for minutes in range(10, 26 * 60, 10):
        for slot in times.slots(last, start + timedelta(minutes=minutes)):
            found.append(slot)
            last = slot
    assert len([slot for slot in found if slot.astimezone(NEW_YORK).date() == day.date()]) == 1


@given(
    after=st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1), timezones=st.just(IST)),
    pieces=st.lists(st.integers(1, 5 * 24 * 60), min_size=1, max_size=5),
    minute=st.sampled_from(["0", "*/20", "5,50"]),
    hour=st.sampled_from(["*", "9", "*/3", "8,14,18"]),
    weekday=st.sampled_from(["*", "1,3,5", "0"]),
)
def test_asked_in_pieces_or_at_once_the_slots_are_the_same(after, pieces, minute, hour, weekday):
    times = Times(minute=minute, hour=hour, day_of_week=weekday)
    moments = [after]
    for piece in pieces:
        moments.append(moments[-1] + timedelta(minutes=piece))
    in_pieces = [slot for start, end in pairwise(moments) for slot in times.slots(start, end)]
    assert in_pieces == slots(times, moments[0], moments[-1])
    assert in_pieces == sorted(set(in_pieces))


def test_fields_that_are_none_are_refused():
    with pytest.raises(Exception, match=r"25|range|invalid|Invalid"):
        slots(Times(hour="25"), ist(16), ist(17))

"""What is decided when a booking is made: the rhythm of the city, and lives that make sense."""

import re
from collections import Counter
from datetime import date, timedelta
from itertools import pairwise

import pytest
from django.utils import timezone

from core import clock
from core.demo.areas import AREAS, Trade
from core.demo.duty import on_duty
from core.demo.lives import LONGEST, Life, made_on, unfinished
from core.demo.people import DOMAIN, Duty, by_pincode, people
from core.models import Role
from core.models.fields import E164, PINCODE
from tests.demo.conftest import SEED

MONDAY = date(2026, 11, 2)
TRADE = {area.pincode: area.trade for area in AREAS}


@pytest.fixture(scope="module")
def fortnight() -> list[Life]:
    return [life for number in range(14) for life in made_on(MONDAY + timedelta(days=number), seed=SEED)]


def local_hour(life: Life) -> int:
    return timezone.localtime(life.created_at).hour


def test_a_day_is_the_same_whatever_was_asked_before():
    alone = made_on(MONDAY, seed=SEED)
    made_on(MONDAY + timedelta(days=1), seed=SEED)
    made_on(MONDAY, seed=SEED + 1)
    assert made_on(MONDAY, seed=SEED) == alone


def test_another_seed_is_another_city():
    assert {life.id for life in made_on(MONDAY, seed=SEED)}.isdisjoint(life.id for life in made_on(MONDAY, seed=SEED + 1))
    assert [one.first_name for one in people(SEED)] != [one.first_name for one in people(SEED + 1)]


def test_there_are_about_five_hundred_bookings_a_day(fortnight):
    assert 6_000 < len(fortnight) < 8_500


def test_people_book_by_day_and_hardly_at_night(fortnight):
    hours = Counter(map(local_hour, fortnight))
    by_day = sum(hours[hour] for hour in range(10, 19)) / 9
    by_night = sum(hours[hour] for hour in range(6)) / 6
    assert by_day > 15 * by_night > 0


def test_weekends_are_busier_and_start_later(fortnight):
    weekend = [life for life in fortnight if clock.business_day(life.created_at).weekday() >= 5]
    workdays = [life for life in fortnight if clock.business_day(life.created_at).weekday() < 5]
    assert len(weekend) / 4 > 1.1 * len(workdays) / 10

    def before_eight(lives: list[Life]) -> float:
        return sum(local_hour(life) < 8 for life in lives) / len(lives)

    assert before_eight(weekend) < before_eight(workdays)


def test_hot_places_are_hot_and_quiet_ones_quiet(fortnight):
    a_day = Counter(TRADE[life.pincode] for life in fortnight)
    places = Counter(TRADE.values())
    mean = {trade: a_day[trade] / places[trade] / 14 for trade in Trade}
    assert mean[Trade.HOT] > 10
    assert mean[Trade.SHORT] > 10
    assert 3 < mean[Trade.STEADY] < 5
    assert 0.8 < mean[Trade.QUIET] < 2


def test_a_life_goes_forward_and_comes_to_an_end(fortnight):
    for life in fortnight:
        for course in (life.booking, life.signature, life.payment):
            assert all(earlier.at <= later.at and earlier.status != later.status for earlier, later in pairwise(course)), life
        assert life.booking[0].at == life.created_at
        assert life.created_at < life.scheduled
        if life.assigned_at:
            assert life.created_at < life.assigned_at < life.scheduled
            assert life.vendor
        if life.signature:
            assert life.assigned_at
            assert life.finished_at
            assert life.finished_at <= life.signature[0].at
        assert life.ends - life.created_at < LONGEST
        assert life.price > 0


def test_who_is_not_done_work_for_neither_signs_nor_pays(fortnight):
    for life in fortnight:
        done = any(step.status == "completed" for step in life.booking)
        assert done == bool(life.signature) == bool(life.payment)


def test_ids_are_unique_and_in_the_order_of_time(fortnight):
    ids = [life.id for life in fortnight] + [life.signature_id for life in fortnight] + [life.payment_id for life in fortnight]
    assert len(set(ids)) == len(ids)
    assert all(one.version == 7 for one in ids)
    in_order = sorted(fortnight, key=lambda life: life.created_at.timestamp() // 0.001)
    assert [life.id.int >> 80 for life in in_order] == sorted(life.id.int >> 80 for life in fortnight)


def test_most_jobs_go_well(fortnight):
    ends = Counter(life.booking[-1].status for life in fortnight)
    assert ends["signed"] / len(fortnight) > 0.75
    assert 0.04 < ends["cancelled"] / len(fortnight) < 0.18
    assert 0 < ends["disputed"] / len(fortnight) < 0.03
    assert set(ends) == {"signed", "cancelled", "disputed", "completed"}


def test_only_vendors_who_take_jobs_then_are_given_jobs(fortnight):
    vendors = {vendor.username: vendor for some in by_pincode(SEED, Role.VENDOR).values() for vendor in some}
    for life in fortnight[::7]:
        if life.vendor:
            assert on_duty([vendors[life.vendor]], life.created_at, seed=SEED)


def test_what_is_kept_in_memory_is_what_is_not_over_yet():
    start = clock.day_start(MONDAY)
    whole = made_on(MONDAY, seed=SEED)
    for hours in (30, 100, 60, 500):  # forward, back and beyond
        moment = start + timedelta(hours=hours)
        assert unfinished(MONDAY, since=moment, seed=SEED) == tuple(life for life in whole if life.ends > moment)


def test_the_people_are_about_four_thousand_of_whom_nobody_can_be_reached():
    everyone = people(SEED)
    roles = Counter(one.role for one in everyone)
    assert 3_800 < roles[Role.CUSTOMER] < 4_200
    assert 400 < roles[Role.VENDOR] < 440
    assert all(roles[role] >= 2 for role in Role)
    assert len({one.username for one in everyone}) == len(everyone)
    assert all(one.email.endswith(DOMAIN) and DOMAIN.endswith(".example") for one in everyone)
    # Indian mobile numbers begin with 6 to 9, and no area code with 5550.
    assert all(not one.phone or (E164.fullmatch(one.phone) and one.phone.startswith("+915550")) for one in everyone)
    assert {"en", "hi", "kn"} == {one.language for one in everyone}
    assert any(not one.is_active for one in everyone)


def test_vera_always_takes_jobs_and_others_have_days_off():
    start = clock.day_start(MONDAY) + timedelta(hours=10)
    week = [start + timedelta(days=number) for number in range(7)]
    vendors = [vendor for some in by_pincode(SEED, Role.VENDOR).values() for vendor in some]
    vera = next(vendor for vendor in vendors if vendor.username == "vera")
    assert all(on_duty([vera], moment, seed=SEED) for moment in week)
    usual = [vendor for vendor in vendors if vendor.duty == Duty.USUAL]
    worked = Counter(vendor.username for moment in week for vendor in on_duty(usual, moment, seed=SEED))
    assert max(worked.values()) < 7
    assert len(worked) > 0.95 * len(usual)


def test_the_places_are_pincodes_of_bengaluru():
    assert len(AREAS) == len({area.pincode for area in AREAS}) == 96
    assert len({area.name for area in AREAS}) == 96
    for area in AREAS:
        assert PINCODE.fullmatch(area.pincode)
        assert re.match("5600|5601", area.pincode)
        assert 12.7 < area.latitude < 13.2
        assert 77.4 < area.longitude < 77.8

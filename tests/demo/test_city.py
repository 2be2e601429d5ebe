"""The city in the database: the same however time goes by, stuck in places, and respectful of what people do to it."""

from collections import Counter
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db.models import DurationField, ExpressionWrapper, F
from django.db.models.functions import Coalesce

from core import clock
from core.demo import city, record
from core.demo.areas import AREAS
from core.demo.lives import made_on, status_at
from core.demo.people import CAST
from core.models import Booking, Payment, PincodeAnalytics, Role, Service, Signature, User
from tests import people
from tests.demo.conftest import DAYS, NOW, SEED, rows

# The city is made row by row, the same on every database; how it is loaded and taken away is tried on both.
pytestmark = pytest.mark.embedded

DAY = timedelta(hours=24)


def advance(since, now):
    return city.advance(since=since, now=now, seed=SEED)


# --- The same rows, whatever the steps --------------------------------------------------------------------------------


def test_one_big_step_and_many_small_ones_and_none_at_all_make_the_same_city(db):
    start = NOW - timedelta(days=1)
    city.load(now=start, days=DAYS - 1, seed=SEED)
    advance(start, NOW)
    in_one_step = rows()
    city.remove()

    city.load(now=start, days=DAYS - 1, seed=SEED)
    moment = start
    for number in range(120):
        step = min(moment + timedelta(minutes=1 + 13 * (number % 3)), NOW)
        advance(moment, step)
        moment = step
    assert moment == NOW
    assert rows() == in_one_step
    city.remove()

    city.load(now=NOW, days=DAYS, seed=SEED)
    assert rows() == in_one_step


def test_a_period_gone_through_twice_changes_nothing_more(small_city):
    later = small_city + timedelta(hours=7)
    first = advance(small_city, later)
    assert first["bookings"] > 20
    assert first["moved"] > 50
    before = rows()
    assert not any(advance(small_city, later).values())
    assert not any(advance(small_city - timedelta(days=DAYS), later).values())
    assert not any(advance(small_city + timedelta(hours=2), small_city + timedelta(hours=5)).values())
    assert rows() == before


def test_overlapping_periods_make_the_same_city_as_tidy_ones(small_city):
    later, latest = small_city + timedelta(hours=5), small_city + timedelta(hours=8)  # still the same day in India
    advance(small_city, later)
    advance(small_city + timedelta(hours=2), latest)
    overlapping = rows()
    city.remove()
    city.load(now=latest, days=DAYS, seed=SEED)
    assert rows() == overlapping


def test_vendors_go_on_and_off_duty(small_city):
    before = dict(User.objects.filter(role=Role.VENDOR).values_list("username", "is_available"))
    morning = small_city + timedelta(hours=18)
    assert advance(small_city, morning)["vendors"] > 20
    after = dict(User.objects.filter(role=Role.VENDOR).values_list("username", "is_available"))
    assert {(before[name], after[name]) for name in before} == {(True, True), (True, False), (False, True), (False, False)}
    assert after["vera"]


def test_a_tick_in_which_nothing_is_due_reads_once_and_writes_nothing(small_city, django_assert_num_queries):
    advance(small_city, small_city + timedelta(minutes=5))
    with django_assert_num_queries(1):
        advance(small_city + timedelta(minutes=5), small_city + timedelta(minutes=5, microseconds=1))


def test_three_minutes_and_three_hours_cost_about_as_many_statements(small_city, django_assert_max_num_queries):
    with django_assert_max_num_queries(22):
        advance(small_city, small_city + timedelta(minutes=3))
    with django_assert_max_num_queries(22):
        advance(small_city + timedelta(minutes=3), small_city + timedelta(hours=3))


def test_where_there_is_no_city_nothing_happens(db, kiran):
    assert not any(advance(NOW, NOW + DAY).values())
    assert not Booking.objects.exists()
    assert city.reached() is None


# --- What people do stays done ----------------------------------------------------------------------------------------


DECISIONS: tuple[tuple[Any, str, str], ...] = (
    (Payment, "on_hold", "refunded"),
    (Payment, "processing", "failed"),
    (Signature, "pending", "expired"),
    (Booking, "confirmed", "cancelled"),
    (Booking, "in_progress", "disputed"),
    (Booking, "pending", "cancelled"),
)


def test_what_a_person_decided_is_not_overruled(small_city):
    """Over eight days, in which the city would have moved every one of these rows, none moves from where a person put it."""
    end = small_city + 8 * DAY
    lives = {life.id: life for number in range(DAYS + 1) for life in made_on(clock.business_day(small_city) - number * DAY, seed=SEED)}
    decided = []
    for model, status, by_hand in DECISIONS:
        found = list(model.objects.filter(status=status))
        taken = [one.pk for one in found]
        bookings = [one.pk if isinstance(one, Booking) else one.booking_id for one in found]
        course = str(model._meta.model_name)
        assert taken
        assert all(status_at(getattr(lives[booking], course), end) != status for booking in bookings), (model, status)
        model.objects.filter(pk__in=taken).update(status=by_hand)
        decided.append((model, taken, list(model.objects.filter(pk__in=taken).order_by("pk").values())))
    moment = small_city
    for hours in (6, 40, 24 * 8):
        advance(moment, small_city + timedelta(hours=hours))
        moment = small_city + timedelta(hours=hours)
    for model, taken, as_decided in decided:
        assert list(model.objects.filter(pk__in=taken).order_by("pk").values()) == as_decided


def test_a_signature_signed_by_hand_keeps_its_hour_and_rating(small_city):
    waiting = list(Signature.objects.filter(status="pending"))
    when = small_city - timedelta(minutes=1)
    for signature in waiting:
        signature.status, signature.signed_at, signature.satisfaction_rating = "signed", when, 3
        signature.save()
    advance(small_city, small_city + 4 * DAY)
    assert set(Signature.objects.filter(pk__in=[one.pk for one in waiting]).values_list("status", "signed_at", "satisfaction_rating")) == {
        ("signed", when, 3)
    }


def test_a_booking_cancelled_by_hand_is_neither_done_nor_paid(small_city):
    open_jobs = list(Booking.objects.filter(status__in=("pending", "confirmed", "in_progress")).values_list("pk", flat=True))
    Booking.objects.filter(pk__in=open_jobs).update(status="cancelled")
    advance(small_city, small_city + 8 * DAY)
    assert set(Booking.objects.filter(pk__in=open_jobs).values_list("status", flat=True)) == {"cancelled"}
    assert not Payment.objects.filter(booking__in=open_jobs).exists()
    assert not Signature.objects.filter(booking__in=open_jobs).exists()


def test_a_job_given_to_another_vendor_stays_with_that_one(small_city):
    job = Booking.objects.filter(status="confirmed").exclude(vendor__username="vera").order_by("scheduled_date").first()
    assert job
    Booking.objects.filter(pk=job.pk).update(vendor=User.objects.get(username="vera"))
    advance(small_city, small_city + 8 * DAY)
    job.refresh_from_db()
    assert job.status != "confirmed"
    assert job.vendor
    assert job.vendor.username == "vera"


def test_a_vendor_found_by_hand_is_not_replaced(small_city):
    vera = User.objects.get(username="vera")
    waiting = list(Booking.objects.filter(status="pending").values_list("pk", flat=True))
    Booking.objects.filter(pk__in=waiting).update(vendor=vera)
    advance(small_city, small_city + 8 * DAY)
    assert Booking.objects.filter(pk__in=waiting, status="signed").exists()
    assert set(Booking.objects.filter(pk__in=waiting).values_list("vendor", flat=True)) == {vera.pk}


def test_a_booking_deleted_by_hand_does_not_come_back(small_city):
    later = small_city + timedelta(hours=4)
    advance(small_city, later)
    gone = list(Booking.objects.filter(created_at__gt=small_city).order_by("created_at")[:3])
    Booking.objects.filter(pk__in=[booking.pk for booking in gone]).delete()
    advance(small_city, later + timedelta(hours=4))
    assert not Booking.objects.filter(pk__in=[booking.pk for booking in gone]).exists()


def test_a_vendor_switched_by_hand_stays_so_until_switched_back(small_city):
    vera = User.objects.get(username="vera")
    User.objects.filter(pk=vera.pk).update(is_available=False)
    others_off = set(User.objects.filter(role=Role.VENDOR, is_available=False, is_active=True).values_list("pk", flat=True)) - {vera.pk}
    User.objects.filter(pk__in=others_off).update(is_available=True)
    moment = small_city
    for _ in range(9):
        advance(moment, moment + timedelta(hours=8))
        moment += timedelta(hours=8)
    vera.refresh_from_db()
    assert not vera.is_available
    assert not User.objects.filter(pk__in=others_off, is_available=False).exists()

    User.objects.filter(pk__in=others_off).update(is_available=False)
    for _ in range(6):
        advance(moment, moment + timedelta(hours=8))
        moment += timedelta(hours=8)
    assert User.objects.filter(pk__in=others_off, is_available=True).exists()


# --- Enough to show ---------------------------------------------------------------------------------------------------


def test_tens_of_things_are_stuck(db):
    city.load(now=NOW, days=14, seed=SEED)

    def older(found, since, hours):
        return found.filter(**{f"{since}__lt": NOW - timedelta(hours=hours)}).count()

    unsigned = Signature.objects.filter(status="pending")
    held = Payment.objects.filter(status="on_hold").annotate(since=Coalesce("held_at", "created_at"))
    # The duration is minutes in another table; no job here is longer than eight hours.
    overdue = Booking.objects.filter(status__in=("confirmed", "in_progress"))
    assert 10 <= older(unsigned, "requested_at", 24) <= 90
    assert 3 <= older(unsigned, "requested_at", 48) <= 50
    assert 8 <= older(held, "since", 24) <= 90
    assert 2 <= older(held, "since", 48) <= 50
    assert 8 <= older(overdue, "scheduled_date", 24 + 8) <= 90
    assert 2 <= older(overdue, "scheduled_date", 48 + 8) <= 50


def nine_o_clock(day):
    return clock.day_start(day) + timedelta(hours=9)


def test_every_day_of_the_week_has_work_for_each_campaign(db):
    """At nine o'clock, by the usual limits over yesterday: about a third in demand, a handful for a bonus, a third quiet."""
    first = clock.business_day(NOW)
    city.load(now=nine_o_clock(first), days=1, seed=SEED)
    for number in range(7):
        yesterday, today = first + timedelta(days=number - 1), first + timedelta(days=number)
        if number:
            advance(nine_o_clock(yesterday), nine_o_clock(today))
        start, end = clock.day_bounds(yesterday)
        pincodes = [area.pincode for area in AREAS]
        booked = Counter(Booking.objects.filter(created_at__gte=start, created_at__lt=end).values_list("pincode", flat=True))
        vendors = Counter(User.objects.filter(role=Role.VENDOR, is_active=True, is_available=True).values_list("pincode", flat=True))
        demand = [pincode for pincode in pincodes if booked[pincode] > 5 or booked[pincode] > 3 * vendors[pincode]]
        assert 24 <= len(demand) <= 46, today
        assert 3 <= sum(booked[pincode] > 8 and vendors[pincode] < 3 for pincode in pincodes) <= 12, today
        assert 4 <= sum(vendors[pincode] == 0 for pincode in demand) <= 12, today
        assert 20 <= sum(booked[pincode] < 3 for pincode in pincodes) <= 46, today


def test_the_cast_can_log_in_and_vera_has_jobs_today(small_city):
    assert [person.username for person in city.demo_people()] == ["sara", "omar", "farah", "vera", "kiran"]
    for person in CAST:
        found = User.objects.get(username=person.username)
        assert found.role == person.role
        assert found.check_password(city.PASSWORD)
    start, end = clock.day_bounds(clock.business_day(small_city))
    assert Booking.objects.filter(vendor__username="vera", scheduled_date__gte=start, scheduled_date__lt=end).exists()
    assert Booking.objects.filter(customer__username="kiran").exists()


def test_ratings_response_and_completion_times_are_believable(small_city):
    ratings = [rating for rating in Signature.objects.values_list("satisfaction_rating", flat=True) if rating]
    assert 3.8 < sum(ratings) / len(ratings) < 4.6
    assert set(ratings) == {1, 2, 3, 4, 5}
    length = ExpressionWrapper(F("assigned_at") - F("created_at"), output_field=DurationField())
    waited = sorted(Booking.objects.filter(assigned_at__isnull=False).annotate(waited=length).values_list("waited", flat=True))
    assert timedelta(minutes=6) < waited[len(waited) // 2] < timedelta(minutes=30)
    took = ExpressionWrapper(F("completion_date") - F("scheduled_date"), output_field=DurationField())
    hours = [
        one.total_seconds() / 3600 for one in Booking.objects.filter(status="signed").annotate(took=took).values_list("took", flat=True)
    ]
    assert 1 < sum(hours) / len(hours) < 3
    assert min(hours) > 0


def test_nothing_lies_in_the_future(small_city):
    for model, moment in (
        (Booking, "created_at"),
        (Booking, "assigned_at"),
        (Booking, "completion_date"),
        (Signature, "requested_at"),
        (Signature, "signed_at"),
        (Payment, "created_at"),
        (Payment, "held_at"),
        (User, "date_joined"),
    ):
        assert not model.objects.filter(**{f"{moment}__gt": small_city}).exists(), (model, moment)


# --- Coming and going -------------------------------------------------------------------------------------------------


def test_the_city_is_only_loaded_into_an_empty_database(db, kiran):
    assert not city.is_empty()
    with pytest.raises(city.NotEmptyError, match="already holds"):
        city.load(now=NOW, days=1, seed=SEED)
    assert User.objects.get() == kiran
    assert not Service.objects.exists()


def test_removing_the_city_leaves_everything_else(db):
    city.load(now=NOW, days=3, seed=SEED)
    place, elsewhere = "560001", "600001"
    ravi = people.person(Role.CUSTOMER, pincode=place)
    latha = people.person(Role.VENDOR, pincode=elsewhere)
    own = Service.objects.create(name="Piano tuning", category="Music", base_price=Decimal("2500.00"))
    shared = Service.objects.get(name="Furniture assembly")
    job = Booking.objects.create(customer=ravi, vendor=latha, service=own, total_price=2500, pincode=place, scheduled_date=NOW)
    with_vera = Booking.objects.create(
        customer=ravi, vendor=User.objects.get(username="vera"), service=shared, total_price=500, pincode=place, scheduled_date=NOW
    )
    Payment.objects.create(booking=job, amount=2500)
    for pincode in (place, "560034", elsewhere):
        PincodeAnalytics.objects.create(pincode=pincode, date=clock.business_day(NOW))

    removed = city.remove()

    assert removed["people"] > 4_000
    assert removed["bookings"] > 1_000
    assert set(User.objects.all()) == {ravi, latha}
    assert set(Booking.objects.values_list("pk", "vendor")) == {(job.pk, latha.pk), (with_vera.pk, None)}
    assert Payment.objects.get().booking == job
    assert set(Service.objects.all()) == {own, shared}
    assert set(PincodeAnalytics.objects.values_list("pincode", flat=True)) == {place, elsewhere}
    assert city.reached() is None
    assert not any(city.remove().values())


def test_how_far_the_city_came_is_kept_and_can_be_done_without(small_city, settings):
    settings.DEMO_SEED = SEED
    later = small_city + timedelta(hours=6)
    advance(small_city, later)
    kept = city.reached()
    assert kept
    assert (kept.seed, kept.loaded_at, kept.advanced_to, kept.is_certain) == (SEED, small_city, later, True)
    before = rows()

    record.path().write_text("{half a rec", encoding="utf-8")
    concluded = city.reached()
    assert concluded
    assert not concluded.is_certain
    assert timedelta() <= later - concluded.advanced_to < timedelta(hours=1)
    advance(concluded.advanced_to, later)
    assert rows() == before
    again = city.reached()
    assert again
    assert again.advanced_to == later


def test_the_record_of_another_database_is_not_this_ones(small_city, settings):
    kept = record.path().read_text(encoding="utf-8")
    record.path().write_text(kept.replace('"database": "', '"database": "another-'), encoding="utf-8")
    concluded = city.reached()
    assert concluded
    assert not concluded.is_certain

"""Thresholds: what holds and by whom, what another limit would have done, and nothing saved by whoever may not."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core import backtest, clock
from core.analytics.thresholds import in_force
from core.messaging.campaign import campaigns
from core.messaging.campaigns.high_demand import HighDemand
from core.messaging.pincode_campaign import PincodeCampaign
from core.models import Payment, PincodeAnalytics, Role, Threshold
from tests.alerts.stuck import booking
from tests.api.conventions import entries
from tests.people import HOME, people, person

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen")]
URL = "/dashboard/thresholds/"
SUNDAY = date(2026, 11, 15)
OVER = {"rule": "high_demand", "name": "bookings_over"}


def text_of(client, **query):
    return client.get(URL, query).content.decode()


def set_to(value, *, scope="", days=0, by=None, **limit):
    return Threshold.objects.create(
        **{**OVER, **limit}, scope=scope, value=value, effective_from=clock.now() + timedelta(days=days), created_by=by
    )


def a_day(pincode, bookings, day=SUNDAY, vendors=9):
    PincodeAnalytics.objects.create(pincode=pincode, date=day, total_bookings=bookings, available_vendors=vendors, is_final=True)


def limit_in(pincode, at):
    return in_force("high_demand", HighDemand.limits, now=at).for_pincode(pincode)["bookings_over"]


# --- What holds -------------------------------------------------------------------------------------------------------


def test_what_nobody_has_set_is_shown_as_the_default(as_omar):
    page = text_of(as_omar)
    for words in (
        "over 5 bookings",
        "under 3 free vendors",
        "stuck for over 24 hours",
        "default",
        "Payments on hold for more than 24 hours",
    ):
        assert words in page


def test_a_limit_says_where_since_when_and_by_whom(as_omar, sara):
    set_to(7, scope="5600", days=-1, by=sara)
    page = text_of(as_omar)
    assert "over 7 bookings" in page
    assert "in 5600" in page
    assert "Sun 9:00</time>, Sara" in page


def test_in_one_pincode_the_narrowest_limit_is_shown(as_omar):
    set_to(6, days=-1)
    set_to(7, scope="5600", days=-1)
    set_to(8, scope=HOME, days=-1)
    page = text_of(as_omar, pincode=HOME)
    assert "over 8 bookings" in page
    assert "over 7 bookings" not in page
    assert "over 7 bookings" in text_of(as_omar, pincode="560099")


def test_a_limit_that_ended_is_no_limit_of_its_own(as_omar):
    set_to(7, scope="5600", days=-2)
    set_to(None, scope="5600", days=-1)
    assert "in 5600" not in text_of(as_omar)


def test_what_is_no_pincode_is_said_beside_the_field(as_omar):
    answer = as_omar.get(URL, {"pincode": "0123<b>"})
    assert answer.status_code == 400
    assert "A pincode is six digits" in answer.content.decode()
    assert "0123&lt;b&gt;" in answer.content.decode()


def test_finance_and_everybody_else_is_refused(client, farah, vera):
    for user in (farah, vera):
        client.force_login(user)
        assert client.get(URL).status_code == 403


def test_it_costs_the_same_for_thirty_limits_as_for_three(as_omar, sara):
    for number in range(3):
        set_to(number, scope=f"5600{number:02}", days=-1, by=sara)
    text_of(as_omar)
    with CaptureQueriesContext(connection) as few:
        text_of(as_omar)
    for number in range(3, 30):
        set_to(number, scope=f"5600{number:02}", days=number % 2 * 2 - 1, by=person(Role.SUPER_ADMIN))
    with CaptureQueriesContext(connection) as many:
        page = text_of(as_omar)
    assert len(many) == len(few) <= 8
    assert "more places" in page


# --- What it would do -------------------------------------------------------------------------------------------------


def test_another_limit_is_shown_beside_what_it_would_have_done(as_omar):
    people(2, Role.VENDOR)
    for number in range(3):
        a_day(HOME, 6 + number, SUNDAY - timedelta(days=number))
    a_day("110001", 6, SUNDAY)
    page = text_of(as_omar, **OVER, value="6")
    assert "this would have fired 2 times and told 2 people; the limits in force 4 times and 2 people" in page
    assert "Pincodes a day: 2 times by the proposed limits in 28 days, 4 by those in force." in page
    assert "<td>Sun 15 Nov</td>" in page
    assert Threshold.objects.count() == 0


@pytest.mark.parametrize("name", ["high_demand", "vendor_bonus", "promotions"])
def test_a_campaign_that_says_what_it_reads_is_judged_as_one_that_does_not(monkeypatch, now, name):
    campaign = campaigns.get(name)
    assert isinstance(campaign, PincodeCampaign)
    for number in range(60):
        a_day(f"5600{number % 7:02}", number % 12, SUNDAY - timedelta(days=number // 7), vendors=number % 4)
    set_to(9, scope="560003", days=-1)
    options = [in_force(name, campaign.limits, now=now), in_force(name, dict.fromkeys(campaign.limits, Decimal(4)), now=now)]
    quick = backtest.fired(campaign, options, now=now)
    monkeypatch.setattr(type(campaign), "reads", ())
    assert backtest.fired(campaign, options, now=now) == quick
    assert all(outcome.times for outcome in quick)


def test_a_check_is_held_against_what_is_stuck_now(as_omar):
    for hours in (25, 31, 50):
        Payment.objects.create(booking=booking(now=clock.now()), amount=500, status="on_hold", held_at=clock.now() - timedelta(hours=hours))
    page = text_of(as_omar, rule="payment_holds", name="after_hours", value="30")
    assert "Now this would find 2 payments held instead of 3, 1 of them critical." in page
    assert 'name="scope"' not in page


def test_the_backtest_costs_the_same_whatever_there_is(as_omar):
    def queries():
        with CaptureQueriesContext(connection) as some:
            text_of(as_omar, **OVER, value="6")
        return len(some)

    a_day(HOME, 9)
    text_of(as_omar, **OVER, value="6")
    few = queries()
    for number in range(30):
        a_day(f"5601{number:02}", 9)
    assert queries() == few <= 12


def test_an_open_page_that_looks_for_changes_counts_nothing_again(as_omar):
    with CaptureQueriesContext(connection) as asked:
        as_omar.get(URL, {**OVER, "value": "6"}, headers={"X-Requested-With": "fetch"})
    assert not [query for query in asked if "pincodeanalytics" in query["sql"]]


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ({"value": "many"}, "A valid number is required."),
        ({"value": "-1"}, "Must be from 0"),
        ({"value": "7", "scope": "0x"}, "A region is the first digits"),
        ({"value": "7", "from": "tomorrow"}, "A day, as 2026-11-24."),
        ({"value": "7", "from": "2026-02-31"}, "A day, as 2026-11-24."),
        ({"value": "7", "from": "2026-11-15"}, "This day has gone by"),
        ({"value": "7", "from": "9999-12-31"}, "The year must lie before 2200."),
        ({"value": "7", "note": "x" * 201}, "no more than 200 characters"),
    ],
)
def test_what_cannot_be_is_said_beside_its_field_and_what_was_typed_stays(as_sara, typed, why):
    for answer in (as_sara.get(URL, {**OVER, **typed, "ask": "1"}), as_sara.post(URL, {**OVER, **typed})):
        page = answer.content.decode()
        assert answer.status_code == 400
        assert why in page
        assert all(f'value="{value}"' in page for value in typed.values())
    assert Threshold.objects.count() == 0


# --- Saving -----------------------------------------------------------------------------------------------------------


def test_before_it_is_saved_it_says_what_it_will_do(as_sara):
    for number in range(3):
        a_day(f"56010{number}", 6 + number)
    page = text_of(as_sara, **OVER, value="6", scope="5601", ask="1")
    assert "From 17 Nov: over 6 bookings in 5601." in page
    assert "Yesterday this would have fired for 2 pincodes instead of 3." in page
    assert "Keep as is" in page
    assert Threshold.objects.count() == 0


def test_a_limit_is_saved_from_a_day_on_seen_as_coming_and_entered(as_sara, sara, now):
    answer = as_sara.post(URL, {**OVER, "value": "6", "scope": "5600", "from": "2026-11-17", "note": "Busy", "seen": ""})
    assert (answer.status_code, answer.headers["Location"]) == (303, URL)
    page = text_of(as_sara)
    assert "From 17 Nov: over 6 bookings in 5600." in page
    assert "over 6 bookings in 5600" in page
    assert "in 15 h" in page
    assert (limit_in(HOME, now), limit_in(HOME, now + timedelta(hours=14)), limit_in(HOME, now + timedelta(hours=15))) == (5, 5, 6)
    (entry,) = entries(content_type__model="threshold")
    assert (entry.actor, entry.changes["value"], entry.changes["note"]) == (sara, ["None", "6.00"], ["None", "Busy"])


def test_from_today_is_from_now_on(as_sara, now):
    as_sara.post(URL, {**OVER, "value": "6", "from": "2026-11-16"})
    assert limit_in(HOME, now) == 6
    assert "From now on: over 6 bookings everywhere." in text_of(as_sara)


def test_a_region_goes_back_to_the_wider_limit(as_sara, now):
    row = set_to(7, scope="5600", days=-1)
    assert "the wider one holds again" in text_of(as_sara, **OVER, scope="5600")
    as_sara.post(URL, {**OVER, "scope": "5600", "ends": "1", "from": "2026-11-16", "seen": row.pk})
    assert limit_in(HOME, now) == 5


def test_of_two_who_looked_at_the_same_limit_the_second_is_told_who_was_first(as_sara, sara):
    old = set_to(6, days=-2)
    set_to(8, days=-1, by=sara)
    answer = as_sara.post(URL, {**OVER, "value": "7", "from": "2026-11-17", "seen": old.pk})
    assert answer.status_code == 409
    assert "Sara set it to over 8 bookings" in answer.content.decode()
    assert 'value="7"' in answer.content.decode()
    assert Threshold.objects.count() == 2


def test_a_limit_to_come_is_taken_back_until_it_holds(as_sara, frozen):
    first, second = set_to(6, days=1), set_to(7, days=2)
    assert as_sara.post(f"{URL}{first.pk}/take-back/").status_code == 303
    assert "Taken back: over 6 bookings everywhere." in text_of(as_sara)
    frozen.shift(timedelta(days=3))
    as_sara.post(f"{URL}{second.pk}/take-back/")
    assert "This limit has been in force: it is on record." in text_of(as_sara)
    assert list(Threshold.objects.all()) == [second]
    assert as_sara.post(f"{URL}{first.pk}/take-back/").status_code == 404


def test_an_ops_manager_sees_it_all_and_changes_nothing(as_omar):
    row = set_to(6, days=1)
    page = text_of(as_omar, **OVER, value="6", ask="1")
    assert "Only a super admin may change thresholds." in page
    assert "Keep as is" not in page
    assert as_omar.post(URL, {**OVER, "value": "6"}).status_code == 403
    assert as_omar.post(f"{URL}{row.pk}/take-back/").status_code == 403
    assert list(Threshold.objects.all()) == [row]


def test_a_note_of_somebody_is_text(as_omar, sara):
    Threshold.objects.create(**OVER, value=7, effective_from=clock.now(), created_by=sara, note="<b>x</b>")
    assert "&lt;b&gt;x&lt;/b&gt;" in text_of(as_omar)

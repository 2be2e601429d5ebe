"""The map and its list: every measured pincode of a day, graded, compared, and said in words where something is asked that cannot be."""

import gzip
import json
import re
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core import clock
from core.geo.cities import city_name
from core.geo.places import LIST, places
from core.models import NotificationLog, PincodeAnalytics, Role, Threshold
from core.web.map.days import day_of
from core.web.map.grades import METRICS
from core.web.map.picture import TOGETHER_FROM, drawn
from tests.people import HOME, person

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen")]

# Listed by India Post, and not believed.
WITHOUT_PLACE = "560071"


def today():
    return clock.business_day(clock.now())


def a_day(pincode=HOME, *, bookings=0, free=0, back=0, **fields):
    day = today() - timedelta(days=back)
    return PincodeAnalytics.objects.create(
        pincode=pincode, date=day, total_bookings=bookings, available_vendors=free, is_final=back > 0, **fields
    )


def many(count, *, bookings=3):
    """So many real pincodes, today and a week ago."""
    with LIST.open() as file:
        pincodes = [line[:6] for line in file if ",l," not in line][:: 19_000 // count // 2 or 1][:count]
    assert len(pincodes) == count
    days = (today(), today() - timedelta(days=7))
    PincodeAnalytics.objects.bulk_create(
        PincodeAnalytics(pincode=pincode, date=day, total_bookings=bookings, available_vendors=1) for pincode in pincodes for day in days
    )


def get(client, query="", status=200):
    answer = client.get(f"/dashboard/map/{query}")
    assert answer.status_code == status
    return answer.content.decode()


def found(pattern, page):
    match = re.search(pattern, page, re.DOTALL)
    assert match, pattern
    return match[1]


def words(page):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def bubbles(client, query=""):
    data = json.loads(found(r'<script id="map-data" type="application/json">(.*?)</script>', get(client, query)))
    return data, {one[0]: one for one in data["bubbles"]}


def grade(client, metric, pincode=HOME):
    return bubbles(client, f"?metric={metric}")[1][pincode][5]


# --- What is drawn ----------------------------------------------------------------------------------------------------


def test_every_measured_pincode_is_a_bubble_where_it_lies_beside_last_week(as_omar):
    a_day(bookings=7, free=2, high_demand_alert_sent=True)
    a_day(bookings=4, free=4, back=7)
    a_day("110001")
    data, drawn_ones = bubbles(as_omar)
    assert drawn_ones[HOME] == [
        HOME, "Bengaluru GPO", 12.9716, 77.5946, 7, 4, 0, 1, "7", "4", "2", "4", "3.5", "1.0", "high demand"
    ]  # fmt: skip
    assert drawn_ones["110001"][4:] == [0, 0, 0, 0, "0", "", "0", "", "0.0", "", ""]
    assert data["labels"] == ["Bookings", "Free vendors", "Per vendor"]


def test_a_pincode_without_a_place_is_counted_and_listed_and_never_drawn(as_omar):
    a_day(bookings=1, free=1)
    a_day(WITHOUT_PLACE, bookings=9, free=1)
    a_day("999999", bookings=1, free=1)
    assert list(bubbles(as_omar)[1]) == [HOME]
    page = get(as_omar)
    assert "2 without a place" in page
    assert f"pincode={WITHOUT_PLACE}" in page
    assert "pincode=999999" in page
    listed = words(get(as_omar, "?view=list"))
    assert listed.count("no place") == 2


@pytest.mark.parametrize(
    ("bookings", "free", "is_worth"), [(0, 2, 0), (1, 2, 1), (1, 1, 2), (2, 1, 3), (3, 1, 3), (4, 1, 4), (1, 0, 4), (0, 0, 0)]
)
def test_the_ratio_is_graded_by_the_limit_and_only_what_is_over_it_is_worst(as_omar, bookings, free, is_worth):
    a_day(bookings=bookings, free=free)
    assert grade(as_omar, "ratio") == is_worth


@pytest.mark.parametrize(("bookings", "is_worth"), [(0, 0), (1, 1), (2, 2), (4, 3), (5, 3), (6, 4)])
def test_bookings_are_graded_by_the_limit(as_omar, bookings, is_worth):
    a_day(bookings=bookings, free=9)
    assert grade(as_omar, "demand") == is_worth


def test_a_pincode_with_a_limit_of_its_own_is_held_against_that(as_omar):
    Threshold.objects.create(rule="high_demand", name="bookings_per_vendor_over", scope="5600", value=Decimal(1))
    a_day(bookings=2, free=1)
    a_day("110001", bookings=2, free=1)
    shown = bubbles(as_omar)[1]
    assert (shown[HOME][5], shown["110001"][5]) == (4, 3)
    assert (shown[HOME][7], shown["110001"][7]) == (1, 0)
    assert "limits of their own" in get(as_omar)


@pytest.mark.parametrize(("rating", "is_worth"), [(5.0, 0), (4.5, 0), (4.4, 1), (3.5, 2), (3.0, 3), (2.9, 4), (None, -1)])
def test_a_low_rating_is_worst_and_none_is_no_grade(as_omar, rating, is_worth):
    a_day(bookings=1, free=1, customer_satisfaction_avg=rating)
    assert grade(as_omar, "satisfaction") == is_worth


def test_revenue_is_graded_in_fifths_of_those_who_earned(as_omar):
    with LIST.open() as file:
        pincodes = [line[:6] for line in file if ",h," in line][:11]
    for number, pincode in enumerate(pincodes):
        a_day(pincode, bookings=1, free=1, total_revenue=Decimal(1000 * number))
    shown = bubbles(as_omar, "?metric=revenue")[1]
    assert [shown[pincode][5] for pincode in pincodes] == [0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4]


def test_nobody_free_is_said_and_drawn_apart(as_omar):
    a_day(bookings=1)
    one = bubbles(as_omar)[1][HOME]
    assert one[6] == 1
    assert one[12] == "∞"
    assert "no vendor free" in get(as_omar, "?view=list")


# --- Many -------------------------------------------------------------------------------------------------------------


def test_over_three_hundred_bubbles_come_with_clusters_by_three_digits():
    many(TOGETHER_FROM)
    assert drawn(day_of(today(), METRICS["ratio"], now=clock.now()))["clusters"] == []
    a_day("110001" if not PincodeAnalytics.objects.filter(pincode="110001").exists() else HOME, bookings=8)
    shown = drawn(day_of(today(), METRICS["ratio"], now=clock.now()))
    assert sum(one[4] for one in shown["clusters"]) == len(shown["bubbles"]) == TOGETHER_FROM + 1
    assert sum(one[3] for one in shown["clusters"]) == 3 * TOGETHER_FROM + 8
    assert sum(one[5] for one in shown["clusters"]) == 1
    for prefix, latitude, longitude, *_ in shown["clusters"]:
        members = [one for one in shown["bubbles"] if one[0].startswith(prefix)]
        assert len(prefix) == 3
        assert min(one[2] for one in members) - 1e-3 <= latitude <= max(one[2] for one in members) + 1e-3
        assert min(one[3] for one in members) - 1e-3 <= longitude <= max(one[3] for one in members) + 1e-3


@pytest.mark.parametrize("query", ["", "?view=list", f"?pincode={HOME}", "?city=560"])
def test_it_costs_the_same_for_two_thousand_pincodes_as_for_ninety_six(as_omar, query):
    many(96)
    get(as_omar, query)
    with CaptureQueriesContext(connection) as few:
        get(as_omar, query)
    PincodeAnalytics.objects.all().delete()
    many(2000)
    with CaptureQueriesContext(connection) as all_of_them:
        page = get(as_omar, query)
    assert len(all_of_them) == len(few) <= 16
    assert "2,000" in words(page) or "city" in query


def test_two_thousand_pincodes_weigh_less_than_150_kb(as_omar):
    """Compressed, with the page's own styles and scripts; without Leaflet and the outline, which a browser keeps."""
    many(2000)
    page = get(as_omar)
    own = [name for name in re.findall(r'(?:href|src)="/static/([^"]+\.(?:css|js))"', page) if "/vendor/" not in name]
    assert "homeserve/map_bubbles.js" in own
    parts = [page.encode(), *(Path(str(finders.find(name))).read_bytes() for name in own)]
    assert sum(len(gzip.compress(part)) for part in parts) < 150_000


# --- The list ---------------------------------------------------------------------------------------------------------


def order_of(page):
    return re.findall(r'<tr data-row="(\d{6})"', page)


def test_the_list_is_sorted_as_asked_and_says_so(as_omar):
    a_day("110001", bookings=1, free=1, total_revenue=50)
    a_day("400001", bookings=9, free=9, customer_satisfaction_avg=2.0)
    a_day(HOME, bookings=3, free=0, customer_satisfaction_avg=4.0)
    assert order_of(get(as_omar, "?view=list&sort=pincode")) == ["110001", "400001", HOME]
    assert order_of(get(as_omar, "?view=list&sort=-bookings")) == ["400001", HOME, "110001"]
    assert order_of(get(as_omar, "?view=list&sort=-revenue"))[0] == "110001"
    assert order_of(get(as_omar, "?view=list&metric=satisfaction")) == ["400001", HOME, "110001"]
    assert order_of(get(as_omar, "?view=list&sort=-satisfaction")) == [HOME, "400001", "110001"]
    page = get(as_omar, "?view=list")
    assert order_of(page)[0] == HOME
    assert re.search(r'aria-sort="descending"><a href="[^"]*sort=ratio', page)


def test_the_list_goes_on_after_a_hundred(as_omar):
    many(101)
    first, second = get(as_omar, "?view=list&sort=pincode"), get(as_omar, "?view=list&sort=pincode&page=2")
    assert len(order_of(first)) == 100
    assert len(order_of(second)) == 1
    assert "page=2" in first
    assert "1 to 100 of 101" in first


def test_who_runs_no_script_sees_the_list_in_place_of_the_map(as_omar):
    a_day(bookings=3, free=1)
    assert order_of(found(r"<noscript><div class=\"map-plain\">(.*?)</noscript>", get(as_omar))) == [HOME]


# --- One city ---------------------------------------------------------------------------------------------------------


def cities(page):
    return re.findall(r'<option value="(\d{3})"( selected)?>([^<]+)</option>', page)


def test_one_city_of_several_is_chosen_and_everything_is_of_it(as_omar):
    """In the URL, kept by every way on from there; its sums are its own."""
    for pincode, bookings in ((HOME, 9), ("560002", 1), ("400001", 4)):
        a_day(pincode, bookings=bookings, free=1)
        a_day(pincode, bookings=1, free=1, back=7)
    assert cities(get(as_omar)) == [("560", "", "Bengaluru"), ("400", "", "Mumbai")]
    page = get(as_omar, "?city=560&view=list&metric=demand")
    assert cities(page) == [("560", " selected", "Bengaluru"), ("400", "", "Mumbai")]
    assert order_of(page) == [HOME, "560002"]
    assert "Bookings 10 2 Mon" in words(page)
    assert "Bengaluru," in found(r"<aside.*?<h2>(.*?)</h2>", page)
    assert f"?city=560&amp;metric=demand&amp;view=list&amp;pincode={HOME}" in page
    on = [address for address in re.findall(r'href="(/dashboard/map/\?[^"]*)" data-go', page) if "city=560" not in address]
    assert on == []
    assert '<input type="hidden" name="city" value="560">' in page
    data, shown = bubbles(as_omar, "?city=400")
    assert (data["city"], list(shown)) == ("400", ["400001"])
    # A city in which nothing was measured that day is said to be one.
    assert "No pincode in Kolkata was measured on" in get(as_omar, "?city=700")
    assert "No pincode in 999… was measured on" in get(as_omar, "?city=999")


def test_where_there_is_one_city_there_is_no_choice(as_omar):
    a_day(bookings=1, free=1)
    assert 'name="city"' not in get(as_omar)


def test_a_city_is_called_after_its_head_office_and_not_after_the_quarter_that_this_stands_in():
    names = {digits: city_name(digits) for digits in ("110", "395", "400", "560", "562", "999")}
    assert names == {"110": "Delhi", "395": "Surat", "400": "Mumbai", "560": "Bengaluru", "562": "Ramanagara", "999": "999…"}


# --- One pincode ------------------------------------------------------------------------------------------------------


def test_the_panel_has_the_days_figures_the_trend_who_was_told_and_the_limits(as_omar):
    a_day(bookings=9, free=2, high_demand_alert_sent=True, total_revenue=1500, customer_satisfaction_avg=4.2)
    a_day(bookings=4, free=4, back=7)
    a_day(bookings=5, free=4, back=8, bonus_alert_sent=True)
    Threshold.objects.create(rule="high_demand", name="bookings_over", scope=HOME, value=Decimal(7))
    for vendor in (person(Role.VENDOR), person(Role.VENDOR)):
        for method in ("email", "websocket"):
            NotificationLog.objects.create(recipient=vendor, notification_type="demand_notification", method=method, pincode=HOME)
    page = get(as_omar, f"?pincode={HOME}")
    said = words(page)
    assert f"Bookings 9 4 last {today():%a}" in said
    assert "₹1,500" in said
    assert "High demand" in said
    assert "2 people told, 4 messages" in said
    assert "over 7: high demand" in said
    assert f"over 7 bookings or over 3 bookings per free vendor · {HOME}" in said
    assert "under 3 bookings · default" in said
    assert f'href="/dashboard/log/?pincode={HOME}"' in page
    assert page.count('class="c-mark" transform') == 2
    line = found(r'<path class="this" d="([^"]+)"', page)
    # Measured today, a week ago and the day before that: the line is broken between.
    assert line.count("M") == 2


def test_a_pincode_that_was_not_measured_is_said_to_be(as_omar):
    a_day(bookings=1, free=1)
    assert "110001 was not measured on" in words(get(as_omar, "?pincode=110001"))


def test_names_come_out_as_text(as_omar):
    a_day(bookings=1, free=1)
    person(Role.VENDOR, first_name="<b>Bold</b>")
    page = get(as_omar, f"?pincode={HOME}")
    assert "<b>Bold" not in page
    assert "&lt;b&gt;Bold" in page


# --- Days -------------------------------------------------------------------------------------------------------------


def test_the_last_measured_day_is_shown_and_leads_to_the_one_before(as_omar):
    a_day(bookings=1, free=1, back=1)
    a_day(bookings=6, free=1, back=2)
    page = get(as_omar)
    assert f'value="{today() - timedelta(days=1)}"' in page
    assert f"day={today() - timedelta(days=2)}" in page
    assert 'disabled aria-label="Day after"' in page
    before = get(as_omar, f"?day={today() - timedelta(days=2)}&metric=demand")
    assert f"day={today() - timedelta(days=1)}&amp;metric=demand" in before
    assert 'disabled aria-label="Day before"' in before


def test_a_day_without_bookings_says_what_was_measured_and_leads_to_the_last_with_figures(as_omar):
    a_day(back=0)
    a_day("110001")
    a_day(bookings=2, free=1, back=3)
    page = get(as_omar)
    assert "2 pincodes measured." in page
    assert "No bookings on" in page
    assert f"?day={today() - timedelta(days=3)}" in page
    assert "was not measured." in get(as_omar, f"?day={today() - timedelta(days=1)}")


def test_before_anything_was_measured_it_says_when_it_will_be(as_omar):
    assert "No pincode was measured yet" in get(as_omar)


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("?day=2026-13-01", "is no day"),
        ("?day=yesterday", "is no day"),
        ("?day=20261101", "is no day"),
        ("?day=1999-01-01", "is no day"),
        ("?day=2199-01-01", "has not begun"),
        ("?metric=size", "There is no measure “size”"),
        ("?pincode=56000", "is no pincode"),
        ("?pincode=%3Cscript%3E", "is no pincode"),
        ("?city=56", "is no city"),
        ("?city=%3Cscript%3E", "is no city"),
        ("?view=globe", "There is no view"),
        ("?sort=name", "The list has no order"),
        ("?page=0", "There is no page"),
        ("?page=9999999", "There is no page"),
    ],
)
def test_what_there_cannot_be_is_refused_in_words(as_omar, query, why):
    a_day(bookings=1, free=1)
    page = get(as_omar, query, status=400)
    assert why in page
    assert "<script>" not in page
    assert "Show the last day measured" in page


# --- Who --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("who", "status"), [("omar", 200), ("sara", 200), ("farah", 403), ("vera", 403), ("kiran", 403)])
def test_it_is_for_operators(client, request, who, status):
    client.force_login(request.getfixturevalue(who))
    assert client.get("/dashboard/map/").status_code == status


def test_what_is_shown_is_what_the_api_says(as_omar):
    a_day(bookings=4, free=2, total_revenue=Decimal("1234.00"), customer_satisfaction_avg=3.5)
    row = as_omar.get(f"/admin-dashboard/analytics/pincode/?pincode={HOME}").json()["analytics"][0]
    said = words(get(as_omar, "?view=list"))
    assert f"{row['total_bookings']}" in said
    assert f"{row['demand_ratio']:.1f}" in said
    assert "₹1,234" in said
    assert places([HOME])[HOME].name in said

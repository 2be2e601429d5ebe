"""The map in a real browser: open to everybody, whole at every width, quiet; and used by keyboard alone."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from playwright.sync_api import expect

from core import clock
from core.geo.places import LIST
from core.models import PincodeAnalytics
from tests.browser.looks import must_be_open_to_everybody, must_fit_every_width_and_be_quiet, open_page

pytestmark = [pytest.mark.browser, pytest.mark.slow]

# From west to east, and one that has no place.
CITY = {"560039": 1, "560085": 2, "560004": 9, "560034": 7, "560102": 4, "560103": 12, "560071": 3}


def a_city(back: int = 0, times: int = 1) -> None:
    day = clock.business_day(clock.now()) - timedelta(days=back)
    for number, (pincode, bookings) in enumerate(CITY.items()):
        PincodeAnalytics.objects.create(
            pincode=pincode, date=day, total_bookings=bookings * times, available_vendors=number, total_revenue=Decimal(bookings * 400),
            customer_satisfaction_avg=4.2 if number else None, is_final=back > 0, high_demand_alert_sent=bookings > 5,
        )  # fmt: skip


def drawn(page, back: int = 0):
    day = clock.business_day(clock.now()) - timedelta(days=back)
    expect(page.locator("#map")).to_have_attribute("data-drawn", day.isoformat())


def box_of(locator):
    box = locator.bounding_box()
    assert box is not None
    return box


@pytest.mark.embedded
@pytest.mark.parametrize("url", ["/dashboard/map/?pincode=560103", "/dashboard/map/?view=list"])
def test_the_map_is_open_to_everybody(browser, server, url):
    a_city()
    a_city(back=7)
    must_be_open_to_everybody(browser, server, url, "omar")


@pytest.mark.embedded
@pytest.mark.parametrize("url", ["/dashboard/map/?pincode=560103", "/dashboard/map/?view=list"])
def test_the_map_fits_every_width_asks_nobody_else_and_says_no_error(browser, server, url):
    a_city()
    must_fit_every_width_and_be_quiet(browser, server, url, "omar")


def test_a_day_a_measure_and_a_pincode_are_chosen_by_keyboard_and_back_goes_back(browser, server):
    a_city()
    a_city(back=1, times=2)
    page = open_page(browser, server, "/dashboard/map/", "omar")
    panel = page.locator("#map-panel")
    drawn(page)
    page.keyboard.press("[")
    drawn(page, back=1)
    expect(page).to_have_url(re.compile(r"\?day=\d{4}-\d\d-\d\d$"))
    page.get_by_role("link", name="Revenue", exact=True).press("Enter")
    expect(page).to_have_url(re.compile(r"metric=revenue"))
    expect(page.get_by_role("link", name="Revenue", exact=True)).to_be_focused()
    expect(page.locator("#map-legend")).to_contain_text("Revenue of completed bookings")

    page.locator("#map").focus()
    page.keyboard.press("ArrowRight")
    card = page.locator("#map-card")
    expect(card).to_be_visible()
    # To the one farthest east, from wherever it began.
    for _ in range(len(CITY)):
        page.keyboard.press("ArrowRight")
    expect(card).to_contain_text("560103")
    expect(card).to_contain_text("Bookings24")
    expect(page.locator("#announce")).to_contain_text("560103: Bookings 24")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"day=.*metric=revenue.*pincode=560103"))
    expect(panel).to_contain_text("Bellandur")
    expect(panel.locator(".fig__n").first).to_have_text("24")

    page.keyboard.press("]")
    drawn(page)
    expect(panel.locator(".fig__n").first).to_have_text("12")
    page.go_back()
    drawn(page, back=1)
    expect(panel.locator(".fig__n").first).to_have_text("24")
    page.keyboard.press("Escape")
    expect(panel).to_contain_text("Over a limit")
    expect(page).not_to_have_url(re.compile("pincode="))


def test_a_press_opens_a_bubble_and_the_zoom_stays(browser, server):
    a_city()
    page = open_page(browser, server, "/dashboard/map/?pincode=560103", "omar", theme="dark")
    drawn(page)
    page.locator("#map-in").click()
    names = page.locator(".map-name")
    expect(names.filter(has_text="Koramangala")).to_be_visible()
    label = box_of(names.filter(has_text="Koramangala").first)
    page.mouse.click(label["x"] + label["width"] / 2, label["y"] - 8)
    expect(page.locator("#map-panel")).to_contain_text("560034")
    expect(names.filter(has_text="Koramangala").first).to_be_visible()
    assert box_of(names.filter(has_text="Koramangala").first) == label


def test_what_was_asked_for_before_one_went_on_is_not_shown(browser, server):
    a_city()
    a_city(back=1, times=2)
    page = open_page(browser, server, "/dashboard/map/?pincode=560103", "omar")
    figure = page.locator("#map-panel .fig__n").first
    drawn(page)
    page.evaluate("window.earlier = ['map-panel', 'map-data'].map((id) => document.getElementById(id).cloneNode(true))")
    page.keyboard.press("[")
    expect(figure).to_have_text("24")
    page.evaluate(
        """() => {
            for (const part of window.earlier) {
                document.getElementById(part.id).replaceWith(part);
                part.dispatchEvent(new CustomEvent("live:put", { bubbles: true }));
            }
        }"""
    )
    expect(figure).to_have_text("24")
    drawn(page, back=1)


def test_three_hundred_and_more_come_together_until_one_looks_closer(browser, server):
    with LIST.open() as file:
        pincodes = [line[:6] for line in file if line.startswith(("560", "600", "400")) and ",l," not in line][:320]
    day = clock.business_day(clock.now())
    PincodeAnalytics.objects.bulk_create(
        PincodeAnalytics(pincode=pincode, date=day, total_bookings=2, available_vendors=1) for pincode in pincodes
    )
    page = open_page(browser, server, "/dashboard/map/", "omar")
    drawn(page)
    expect(page.locator(".map-name").filter(has_text="Bengaluru")).to_be_visible()
    page.locator("#map").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#map-card")).to_contain_text("pincodes")
    page.keyboard.press("Enter")
    expect(page.locator(".map-name").filter(has_text="Chennai")).to_have_count(0)
    page.locator("#map-india").click()
    expect(page.locator(".map-name").filter(has_text="Mumbai")).to_be_visible()
    page.get_by_label("City").focus()
    page.get_by_label("City").select_option("Bengaluru")
    expect(page).to_have_url(re.compile(r"\?city=560$"))
    expect(page.get_by_label("City")).to_be_focused()
    # Drawn anew, and as near as the city lets one look.
    expect(page.locator(".map-name").filter(has_text="Mumbai")).to_have_count(0)
    expect(page.locator(".map-name").first).to_be_visible()
    page.go_back()
    expect(page.locator(".map-name").filter(has_text="Mumbai")).to_be_visible()


def test_without_script_the_list_stands_in_place_of_the_map(browser, server):
    a_city()
    page = open_page(browser, server, "/dashboard/map/", "omar")
    context = browser.new_context(java_script_enabled=False, storage_state=page.context.storage_state())
    plain = context.new_page()
    plain.goto(server.url + "/dashboard/map/")
    plain.get_by_role("link", name="560103").first.click()
    expect(plain.get_by_role("heading", name="Bellandur")).to_be_visible()
    plain.get_by_role("button", name="Show").click()
    expect(plain).to_have_url(re.compile(r"day=.*pincode=560103"))

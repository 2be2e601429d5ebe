"""Thresholds in a real browser: what one types is weighed as one types, and saved when one has said yes."""

from datetime import timedelta

import pytest
from playwright.sync_api import expect

from core import clock
from core.models import PincodeAnalytics, Role, Threshold
from tests import people
from tests.browser.looks import must_be_open_to_everybody, must_fit_every_width_and_be_quiet, open_page

pytestmark = [pytest.mark.browser, pytest.mark.slow]
EDITED = "/dashboard/thresholds/?rule=high_demand&name=bookings_over&scope=5600&value=6"


def some_days() -> None:
    people.people(2, Role.VENDOR)
    yesterday = clock.business_day(clock.now()) - timedelta(days=1)
    for number in range(3):
        PincodeAnalytics.objects.create(pincode=f"56000{number}", date=yesterday, total_bookings=6 + number, available_vendors=9)


@pytest.mark.embedded
def test_thresholds_are_open_to_everybody(browser, server):
    some_days()
    must_be_open_to_everybody(browser, server, EDITED, "sara")
    must_be_open_to_everybody(browser, server, f"{EDITED}&ask=1", "sara")


@pytest.mark.embedded
def test_thresholds_fit_every_width_and_are_quiet(browser, server):
    some_days()
    must_fit_every_width_and_be_quiet(browser, server, "/dashboard/thresholds/", "omar")
    must_fit_every_width_and_be_quiet(browser, server, EDITED, "sara")


def test_a_super_admin_types_a_limit_sees_what_it_would_have_fired_and_saves_it_from_tomorrow(browser, server):
    some_days()
    page = open_page(browser, server, "/dashboard/thresholds/", "sara")
    page.get_by_role("link", name="over 5 bookings", exact=True).click()
    effect = page.get_by_role("region", name="What it would have done")
    expect(effect).to_contain_text("fired 3 times")
    value = page.get_by_role("textbox", name="Over")
    value.fill("7")
    expect(effect).to_contain_text("this would have fired 1 time")
    expect(effect).to_contain_text("the limits in force 3 times")
    expect(value).to_be_focused()
    assert "value=7" in page.url
    page.get_by_role("button", name="Save from…").click()
    asked = page.get_by_role("dialog", name="over 7 bookings everywhere")
    expect(asked).to_contain_text("Yesterday this would have fired for 1 pincode instead of 3.")
    expect(asked.get_by_role("link", name="Keep as is")).to_be_focused()
    assert not Threshold.objects.exists()
    asked.get_by_role("button", name="Save over 7 bookings everywhere").click()
    expect(page.get_by_role("status").filter(has_text="over 7 bookings everywhere")).to_be_visible()
    expect(page.get_by_role("button", name="Take back: over 7 bookings everywhere")).to_be_visible()
    (row,) = Threshold.objects.all()
    assert row.effective_from == clock.day_start(clock.business_day(clock.now()) + timedelta(days=1))

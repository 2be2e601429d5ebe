"""People in a real browser: found, looked at, and changed when one has said yes."""

import pytest
from playwright.sync_api import expect

from core import clock
from core.notifications import choices
from tests import people
from tests.browser.looks import must_be_open_to_everybody, must_fit_every_width_and_be_quiet, open_page

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.mark.embedded
def test_people_are_open_to_everybody_at_every_width(browser, server):
    vera = people.meet("vera")
    choices.set_aside("email", vera.email, reason="bounced", now=clock.now())
    must_be_open_to_everybody(browser, server, "/dashboard/people/", "omar")
    must_be_open_to_everybody(browser, server, f"/dashboard/people/{vera.pk}/?role=finance&is_active=yes&ask=1", "sara")
    must_fit_every_width_and_be_quiet(browser, server, "/dashboard/people/", "omar")
    must_fit_every_width_and_be_quiet(browser, server, f"/dashboard/people/{vera.pk}/", "sara")


def test_somebody_is_found_and_made_an_ops_manager_when_one_has_said_yes(browser, server):
    vera, _ = people.meet("vera"), people.meet("kiran")
    page = open_page(browser, server, "/dashboard/people/", "sara")
    page.get_by_role("searchbox", name="Name, username, email or phone").fill("ver")
    expect(page.get_by_role("heading", name="1 person")).to_be_visible()
    page.get_by_role("link", name="Vera").click()
    page.get_by_label("Ops manager").check()
    page.get_by_role("button", name="Change…").click()
    asked = page.get_by_role("dialog", name="Make Vera an ops manager?")
    expect(asked.get_by_role("link", name="Keep as is")).to_be_focused()
    asked.get_by_role("button", name="Make an ops manager").click()
    expect(page.get_by_role("status").filter(has_text="Vera is an ops manager now")).to_be_visible()
    vera.refresh_from_db()
    assert vera.role == "ops_manager"

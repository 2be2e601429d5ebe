"""The page behind the links of an alert's message, in a real browser: on a phone and a desk, in the light and the dark, by keyboard."""

from datetime import timedelta

import pytest
from playwright.sync_api import expect

from core import clock
from core.alerts.check import checks
from core.alerts.lifecycle import reconcile
from core.models import BusinessAlert
from tests import people
from tests.alerts.stuck import held
from tests.browser.looks import open_page
from tests.browser.test_preferences import LOOKS, is_sound
from tests.web.test_alert_letters import link

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def a_link() -> str:
    omar, now = people.meet("omar"), clock.now()
    for hours, amount in ((30, "18450"), (50, "900"), (26, "120000.50")):
        held(now, hours, amount)
    reconcile(checks.get("payment_holds"), now=now)
    return link(omar)


@pytest.mark.embedded
@pytest.mark.parametrize(("theme", "width"), LOOKS)
def test_the_page_is_open_to_everybody_in_every_state(browser, server, theme, width):
    address = a_link()
    page = open_page(browser, server, address, width=width, theme=theme)
    for step in ("acknowledge", "snooze", "resolve"):
        page.goto(f"{server.url}{address}?do={step}")
        is_sound(page, width)
    page.get_by_label("What was done").fill("Released.")
    page.get_by_role("button", name="Resolve").click()
    expect(page.get_by_role("heading", name="Resolved")).to_be_visible()
    is_sound(page, width)
    page.goto(f"{server.url}{address}?do=acknowledge")
    expect(page.get_by_text("There is nothing left to do here.")).to_be_visible()
    is_sound(page, width)
    page.goto(f"{server.url}/act/{'x' * 43}/")
    expect(page.get_by_role("heading", name="This link leads nowhere")).to_be_visible()
    is_sound(page, width)


def test_two_keys_acknowledge(browser, server):
    page = open_page(browser, server, f"{a_link()}?do=acknowledge", width=360)
    page.get_by_role("button", name="Acknowledge").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Quiet until")
    alert = BusinessAlert.objects.get()
    assert alert.status == "acknowledged"
    assert alert.acknowledgement_expires_at is not None
    assert alert.acknowledgement_expires_at - clock.now() > timedelta(minutes=55)

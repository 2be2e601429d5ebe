"""What I get, and stopping by a link, in a real browser: by keyboard, without scripts, on a phone and in the dark."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from core import clock, links
from core.models import NotificationLog, Preference
from core.notifications import choices
from core.notifications.kinds import BONUS, DEMAND
from tests import people
from tests.browser.looks import RULES, open_page
from tests.notifications.post import queued
from tests.servers.asgi import log_in

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LOOKS = [(theme, width) for theme in ("light", "dark") for width in (360, 1440)]


def a_link_of(person, method="email") -> str:
    row: NotificationLog = queued(person, BONUS, method, now=clock.now())
    return f"/unsubscribe/{links.token(links.UNSUBSCRIBE, row.pk)}/"


def is_sound(page, width: int) -> None:
    found = Axe().run(page, options=RULES)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.embedded
@pytest.mark.parametrize(("theme", "width"), LOOKS)
def test_the_switches_are_open_to_everybody_in_every_state(browser, server, theme, width):
    vera = people.meet("vera")
    choices.set_aside("email", "vera@homeserve.example", reason="bounced", now=clock.now())
    choices.set_choice(vera.pk, "bonus_alert", "sms", False, source="page", now=clock.now())
    page = open_page(browser, server, "/preferences/", "vera", width=width, theme=theme)
    is_sound(page, width)
    page.get_by_role("button", name="Stop all offers").click()
    expect(page.get_by_role("status")).to_contain_text("no more offers")
    is_sound(page, width)


@pytest.mark.embedded
@pytest.mark.parametrize(("theme", "width"), LOOKS)
def test_the_page_behind_a_link_is_open_to_everybody_in_every_state(browser, server, theme, width):
    link = a_link_of(people.meet("vera"))
    page = open_page(browser, server, link, width=width, theme=theme)
    is_sound(page, width)
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("heading", name="Stopped")).to_be_visible()
    is_sound(page, width)
    page.goto(f"{server.url}/unsubscribe/{'x' * 43}/")
    expect(page.get_by_role("heading", name="This link stops nothing")).to_be_visible()
    is_sound(page, width)


def test_a_switch_is_found_flipped_and_saved_by_keyboard_alone(browser, server):
    vera = people.meet("vera")
    page = open_page(browser, server, "/preferences/", "vera", width=360)
    switch = page.get_by_role("checkbox", name="Bonuses by SMS")
    expect(switch).to_be_checked()
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.getAttribute('aria-label')") == "Bonuses by SMS":
            break
    expect(switch).to_be_focused()
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Saved: Bonuses by SMS off.")
    expect(switch).not_to_be_checked()
    assert list(Preference.objects.filter(person=vera).values_list("category", "method", "allowed")) == [("bonus_alert", "sms", False)]


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_a_link_is_followed_something_stopped_and_taken_back_without_a_login(browser, server, scripts):
    vera = people.meet("vera")
    context = browser.new_context(java_script_enabled=scripts, viewport={"width": 360, "height": 800})
    page = context.new_page()
    page.goto(server.url + a_link_of(vera, "sms"))
    expect(page.get_by_text("•••••004")).to_be_visible()
    page.get_by_label("Bonuses, only by SMS").check()
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("heading", name="Stopped")).to_be_visible()
    assert list(Preference.objects.values_list("category", "method", "allowed")) == [("bonus_alert", "sms", False)]
    page.get_by_role("button", name="Take it back").click()
    expect(page.get_by_role("heading", name="Back on")).to_be_visible()
    assert not Preference.objects.exists()
    assert context.cookies() == []


def test_without_scripts_a_choice_is_saved_all_the_same(browser, server):
    vera = people.meet("vera")
    context = browser.new_context(java_script_enabled=False)
    context.add_cookies([{"name": "sessionid", "value": log_in(vera), "url": server.url}])
    page = context.new_page()
    page.goto(server.url + "/preferences/")
    page.get_by_role("checkbox", name="Busy areas by email").uncheck()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_contain_text("Saved: Busy areas by email off.")
    assert choices.has_stopped(vera.pk, DEMAND, method="email")

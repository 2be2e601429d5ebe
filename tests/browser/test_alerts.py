"""The alerts' pages in a real browser: by keyboard, by two people at once, live, and for everybody."""

import re
import threading
from datetime import timedelta

import pytest
from django.db import connections
from playwright.sync_api import expect

from core import clock
from core.alerts import steps
from core.alerts.manual import raise_alert
from core.alerts.policies import create_defaults
from core.models import AlertEvent, BusinessAlert
from tests import people
from tests.browser.looks import Wire, must_be_open_to_everybody, must_fit_every_width_and_be_quiet, open_page
from tests.servers.asgi import AsgiServer
from tests.web.alerts_world import HOUR, LIST, an_alert, url_of

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LONG = "An-extraordinarily-long-word-without-a-place-to-break-it-anywhere-at-all " * 2
# A second, and what a busy machine adds to it.
AT_ONCE = 1_500


def furnished() -> BusinessAlert:
    """Something of everything, with long words in it."""
    create_defaults()
    omar, now = people.meet("omar"), clock.now()
    for severity in ("low", "medium", "high"):
        an_alert(LONG, severity=severity, rupees=12345678, items=3, description=LONG)
    alert = an_alert(LONG, severity="critical", rupees=98765432, items=3, hours=30, description=LONG)
    steps.comment(alert.pk, actor=omar, text=LONG, now=now - HOUR)
    alert.items.update(label=LONG)
    alert.items.filter(pk=alert.items.values("pk")[:1]).update(first_seen_at=now - HOUR)
    AlertEvent.objects.create(alert=alert, kind="raised", at=now - HOUR, detail={"severity": "critical", "was": "high"})
    BusinessAlert.objects.update(last_notified_at=now - timedelta(minutes=5), escalating_since=now - timedelta(minutes=5))
    done = an_alert(LONG, hours=3)
    AlertEvent.objects.create(alert=done, kind="opened", at=done.created_at)
    steps.acknowledge(done.pk, actor=omar, now=now - 2 * HOUR)
    steps.resolve(done.pk, actor=omar, notes=LONG, now=now - HOUR)
    return alert


def elsewhere(act) -> None:
    """Do something as another process does: in a thread of its own, with nothing of this one's."""

    def alone() -> None:
        try:
            act()
        finally:
            connections.close_all()

    thread = threading.Thread(target=alone)
    thread.start()
    thread.join(10)
    assert not thread.is_alive()


@pytest.mark.embedded
def test_the_pages_are_open_to_everybody(browser, server):
    alert = furnished()
    for url in (LIST, f"{LIST}?view=board", f"{url_of(alert)}?do=resolve"):
        must_be_open_to_everybody(browser, server, url, "omar")


@pytest.mark.embedded
def test_the_pages_fit_every_width_ask_nobody_else_and_say_no_error(browser, server):
    alert = furnished()
    for url in (LIST, f"{LIST}?view=board", f"{url_of(alert)}?do=snooze"):
        must_fit_every_width_and_be_quiet(browser, server, url, "omar")


def test_an_ops_managers_morning_by_keyboard(browser, server: AsgiServer):
    """From the login to three alerts seen to, and hardly a mouse."""
    omar, sara = people.meet("omar"), people.meet("sara")
    worst = an_alert("Forty payments held", kind="payment_hold", rupees=486200, severity="critical", hours=50, items=2)
    other = an_alert("Ten signatures pending", kind="pending_signature", rupees=61300)
    last = an_alert("One pincode without a vendor", kind="low_vendor_count", rupees=100, hours=1)
    page = open_page(browser, server, "/accounts/login/?next=/dashboard/")
    expect(page.get_by_label("Username")).to_be_focused()
    page.keyboard.type("omar")
    page.keyboard.press("Tab")
    page.keyboard.type(people.PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Do now")).to_be_visible()
    page.get_by_role("link", name="Forty payments held").click()
    expect(page.get_by_text("Nobody is on this.")).to_be_visible()
    # The list stands beside it.
    expect(page.get_by_role("link", name="Ten signatures pending")).to_be_visible()

    page.keyboard.press("a")
    expect(page.locator("#toasts")).to_contain_text("Acknowledged until")
    # What has the focus stays; what was done by mistake is undone by a key.
    page.get_by_role("button", name="Undo").focus()
    page.wait_for_timeout(5_500)
    page.keyboard.press("u")
    expect(page.locator("#toasts")).to_contain_text("Undone")
    expect(page.get_by_text("Nobody is on this.")).to_be_visible()
    page.keyboard.press("a")
    expect(page.get_by_text(re.compile("You are on it until"))).to_be_visible()
    page.keyboard.press("s")
    page.get_by_role("dialog", name="Assign to").get_by_role("combobox").select_option(label="Sara, super admin")
    page.keyboard.press("Tab")
    page.get_by_role("dialog").get_by_role("button", name="Assign").press("Enter")
    expect(page.locator("#alert-owner")).to_have_text("Sara")
    page.keyboard.press("c")
    page.keyboard.type("The bank is looking.")
    page.get_by_role("button", name="Add comment").press("Enter")
    expect(page.locator(".said")).to_have_text("The bank is looking.")

    page.keyboard.press("Escape")
    expect(page).to_have_url(server.url + LIST)
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Ten signatures pending")).to_be_visible()
    page.keyboard.press("z")
    page.get_by_label("In 4 hours").check()
    page.get_by_role("dialog").get_by_role("button", name="Snooze").press("Enter")
    expect(page.get_by_text(re.compile("Snoozed to .*, in"))).to_be_visible()

    page.get_by_role("link", name="One pincode without a vendor").click()
    expect(page.get_by_role("heading", name="One pincode without a vendor")).to_be_visible()
    page.keyboard.press("r")
    page.get_by_label("What was done").fill("Two vendors are back.")
    page.get_by_role("dialog").get_by_role("button", name="Resolve").press("Enter")
    expect(page.get_by_text("You resolved it,")).to_be_visible()
    page.get_by_text("Resolved today").first.click()
    expect(page.locator("#resolved-rows")).to_contain_text("“Two vendors are back.”")

    rows = {alert.pk: alert for alert in BusinessAlert.objects.all()}
    assert (rows[worst.pk].status, rows[worst.pk].acknowledged_by, rows[worst.pk].assigned_to) == ("acknowledged", omar, sara)
    assert rows[other.pk].snoozed_until is not None
    assert (rows[last.pk].status, rows[last.pk].resolution_notes) == ("resolved", "Two vendors are back.")


def test_finance_finds_the_held_payment_and_nothing_else(browser, server):
    held = an_alert("Payments held", kind="payment_hold", rupees=486200, severity="critical")
    other = an_alert("Bookings overdue", rupees=999999)
    page = open_page(browser, server, "/dashboard/", "farah", width=390)
    page.get_by_role("link", name="Payments held").click()
    expect(page.get_by_text("₹4,86,200").locator("visible=true").first).to_be_visible()
    # On a phone it is a page of its own.
    expect(page.locator(".split__m")).to_be_hidden()
    page.get_by_role("button", name="Acknowledge").click()
    expect(page.get_by_text(re.compile("You are on it until"))).to_be_visible()
    page.get_by_role("link", name="Close, all alerts").click()
    expect(page.get_by_role("link", name="Payments held")).to_be_visible()
    expect(page.get_by_text("Bookings overdue")).to_have_count(0)
    assert page.goto(server.url + url_of(other)).status == 404
    assert BusinessAlert.objects.get(pk=held.pk).acknowledged_by == people.meet("farah")


def test_two_people_see_each_others_steps_within_a_second_and_no_word_is_lost(browser, server):
    alert = an_alert(items=2, rupees=2000)
    omar, sara = (open_page(browser, server, url_of(alert), name) for name in ("omar", "sara"))
    for page in (omar, sara):
        expect(page.locator("#live")).to_have_attribute("data-state", "live")
    sara.get_by_label("Comment", exact=True).fill("I have just called")
    omar.keyboard.press("a")
    expect(omar.get_by_text(re.compile("You are on it until"))).to_be_visible()
    expect(sara.get_by_text(re.compile("Omar is on it until"))).to_be_visible(timeout=AT_ONCE)
    expect(sara.get_by_role("button", name="Acknowledge")).to_have_count(0)
    expect(sara.get_by_label("Comment", exact=True)).to_have_value("I have just called")
    expect(sara.get_by_label("Comment", exact=True)).to_be_focused()
    expect(omar.locator("#live")).to_have_attribute("data-state", "live")
    sara.keyboard.type(" the bank.")
    sara.get_by_role("button", name="Add comment").click()
    expect(sara.locator(".said")).to_have_text("I have just called the bank.")
    expect(omar.locator(".said")).to_have_text("I have just called the bank.", timeout=AT_ONCE)


def test_who_is_second_hears_who_was_first_and_goes_on_from_there(browser, server):
    alert = an_alert()
    page = open_page(browser, server, url_of(alert), "omar")
    expect(page.get_by_role("button", name="Acknowledge")).to_be_visible()
    # As if both had pressed at once: the page has not heard yet.
    page.evaluate("document.querySelectorAll('[data-live]').forEach((part) => part.removeAttribute('data-live'))")
    elsewhere(lambda: steps.acknowledge(alert.pk, actor=people.meet("sara"), now=clock.now()))
    page.keyboard.press("a")
    expect(page.get_by_role("alert")).to_contain_text(re.compile(r"Sara acknowledged it at \d\d:\d\d\."))
    expect(page).to_have_url(server.url + url_of(alert))
    page.keyboard.press("s")
    page.get_by_role("dialog").get_by_role("button", name="Assign").click()
    expect(page.locator("#toasts")).to_contain_text("Assigned to")
    assert AlertEvent.objects.filter(alert=alert, kind="acknowledged").count() == 1


def test_an_alert_that_opens_is_in_the_list_at_once_and_is_said(browser, server):
    an_alert("Known before")
    page = open_page(browser, server, LIST, "omar")
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    elsewhere(lambda: raise_alert(alert_type="system_error", severity="critical", title="Mail is refused", description="", now=clock.now()))
    expect(page.get_by_role("link", name="Mail is refused")).to_be_visible(timeout=AT_ONCE)
    expect(page.locator("#alarm")).to_have_text("New alert, critical: Mail is refused")


def test_a_connection_that_is_lost_is_said_and_mends_itself_with_what_came_meanwhile(browser, server):
    alert = an_alert()
    page = open_page(browser, server, "/healthz", "omar")
    wire = Wire(page, "/ws/dashboard/")
    page.goto(server.url + url_of(alert))
    expect(page.locator("#live")).to_have_text(re.compile(r"^Live, \d"))
    wire.cut()
    expect(page.locator("#live")).to_have_text(re.compile(r"^Not live since \d?\d:\d\d$"))
    elsewhere(lambda: steps.acknowledge(alert.pk, actor=people.meet("sara"), now=clock.now()))
    wire.mend()
    expect(page.locator("#live")).to_have_text(re.compile(r"^Live, \d"), timeout=10_000)
    expect(page.get_by_text(re.compile("Sara is on it until"))).to_be_visible()


def test_a_filter_is_in_the_address_and_back_leads_to_what_was_shown(browser, server):
    an_alert("Bad", severity="critical")
    alert = an_alert("Worse than nothing", severity="low")
    page = open_page(browser, server, LIST, "omar")
    page.get_by_label("Severity").select_option("low")
    expect(page).to_have_url(f"{server.url}{LIST}?severity=low")
    expect(page.get_by_role("link", name="Bad")).to_have_count(0)
    page.get_by_role("link", name="Worse than nothing").click()
    expect(page).to_have_url(f"{server.url}{url_of(alert)}?severity=low")
    # Another filter closes what is open beside the list; back opens it again, as live as it was.
    page.get_by_label("Status").select_option("ignored")
    expect(page.get_by_text("Nothing matches")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="Worse than nothing")).to_be_visible()
    expect(page.locator("#live")).to_have_attribute("data-state", "live")

"""A vendor's phone and a customer's mail: read, switched off, stopped, without help."""

import pytest
from playwright.sync_api import expect

from core import clock, links
from core.models import NotificationLog, Preference
from core.notifications.kinds import BONUS, PROMOTION
from tests import people
from tests.browser.looks import open_page
from tests.notifications.post import queued

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_a_vendor_reads_a_message_on_a_phone_and_switches_off_what_is_too_much(browser, server):
    vera = people.meet("vera")
    row = queued(vera, BONUS, "websocket", now=clock.now(), status="sent", phase="accepted")
    page = open_page(browser, server, "/inbox/", "vera", width=360)
    expect(page.get_by_text("1 unread")).to_be_visible()
    page.locator("#messages summary").first.click()
    expect(page.get_by_text("all read", exact=True)).to_be_visible()
    assert NotificationLog.objects.get(pk=row.pk).read_at
    page.get_by_role("link", name="What I get").click()
    # What is pressed is the switch beside the box.
    page.get_by_role("checkbox", name="Bonuses by SMS").uncheck(force=True)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("status").filter(has_text="Saved: Bonuses by SMS off.")).to_be_visible()
    assert list(Preference.objects.values_list("person", "category", "method", "allowed")) == [(vera.pk, "bonus_alert", "sms", False)]
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_a_customer_stops_offers_by_the_link_of_a_mail_and_nothing_else_stops(browser, server):
    kiran = people.meet("kiran")
    row = queued(kiran, PROMOTION, "email", now=clock.now())
    page = open_page(browser, server, f"/unsubscribe/{links.token(links.UNSUBSCRIBE, row.pk)}/", width=360)
    assert not Preference.objects.exists()
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("heading", name="Stopped")).to_be_visible()
    assert set(Preference.objects.values_list("person", "category", "allowed")) == {(kiran.pk, "promotional", False)}
    assert page.context.cookies() == []

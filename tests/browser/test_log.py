"""The log and the providers in a real browser: whole at every width, for everybody; why Vera got a message; a pause that others see."""

import re
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from core import clock
from core.models import DeliveryEvent, MessageContent, MessagingRun, NotificationLog, Switch
from tests import people
from tests.browser.looks import must_be_open_to_everybody, must_fit_every_width_and_be_quiet, open_page

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LOG, PROVIDERS = "/dashboard/log/", "/dashboard/providers/"
LONG = "An-extraordinarily-long-word-without-a-place-to-break-it-anywhere-at-all " * 2
PAGES = (LOG, "a message", f"{LOG}?type=nonsense&pincode=12", f"{LOG}rates/", PROVIDERS, f"{PROVIDERS}?ask=all:")


def bonus_of(vera) -> NotificationLog:
    """A bonus by SMS that did not arrive, with the figures it was decided by."""
    limits = {"bookings_over": "8.00", "vendors_under": "3.00"}
    run = MessagingRun.objects.create(name="vendor_bonus", rule={"limits": limits}, result={"people": 1})
    why = {"campaign": "vendor_bonus", "pincode": "560001", "date": "2026-11-22", "total_bookings": 11, "available_vendors": 2}
    row = NotificationLog.objects.create(
        recipient=vera, notification_type="bonus_alert", method="sms", status="failed", phase="undelivered", provider="twilio", tries=1,
        subject="15 % bonus in 560001", message="15% bonus on every job.", metadata=why | {"limits": limits}, run=run, pincode="560001",
        error_code="30005", error_message="No such number", sent_at=clock.now(), address="+919845000004", repeatable=False,
    )  # fmt: skip
    DeliveryEvent.objects.create(notification=row, kind="dead_address", code="30005", detail=f"No such number {LONG}")
    return row


def furnished() -> NotificationLog:
    """Something of everything, with long words in it."""
    vera = people.meet("vera")
    content = MessageContent.objects.create(template="promotional", version="file", subject=LONG, body=LONG, html=f"<p>{LONG}</p>")
    for number, (method, status) in enumerate((("email", "sent"), ("sms", "failed"), ("websocket", "delivered"))):
        NotificationLog.objects.create(
            recipient=vera, notification_type="promotional", method=method, status=status, subject=LONG, message=LONG, content=content,
            provider="smtp", error_message=LONG, address=f"{'v' * 40}@homeserve.example", key="offer:1",
            created_at=clock.now() - timedelta(days=number * 4),
        )  # fmt: skip
    return bonus_of(vera)


def address_of(url: str) -> str:
    row = furnished()
    return f"{LOG}{row.pk}/?method=sms" if url == "a message" else url


@pytest.mark.embedded
@pytest.mark.parametrize("url", PAGES[:2] + PAGES[3:5])
def test_a_page_is_open_to_everybody(browser, server, url):
    must_be_open_to_everybody(browser, server, address_of(url), "omar")


@pytest.mark.embedded
@pytest.mark.parametrize("url", [PAGES[0], PAGES[1], PAGES[3], PAGES[5]])
def test_a_page_fits_every_width_asks_nobody_else_and_says_no_error(browser, server, url):
    must_fit_every_width_and_be_quiet(browser, server, address_of(url), "omar")


def test_why_vera_got_this_message_from_the_list_to_the_numbers_by_keyboard(browser, server):
    bonus_of(people.meet("vera"))
    NotificationLog.objects.create(recipient=people.meet("kiran"), notification_type="otp", method="sms", status="sent", subject="Code")
    page = open_page(browser, server, LOG, "omar")
    expect(page.locator("tr[data-row]")).to_have_count(2)
    page.keyboard.press("/")
    page.keyboard.type("vera")
    # Filtered as it is typed, and the address says so.
    expect(page.locator("tr[data-row]")).to_have_count(1)
    expect(page).to_have_url(re.compile(r"\?search=vera$"))
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    drawer = page.get_by_role("complementary", name="Message to Vera")
    expect(drawer.get_by_text("560001 had 11 bookings on Sun 22 Nov and 2 free vendors")).to_be_visible()
    expect(drawer.get_by_text("more than 8 bookings and fewer than 3 free vendors", exact=False)).to_be_visible()
    expect(drawer.get_by_text("Accepted, then not delivered.")).to_be_visible()
    # The list stands beside it, and the same address shows the same.
    expect(page.get_by_role("link", name="Vera", exact=True)).to_be_visible()
    page.reload()
    expect(drawer).to_be_visible()
    page.keyboard.press("Escape")
    expect(page).to_have_url(server.url + LOG + "?search=vera")
    expect(page.locator("tr[data-row]")).to_have_count(1)


def test_a_pause_is_asked_first_and_a_second_person_sees_whose_it_is(browser, server):
    people.meet("sara")
    omar, sara = (open_page(browser, server, PROVIDERS, name) for name in ("omar", "sara"))
    omar.get_by_role("button", name="Pause… Email").click()
    dialog = omar.get_by_role("dialog", name="Pause Email?")
    # It begins where nothing happens.
    expect(dialog.get_by_role("button", name="Keep as is")).to_be_focused()
    dialog.get_by_label("Why").fill("The wording is wrong")
    dialog.get_by_role("button", name="Pause Email").click()
    expect(omar.locator("#toasts")).to_contain_text("Email is paused")
    # Sara's page is older than that: she is told who was first, and nothing changes.
    sara.get_by_role("button", name="Pause… Email").click()
    dialog = sara.get_by_role("dialog", name="Pause Email?")
    dialog.get_by_label("Why").fill("I saw it, too")
    dialog.get_by_role("button", name="Pause Email").click()
    expect(sara.get_by_text(re.compile(r"Email was paused already: Omar saw to it at \d"))).to_be_visible()
    expect(sara.get_by_role("row", name=re.compile("Email"))).to_contain_text("The wording is wrong")
    sara.get_by_role("button", name="Go on… Email").click()
    sara.get_by_role("dialog").get_by_label("Why").fill("Mended")
    sara.get_by_role("button", name="Go on with Email", exact=True).click()
    expect(sara.locator("#toasts")).to_contain_text("What waited leaves now")
    assert Switch.objects.get().is_paused is False

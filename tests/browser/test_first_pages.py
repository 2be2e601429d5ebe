"""The first pages in a real browser: whole at every width and in both themes, for everybody, and live."""

import re
import threading
import time

import pytest
from playwright.sync_api import expect

from core import clock
from core.models import BusinessAlert, MessageContent, NotificationLog, PincodeAnalytics, Role, ScheduleRun
from core.notifications.transport import Message
from core.notifications.transports.websocket import WebSocketTransport
from tests import people
from tests.browser.looks import Wire, must_be_open_to_everybody, must_fit_every_width_and_be_quiet, open_page
from tests.servers.asgi import log_in

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PAGES = {"/": "", "/accounts/login/": "", "/dashboard/": "omar", "/dashboard/outbox/": "omar", "/inbox/": "vera", "/preferences/": "vera"}


def furnished() -> None:
    """Something of everything, with long words in it."""
    now, vera = clock.now(), people.meet("vera")
    long = "An-extraordinarily-long-word-without-a-place-to-break-it-anywhere-at-all " * 2
    for number, severity in enumerate(("critical", "high", "medium", "low")):
        BusinessAlert.objects.create(
            alert_type="payment_hold", severity=severity, title=long, description=long, rupees_at_risk=12345678 * number
        )
    PincodeAnalytics.objects.create(pincode="560001", date=clock.business_day(now), total_bookings=1234)
    for status in ("done", "failed", "missed", "running"):
        ScheduleRun.objects.create(job="analytics", status=status, error=long if status == "failed" else "", result={"pincodes": 3})
    for method, provider in (("email", "outbox"), ("sms", "outbox"), ("websocket", "websocket")):
        for _ in range(3):
            NotificationLog.objects.create(
                recipient=vera, notification_type="promotional", method=method, status="sent", provider=provider, subject=long, message=long
            )


@pytest.mark.embedded
@pytest.mark.parametrize("url", PAGES)
def test_a_page_is_open_to_everybody(browser, server, url):
    furnished()
    must_be_open_to_everybody(browser, server, url, PAGES[url])


@pytest.mark.embedded
@pytest.mark.parametrize("url", PAGES)
def test_a_page_fits_every_width_asks_nobody_else_and_says_no_error(browser, server, url):
    furnished()
    must_fit_every_width_and_be_quiet(browser, server, url, PAGES[url])


def test_who_logs_in_by_keyboard_alone_comes_to_their_first_page(browser, server):
    people.meet("vera")
    page = open_page(browser, server, "/accounts/login/")
    expect(page.get_by_label("Username")).to_be_focused()
    page.keyboard.type("vera")
    page.keyboard.press("Tab")
    page.keyboard.type(people.PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Inbox")).to_be_visible()


def test_the_mail_in_the_outbox_runs_nothing(browser, server):
    content = MessageContent.objects.create(
        template="promotional", version="file", subject="Offer", body="Offer",
        html="<p id=hello>Hello</p><script>document.getElementById('hello').textContent = 'ran'; parent.document.title = 'taken'</script>",
    )  # fmt: skip
    row = NotificationLog.objects.create(
        recipient=people.meet("kiran"), notification_type="promotional", method="email", status="sent", provider="outbox", content=content
    )
    page = open_page(browser, server, f"/dashboard/outbox/{row.pk}/", "omar")
    expect(page.frame_locator("iframe").locator("#hello")).to_have_text("Hello")
    expect(page).to_have_title(re.compile("Offer"))


# --- The inbox is live -------------------------------------------------------------------------------------------------


def a_message_for(person, subject: str = "Three jobs need you") -> NotificationLog:
    return NotificationLog.objects.create(
        recipient=person,
        notification_type="service_completion_reminder",
        method="websocket",
        status="sent",
        subject=subject,
        message="At 15:30, at 17:00 and at 18:00.",
    )


def send(row: NotificationLog) -> None:
    """As a sender does: from a thread that is not the server's."""
    message = Message(id=row.pk, to=str(row.recipient_id), subject=row.subject, text=row.message, created_at=row.created_at.isoformat())
    sender = threading.Thread(target=lambda: WebSocketTransport().send(message))
    sender.start()
    sender.join(10)


def until(true, seconds: float = 5) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if true():
            return True
        time.sleep(0.05)
    return False


def test_a_message_that_comes_is_shown_at_once_and_counts_as_delivered(browser, server):
    vera = people.meet("vera")
    page = open_page(browser, server, "/inbox/", "vera")
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    expect(page.get_by_text("You are up to date")).to_be_visible()
    row = a_message_for(vera)
    send(row)
    expect(page.get_by_text("Three jobs need you")).to_be_visible()
    expect(page.locator("#unread")).to_have_text("1 unread")
    expect(page).to_have_title(re.compile(r"^\(1\) "))
    assert until(lambda: NotificationLog.objects.get(pk=row.pk).status == "delivered")


def test_opening_a_message_marks_it_read_there_and_on_the_other_page(browser, server):
    row = a_message_for(people.meet("vera"))
    page, other = (open_page(browser, server, "/inbox/", "vera") for _ in range(2))
    for one in (page, other):
        expect(one.get_by_text("Live", exact=True)).to_be_visible()
    page.get_by_text("Three jobs need you").click()
    expect(page.locator(".msg__b").get_by_text("At 15:30, at 17:00 and at 18:00.")).to_be_visible()
    expect(page.locator("#unread")).to_have_text("all read")
    expect(other.locator("#unread")).to_have_text("all read")
    assert until(lambda: NotificationLog.objects.get(pk=row.pk).read_at is not None)


def test_what_comes_while_a_message_is_read_waits_until_it_is_asked_for(browser, server):
    vera = people.meet("vera")
    a_message_for(vera, "The first")
    page = open_page(browser, server, "/inbox/", "vera")
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    page.get_by_text("The first").click()
    send(a_message_for(vera, "The second"))
    show = page.get_by_role("button", name="Show 1 new message")
    expect(show).to_be_visible()
    expect(page.get_by_text("The second")).to_have_count(0)
    show.click()
    expect(page.locator(".msg b").first).to_have_text("The second")


def test_a_lost_connection_is_said_and_made_again_with_what_came_meanwhile(browser, server):
    vera = people.meet("vera")
    page = open_page(browser, server, "/healthz", "vera")
    wire = Wire(page, "/ws/notifications/")
    page.goto(f"{server.url}/inbox/")
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    wire.cut()
    expect(page.locator("#live")).to_have_text(re.compile(r"Not live since \d?\d:\d\d"))
    a_message_for(vera, "Meanwhile")
    wire.mend()
    expect(page.get_by_text("Live", exact=True)).to_be_visible(timeout=10_000)
    expect(page.get_by_text("Meanwhile", exact=True)).to_be_visible(timeout=10_000)


def test_a_page_that_nobody_sees_keeps_its_connection_and_one_that_nobody_answers_makes_another(browser, server):
    people.meet("vera")
    page = open_page(browser, server, "/healthz", "vera")
    wire = Wire(page, "/ws/notifications/")
    page.clock.install()
    page.goto(f"{server.url}/inbox/")
    live = page.locator("#live")
    expect(live).to_have_text("Live")
    for _ in range(3):
        # As a browser lets the timers of such a page go: what is due, once a minute.
        page.clock.fast_forward(60_000)
        page.wait_for_timeout(200)
    assert len(wire.through) == 1
    wire.silence()
    page.clock.run_for(31_000)
    expect(live).to_have_text(re.compile("Not live since"))
    wire.mend()
    page.clock.fast_forward(30_000)
    expect(live).to_have_text("Live")


def test_logging_out_elsewhere_takes_an_open_inbox_to_the_login_page(browser, server):
    people.meet("vera")
    page = open_page(browser, server, "/inbox/", "vera")
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    other = page.context.new_page()
    other.goto(server.url + "/inbox/")
    other.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible(timeout=12_000)


def test_without_scripts_the_inbox_is_read_all_the_same(browser, server):
    row = a_message_for(people.meet("vera"))
    context = browser.new_context(java_script_enabled=False)
    context.add_cookies([{"name": "sessionid", "value": log_in(people.meet("vera")), "url": server.url}])
    page = context.new_page()
    page.goto(server.url + "/inbox/")
    page.get_by_text("Three jobs need you").click()
    page.get_by_role("button", name="Mark read", exact=True).click()
    expect(page.get_by_text("all read", exact=True)).to_be_visible()
    assert NotificationLog.objects.get(pk=row.pk).read_at is not None


def test_a_role_that_is_lost_closes_the_dashboard(browser, server):
    omar = people.meet("omar")
    page = open_page(browser, server, "/dashboard/", "omar")
    expect(page.get_by_role("heading", name="Today", exact=True)).to_be_visible()
    omar.role = Role.CUSTOMER
    omar.save()
    page.reload()
    # The session ends with the role.
    expect(page).to_have_url(re.compile(r"/accounts/login/\?next=/dashboard/$"))

"""Wording in a real browser: typed, looked at, kept, asked, published."""

import pytest
from playwright.sync_api import expect

from core import clock
from core.models import TemplateVersion
from core.notifications import publishing
from tests.browser.looks import must_be_open_to_everybody, must_fit_every_width_and_be_quiet, open_page

pytestmark = [pytest.mark.browser, pytest.mark.slow]
DESK = "/dashboard/wording/promotional/"


@pytest.mark.embedded
def test_wording_is_open_to_everybody(browser, server):
    words = {"subject": "Your code", "body": "{{ code }} is your code."}
    version = publishing.draft("otp", "", "en", words, actor=None, now=clock.now())
    must_be_open_to_everybody(browser, server, f"/dashboard/wording/otp/?version={version.pk}&ask=publish", "sara")
    must_be_open_to_everybody(browser, server, DESK, "omar")


@pytest.mark.embedded
def test_wording_fits_every_width_and_is_quiet(browser, server):
    must_fit_every_width_and_be_quiet(browser, server, "/dashboard/wording/", "omar")
    must_fit_every_width_and_be_quiet(browser, server, DESK, "sara")


def test_what_one_types_is_seen_as_mail_and_sms_and_published_when_one_has_said_yes(browser, server):
    page = open_page(browser, server, DESK, "sara")
    looks = page.get_by_role("region", name="How it looks")
    subject = page.get_by_label("Subject")
    subject.fill("Only {{ offer_text")
    expect(looks).to_contain_text("Line 1: {{ is not closed on its line")
    subject.fill("Only {{ offer_text }}")
    expect(looks).to_contain_text("Only 25 % off")
    expect(looks.frame_locator("iframe").get_by_text("Book for the weekend")).to_be_visible()
    expect(looks).to_contain_text("1 SMS")
    expect(subject).to_be_focused()
    page.get_by_role("button", name="Publish…").click()
    asked = page.get_by_role("dialog", name="Publish version 1 of Promotion, everywhere, en?")
    expect(asked.get_by_role("link", name="Keep as is")).to_be_focused()
    assert TemplateVersion.objects.get().status == "draft"
    asked.get_by_role("button", name="Publish version 1").click()
    expect(page.get_by_role("status").filter(has_text="Version 1 is published")).to_be_visible()
    assert TemplateVersion.objects.get().subject == "Only {{ offer_text }}"

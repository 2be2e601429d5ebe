"""Campaigns, the schedule and the audit trail in a real browser: for everybody, at every width, and what is written there runs nowhere."""

import re
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from core import audit, clock
from core.models import (
    MessagingRun,
    NotificationLog,
    Preference,
    ScheduleRun,
    Switch,
    TemplateVersion,
    Threshold,
    User,
)
from tests import people
from tests.browser.looks import must_be_open_to_everybody, must_fit_every_width_and_be_quiet, open_page
from tests.servers.asgi import log_in

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CAMPAIGNS = "/dashboard/campaigns/"
PROMOTION = f"{CAMPAIGNS}promotions/"
SCHEDULE = "/dashboard/schedule/"
PAGES = [CAMPAIGNS, PROMOTION, SCHEDULE, "/dashboard/audit/"]
LONG = "An-extraordinarily-long-word-without-a-place-to-break-it-anywhere-at-all " * 2
HURTS = "<img src=x onerror='document.title=`taken`'><script>document.title='taken'</script>\"'><svg onload=\"document.title='taken'\">"


def furnished(words: str = LONG) -> None:
    """Something of everything, with these words wherever people may write some."""
    now, sara, kiran = clock.now(), people.meet("sara"), people.meet("kiran")
    for one in (sara, kiran):
        User.objects.filter(pk=one.pk).update(first_name=words[:150], last_name=words[:150])
    sara.refresh_from_db()
    limit = Threshold.objects.create(rule="promotions", name="bookings_under", scope="5600", value=2, note=words, created_by=sara)
    Switch.objects.create(scope="type", name="promotional", reason=words[:200], changed_by=sara)
    TemplateVersion.objects.create(name="promotional", region="5600", status="published", subject=words, body=words, note=words[:200])
    for days, who in ((1, sara), (5, None)):
        run = MessagingRun.objects.create(
            name="promotions", started_at=now - timedelta(days=days), actor=who, result={"people": 1, "queued": 2, "suppressed": {words: 3}}
        )
        NotificationLog.objects.create(
            recipient=kiran, run=run, notification_type="promotional", method="email", status="failed", subject=words, error_message=words
        )
    for hours, status in enumerate(("done", "failed", "missed", "running"), start=1):
        slot = now - timedelta(hours=hours)
        ScheduleRun.objects.create(job="promotions", slot=slot, status=status, error=words, result={words: 4, "people": 2}, actor=sara)
    audit.enter(limit, {words: (words, words * 3), "value": ("1", words[:60])}, actor=sara, now=now, more={words: words})
    audit.enter_act(words, actor=sara, more={}, now=now)


@pytest.mark.embedded
@pytest.mark.parametrize("url", PAGES)
def test_it_is_open_to_everybody(browser, server, url):
    furnished()
    must_be_open_to_everybody(browser, server, url, "omar")


@pytest.mark.embedded
@pytest.mark.parametrize("url", PAGES)
def test_it_fits_every_width_asks_nobody_else_and_says_no_error(browser, server, url):
    furnished()
    must_fit_every_width_and_be_quiet(browser, server, url, "omar")


def test_what_people_wrote_runs_on_none_of_these_pages(browser, server):
    furnished(HURTS)
    run = ScheduleRun.objects.get(status="failed")
    page = open_page(browser, server, "/accounts/", "omar")
    for url in (*PAGES, f"{PROMOTION}?method=websocket&region=5600", f"{PROMOTION}pause/", f"{SCHEDULE}runs/{run.pk}/"):
        page.goto(server.url + url)
        page.wait_for_load_state("load")
        assert "taken" not in page.title(), url
        assert page.locator("img").count() == 0, url
    page.goto(f"{server.url}{PROMOTION}?region=5600")
    # The mail is in a frame of its own, where it is text, too.
    expect(page.frame_locator("iframe").locator("body")).to_contain_text("onerror")
    expect(page).to_have_title(re.compile("Weekend promotion"))


def quiet_market() -> None:
    """One quiet pincode, measured: Kiran has opted out, Chitra lives next door and has not."""
    kiran, _ = people.meet("kiran"), people.meet("chitra")
    for method in ("email", "websocket"):
        Preference.objects.create(person=kiran, category="promotional", method=method, allowed=False)


@pytest.mark.django_db(transaction=True)
def test_an_ops_manager_counts_pauses_resumes_and_sends_and_sees_what_came_of_it(browser, server):
    quiet_market()
    page = open_page(browser, server, PROMOTION, "omar")
    page.get_by_role("button", name="Count now").click()
    who = page.get_by_role("region", name="Who it reaches")
    expect(who.get_by_text("Now it would write to 1 person.")).to_be_visible()
    expect(who.get_by_role("row", name="opted out 1")).to_be_visible()

    page.get_by_role("link", name="Pause…").click()
    asks = page.get_by_role("dialog")
    expect(asks.get_by_text("Nothing waits now. Nothing of it leaves until it is resumed.")).to_be_visible()
    expect(asks.get_by_role("button", name="Keep as is")).to_be_focused()
    asks.get_by_label("Why?").fill("The wording is wrong")
    asks.get_by_role("button", name="Pause it").click()
    expect(page.get_by_text("Weekend promotion is paused.")).to_be_visible()
    expect(page.locator("#lead")).to_contain_text("by Omar: “The wording is wrong”")

    page.get_by_role("link", name="Resume…").click()
    asks.get_by_label("Why?").fill("Mended")
    asks.get_by_role("button", name="Resume it").click()
    expect(page.get_by_text("Weekend promotion is on again.")).to_be_visible()

    page.get_by_role("button", name="Send now…").click()
    expect(asks.get_by_role("heading", name="Write to 1 person?")).to_be_visible()
    assert not NotificationLog.objects.exists()
    asks.get_by_role("button", name="Keep as is").click()
    expect(asks).to_be_hidden()
    page.get_by_role("button", name="Send now…").click()
    asks.get_by_role("button", name="Write to 1 person").click()
    expect(page.locator("#run")).to_contain_text("2 queued, 1 person")
    expect(page.locator("#past tbody tr").first).to_contain_text("by Omar")
    assert set(NotificationLog.objects.values_list("recipient__username", flat=True)) == {"chitra"}


def test_without_scripts_it_asks_on_a_page_of_its_own(browser, server):
    quiet_market()
    context = browser.new_context(java_script_enabled=False)
    context.add_cookies([{"name": "sessionid", "value": log_in(people.meet("omar")), "url": server.url}])
    page = context.new_page()
    page.goto(server.url + PROMOTION)
    page.get_by_role("button", name="Count now").click()
    expect(page.get_by_text("Now it would write to 1 person.")).to_be_visible()
    page.get_by_role("link", name="Pause…").click()
    page.get_by_label("Why?").fill("Budget")
    page.get_by_role("button", name="Pause it").click()
    expect(page.get_by_role("link", name="Resume…")).to_be_visible()
    page.get_by_role("button", name="Send now…").click()
    page.get_by_role("button", name="Write to 1 person").click()
    expect(page.get_by_role("heading", name="This run")).to_be_visible()

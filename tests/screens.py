"""`make screens`: every page of the demo city at 1440 and 390 pixels, light and dark, into docs/screens/.

    python -m tests.screens [--only today,alerts] [--into docs/screens]

The product is started as `make run` does, on a database of its own that is thrown away, and looked at in Chromium as the people do
whose pages they are. Each picture is as high as its page, up to what a person would scroll.
"""

import argparse
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from tests.command import exit_with
from tests.environment import browser_path
from tests.journeys.processes import ROOT, Home

WIDTHS = {1440: 900, 390: 844}
THEMES = ("light", "dark")
HIGHEST = 1_500
PASSWORD = "homeserve-demo"  # Of everybody in the demo city.
QUALITY = 68


@dataclass(frozen=True, slots=True)
class Look:
    """A page, who looks at it, and what is pressed before the picture is taken (a link's selector; empty: nothing)."""

    name: str
    address: str
    who: str = "sara"
    follow: str = ""


LOOKS = (
    Look("welcome", "/", who=""),
    Look("login", "/accounts/login/", who=""),
    Look("today", "/dashboard/", who="omar"),
    Look("alerts", "/dashboard/alerts/", who="omar"),
    Look("alert", "/dashboard/alerts/", who="omar", follow="[data-rows] a.go"),
    Look("alerts-board", "/dashboard/alerts/?view=board", who="omar"),
    Look("alerts-finance", "/dashboard/alerts/", who="farah"),
    Look("map", "/dashboard/map/", who="omar"),
    Look("map-list", "/dashboard/map/?view=list", who="omar"),
    Look("log", "/dashboard/log/", who="omar"),
    Look("message", "/dashboard/log/", who="omar", follow="[data-rows] a.go"),
    Look("campaigns", "/dashboard/campaigns/", who="omar"),
    Look("campaign", "/dashboard/campaigns/high_demand/", who="omar"),
    Look("schedule", "/dashboard/schedule/", who="omar"),
    Look("providers", "/dashboard/providers/", who="omar"),
    Look("thresholds", "/dashboard/thresholds/"),
    Look("wording", "/dashboard/wording/"),
    Look("wording-one", "/dashboard/wording/demand_notification/"),
    Look("people", "/dashboard/people/"),
    Look("audit", "/dashboard/audit/"),
    Look("outbox", "/dashboard/outbox/", who="omar"),
    Look("inbox", "/inbox/", who="vera"),
    Look("preferences", "/preferences/", who="vera"),
    Look("account", "/accounts/", who="omar"),
)


def log_in(browser: Browser, home: Home, who: str) -> str:
    """Where the session of one of the demo's people is kept."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{home.url}/accounts/login/")
    page.get_by_label("Username").fill(who)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()
    page.wait_for_url(lambda url: "/accounts/login/" not in url)
    state = str(home.folder / f"{who}.json")
    context.storage_state(path=state)
    context.close()
    return state


def picture(page: Page, file: Path, width: int) -> None:
    page.wait_for_load_state("networkidle")
    high = min(max(int(page.evaluate("document.documentElement.scrollHeight")), WIDTHS[width]), HIGHEST)
    page.set_viewport_size({"width": width, "height": high})
    page.wait_for_load_state("networkidle")
    if file.suffix == ".jpg":
        page.screenshot(path=file, type="jpeg", quality=QUALITY, animations="disabled")
    else:
        page.screenshot(path=file, type="png", animations="disabled")


def take(browser: Browser, home: Home, looks: list[Look], into: Path, *, kind: str) -> int:
    """Take them all. How many answered with an error."""
    states = {who: log_in(browser, home, who) for who in sorted({look.who for look in looks if look.who})}
    refused = 0
    for look in looks:
        for theme in THEMES:
            for width, height in WIDTHS.items():
                context = browser.new_context(
                    viewport={"width": width, "height": height},
                    color_scheme="dark" if theme == "dark" else "light",
                    storage_state=states.get(look.who),
                )
                page = context.new_page()
                answer = page.goto(home.url + look.address)
                if look.follow:
                    page.locator(look.follow).first.click()
                if answer is None or not answer.ok:
                    refused += 1
                    print(f"  {look.address}: {answer.status if answer else 'no answer'}", file=sys.stderr)
                picture(page, into / f"{look.name}-{width}-{theme}.{kind}", width)
                context.close()
        print(f"  {look.name}", flush=True)
    return refused


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.screens", description="Pictures of every page.")
    parser.add_argument("--only", default="", help="Names of pages, separated by commas.")
    parser.add_argument("--into", type=Path, default=ROOT / "docs" / "screens", help="The folder they go to.")
    parser.add_argument("--kind", choices=("jpg", "png"), default="jpg", help="jpg is a fifth of the size.")
    given = parser.parse_args()
    wanted = set(filter(None, given.only.split(",")))
    looks = [look for look in LOOKS if not wanted or look.name in wanted]
    chromium = browser_path()
    if not chromium:
        print("There is no Chromium on this machine; set CHROMIUM to its path.", file=sys.stderr)
        return 1
    given.into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        home = Home(Path(folder), {"DEMO": "1"})
        with home.running(*home.manage_command, "run_embedded", name="server") as process:
            print("Building the demo city…", flush=True)
            home.wait_for_server(process, seconds=600)
            browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            refused = take(browser, home, looks, given.into, kind=given.kind)
            browser.close()
    return 1 if refused else 0


if __name__ == "__main__":
    exit_with(main)

"""The team's pages of the demo city in Chromium: what is sent, and when something is first seen.

The product is started as `make run` does, on a database of its own. A page's weight is what its document, scripts and styles weigh on
the wire when nothing is in the browser's cache; the map's own script, styles and places are given apart. Needs Chromium, and runs on
SQLite alone.
"""

import statistics
import sys
import tempfile
from pathlib import Path

import bench
from django.db import connection
from playwright.sync_api import Browser, sync_playwright

from tests.environment import browser_path
from tests.journeys.processes import Home
from tests.screens import LOOKS, Look, log_in

TIMES = 5
MOST_KB, MOST_SECONDS = 150, 1.0
# What a map needs besides the page.
OF_MAPS = ("leaflet", "/map", "geo", "india")
WEIGHT = """() => performance.getEntriesByType('resource').concat(performance.getEntriesByType('navigation'))
    .map((entry) => [entry.name, entry.encodedBodySize])"""
PAINT = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0"


def look(browser: Browser, home: Home, page: Look, state: str | None) -> tuple[float, float, float]:
    """Kilobytes of the page, of what only its map needs, and seconds to the first paint; in a browser that knows nothing of us."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, storage_state=state)
    tab = context.new_page()
    tab.goto(home.url + page.address)
    tab.wait_for_load_state("networkidle")
    sizes = [(str(name), float(size)) for name, size in tab.evaluate(WEIGHT)]
    painted = float(tab.evaluate(PAINT)) / 1_000
    context.close()
    of_maps = sum(
        size for name, size in sizes if any(part in name.removeprefix(home.url) for part in OF_MAPS) and not name.endswith(page.address)
    )
    return (sum(size for _, size in sizes) - of_maps) / 1_000, of_maps / 1_000, painted


def main() -> int:
    if connection.vendor == "postgresql":
        print("Measured on SQLite.")
        return 0
    chromium = browser_path()
    if not chromium:
        print("There is no Chromium on this machine.")
        return 1
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        home = Home(Path(folder), {"DEMO": "1"})
        with home.running(*home.manage_command, "run_embedded", name="server") as process:
            home.wait_for_server(process, seconds=600)
            browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            looks = [one for one in LOOKS if not one.follow]
            states = {who: log_in(browser, home, who) for who in sorted({one.who for one in looks if one.who})}
            for one in looks:
                seen = [look(browser, home, one, states.get(one.who)) for _ in range(TIMES)]
                bench.at_most(f"Page {one.name}: on the wire", statistics.median(kb for kb, _, _ in seen), MOST_KB, "kB")
                if seen[0][1]:
                    bench.report(f"Page {one.name}: its map, on the wire", seen[0][1], None, True, "kB")
                bench.at_most(f"Page {one.name}: first paint", statistics.median(paint for _, _, paint in seen), MOST_SECONDS, "s")
            browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())

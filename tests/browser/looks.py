"""What every page must be in a real browser: open to everybody, whole at every width, quiet, and asking nobody else."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, WebSocketRoute

from tests import people
from tests.servers.asgi import AsgiServer, log_in

WIDTHS = (360, 768, 1000, 1440)
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


def open_page(browser: Browser, server: AsgiServer, url: str, who: str = "", *, width: int = 1440, theme: str = "light") -> Page:
    """A page in a browser of its own, logged in as one of the cast."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme="dark" if theme == "dark" else "light")
    if who:
        context.add_cookies([{"name": "sessionid", "value": log_in(people.meet(who)), "url": server.url}])
    page = context.new_page()
    page.goto(server.url + url)
    return page


def must_be_open_to_everybody(browser: Browser, server: AsgiServer, url: str, who: str) -> None:
    """axe finds nothing, light and dark, wide and narrow."""
    for theme in ("light", "dark"):
        for width in (360, 1440):
            page = open_page(browser, server, url, who, width=width, theme=theme)
            page.wait_for_load_state("networkidle")
            found = Axe().run(page, options=RULES)
            assert found.violations_count == 0, f"{theme} {width}\n{found.generate_report()}"
            page.context.close()


class Wire:
    """What a page's live connection goes over: cut it, let it carry nothing without a word, and mend it."""

    def __init__(self, page: Page, path: str) -> None:
        self._is_cut = False
        self.through: list[WebSocketRoute] = []
        page.route_web_socket(f"**{path}", self._answer)

    def _answer(self, route: WebSocketRoute) -> None:
        if self._is_cut:
            route.close()
        else:
            server = route.connect_to_server()
            server.on_message(lambda words: None if self._is_cut else route.send(words))
            self.through.append(route)

    def cut(self) -> None:
        self._is_cut = True
        self.through[-1].close()

    def silence(self) -> None:
        self._is_cut = True

    def mend(self) -> None:
        self._is_cut = False


def listen(page: Page, asked: list[str], said: list[str]) -> None:
    """Note what a page asks for, and what it says on the console."""
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))


def must_fit_every_width_and_be_quiet(browser: Browser, server: AsgiServer, url: str, who: str) -> None:
    """Nothing scrolls sideways; nothing is said on the console; no other host is asked."""
    for width in WIDTHS:
        context = browser.new_context(viewport={"width": width, "height": 900})
        if who:
            context.add_cookies([{"name": "sessionid", "value": log_in(people.meet(who)), "url": server.url}])
        page = context.new_page()
        asked: list[str] = []
        said: list[str] = []
        listen(page, asked, said)
        page.goto(server.url + url)
        page.wait_for_load_state("networkidle")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{url} at {width}"
        assert [address for address in asked if not address.startswith((server.url, "data:"))] == []
        assert said == []
        context.close()

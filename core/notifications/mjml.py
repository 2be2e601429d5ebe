"""Mail as MJML: one frame for all, and the compiler that makes HTML of it that mail programs show alike."""

import html as markup
import re
import secrets
from collections.abc import Iterator
from functools import cache

import mrml

from core.notifications import wordings
from core.notifications.sandbox import PERSONAL, WordingError

TITLE, CONTENT = "[[title]]", "[[content]]"

# The compiler rewrites private-use characters in attributes, so a mark passes through it as a word that no value can
# contain, because it is made anew in each process.
_NONCE = secrets.token_hex(8)
PLACEHOLDERS = {name: f"mark{_NONCE}{name}" for name in PERSONAL}

TAGS = frozenset(
    {
        "accordion", "accordion-element", "accordion-text", "accordion-title", "all", "attributes", "body", "breakpoint",
        "button", "carousel", "carousel-image", "class", "column", "divider", "font", "group", "head", "hero", "image", "navbar",
        "navbar-link", "preview", "raw", "section", "social", "social-element", "spacer", "style", "table", "text", "title",
        "wrapper",
    }
)  # fmt: skip
# The compiler goes as deep as the document is nested, and at some thousand levels takes the whole process with it. How deep that
# is, only it could say; no document is deeper than it has elements.
ELEMENT = re.compile(r"<(?!\s*[/!])")
LINE_BREAK = "<br />"
MOST_ELEMENTS = 1_000
TAG = re.compile(r"<\s*(?:/\s*)?mj-([a-z-]+)", re.IGNORECASE)
ACTIVE = re.compile(r"<\s*(script|iframe|object|embed|form|base|applet|frame)\b", re.IGNORECASE)
HANDLER = re.compile(r"<[^<>]*\s(on[a-z]+)\s*=", re.IGNORECASE)
ADDRESS = re.compile(r"""\s(?:href|src|action|background)\s*=\s*["']?\s*([^"'\s>]*)""", re.IGNORECASE)
SAFE_ADDRESS = re.compile(rf"(https?://|mailto:|tel:|#|mark{_NONCE})", re.IGNORECASE)


@cache
def _frame() -> tuple[str, str, str]:
    """What stands before the title, between title and content, and after."""
    before, rest = (wordings.ROOM / "frame.mjml").read_text(encoding="utf-8").split(TITLE)
    between, after = rest.split(CONTENT)
    return before, between, after


def framed(content: str, *, title: str) -> str:
    """The whole document: the frame around the content's sections, or the content itself where it is whole."""
    if content.lstrip().lower().startswith("<mjml"):
        return content
    before, between, after = _frame()
    return f"{before}{markup.escape(title)}{between}{content}{after}"


def sections_of(text: str) -> str:
    """Plain text as sections: a paragraph for each, its lines kept, the addresses in it as links."""
    escaped = markup.escape(text.strip())
    for name in ("link", "unsubscribe", "act"):
        mark = PLACEHOLDERS[name]
        escaped = escaped.replace(mark, f'<a href="{mark}">{mark}</a>')
    paragraphs = "".join(f"<mj-text>{part.replace(chr(10), '<br />')}</mj-text>" for part in re.split(r"\n\s*\n", escaped))
    return f"<mj-section><mj-column>{paragraphs}</mj-column></mj-section>"


def compiled(document: str) -> str:
    """HTML. Nothing is included from anywhere. Raises WordingError with the compiler's words."""
    if sum(1 for _ in ELEMENT.finditer(document)) - document.count(LINE_BREAK) > MOST_ELEMENTS:
        raise WordingError([f"email: more than {MOST_ELEMENTS} elements"])
    try:
        return mrml.to_html(document).content
    except OSError as error:  # The compiler's way of saying that it cannot read the document.
        raise WordingError([f"email: not valid MJML: {error}"]) from error
    except BaseException as error:
        # What the compiler trips over in its own code is no Exception of Python's, and would end the thread that asked.
        if type(error).__module__ != "pyo3_runtime":
            raise
        raise WordingError(["email: not valid MJML: the compiler cannot read it"]) from error


def doubts(document: str, html: str) -> Iterator[str]:
    """What a mail must not hold, though the compiler takes it."""
    for tag in dict.fromkeys(match.lower() for match in TAG.findall(document)):
        if tag not in TAGS:
            yield f"email: there is no MJML tag mj-{tag} that a wording may use"
    for tag in dict.fromkeys(match.lower() for match in ACTIVE.findall(html)):
        yield f"email: <{tag}> has no place in a mail"
    for handler in dict.fromkeys(match.lower() for match in HANDLER.findall(html)):
        yield f"email: {handler}= has no place in a mail"
    for address in dict.fromkeys(ADDRESS.findall(html)):
        if not SAFE_ADDRESS.match(markup.unescape(address)):
            yield f"email: {address[:60]!r} is no address that a mail may lead to"

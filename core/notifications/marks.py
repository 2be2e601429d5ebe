"""Marks in a text, and a person's own words in their place.

A text that is rendered once for many people holds a *mark* where each person's own words go: for `name` it is
"\\ue000name\\ue001", private-use characters that are taken out of every value before. Putting a person in is then a few
replacements, and costs microseconds.
"""

import html as markup
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from uuid import UUID

from django.conf import settings

from core import links
from core.notifications import sandbox
from core.notifications.sandbox import PERSONAL

OPEN, CLOSE = "\ue000", "\ue001"
MARKS: Final = {name: f"{OPEN}{name}{CLOSE}" for name in PERSONAL}
ANY_MARK: Final = re.compile(f"{OPEN}({'|'.join(PERSONAL)}){CLOSE}")
HIDDEN_CODE = "••••••"
NAMELESS = "there"


@dataclass(frozen=True, slots=True)
class Words:
    """What one person reads."""

    subject: str
    text: str
    html: str


class Personal(Mapping[str, str]):
    """One person's own words in one message. Its links are signed only when they are asked for.

    A link that acts for its person stands in no copy that others may read: there, and where there is nothing to act on, it is the
    ordinary link.
    """

    __slots__ = ("_acts", "_row", "_words")

    def __init__(self, row: UUID, name: str = "", *, code: str = HIDDEN_CODE, acts: bool = False) -> None:
        self._row = row
        self._acts = acts
        self._words = {"name": name, "code": code}

    def __getitem__(self, key: str) -> str:
        words = self._words
        if key not in words:
            if key == "link":
                words[key] = f"{settings.PUBLIC_URL}/r/{links.token(links.LINK, self._row)}"
            elif key == "act":
                words[key] = f"{settings.PUBLIC_URL}/act/{links.token(links.ACT, self._row)}/" if self._acts else self["link"]
            elif key == "unsubscribe":
                words[key] = f"{settings.PUBLIC_URL}/unsubscribe/{links.token(links.UNSUBSCRIBE, self._row)}/"
        return words[key]

    def __iter__(self) -> Iterator[str]:
        return iter(PERSONAL)

    def __len__(self) -> int:
        return len(PERSONAL)


def splice(text: str, own: Mapping[str, str], *, html: bool = False) -> str:
    """The text with a person's own words in place of the marks, escaped where it is HTML. What is not given is left out;
    a person without a name is greeted as "there"."""
    pieces = list(pieces_of(text))
    if len(pieces) == 1:
        return text
    known: dict[str, str] = {}
    for position in range(1, len(pieces), 2):
        name = pieces[position]
        if name not in known:
            known[name] = said(name, own, html=html)
        pieces[position] = known[name]
    return "".join(pieces)


def said(name: str, own: Mapping[str, str], *, html: bool = False) -> str:
    """What stands in place of one mark: on one line, without control characters or marks of its own."""
    words = own.get(name) or (NAMELESS if name == "name" else "")
    if not words.isprintable():
        words = sandbox.one_line(sandbox.clean(words))
    return markup.escape(words) if html else words


@lru_cache(maxsize=256)
def pieces_of(text: str) -> tuple[str, ...]:
    """What stands between the marks, and at each second place a mark's name. Thousands of people share one text."""
    return tuple(ANY_MARK.split(text))

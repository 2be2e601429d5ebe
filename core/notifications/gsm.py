"""What an SMS costs. A text of the GSM 03.38 alphabet holds 160 characters a segment, any other 70, and one foreign letter
is enough to make it the other. So our own words keep to the alphabet, and typographic marks are written in it."""

SINGLE = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
# Written with an escape before them: two places each.
DOUBLE = frozenset("^{}\\[~]|€\f")

SPELT = {
    "₹": "Rs ", "\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2013": "-", "\u2014": "-", "\u2026": "...",
    "\u00a0": " ", "\u202f": " ", "\u2009": " ", "•": "-", "×": "x",
}  # fmt: skip
_SPELT = str.maketrans(SPELT)


def spelt(text: str) -> str:
    """The text with the rupee sign and typographic marks in letters that a short message has; other letters stay."""
    return text.translate(_SPELT).replace("Rs  ", "Rs ")


def segments(text: str) -> int:
    """How many segments the text is sent, and charged, as. Nothing is none."""
    if not text:
        return 0
    places = 0
    for character in text:
        if character in SINGLE:
            places += 1
        elif character in DOUBLE:
            places += 2
        else:
            return _parts(len(text.encode("utf-16-be")) // 2, alone=70, joined=67)
    return _parts(places, alone=160, joined=153)


def _parts(places: int, *, alone: int, joined: int) -> int:
    return 1 if places <= alone else -(-places // joined)

"""A mail as bytes: built once for all who share its words, so that each person costs a few microseconds.

What is common (structure, texts in quoted-printable, sender) is encoded ahead and kept. For one person there remain the headers
of their own, and their words in the places of the marks. Between a soft line break before and one behind them, they can
neither make a line too long nor change what is around them. (RFC 5322, 2045, 2047.)
"""

import binascii
import hashlib
import re
import time
from base64 import b64encode
from dataclasses import dataclass
from email.utils import formataddr, formatdate, parseaddr
from functools import lru_cache

from django.conf import settings

from core.notifications.marks import pieces_of, said
from core.notifications.transport import Message

# Ours to set: nobody adds a second one.
OUR_HEADERS = frozenset(
    "from to cc bcc subject date message-id mime-version content-type content-transfer-encoding content-disposition".split()
)
NAME = re.compile(r"[A-Za-z0-9-]+")
# Quotes and other specials are left to servers that need them: nobody here has such an address.
ADDRESS = re.compile(r"([A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64})@([^@\s<>,;\"()\\:\[\]]+)")
DOMAIN = re.compile(r"[A-Za-z0-9_.-]{1,255}")
WORDS = re.compile(r"[!-~]+(?: [!-~]+)*")
LINE = 76
# As much of UTF-8 as fits a line in base64 as an encoded word.
ENCODED_BYTES = 45
SENTINEL = b"~"
DOTTED = re.compile(rb"(?m)^\.[^\n]*")


@dataclass(frozen=True, slots=True)
class Envelope:
    """One mail as it goes over the wire: bytes with CRLF, of which no line begins with a dot."""

    sender: str
    recipients: tuple[str, ...]
    data: bytes


def envelope(message: Message) -> Envelope:
    """The mail as it leaves. Raises ValueError for an address or a header that cannot be one."""
    shape = _shape(message.subject, message.text, message.html, settings.DEFAULT_FROM_EMAIL, message.own is not None)
    own = message.own or {}
    to = mailbox(message.to)
    pieces = list(shape.pieces)
    if shape.slots:
        known: dict[tuple[str, bool], bytes] = {}
        for position, name, html in shape.slots:
            words = known.get((name, html))
            if words is None:
                words = known[name, html] = _quoted(said(name, own, html=html))
            pieces[position] = words
    pieces[0] = b"%bTo: %b\r\nDate: %b\r\nMessage-ID: <%b@%b>\r\n%b%b" % (
        shape.subject if shape.subject is not None else header("Subject", message.words.subject),
        to.encode("ascii"),
        _date(int(time.time())),
        (message.mail_id or message.id.hex).encode("ascii"),
        shape.domain,
        b"".join(_own_header(name, value) for name, value in message.headers.items()),
        pieces[0],
    )
    return Envelope(shape.sender, (to,), b"".join(pieces))


def message_id(message: Message) -> str:
    """It comes of the message's own id, or of its thread: a second try bears the same."""
    return named(message.mail_id or message.id.hex)


def named(mail_id: str) -> str:
    """The Message-ID that begins so."""
    return f"<{mail_id}@{sender_domain(settings.DEFAULT_FROM_EMAIL)}>"


@lru_cache(maxsize=64)
def sender_domain(sender: str) -> str:
    return _domain(parseaddr(sender)[1].rpartition("@")[2]) or "localhost"


@lru_cache(maxsize=1024)
def mailbox(address: str) -> str:
    """The address as it travels, its domain in ASCII. Raises ValueError when mail cannot be sent there."""
    found = ADDRESS.fullmatch(address)
    domain = _domain(found[2]) if found else ""
    if found is None or not DOMAIN.fullmatch(domain):
        raise ValueError("The address is not one that mail can be sent to")
    return f"{found[1]}@{domain}"


def header(name: str, value: str) -> bytes:
    """One header, folded and encoded. Raises ValueError for a name or a value that would be more than one."""
    if not NAME.fullmatch(name) or "\n" in value or "\r" in value:
        raise ValueError(f"Not a header: {name!r}")
    if value.isascii() and "=?" not in value and (not value or WORDS.fullmatch(value)):
        if len(name) + 2 + len(value) > LINE:
            value = _folded(value, len(name) + 2)
        return f"{name}: {value}\r\n".encode("ascii")
    return f"{name}: {encoded_words(value, len(name) + 2)}\r\n".encode("ascii")


def encoded_words(value: str, column: int) -> str:
    """The text as RFC 2047 writes what is not ASCII, each word of it whole characters on a line of its own."""
    words: list[str] = []
    room = min(ENCODED_BYTES, max(4, (LINE - column - 12) // 4 * 3))
    taken = b""
    for character in value:
        octets = character.encode("utf-8")
        if len(taken) + len(octets) > room:
            words.append(_encoded_word(taken))
            taken, room = b"", ENCODED_BYTES
        taken += octets
    return "\r\n ".join([*words, _encoded_word(taken)])


@dataclass(frozen=True, slots=True)
class _Shape:
    """What the mails of one content have in common."""

    sender: str
    domain: bytes
    subject: bytes | None  # The whole header; None: it has marks.
    pieces: tuple[bytes, ...]
    slots: tuple[tuple[int, str, bool], ...]  # Where in the pieces, whose mark, whether in HTML.


@lru_cache(maxsize=128)
def _shape(subject: str, text: str, html: str, sender: str, has_marks: bool) -> _Shape:
    name, address = parseaddr(sender)
    address = mailbox(address)
    shown = formataddr((name, address)) if name.isascii() else f"{encoded_words(name, 6)}\r\n <{address}>"
    if "\n" in name or "\r" in name:
        raise ValueError("The sender's name has a line break")
    start = f"From: {shown}\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n".encode("ascii")
    pieces: list[bytes] = [start]
    slots: list[tuple[int, str, bool]] = []
    if html:
        # "=_" cannot come of quoted-printable: nothing in a part can be taken for its end.
        boundary = b"=_" + hashlib.sha256(f"{text}\0{html}".encode()).hexdigest()[:32].encode()
        pieces[0] += b'Content-Type: multipart/alternative; boundary="%b"\r\n\r\n--%b\r\n' % (boundary, boundary)
        _add_part(pieces, slots, text, "plain", has_marks)
        pieces[-1] += b"\r\n--%b\r\n" % boundary
        _add_part(pieces, slots, html, "html", has_marks)
        pieces[-1] += b"\r\n--%b--\r\n" % boundary
    else:
        _add_part(pieces, slots, text, "plain", has_marks)
        pieces[-1] += b"\r\n"
    marked = has_marks and len(pieces_of(subject)) > 1
    return _Shape(
        sender=address,
        domain=sender_domain(sender).encode("ascii"),
        subject=None if marked else header("Subject", subject),
        pieces=tuple(pieces),
        slots=tuple(slots),
    )


def _add_part(pieces: list[bytes], slots: list[tuple[int, str, bool]], text: str, subtype: str, has_marks: bool) -> None:
    pieces[-1] += f'Content-Type: text/{subtype}; charset="utf-8"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n'.encode("ascii")
    parts = pieces_of(text) if has_marks else (text,)
    for number, part in enumerate(parts):
        if number % 2:
            slots.append((len(pieces), part, subtype == "html"))
            pieces.append(b"")
        elif number == len(parts) - 1:
            _add(pieces, _quoted(part, last=True), new=number > 0)
        else:
            _add(pieces, _quoted(part), new=number > 0)


def _add(pieces: list[bytes], octets: bytes, *, new: bool) -> None:
    if new:
        pieces.append(octets)
    else:
        pieces[-1] += octets


def _quoted(text: str, *, last: bool = False) -> bytes:
    """Quoted-printable that begins at the start of a line, and unless it is the last ends at one: with a soft break, if need be."""
    octets = text.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8")
    if last:
        encoded = binascii.b2a_qp(octets)
    else:
        # With something behind it, a line leaves room for its soft break, and its last space may stay.
        encoded = binascii.b2a_qp(octets + SENTINEL)[:-1]
        if encoded and not encoded.endswith(b"\n"):
            encoded += b"=\n"
    if encoded.startswith(b".") or b"\n." in encoded:
        encoded = DOTTED.sub(_undotted, encoded)
    return encoded.replace(b"\n", b"\r\n")


def _undotted(found: "re.Match[bytes]") -> bytes:
    """A line that begins with a dot, so that none does: SMTP would want it doubled, message by message."""
    line = found[0]
    rest = line.lstrip(b".")
    dots = b"=2E=\n" * (len(line) - len(rest))
    return dots + rest if rest else dots[:-2]


def _own_header(name: str, value: str) -> bytes:
    if name.lower() in OUR_HEADERS:
        raise ValueError(f"Not a header that a message may bring: {name!r}")
    return header(name, value)


def _folded(value: str, column: int) -> str:
    lines = [""]
    for word in value.split(" "):
        if lines[-1] and column + len(lines[-1]) + 1 + len(word) > LINE:
            lines.append(word)
            column = 1
        else:
            lines[-1] += f" {word}" if lines[-1] else word
    return "\r\n ".join(lines)


def _encoded_word(octets: bytes) -> str:
    return f"=?utf-8?b?{b64encode(octets).decode('ascii')}?="


@lru_cache(maxsize=4)
def _date(second: int) -> bytes:
    return formatdate(second, localtime=settings.EMAIL_USE_LOCALTIME).encode("ascii")


def _domain(domain: str) -> str:
    return domain if domain.isascii() else domain.encode("idna").decode("ascii")

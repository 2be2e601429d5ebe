"""Mail over SMTP as a Django mail backend that knows how far a message came before something broke.

smtplib opens a connection (greeting, TLS, login); from there on the dialogue is `smtp_pipeline`'s, carried by `smtp_lines`. smtplib's
time-out is per socket operation: a server that answers a byte at a time would hold a sender for hours, so opening has a
patience for all of it, too.
"""

import io
import re
import smtplib
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from email.utils import parseaddr
from typing import Any

from django.conf import settings
from django.core.mail.backends.smtp import EmailBackend
from django.core.mail.message import EmailMessage, sanitize_address

from core.notifications.mime import Envelope
from core.notifications.patience import Patience
from core.notifications.smtp_lines import Line, Lines, OpeningError
from core.notifications.smtp_pipeline import Outcome

CHUNK = 65_536
LEADING_DOT = re.compile(rb"(?m)^\.")
PLAIN = re.compile(r"[!-;=?-~]+")


class _Answers(io.RawIOBase):
    """What the server says, read within the patience that is left for all of it."""

    def __init__(self, sock: socket.socket, patience: Patience) -> None:
        self._sock = sock
        self._patience = patience

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._sock.settimeout(self._patience.left())
        return self._sock.recv_into(buffer)


class Dialogue(smtplib.SMTP):
    """smtplib's client, bounded as a whole, that tells before the final dot from after it."""

    def __init__(self, *args: Any, patience: Patience, **kwargs: Any) -> None:
        self.patience = patience
        super().__init__(*args, **kwargs)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        sock: socket.socket = super()._get_socket(host, port, self.patience.left())  # type: ignore[misc]
        # The final dot leaves by itself: Nagle's algorithm would hold it for 40 ms.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def getreply(self) -> tuple[int, bytes]:
        if self.file is None and self.sock is not None:
            self.file = io.BufferedReader(_Answers(self.sock, self.patience))
        if self.file is None:
            raise smtplib.SMTPServerDisconnected("There is no connection")
        return super().getreply()

    def send(self, s: Any) -> None:
        octets = s.encode(self.command_encoding) if isinstance(s, str) else bytes(s)
        for start in range(0, len(octets), CHUNK):
            if self.sock is not None:
                self.sock.settimeout(self.patience.left())
            super().send(octets[start : start + CHUNK])


class TlsDialogue(Dialogue, smtplib.SMTP_SSL):
    """The same, over TLS from the first byte."""


class SmtpBackend(EmailBackend):
    """Django's SMTP backend over kept, pipelined connections. Errors of opening are OpeningError; what became of one mail is exact.

    One thread's own. Beside Django's `send_messages` there is `hand_over`, for many mails over several connections at once.
    """

    _partial_connection: smtplib.SMTP | None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        each = float(self.timeout or 30)
        self.patience = Patience(each=each, whole=4 * each)
        self.lines = Lines(self._new_line, patience=self.patience)

    @property
    def connection_class(self) -> Callable[..., smtplib.SMTP]:  # type: ignore[override]
        kind = TlsDialogue if self.use_ssl else Dialogue

        def connect(*args: Any, **kwargs: Any) -> smtplib.SMTP:
            return kind(*args, patience=self.patience, **kwargs)

        return connect

    def open(self) -> bool | None:
        """True when there was no connection; None when there is none, and failing is to be silent."""
        try:
            return self.lines.open_first(until=time.monotonic() + self.patience.whole)
        except OpeningError:
            if not self.fail_silently:
                raise
            return None

    def close(self) -> None:
        self.lines.close()

    def hand_over(self, envelopes: Sequence[Envelope], *, begin_within: float, end_within: float) -> Iterator[Outcome]:
        """Send these, over as many connections as are worth it. Each outcome comes as soon as it is known: None is a yes.

        What is not begun within the first number of seconds is NotBegun; after the second, what is under way is cut.
        """
        now = time.monotonic()
        return self.lines.hand_over(envelopes, until=now + begin_within, end=now + end_within)

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        mails = [mail for mail in email_messages if mail.recipients()]
        if not mails:
            return 0
        opened = self.open()
        if opened is None:
            return 0
        sent = 0
        try:
            for mail in mails:
                ((_, failure),) = self.hand_over([envelope_of(mail)], begin_within=self.patience.whole, end_within=2 * self.patience.whole)
                if failure is None:
                    sent += 1
                elif not self.fail_silently:
                    raise failure
        finally:
            if opened:
                self.close()
        return sent

    def _new_line(self) -> Line:
        """A connection, greeted, encrypted and logged in, within the patience that is left."""
        silent, self.fail_silently = self.fail_silently, False
        try:
            super().open()
            client = self.connection
            assert client is not None  # Not silent, it is there or has raised.
            client.ehlo_or_helo_if_needed()
        except (OSError, ValueError) as error:
            for opened in (self._partial_connection, self.connection):
                if opened is not None:
                    opened.close()
            raise OpeningError(str(error)) from error
        finally:
            self.fail_silently = silent
            self._partial_connection = self.connection = None
        assert client.sock is not None
        return Line(client.sock, pipelining=client.has_extn("pipelining"))


def envelope_of(mail: EmailMessage) -> Envelope:
    """Any mail of Django's as it goes over the wire. Raises ValueError for what cannot be an address."""
    encoding = mail.encoding or settings.DEFAULT_CHARSET
    sender, *recipients = (parseaddr(sanitize_address(each, encoding))[1] for each in (mail.from_email, *mail.recipients()))
    if not all(PLAIN.fullmatch(address) for address in recipients) or not PLAIN.fullmatch(sender):
        raise ValueError("Not an address that mail can be sent to")
    data = LEADING_DOT.sub(b"..", mail.message().as_bytes(linesep="\r\n"))  # type: ignore[call-arg]
    return Envelope(sender, tuple(recipients), data if data.endswith(b"\r\n") else data + b"\r\n")

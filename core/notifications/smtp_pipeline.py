"""One connection's dialogue as a state machine: told what the server said, it says what to write and what became of each mail.

Where the server pipelines (RFC 2920), the body of one mail and the commands of the next are one group, and a mail costs one round
trip; where it does not, each command waits for its answer. Either way at most one mail is at risk: its body has been
written, and the server has not said what it made of it. Nothing here knows a socket.
"""

import smtplib
from collections import deque
from dataclasses import dataclass, field
from enum import Enum, auto

from core.notifications.mime import Envelope

LONGEST_ANSWER = 65_536
EMPTY_MAIL = b".\r\n"


class AnswerLost(smtplib.SMTPServerDisconnected):
    """The whole message was handed over, and no answer that can be read came back: it may have been accepted."""


class Step(Enum):
    """What an answer is about."""

    MAIL = auto()
    RCPT = auto()
    DATA = auto()
    DOT = auto()
    RESET = auto()
    NOTHING = auto()  # The empty mail that a server has to be given which invites one and refused its recipients.


@dataclass(eq=False)
class Mail:
    """One mail on this connection."""

    envelope: Envelope
    refused: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    failure: Exception | None = None
    asked: int = 0  # How many of its recipients the server has answered to.


Outcome = tuple[Envelope, Exception | None]


class Pipeline:
    """The dialogue from after the greeting and the login on.

    `offer` a mail while `has_room`; write `to_write` and say how much was taken with `wrote`; hand what comes to `heard`. It returns
    what became of mails. When the connection breaks, `lost` says so of the rest. After `ended`, write nothing more.
    """

    def __init__(self, *, pipelining: bool) -> None:
        self._pipelining = pipelining
        self._expected: deque[tuple[Step, Mail]] = deque()
        self._commands: deque[tuple[Step, Mail, bytes]] = deque()
        self._body: Mail | None = None  # Its body is being written, or waits for its answer.
        self._next: Mail | None = None  # Its commands are queued or written; its body is not.
        self._needs_reset = False
        self._written_until_dot = 0
        self._heard = b""
        self.to_write = bytearray()
        self.ended = False
        self.is_used = False  # It has said something about a mail: what breaks now may be the connection's age.

    @property
    def has_room(self) -> bool:
        """Whether it takes a mail now: the next one behind the one at risk, where the server pipelines."""
        return not self.ended and self._next is None and (self._body is None or self._pipelining)

    @property
    def is_idle(self) -> bool:
        return self._next is None and self._body is None and not self._expected and not self.to_write

    @property
    def at_risk(self) -> bool:
        """Whether a mail's final dot was written and its answer has not come."""
        return self._body is not None and self._written_until_dot <= 0

    @property
    def has_next(self) -> bool:
        return self._next is not None

    def offer(self, envelope: Envelope) -> None:
        """Take one mail. What is written for it leaves with what is still to be written."""
        mail = self._next = Mail(envelope)
        if self._needs_reset:
            self._commands.append((Step.RESET, mail, b"RSET\r\n"))
            self._needs_reset = False
        self._commands.append((Step.MAIL, mail, f"MAIL FROM:<{envelope.sender}>\r\n".encode("ascii")))
        for recipient in envelope.recipients:
            self._commands.append((Step.RCPT, mail, f"RCPT TO:<{recipient}>\r\n".encode("ascii")))
        self._commands.append((Step.DATA, mail, b"DATA\r\n"))
        self._speak()

    def wrote(self, count: int) -> None:
        """So many octets of `to_write` were taken by the network."""
        del self.to_write[:count]
        self._written_until_dot -= count

    def take_back(self) -> Envelope | None:
        """The mail that waits behind one whose answer does not come: nothing of it was at the provider but its address.

        The connection takes no further mail, and ends with the answer."""
        mail, self._next = self._next, None
        self.ended = True
        return mail.envelope if mail else None

    def heard(self, octets: bytes) -> list[Outcome]:
        """What became of mails by what the server said."""
        self._heard += octets
        outcomes: list[Outcome] = []
        while True:
            try:
                answer = self._answer()
            except ValueError:
                self.ended = True
                return [*outcomes, *self.lost(smtplib.SMTPServerDisconnected("The server's answer cannot be read"))]
            if answer is None:
                return outcomes
            outcomes += self._understood(*answer)
            self._speak()

    def lost(self, error: Exception) -> list[Outcome]:
        """The connection is gone: what became of the mail at risk, if there is one. The next one is there to be taken back."""
        self.ended = True
        if self._body is None:
            return []
        self.is_used = True
        mail, self._body = self._body, None
        if self._written_until_dot <= 0:
            lost = AnswerLost(f"No answer to the message: {error}")
            lost.__cause__ = error
            return [(mail.envelope, lost)]
        return [(mail.envelope, error)]

    def _speak(self) -> None:
        """Write what may be written now: all commands in one group, or one at a time."""
        while self._commands and (self._pipelining or not self._expected):
            step, mail, line = self._commands.popleft()
            self.to_write += line
            self._expected.append((step, mail))

    def _answer(self) -> tuple[int, bytes] | None:
        """The next whole answer. Raises ValueError for what is none."""
        start, lines = 0, []
        while (end := self._heard.find(b"\n", start)) >= 0:
            line = self._heard[start:end].rstrip(b"\r")
            start = end + 1
            if not line[:3].isdigit() or line[3:4] not in (b" ", b"-", b""):
                raise ValueError("Not an answer")
            lines.append(line[4:])
            if line[3:4] != b"-":
                self._heard = self._heard[start:]
                return int(line[:3]), b"\n".join(lines)
        if len(self._heard) > LONGEST_ANSWER:
            raise ValueError("An answer without an end")
        return None

    def _understood(self, code: int, said: bytes) -> list[Outcome]:
        if not self._expected:  # A goodbye that nobody asked for.
            self.ended = True
            return []
        step, mail = self._expected.popleft()
        if code == 421:
            self.ended = True
            if step in (Step.MAIL, Step.RESET) and self.is_used:
                return []  # It was quiet for too long: the mail is there to be taken back.
        match step:
            case Step.MAIL if code // 100 != 2:
                mail.failure = smtplib.SMTPSenderRefused(code, said, mail.envelope.sender)
            case Step.RCPT:
                recipient = mail.envelope.recipients[mail.asked]
                mail.asked += 1
                if code // 100 != 2:
                    mail.refused[recipient] = (code, said)
                if len(mail.refused) == len(mail.envelope.recipients):
                    mail.failure = mail.failure or smtplib.SMTPRecipientsRefused(mail.refused)
            case Step.DATA:
                return self._invited(mail, code, said)
            case Step.DOT:
                return self._decided(mail, code, said)
            case _:
                pass
        if code == 421 and mail is self._next:
            return self._given_up(mail, mail.failure or smtplib.SMTPResponseException(code, said))
        if mail.failure and not self._pipelining and mail is self._next:
            # Nothing of it is on its way any more: the rest need not be said.
            self._commands.clear()
            self._needs_reset = True
            return self._given_up(mail, mail.failure)
        return []

    def _invited(self, mail: Mail, code: int, said: bytes) -> list[Outcome]:
        """The answer to DATA."""
        if mail is not self._next:  # Taken back meanwhile: the connection is not used any more.
            return []
        if code == 354 and mail.failure is None and not self.ended:
            self._body, self._next = mail, None
            self.to_write += mail.envelope.data + EMPTY_MAIL
            self._written_until_dot = len(self.to_write)
            self._expected.append((Step.DOT, mail))
            return []
        self._needs_reset = True
        if code == 354:
            self.to_write += EMPTY_MAIL
            self._expected.append((Step.NOTHING, mail))
        elif code < 400:
            self.ended = True  # It and we no longer speak of the same thing.
        return self._given_up(mail, mail.failure or smtplib.SMTPDataError(code, said))

    def _decided(self, mail: Mail, code: int, said: bytes) -> list[Outcome]:
        """The answer to the whole message. Every 2yz is a yes (RFC 5321, 4.2.1)."""
        self._body = None
        self.is_used = True
        if code < 200 or 300 <= code < 400:
            self.ended = True
            return [(mail.envelope, AnswerLost("The answer to the message cannot be read"))]
        return [(mail.envelope, None if code < 300 else smtplib.SMTPDataError(code, said))]

    def _given_up(self, mail: Mail, failure: Exception) -> list[Outcome]:
        self.is_used = True
        if self._next is mail:
            self._next = None
        return [(mail.envelope, failure)]

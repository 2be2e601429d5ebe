"""How a message travels. A transport is tiny: it sends, or it raises, and the error says what kind of failure it was.

Nothing here knows a table: a transport is tested without a database. What follows from a failure is decided in one
place, `core.notifications.delivery`.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import ClassVar, Protocol
from uuid import UUID

import structlog
from django.conf import settings

from core.notifications.marks import Words, splice
from core.notifications.window import Window

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is handed to a transport: the words for one person, at one address.

    With the person's `own` words, subject, text and HTML are what many people share and hold marks for them; without,
    they are final. Either way `words` is what the person reads.
    """

    id: UUID
    # What a mail's Message-ID is made of, where not of the message's own id.
    mail_id: str = ""
    to: str
    subject: str
    text: str
    html: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    notification_type: str = ""
    recipient_id: int | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    created_at: str = ""
    own: Mapping[str, str] | None = None

    @property
    def words(self) -> Words:
        """The final words, the person's own in their places."""
        if self.own is None:
            return Words(self.subject, self.text, self.html)
        return Words(splice(self.subject, self.own), splice(self.text, self.own), splice(self.html, self.own, html=True))


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider took the message. `provider_id` is its own name for it, by which receipts come."""

    provider: str
    provider_id: str = ""


class Verdict(StrEnum):
    """What a failure means for the message, and for its address or provider."""

    RETRY = "retry"  # Temporary: later, within tries and expiry.
    REJECT = "reject"  # This message will never be taken.
    SUPPRESS = "suppress"  # Nor will any other to this address by this method.
    STOPPED = "stopped"  # The person said stop: nothing more by this method, and no offers by any.
    UNCERTAIN = "uncertain"  # It may have been taken: nobody knows.
    HOLD = "hold"  # The operator's fault (credentials, configuration): no try is used up, ops are told.


class TransportError(Exception):
    """A message was not accepted. Says why in the provider's own words, and what that means.

    Not `begun`: nothing of this message was at the provider, so that it uses up no try.
    """

    def __init__(
        self, detail: str, *, verdict: Verdict = Verdict.RETRY, code: str = "", retry_after: float | None = None, begun: bool = True
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.verdict = verdict
        self.code = code
        self.retry_after = retry_after  # Seconds, as the provider asked.
        self.begun = begun


class Person(Protocol):
    """Of a recipient, what a transport needs to find the address."""

    @property
    def pk(self) -> int: ...
    @property
    def email(self) -> str: ...
    @property
    def phone(self) -> str: ...


class Transport(ABC):
    """One method's carrier. One instance serves one thread; it may keep a connection between calls."""

    method: ClassVar[str]
    # Which part of the wording it carries: "body" (plain text), "html" (with body as the text part), or "sms".
    part: ClassVar[str] = "body"
    # Whether the law bounds the hours of marketing by this method (docs/rules.md, 4: SMS within 10:00-21:00).
    regulated: ClassVar[bool] = False
    # Without a provider, its messages go to the product's own outbox page and nowhere else.
    shown_in_outbox: ClassVar[bool] = False

    @classmethod
    def is_configured(cls) -> bool:
        """Whether the settings name a provider to carry it."""
        return True

    # Whether its connections live in the server's process, so that no other can carry it while a server runs embedded.
    needs_server: ClassVar[bool] = False

    @classmethod
    def needs_registration(cls) -> bool:
        """Whether marketing by this method leaves only with a registered (DLT) template id."""
        return False

    @property
    @abstractmethod
    def provider(self) -> str:
        """Who carries it: the name that limits, breakers and the log go by."""

    @property
    def at_once(self) -> int:
        """How many messages of what must not be repeated it is given in one batch, at most."""
        window: int = settings.DELIVERY_WINDOW
        return window

    @property
    def side_by_side(self) -> int:
        """How many of these it carries at the same time: it is not given fewer, however slow its provider is."""
        return 1

    @cached_property
    def window(self) -> Window:
        """How many of these it is given now, by the pace of those before."""
        return Window(least=self.side_by_side, most=self.at_once)

    @staticmethod
    @abstractmethod
    def address_of(person: Person) -> str:
        """Where this person is reached by this method; empty: nowhere."""

    @abstractmethod
    def send(self, message: Message) -> Accepted:
        """Hand over one message. Raises TransportError when it was not accepted, or nobody knows."""

    def send_many(self, messages: Sequence[Message]) -> Iterator[tuple[Message, Accepted | TransportError]]:
        """Hand over several, each with its own outcome. What is not begun before the senders' lease runs low is left for later.
        A transport that can pipeline overrides this."""
        until = time.monotonic() + settings.DELIVERY_LEASE.total_seconds() / 2
        for message in messages:
            if time.monotonic() > until:
                yield message, TransportError("The provider is slow: not begun", verdict=Verdict.RETRY, code="slow", begun=False)
                continue
            try:
                outcome: Accepted | TransportError = self.send(message)
            except TransportError as error:
                outcome = error
            except Exception as error:
                # Nobody knows how far this call came; of the others' there is no doubt.
                log.exception("transport_failed", provider=self.provider)
                outcome = TransportError(type(error).__name__, verdict=Verdict.UNCERTAIN, code="transport_bug")
            yield message, outcome

    def close(self) -> None:  # noqa: B027  (most have nothing to close)
        """Let go of connections. The transport may be used again afterwards."""

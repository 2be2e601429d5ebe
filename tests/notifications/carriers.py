"""Carriers that do what a provider's code may do: look around, break, or be somebody's first attempt."""

from collections.abc import Callable, Iterator, Sequence
from typing import ClassVar

from django.db import connection

from core.notifications.transport import Accepted, Message, Person, Transport, TransportError


class Carrier(Transport):
    """Accepts everything, and keeps it."""

    method = "email"
    carried: ClassVar[list[Message]] = []
    # What to do while a message is at the provider.
    meanwhile: ClassVar[Callable[[Message], object] | None] = None

    @property
    def provider(self) -> str:
        return "carrier"

    @staticmethod
    def address_of(person: Person) -> str:
        return person.email

    def send(self, message: Message) -> Accepted:
        if Carrier.meanwhile is not None:
            Carrier.meanwhile(message)
        Carrier.carried.append(message)
        return Accepted(self.provider, message.id.hex)


class Onlooker(Carrier):
    """Notes whether a transaction is open while it is called."""

    seen: ClassVar[list[bool]] = []

    def send(self, message: Message) -> Accepted:
        Onlooker.seen.append(connection.in_atomic_block)
        return super().send(message)


class Buggy(Carrier):
    """Has a bug that shows with some people."""

    stumbles_over: ClassVar[str] = "vera"

    def send(self, message: Message) -> Accepted:
        if message.to.startswith(Buggy.stumbles_over):
            raise KeyError("status")
        return super().send(message)


class Halfway(Carrier):
    """Breaks after the first message of several."""

    def send_many(self, messages: Sequence[Message]) -> Iterator[tuple[Message, Accepted | TransportError]]:
        yield messages[0], self.send(messages[0])
        raise RuntimeError("Broken pipe dream")

"""Stands in for a method that has no provider: the message stays on the product's own outbox page.

Nothing leaves the product; the row in the log is what the page shows, and its provider `outbox` says so.
"""

from functools import cache
from typing import Any

from core.notifications.transport import Accepted, Message, Person, Transport

OUTBOX = "outbox"


class OutboxTransport(Transport):
    """Accepts everything and sends nothing."""

    method = OUTBOX

    @property
    def provider(self) -> str:
        return OUTBOX

    @staticmethod
    def address_of(person: Person) -> str:
        return person.email or person.phone

    def send(self, message: Message) -> Accepted:
        return Accepted(OUTBOX, message.id.hex)


@cache
def in_place_of(absent: type[Transport]) -> type[OutboxTransport]:
    """An outbox that answers for this method: its name, its part of the wording and its addresses."""
    body: dict[str, Any] = {
        "method": absent.method,
        "part": absent.part,
        "regulated": absent.regulated,
        "needs_registration": absent.needs_registration,
        "address_of": staticmethod(absent.address_of),
    }
    return type(f"OutboxFor{absent.__name__}", (OutboxTransport,), body)

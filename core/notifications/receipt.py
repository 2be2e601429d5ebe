"""A provider's later word in our terms, whoever the provider is."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from core.models import Phase


class Heard(StrEnum):
    """What was heard. Each means something for the message, its address, and what its person wants to hear of (`MEANING`)."""

    ACCEPTED = "accepted"  # The provider has it.
    DELIVERED = "delivered"  # It arrived.
    UNDELIVERED = "undelivered"  # It will not arrive.
    DEAD_ADDRESS = "dead_address"  # Nor will anything else, at this address.
    STOPPED = "stopped"  # Nor will anything else, as the person told the carrier.
    REFUSED = "refused"  # It will not arrive: the person complained to the provider before, or unsubscribed there.
    COMPLAINED = "complained"  # It arrived, and the person called it spam.
    UNSUBSCRIBED = "unsubscribed"  # It arrived, and the person wants no more of its kind.
    OPENED = "opened"
    CLICKED = "clicked"
    NOTED = "noted"  # Kept, and nothing follows from it.


class Stops(StrEnum):
    """What a person hears no more of."""

    NOTHING = ""
    CATEGORY = "category"  # The message's own category, if it is an offer; else all offers.
    OFFERS = "offers"


@dataclass(frozen=True, slots=True)
class Meaning:
    """What follows from a word. `phase` is how far it proves that the message came; None: it proves nothing."""

    phase: Phase | None
    address_is_dead: bool = False
    stops: Stops = Stops.NOTHING


MEANING: dict[Heard, Meaning] = {
    Heard.ACCEPTED: Meaning(Phase.ACCEPTED),
    Heard.DELIVERED: Meaning(Phase.DELIVERED),
    Heard.UNDELIVERED: Meaning(Phase.UNDELIVERED),
    Heard.DEAD_ADDRESS: Meaning(Phase.UNDELIVERED, address_is_dead=True),
    Heard.STOPPED: Meaning(Phase.UNDELIVERED, address_is_dead=True, stops=Stops.OFFERS),
    Heard.REFUSED: Meaning(Phase.UNDELIVERED, stops=Stops.OFFERS),
    # Mail that is opened, clicked or complained of was taken by its provider; that it arrived is the receipt's own word to say.
    Heard.COMPLAINED: Meaning(Phase.ACCEPTED, stops=Stops.OFFERS),
    Heard.UNSUBSCRIBED: Meaning(Phase.ACCEPTED, stops=Stops.CATEGORY),
    Heard.OPENED: Meaning(Phase.ACCEPTED),
    Heard.CLICKED: Meaning(Phase.ACCEPTED),
    Heard.NOTED: Meaning(None),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """One event of a provider. `event_id` is the same whenever the same event is told again."""

    provider: str
    event_id: str
    heard: Heard
    received_at: datetime
    provider_message_id: str = ""
    named_id: UUID | None = None  # Our own id of the message, if the provider repeats it.
    code: str = ""
    detail: str = ""
    payload: dict[str, Any] = field(default_factory=dict)

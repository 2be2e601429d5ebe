"""What a mail provider reports, as django-anymail reads it, in our terms."""

import hashlib
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from anymail.signals import AnymailTrackingEvent, EventType, RejectReason
from django.http import QueryDict

from core.notifications.payloads import storable, text
from core.notifications.receipt import Heard, Receipt

HEARD = {
    EventType.QUEUED: Heard.ACCEPTED,
    EventType.SENT: Heard.ACCEPTED,
    EventType.DEFERRED: Heard.ACCEPTED,
    EventType.AUTORESPONDED: Heard.ACCEPTED,
    EventType.DELIVERED: Heard.DELIVERED,
    EventType.REJECTED: Heard.UNDELIVERED,
    EventType.FAILED: Heard.UNDELIVERED,
    EventType.BOUNCED: Heard.UNDELIVERED,
    EventType.COMPLAINED: Heard.COMPLAINED,
    EventType.UNSUBSCRIBED: Heard.UNSUBSCRIBED,
    EventType.OPENED: Heard.OPENED,
    EventType.CLICKED: Heard.CLICKED,
}
# The provider did not even try, for what happened before with this address.
REFUSED_FOR = {
    RejectReason.INVALID: Heard.DEAD_ADDRESS,
    RejectReason.BOUNCED: Heard.DEAD_ADDRESS,
    RejectReason.SPAM: Heard.REFUSED,
    RejectReason.UNSUBSCRIBED: Heard.REFUSED,
}

Event = Mapping[str, Any]


def _within(event: Event, *names: str) -> Any:
    """What lies at the end of these names; None where one of them is missing."""
    found: Any = event
    for name in names:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


# A bounce is hard when the address itself is dead; anymail does not tell it from a full mailbox, the provider's own words do.
HARD: dict[str, Callable[[Event], bool]] = {
    "amazon_ses": lambda event: _within(event, "bounce", "bounceType") == "Permanent",
    "brevo": lambda event: _within(event, "event") in ("hard_bounce", "invalid_email"),
    "mailersend": lambda event: _within(event, "data", "type") == "hard_bounced",
    "mailgun": lambda event: _within(event, "event-data", "severity") == "permanent",
    "mailjet": lambda event: _within(event, "hard_bounce") is True,
    "mandrill": lambda event: _within(event, "event") == "hard_bounce",
    "postmark": lambda event: _within(event, "Type") in ("HardBounce", "BadEmailAddress"),
    "resend": lambda event: _within(event, "data", "bounce", "type") == "Permanent",
    "sendgrid": lambda event: _within(event, "type") == "bounce",
    "sparkpost": lambda event: any(
        str(_within(event, "msys", kind, "bounce_class")) in ("10", "30", "90") for kind in ("message_event", "gen_event")
    ),
}
# Our own id, in a Message-ID that we made (`<32 hexadecimal digits@…>`).
OURS = re.compile(r"<?([0-9a-f]{32})@[^@\s]+>?")


def receipt_of(event: AnymailTrackingEvent, esp_name: str, *, now: datetime) -> Receipt:
    """The event as a receipt. Raises ValueError, TypeError or AttributeError when its provider wrote what makes no sense."""
    esp = esp_name.lower().replace(" ", "_")
    raw = event.esp_event.dict() if isinstance(event.esp_event, QueryDict) else event.esp_event
    raw = raw if isinstance(raw, Mapping) else {"event": raw}
    payload = storable(raw)
    name = text(str(event.message_id or ""), 200)
    detail = " ".join(str(part) for part in (event.description, event.mta_response) if part)
    return Receipt(
        provider=f"anymail.{esp}",
        event_id=_event_id(event, name, payload),
        heard=_heard(event, esp, raw),
        received_at=now,
        provider_message_id=name,
        named_id=_own_id(event, name),
        code=text(str(event.reject_reason or ""), 40),
        detail=text(detail, 500),
        payload=payload,
    )


def _heard(event: AnymailTrackingEvent, esp: str, raw: Event) -> Heard:
    heard = HEARD.get(event.event_type, Heard.NOTED)
    if event.event_type == EventType.REJECTED:
        return REFUSED_FOR.get(event.reject_reason, heard)
    if event.event_type == EventType.BOUNCED and esp in HARD:
        return Heard.DEAD_ADDRESS if HARD[esp](raw) else heard
    if event.event_type == EventType.BOUNCED and event.reject_reason == RejectReason.INVALID:
        return Heard.DEAD_ADDRESS
    return heard


def _event_id(event: AnymailTrackingEvent, name: str, payload: object) -> str:
    """The provider's own, or one made of all it said: told twice, it is the same."""
    if event.event_id:
        own = text(str(event.event_id))
    else:
        own = hashlib.sha256(repr((name, str(event.timestamp), payload)).encode()).hexdigest()
    whole = f"{event.event_type}:{own}"
    return whole if len(whole) <= 200 else f"{event.event_type}:{hashlib.sha256(whole.encode()).hexdigest()}"


def _own_id(event: AnymailTrackingEvent, name: str) -> UUID | None:
    told = event.metadata.get("notification") if isinstance(event.metadata, Mapping) else None
    made = OURS.fullmatch(name)
    try:
        return UUID(str(told)) if told else UUID(made[1]) if made else None
    except ValueError:
        return None

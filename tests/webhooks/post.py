"""What providers do: sign, and post. Twilio's algorithm is written out here, apart from Twilio's own library that checks it."""

import base64
import hashlib
import hmac
import json
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import UUID, uuid4

from django.test import Client

from core.models import NotificationLog, Phase, Status, User
from core.models.notifications import STATUS_OF
from core.notifications.kinds import BUSINESS_ALERT, Kind
from core.notifications.transports import transport_class

TOKEN = "token-of-the-account"
PUBLIC = "https://homeserve.example"
STATUS = "/webhooks/twilio/status/"
SECRET = "hooks:a long enough password"
MAILGUN_KEY = "key-of-the-mailgun-account"
PAYLOADS = Path(__file__).parent / "payloads"


def signature(address: str, form: dict[str, str], token: str = TOKEN) -> str:
    """Twilio's documented signature: the whole address, then each field's name and value in the order of the names; HMAC-SHA1, base64."""
    signed = address + "".join(name + form[name] for name in sorted(form))
    return base64.b64encode(hmac.new(token.encode(), signed.encode(), hashlib.sha1).digest()).decode()


def twilio(
    client: Client, form: dict[str, str], *, about: UUID | None = None, signed: str | None = None, token: str = TOKEN, **extra: Any
) -> Any:
    """Post a status as Twilio does. `about` is our own id, in the address; `signed` another signature than the right one."""
    query = f"?notification={about}" if about else ""
    right = signature(f"{PUBLIC}{STATUS}{query}", form, token)
    headers = {"X-Twilio-Signature": right if signed is None else signed}
    answer: Any = client.post(
        f"{STATUS}{query}", urlencode(form), content_type="application/x-www-form-urlencoded", headers=headers, **extra
    )
    return answer


def status(word: str, *, sid: str = "SM1", code: str = "") -> dict[str, str]:
    """The fields of a status callback."""
    fields = {
        "AccountSid": "AC00000000000000000000000000000001",
        "ApiVersion": "2010-04-01",
        "From": "+15005550006",
        "MessageSid": sid,
        "MessageStatus": word,
        "SmsSid": sid,
        "SmsStatus": word,
        "To": "+919845000004",
    }
    return fields | ({"ErrorCode": code} if code else {})


def payload(name: str, message_id: str, **changes: str) -> str:
    """A kept payload, with the message's name in its place."""
    text = (PAYLOADS / f"{name}.json").read_text(encoding="utf-8").replace("MESSAGE-ID", message_id)
    for old, new in changes.items():
        text = text.replace(old, new)
    return text


def basic(secret: str = SECRET) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(secret.encode()).decode()}


def mail(client: Client, provider: str, body: str, *, secret: str = SECRET, **headers: str) -> Any:
    """Post an event as a mail provider does."""
    if provider == "mailgun":
        body = _signed_by_mailgun(body)
    answer: Any = client.post(
        f"/webhooks/anymail/{provider}/tracking/", body, content_type="application/json", headers=basic(secret) | headers
    )
    return answer


def _signed_by_mailgun(body: str) -> str:
    event = json.loads(body)
    moment, token = str(int(time.time())), uuid4().hex + uuid4().hex[:18]
    signed = hmac.new(MAILGUN_KEY.encode(), f"{moment}{token}".encode(), hashlib.sha256).hexdigest()
    event["signature"] = {"timestamp": moment, "token": token, "signature": signed}
    return json.dumps(event)


def at(phase: Phase, person: User, *, method: str = "sms", kind: Kind = BUSINESS_ALERT, **fields: Any) -> NotificationLog:
    """A message that is in this phase."""
    held = phase == Phase.SENDING
    lease = {"lease_token": uuid4(), "lease_until": person.date_joined} if held else {}
    named = {} if phase in (Phase.SENDING, Phase.UNCERTAIN, Phase.QUEUED) else {"provider_message_id": "SM1", "provider": "twilio"}
    failed = STATUS_OF[phase] == Status.FAILED
    usual = {
        "recipient": person,
        "notification_type": kind.name,
        "method": method,
        "phase": phase,
        "status": STATUS_OF[phase],
        "address": transport_class(method).address_of(person),
        "repeatable": kind.repeatable,
        "error_code": "unknown" if failed else "",
        "error_message": "As we believed." if failed else "",
        "tries": 1,
    }
    row: NotificationLog = NotificationLog.objects.create(**{**usual, **named, **lease, **fields})
    return row


def fresh(row: NotificationLog) -> NotificationLog:
    found: NotificationLog = NotificationLog.objects.get(pk=row.pk)
    return found

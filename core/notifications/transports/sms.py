"""SMS through Twilio's own SDK. Whether a failed call can have been a message is told by how far the call came."""

import json
import logging
from typing import Any

import requests
from django.conf import settings
from django.utils import timezone
from twilio.base.exceptions import TwilioException
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from core.notifications.bounded_http import BoundedAdapter
from core.notifications.http_failure import failure_of, retry_after
from core.notifications.patience import Patience
from core.notifications.transport import Accepted, Message, Person, Transport, TransportError, Verdict

PROVIDER = "twilio"
STATUS_CALLBACK = "/webhooks/twilio/status/"

# Twilio's error codes (twilio.com/docs/api/errors).
DEAD_NUMBER = {
    21211,  # Not a valid number.
    21217,  # Does not look like a number.
    21614,  # Not a mobile number.
}
# The person answered STOP: the carrier blocks it.
STOPPED = 21610
OPERATORS_FAULT = {
    20003,  # Wrong credentials.
    20005,  # The account is not active.
    20404,  # No such account, or not Twilio's address.
    21212,  # The sender's number is not valid.
    21408,  # The account may not send to this country.
    21603,  # The sender's number is missing.
    21606,  # The sender's number cannot send SMS.
    21659,  # The sender's number is not the account's.
}
CREDENTIALS = {401, 403}
TOO_MANY = 429
CONNECT_SECONDS = 5.0


class SilentClient(TwilioHttpClient):
    """Keeps its connection and the last answer's headers. Logs nothing of a message, repeats nothing by itself, and ends in time."""

    def __init__(self, *, timeout: float) -> None:
        super().__init__(timeout=timeout, logger=logging.getLogger("twilio"))
        # Of each address of the host, and of each read; the patience is for all of them.
        self.timeout = (min(CONNECT_SECONDS, timeout), timeout)
        self.patience = Patience(each=timeout, whole=timeout)
        assert self.session is not None  # It is there unless pooling is declined.
        for scheme in ("https://", "http://"):
            self.session.mount(scheme, BoundedAdapter(self.patience))
        self.answer_headers: dict[str, str] = {}

    def log_request(self, kwargs: dict[str, Any]) -> None:
        """A request holds a number and a message: neither belongs in a log."""

    def log_response(self, status_code: int, response: Any) -> None:
        """Nor does the answer, which repeats them."""

    def request(self, *args: Any, **kwargs: Any) -> Response:
        self.answer_headers = {}
        self.patience.begin()
        response = super().request(*args, **kwargs)
        # The SDK keeps the last request for its own tests: a number and a message, in memory for hours.
        self._test_only_last_request = self._test_only_last_response = None
        self.answer_headers = {name.lower(): value for name, value in (response.headers or {}).items()}
        return response

    def close(self) -> None:
        if self.session is not None:
            self.session.close()


class SmsTransport(Transport):
    """One SMS to one phone."""

    method = "sms"
    part = "sms"
    regulated = True
    shown_in_outbox = True

    def __init__(self) -> None:
        self._http = SilentClient(timeout=settings.TWILIO_TIMEOUT)
        self._client: Client | None = None

    @classmethod
    def is_configured(cls) -> bool:
        return bool(settings.TWILIO_ACCOUNT_SID and settings.TWILIO_AUTH_TOKEN)

    @classmethod
    def needs_registration(cls) -> bool:
        return bool(settings.DLT_REQUIRED)

    @property
    def provider(self) -> str:
        return PROVIDER

    @staticmethod
    def address_of(person: Person) -> str:
        return person.phone

    def send(self, message: Message) -> Accepted:
        """Raises TransportError; uncertain when Twilio can have read the request and did not say what it made of it."""
        if not settings.TWILIO_PHONE_NUMBER:
            raise TransportError("TWILIO_PHONE_NUMBER is not set", verdict=Verdict.HOLD, code="21603")
        try:
            words = {"to": message.to, "body": message.words.text}
            accepted = self._connected().messages.create(**words, **self._sender(), **self._callback(message))
        except TwilioException as error:
            raise self._failure(error) from error
        except requests.RequestException as error:
            raise failure_of(error) from error
        except (json.JSONDecodeError, KeyError, AttributeError) as error:
            raise TransportError("Twilio's answer cannot be read", verdict=Verdict.UNCERTAIN, code="answer") from error
        if not accepted.sid:
            raise TransportError("Twilio's answer names no message", verdict=Verdict.UNCERTAIN, code="answer")
        return Accepted(PROVIDER, accepted.sid)

    def close(self) -> None:
        self._http.close()

    def _connected(self) -> Client:
        if self._client is None:
            self._client = Client(settings.TWILIO_ACCOUNT_SID, settings.TWILIO_AUTH_TOKEN, http_client=self._http)
            if settings.TWILIO_API_BASE_URL:
                self._client.api.base_url = settings.TWILIO_API_BASE_URL
        return self._client

    def _sender(self) -> dict[str, str]:
        # A messaging service (MG…) may be named in place of a number; it picks the number itself.
        sender = settings.TWILIO_PHONE_NUMBER
        return {"messaging_service_sid": sender} if sender.startswith("MG") else {"from_": sender}

    def _callback(self, message: Message) -> dict[str, str]:
        """Where Twilio reports what became of it, with the message's own id: its sid is not known here when the call's answer
        was lost. Nowhere when Twilio could not reach us anyway."""
        if settings.PUBLIC_URL.startswith("https://") or settings.TWILIO_API_BASE_URL:
            return {"status_callback": f"{settings.PUBLIC_URL}{STATUS_CALLBACK}?notification={message.id}"}
        return {}

    def _failure(self, error: TwilioException) -> TransportError:
        status = int(getattr(error, "status", 0) or 0)
        code = int(getattr(error, "code", 0) or 0)
        words = getattr(error, "msg", "") or getattr(error, "detail", "") or getattr(error, "title", "") or f"HTTP {status}"
        wait = None
        if status == TOO_MANY:
            verdict = Verdict.RETRY
            wait = retry_after(self._http.answer_headers.get("retry-after"), now=timezone.now())
        elif status >= 500:
            # The request was read; nobody knows what was done with it before the failure.
            verdict = Verdict.UNCERTAIN
        elif code == STOPPED:
            verdict = Verdict.STOPPED
        elif code in DEAD_NUMBER:
            verdict = Verdict.SUPPRESS
        elif code in OPERATORS_FAULT or status in CREDENTIALS or status < 400:
            verdict = Verdict.HOLD
        else:
            verdict = Verdict.REJECT
        return TransportError(words, verdict=verdict, code=str(code or status), retry_after=wait)

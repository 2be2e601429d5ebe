"""Mail through Django's mail backends, so that EMAIL_BACKEND is honoured: SMTP, an ESP of django-anymail, locmem under a test runner.

Connections are kept and used for many messages; they are renewed when they were idle, after enough messages and after any error.
"""

import smtplib
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from email.header import Header
from typing import Any

import requests
from anymail.exceptions import (
    AnymailAPIError,
    AnymailConfigurationError,
    AnymailError,
    AnymailInvalidAddress,
    AnymailRecipientsRefused,
    AnymailUnsupportedFeature,
)
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.utils import timezone

from core.notifications import http_failure, mime, smtp_failure
from core.notifications.smtp import SmtpBackend
from core.notifications.transport import Accepted, Message, Person, Transport, TransportError, Verdict

DJANGOS_SMTP = "django.core.mail.backends.smtp.EmailBackend"
OURS = f"{SmtpBackend.__module__}.{SmtpBackend.__qualname__}"
IDLE_SECONDS = 60.0
LONGEST_PROVIDER = 40


class EmailTransport(Transport):
    """One mail to one address, with the plain text and the HTML as alternatives."""

    method = "email"
    part = "html"
    shown_in_outbox = True

    def __init__(self) -> None:
        self._connection: BaseEmailBackend | None = None
        self._sent_over_it = 0
        self._last_used = 0.0

    @classmethod
    def is_configured(cls) -> bool:
        return bool(settings.EMAIL_BACKEND)

    @property
    def provider(self) -> str:
        """`smtp:` and the host, or the name of the backend: `locmem`, `anymail.mailgun`."""
        path = settings.EMAIL_BACKEND
        if path in (DJANGOS_SMTP, OURS):
            return f"smtp:{settings.EMAIL_HOST}"[:LONGEST_PROVIDER]
        parts = [part for part in path.split(".")[:-1] if part != "backends"]
        return ".".join(["anymail", *parts[1:]] if parts[:1] == ["anymail"] else parts[-1:])[:LONGEST_PROVIDER]

    @staticmethod
    def address_of(person: Person) -> str:
        return person.email

    @property
    def at_once(self) -> int:
        at_once: int = settings.DELIVERY_WINDOW * self.side_by_side
        return at_once

    @property
    def side_by_side(self) -> int:
        connections: int = settings.EMAIL_CONNECTIONS
        return connections if settings.EMAIL_BACKEND in (DJANGOS_SMTP, OURS) else 1

    def send(self, message: Message) -> Accepted:
        """Raises TransportError; uncertain only when the whole mail was handed over and no answer came."""
        ((_, outcome),) = self.send_many([message])
        if isinstance(outcome, TransportError):
            raise outcome
        return outcome

    def send_many(self, messages: Sequence[Message]) -> Iterator[tuple[Message, Accepted | TransportError]]:
        """Each with its outcome as soon as it is known. What is not begun before the senders' lease runs low is left for later."""
        try:
            backend = self._opened()
        except TransportError as error:
            yield from ((message, error) for message in messages)
            return
        if isinstance(backend, SmtpBackend):
            yield from self._over_smtp(backend, messages)
            return
        until = time.monotonic() + settings.DELIVERY_LEASE.total_seconds() / 2
        for message in messages:
            if time.monotonic() > until:
                slow = TransportError("The mail provider is slow: not begun", verdict=Verdict.RETRY, code="slow", begun=False)
                yield message, slow
                continue
            yield message, self._over(backend, message)

    def close(self) -> None:
        if self._connection is not None:
            with suppress(OSError):
                self._connection.close()
        self._connection = None

    def _opened(self) -> BaseEmailBackend:
        """The backend of the settings, open, unless it is our own, which opens when there is something to send."""
        if self._connection is not None:
            if isinstance(self._connection, SmtpBackend):
                return self._connection
            if self._sent_over_it < settings.EMAIL_MESSAGES_PER_CONNECTION and time.monotonic() - self._last_used < IDLE_SECONDS:
                return self._connection
            self.close()
        # Django's own cannot say whether a message's final dot was sent.
        path = OURS if settings.EMAIL_BACKEND == DJANGOS_SMTP else settings.EMAIL_BACKEND
        try:
            self._connection = get_connection(path)
            if not isinstance(self._connection, SmtpBackend):
                self._connection.open()
        except (OSError, ValueError, AnymailError, ImproperlyConfigured, ImportError) as error:
            failure = self._failure(error)
            self._connection = None
            raise failure from error
        self._sent_over_it = 0
        return self._connection

    def _over_smtp(self, backend: SmtpBackend, messages: Sequence[Message]) -> Iterator[tuple[Message, Accepted | TransportError]]:
        envelopes: dict[int, tuple[Message, mime.Envelope]] = {}
        for message in messages:
            try:
                envelope = mime.envelope(message)
            except ValueError:
                yield message, TransportError("An address or a header is not valid", verdict=Verdict.REJECT, code="header")
            else:
                envelopes[id(envelope)] = message, envelope
        lease = settings.DELIVERY_LEASE.total_seconds()
        outcomes = backend.hand_over([each for _, each in envelopes.values()], begin_within=lease / 2, end_within=lease * 0.9)
        provider = self.provider
        for envelope, failure in outcomes:
            message, _ = envelopes[id(envelope)]
            if failure is None:
                yield message, Accepted(provider, mime.message_id(message))
            else:
                outcome = smtp_failure.failure_of(failure)
                outcome.__cause__ = failure
                yield message, outcome

    def _over(self, backend: BaseEmailBackend, message: Message) -> Accepted | TransportError:
        """One mail over somebody else's backend."""
        try:
            mime.mailbox(message.to)
            mail = compose(message)
            backend.send_messages([mail])
        except (OSError, ValueError, AnymailError, ImproperlyConfigured) as error:
            failure = self._failure(error)
            failure.__cause__ = error
            self._connection = None
            return failure
        self._sent_over_it += 1
        self._last_used = time.monotonic()
        status = getattr(mail, "anymail_status", None)
        return Accepted(self.provider, str((status and status.message_id) or mail.extra_headers["Message-ID"]))

    def _failure(self, error: Exception) -> TransportError:
        if isinstance(error, AnymailError | AnymailConfigurationError):
            return _esp_failure(error)
        if isinstance(error, ImproperlyConfigured | ImportError):
            return TransportError(str(error), verdict=Verdict.HOLD, code="configuration")
        if isinstance(error, requests.RequestException):
            return http_failure.failure_of(error)
        if isinstance(error, ValueError):  # Among them Django's BadHeaderError.
            return TransportError("An address or a header is not valid", verdict=Verdict.REJECT, code="header")
        if isinstance(error, smtplib.SMTPResponseException | smtplib.SMTPRecipientsRefused):
            return smtp_failure.failure_of(error)
        # Somebody else's backend: it cannot say how far it came.
        certain = isinstance(error, ConnectionRefusedError | socket.gaierror)
        return TransportError(str(error), verdict=Verdict.RETRY if certain else Verdict.UNCERTAIN, code="backend")


class Mail(EmailMultiAlternatives):
    """Django's, with a subject that begins on its own line: Django folds it without counting the name before it, and what is
    then folded again begins with an empty line, which some readers show as a space."""

    def message(self, *args: Any, **kwargs: Any) -> Any:
        built = super().message(*args, **kwargs)
        # Django has just refused line breaks in it.
        if not self.subject.isascii():
            built.replace_header("Subject", Header(str(self.subject), "utf-8", header_name="Subject").encode())
        return built


def compose(message: Message) -> EmailMultiAlternatives:
    """The mail as Django builds it, for backends that are not our own."""
    words = message.words
    mail = Mail(
        subject=words.subject,
        body=words.text,
        from_email=settings.DEFAULT_FROM_EMAIL,
        to=[message.to],
        headers={"Auto-Submitted": "auto-generated", **message.headers, "Message-ID": mime.message_id(message)},
    )
    if words.html:
        mail.attach_alternative(words.html, "text/html")
    return mail


def _esp_failure(error: Exception) -> TransportError:
    """An ESP's refusal, as django-anymail raises it."""
    words = str(error).split("\n")[0][:500]
    match error:
        case AnymailRecipientsRefused():
            return TransportError(words, verdict=Verdict.SUPPRESS, code="recipient_refused")
        case AnymailAPIError(status_code=None):
            if isinstance(error, requests.RequestException):
                return http_failure.failure_of(error.__cause__ if isinstance(error.__cause__, requests.RequestException) else error)
            return TransportError(words, verdict=Verdict.UNCERTAIN, code="no_answer")
        case AnymailAPIError():
            return _esp_answer(error, words)
        case AnymailInvalidAddress():
            return TransportError(words, verdict=Verdict.REJECT, code="address")
        case AnymailConfigurationError() | AnymailUnsupportedFeature():
            return TransportError(words, verdict=Verdict.HOLD, code="configuration")
        case _:
            return TransportError(words, verdict=Verdict.REJECT, code="refused")


def _esp_answer(error: AnymailAPIError, words: str) -> TransportError:
    status = int(error.status_code)
    headers = getattr(error.response, "headers", {})
    wait = None
    if status == 429:
        verdict = Verdict.RETRY
        wait = http_failure.retry_after(headers.get("Retry-After"), now=timezone.now())
    elif status >= 500 or status < 300:  # A yes that cannot be read is no no.
        verdict = Verdict.UNCERTAIN
    elif status in (401, 403, 404):
        verdict = Verdict.HOLD
    else:
        verdict = Verdict.REJECT
    return TransportError(words, verdict=verdict, code=str(status), retry_after=wait)

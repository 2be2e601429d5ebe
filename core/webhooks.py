"""Where providers call back. Nobody logs in here; each call proves by signature or secret whom it comes from, and changes nothing
until it has. What is said is put into our terms and handed to `core.notifications.receipts`.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from anymail.exceptions import AnymailConfigurationError, AnymailImproperlyInstalled, AnymailWebhookValidationFailure
from anymail.signals import AnymailTrackingEvent, tracking
from anymail.urls import urlpatterns as anymail_patterns
from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.db import OperationalError
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse, QueryDict
from django.urls import URLPattern, path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from twilio.request_validator import RequestValidator

from core import clock
from core.notifications import mail_events, receipts, twilio_words
from core.notifications.payloads import storable, text
from core.notifications.receipt import Receipt
from core.notifications.transports.sms import PROVIDER as TWILIO
from core.notifications.transports.sms import STATUS_CALLBACK

log = structlog.get_logger(__name__)

# Bytes. A status of Twilio's has about five hundred; mail providers send a thousand events at once.
LONGEST_STATUS = 65_536
LONGEST_BATCH = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
# How often storing is tried when the database was busy or two calls met.
TRIES = 3

View = Callable[..., HttpResponse]

# --- Twilio -----------------------------------------------------------------------------------------------------------


@csrf_exempt
@require_POST
def twilio_status(request: HttpRequest) -> HttpResponse:
    """What became of an SMS: 204, also when it was known already. 403 without Twilio's signature, or without a token to tell it by."""
    if (refused := _too_long(request, LONGEST_STATUS)) is not None:
        return refused
    form = QueryDict(request.body, encoding="utf-8") if request.content_type == "application/x-www-form-urlencoded" else QueryDict()
    if not _signed_by_twilio(request, form):
        return HttpResponse("The signature is missing or wrong.", status=403, content_type="text/plain")
    receipt = twilio_receipt(request.GET, form, now=clock.now())
    if receipt is None:
        return HttpResponse("This names no message or no status.", status=400, content_type="text/plain")
    if receipt.code == twilio_words.FILTERED:
        log.warning("sms_filtered_by_carrier", sid=receipt.provider_message_id)
    return _kept([receipt])


def _signed_by_twilio(request: HttpRequest, form: QueryDict) -> bool:
    """Whether Twilio signed this form for the address that we gave it. That address is ours to know: what a proxy, or somebody
    who plays one, says of host and protocol in headers is not asked."""
    if not settings.TWILIO_AUTH_TOKEN:
        return False
    query = request.META.get("QUERY_STRING", "")
    address = f"{settings.PUBLIC_URL}{STATUS_CALLBACK}" + (f"?{query}" if query else "")
    signature = request.headers.get("X-Twilio-Signature", "")
    return bool(RequestValidator(settings.TWILIO_AUTH_TOKEN).validate(address, form, signature))


def twilio_receipt(query: QueryDict, form: QueryDict, *, now: datetime) -> Receipt | None:
    """A status callback as a receipt; None when it names no message or no status."""
    sid = text(form.get("MessageSid") or form.get("SmsSid") or "", 60)
    status = text(form.get("MessageStatus") or form.get("SmsStatus") or "", 20).lower()
    code = text(form.get("ErrorCode") or "", 20)
    named = _uuid(query.get("notification"))
    if not status or not (sid or named):
        return None
    heard, words = twilio_words.meaning(status, code)
    return Receipt(
        provider=TWILIO,
        event_id=f"{sid or named}:{status}:{code}",
        heard=heard,
        received_at=now,
        provider_message_id=sid,
        named_id=named,
        code=code,
        detail=words,
        payload=storable(form.dict()),
    )


# --- Mail providers ---------------------------------------------------------------------------------------------------

# What one call tells, while anymail's view reads it: all of it is applied at once.
_heard: ContextVar[list[Receipt] | None] = ContextVar("heard", default=None)


@receiver(tracking, dispatch_uid="core.webhooks")
def _hear(event: AnymailTrackingEvent, esp_name: str, **_: Any) -> None:
    receipt = mail_events.receipt_of(event, esp_name, now=clock.now())
    heard = _heard.get()
    if heard is None:  # Somebody else's door than ours.
        receipts.apply([receipt], now=receipt.received_at)
    else:
        heard.append(receipt)


@contextmanager
def _hearing() -> Iterator[list[Receipt]]:
    heard: list[Receipt] = []
    token = _heard.set(heard)
    try:
        yield heard
    finally:
        _heard.reset(token)


def _door(view: View) -> View:
    """anymail's view of one provider, with what it leaves to its caller: no secret, no entry; what cannot be read is a 400."""

    @csrf_exempt
    def enter(request: HttpRequest) -> HttpResponse:
        if not settings.ANYMAIL.get("WEBHOOK_SECRET"):
            return HttpResponse("ANYMAIL_WEBHOOK_SECRET is not set.", status=403, content_type="text/plain")
        if request.method == "POST" and (refused := _too_long(request, LONGEST_BATCH)) is not None:
            return refused
        try:
            with _hearing() as heard:
                response = view(request)
        except AnymailWebhookValidationFailure:
            return HttpResponse("The secret or the signature is missing or wrong.", status=403, content_type="text/plain")
        except (AnymailConfigurationError, AnymailImproperlyInstalled) as error:
            log.warning("mail_webhook_not_configured", error=str(error).split("\n")[0])
            return HttpResponse("This provider is not configured here.", status=403, content_type="text/plain")
        except (ValueError, TypeError, AttributeError, LookupError, OverflowError, OSError, RecursionError, SuspiciousOperation):
            # They sign what they send: this is a form of theirs that we do not know yet, and they will send it again.
            log.warning("mail_webhook_not_understood", path=request.path, exc_info=True)
            return HttpResponse("This cannot be read.", status=400, content_type="text/plain")
        return _kept(heard, response) if heard else response

    return enter


# --- Both -------------------------------------------------------------------------------------------------------------


def _kept(heard: Sequence[Receipt], response: HttpResponse | None = None) -> HttpResponse:
    """Keep and apply, then answer; 503 when the database cannot, so that the provider says it again."""
    for last in (False,) * (TRIES - 1) + (True,):
        try:
            receipts.apply(heard, now=clock.now())
            break
        except OperationalError:  # Busy, or two calls stood in each other's way.
            if last:
                log.exception("receipts_not_kept", count=len(heard))
                return HttpResponse(status=503, headers={"Retry-After": "30"})
    return HttpResponse(status=204) if response is None else response


def _too_long(request: HttpRequest, limit: int) -> HttpResponse | None:
    """The refusal of a body that is longer than it may be, or comes in pieces without saying how long it is."""
    declared = request.META.get("CONTENT_LENGTH") or ("" if "Transfer-Encoding" in request.headers else "0")
    if not (declared.isascii() and declared.isdigit() and len(declared) < 20):
        return HttpResponse(status=411)
    return HttpResponse(status=413) if int(declared) > limit else None


def _uuid(value: str | None) -> UUID | None:
    try:
        return UUID(value or "")
    except ValueError:
        return None


def _tracking() -> Iterator[URLPattern]:
    """anymail's addresses for what becomes of mail we sent, but for those of old names. Mail to us is nobody's here."""
    for pattern in anymail_patterns:
        if not str(pattern.name).startswith("sendinblue") and not str(pattern.name).endswith("inbound_webhook"):
            yield path(f"anymail/{pattern.pattern}", _door(pattern.callback), name=pattern.name)


urlpatterns: list[URLPattern] = [path("twilio/status/", twilio_status, name="twilio-status"), *_tracking()]

"""A sender's loop without a provider: it asks, takes what it may, tries it, and notes what came of it."""

from datetime import datetime

from django.db import transaction

from core.models import ProviderState
from core.notifications import providers
from core.notifications.transport import Accepted, TransportError, Verdict

PROVIDER = "smtp:mail.example"
TAKEN = Accepted(PROVIDER, "1")
NOT_CONNECTED = TransportError("Connection refused", verdict=Verdict.RETRY, code="not_connected")
WRONG_PASSWORD = TransportError("535 Wrong", verdict=Verdict.HOLD, code="535")
GREYLISTED = TransportError("451 4.7.1 Greylisted, come back later", verdict=Verdict.RETRY, code="4.7.1")
NO_SUCH_USER = TransportError("550 5.1.1 No such user", verdict=Verdict.SUPPRESS, code="5.1.1")
NOT_ASKED = TransportError("This row cannot be read.", verdict=Verdict.REJECT, code="unreadable")


def slow_down(seconds: float) -> TransportError:
    return TransportError("Too many requests", verdict=Verdict.RETRY, code="20429", retry_after=seconds)


def begun(wanted: int, *, due: int | None = None, now: datetime, provider: str = PROVIDER) -> providers.Admission:
    """Start a send of up to `wanted` messages, of which `due` are there; the rest is given back."""
    with transaction.atomic():
        admission = providers.admit(provider, wanted, now=now)
        taken = admission.granted if due is None else min(due, admission.granted)
        providers.give_back(provider, admission.granted - taken, admission=admission, now=now)
    return admission


def tried(*outcomes: Accepted | TransportError, now: datetime, wanted: int = 100, provider: str = PROVIDER) -> int:
    """Send with these outcomes, as many as are let through. Returns how many were."""
    admission = begun(min(wanted, len(outcomes)), now=now, provider=provider)
    if admission.granted:
        with transaction.atomic():
            providers.learn(provider, outcomes[: admission.granted], admission=admission, now=now)
    return admission.granted


def broken(times: int, *, now: datetime) -> None:
    """The provider cannot be reached, so many times in a row."""
    for _ in range(times):
        tried(NOT_CONNECTED, now=now)


def state(provider: str = PROVIDER) -> ProviderState:
    return ProviderState.objects.get(provider=provider)

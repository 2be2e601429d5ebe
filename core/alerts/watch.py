"""The product watches itself: a provider that refuses us is somebody's to mend, and one that is away is worth knowing of."""

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from core.alerts import unheard
from core.alerts.manual import clear_alert, raise_alert
from core.models import NotificationLog, Phase, ProviderState
from core.notifications.providers import OF_SOME_MESSAGES

# A shorter outage mends itself, and costs nobody a message.
OUTAGE = timedelta(minutes=5)


def look(*, now: datetime) -> dict[str, int]:
    """All that is watched each minute."""
    with transaction.atomic():
        heard = unheard.look_again(now=now)
    return watch_providers(now=now) | {"heard_again": heard}


def watch_providers(*, now: datetime) -> dict[str, int]:
    """Tell ops of each provider that holds our messages back, and close what is mended.

    At once of one that refuses us (critical), and of one that is away after five minutes (high). While one message tries
    whether it is back, it is still held.
    """
    counts = {"held": 0, "mended": 0}
    for state in ProviderState.objects.order_by("provider"):
        fingerprint = f"provider:{state.provider}"
        if state.breaker == ProviderState.Breaker.CLOSED:
            counts["mended"] += clear_alert(fingerprint, now=now)
            continue
        counts["held"] += 1
        if not state.is_outage or now - (state.opened_at or now) >= OUTAGE:
            raise_alert(alert_type="system_error", fingerprint=fingerprint, metadata={"provider": state.provider}, now=now, **_words(state))
    _watch_the_account(counts, now=now)
    return counts


def _watch_the_account(counts: dict[str, int], *, now: datetime) -> None:
    """Some messages wait for something that only the operator can mend, while the provider takes all others."""
    for code in sorted(OF_SOME_MESSAGES):
        fingerprint = f"provider:refuses:{code}"
        first = NotificationLog.objects.filter(phase=Phase.QUEUED, error_code=code).order_by("due_at").first()
        if first is None:
            counts["mended"] += clear_alert(fingerprint, now=now)
            continue
        counts["held"] += 1
        raise_alert(
            alert_type="system_error",
            severity="critical",
            title=f"Some messages by {first.method} are refused for the account's sake",
            description=f"They wait until it is mended or they are cancelled; others leave. It says: {first.error_message}",
            fingerprint=fingerprint,
            metadata={"code": code},
            now=now,
        )


def _words(state: ProviderState) -> dict[str, Any]:
    if state.is_outage:
        return {
            "severity": "high",
            "title": f"{state.provider} does not answer",
            "description": "Messages wait and are tried again by themselves, one at a time until one is taken; none is lost. "
            f"The last that was heard: {state.last_error}",
        }
    return {
        "severity": "critical",
        "title": f"{state.provider} refuses our messages",
        "description": f"Messages wait until it is mended; none is lost. It says: {state.last_error}",
    }

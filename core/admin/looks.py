"""How values look in the admin: states in colour and in words, money as in India, data as text one can read."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django.db.models import Model, TextChoices
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from core import formatting
from core.models import Booking, BusinessAlert, NotificationLog, Payment, ProviderState, ScheduleRun, Signature, TemplateVersion

CHOICES: dict[TextChoices, str] = {
    # Messages, and what becomes of them.
    NotificationLog.Status.PENDING: "info",
    NotificationLog.Status.SENT: "primary",
    NotificationLog.Status.DELIVERED: "success",
    NotificationLog.Status.FAILED: "danger",
    # Alerts.
    BusinessAlert.Severity.LOW: "info",
    BusinessAlert.Severity.MEDIUM: "primary",
    BusinessAlert.Severity.HIGH: "warning",
    BusinessAlert.Severity.CRITICAL: "danger",
    BusinessAlert.Status.ACTIVE: "danger",
    BusinessAlert.Status.ACKNOWLEDGED: "warning",
    BusinessAlert.Status.RESOLVED: "success",
    # The marketplace.
    Booking.Status.CONFIRMED: "info",
    Booking.Status.IN_PROGRESS: "info",
    Booking.Status.COMPLETED: "success",
    Booking.Status.SIGNED: "success",
    Booking.Status.DISPUTED: "danger",
    Signature.Status.EXPIRED: "warning",
    Payment.Status.PROCESSING: "info",
    Payment.Status.ON_HOLD: "danger",
    # What runs.
    ScheduleRun.Status.RUNNING: "info",
    ScheduleRun.Status.DONE: "success",
    ScheduleRun.Status.MISSED: "warning",
    ProviderState.Breaker.CLOSED: "success",
    ProviderState.Breaker.OPEN: "danger",
    ProviderState.Breaker.HALF_OPEN: "warning",
    # Wording.
    TemplateVersion.Status.PUBLISHED: "success",
}
# By the word that is shown. Celery's own words are no choices of a field of ours. What is not here has no colour.
COLOURS = {str(choice.label): colour for choice, colour in CHOICES.items()}
COLOURS |= {"Started": "info", "Success": "success", "Failure": "danger", "Retry": "warning"}


def state(field: str, title: str) -> Callable[[Any, Model], str]:
    """A column with the field's value as a coloured word."""

    @display(description=title, ordering=field, label=COLOURS)
    def column(_admin: Any, row: Model) -> str:
        value = str(getattr(row, field))
        # A field without choices of its own has no such method.
        return str(getattr(row, f"get_{field}_display", value.capitalize)())

    return column


def money(field: str, title: str) -> Callable[[Any, Model], str]:
    """A column with an amount as ₹1,23,456."""

    @display(description=title, ordering=field, empty_value="none")
    def column(_admin: Any, row: Model) -> str | None:
        value: Decimal | None = getattr(row, field)
        return None if value is None else formatting.rupees(value)

    return column


def data(field: str, title: str, *, said: Callable[[Any], Any] = lambda value: value) -> Callable[[Any, Model], SafeString]:
    """JSON as indented text, escaped; what `said` makes of it."""

    @display(description=title)
    def shown(_admin: Any, row: Model) -> SafeString:
        text = json.dumps(said(getattr(row, field)), ensure_ascii=False, indent=2, sort_keys=True, default=str)
        return format_html('<pre class="whitespace-pre-wrap break-words text-xs">{}</pre>', text)

    return shown


def yes(field: str, title: str) -> Callable[[Any, Model], bool]:
    """Whether a moment has come: a tick for a time, a cross for none."""

    @display(description=title, boolean=True, ordering=field)
    def column(_admin: Any, row: Model) -> bool:
        return getattr(row, field) is not None

    return column

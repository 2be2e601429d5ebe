"""A message as the log's list shows it: who, what, how it stands, and why."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone

from core import clock
from core.masking import mask_text
from core.models import NotificationLog, Phase, Status
from core.notifications.kinds import OTP
from core.notifications.transports.console import OUTBOX
from core.web.log.reasons import quoted, why_failed
from core.web.outbox import ICONS, kind_label, method_label
from core.web.words import Moment, moment, short_name, span

HIDDEN: Final = "The code is never shown"
# What a provider acknowledges at once by itself is told in seconds.
SECONDS: Final = 90


@dataclass(frozen=True, slots=True)
class Line:
    id: UUID
    at: Moment
    to: str
    role: str
    address: str
    method: str
    icon: str
    kind: str
    subject: str
    status: str
    status_label: str
    why: str
    tries: int


def shown(rows: QuerySet[NotificationLog]) -> QuerySet[NotificationLog]:
    """With the person, and without the long texts that no line shows."""
    return rows.select_related("recipient").only(
        "id", "notification_type", "method", "status", "phase", "subject", "created_at", "sent_at", "delivered_at", "read_at", "tries",
        "due_at", "provider", "error_code", "error_message", "address",
        "recipient__username", "recipient__first_name", "recipient__last_name", "recipient__role",
    )  # fmt: skip


def line_of(row: NotificationLog, *, now: datetime) -> Line:
    return Line(
        id=row.pk,
        at=to_the_second(row.created_at, now=now),
        to=short_name(row.recipient) if row.recipient else "An address",
        role=row.recipient.get_role_display().lower() if row.recipient else "",
        address=address_of(row),
        method=method_label(row.method),
        icon=ICONS.get(row.method, "i-send"),
        kind=kind_label(row.notification_type),
        subject=HIDDEN if is_secret(row) else row.subject or "No subject",
        status=row.status,
        status_label=Status(row.status).label,
        why=standing(row, now=now),
        tries=row.tries,
    )


def is_secret(row: NotificationLog) -> bool:
    """What it said is nobody's but its reader's."""
    return row.notification_type == OTP.name


def address_of(row: NotificationLog) -> str:
    """Masked; in the app there is none."""
    return "" if row.method == "websocket" else mask_text(row.address)


def to_the_second(at: datetime, *, now: datetime) -> Moment:
    """As `moment`, but today with seconds: in the log they tell what came first."""
    plain, local = moment(at, now=now), timezone.localtime(at)
    if local.date() != clock.business_day(now):
        return plain
    return Moment(f"{local.hour}:{local:%M:%S}", plain.ago, plain.full, plain.iso)


def took(began: datetime, ended: datetime) -> str:
    """How long it took, in seconds while they can be counted."""
    length = ended - began
    seconds = length.total_seconds()
    return f"{max(seconds, 0):.0f} s" if seconds < SECONDS else span(length)


def standing(row: NotificationLog, *, now: datetime) -> str:
    """How it stands, beside the status: since when, what next, or why not."""
    match row.status:
        case Status.FAILED:
            said = quoted(row.error_code, row.error_message)
            return f"{why_failed(row)}: {said}" if said else why_failed(row)
        case Status.DELIVERED:
            if row.read_at:
                return f"opened {moment(row.read_at, now=now).short}"
            return f"in {took(row.sent_at or row.created_at, row.delivered_at)}" if row.delivered_at else ""
        case Status.SENT:
            if row.provider == OUTBOX:
                return "shown in the outbox, not sent"
            if row.read_at:
                return f"opened {moment(row.read_at, now=now).short}"
            return f"no receipt yet, {span(now - row.sent_at)}" if row.sent_at else "no receipt yet"
    return _waits(row, now=now)


def _waits(row: NotificationLog, *, now: datetime) -> str:
    if row.phase == Phase.SENDING:
        return "at the provider now"
    if row.phase == Phase.UNCERTAIN:
        return "not known yet whether it was taken"
    if row.due_at > now:
        which = f"try {row.tries + 1}" if row.tries else "leaves"
        return f"{which} at {to_the_second(row.due_at, now=now).short}"
    return f"due for {span(now - row.due_at)}"

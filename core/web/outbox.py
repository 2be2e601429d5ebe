"""Mail and SMS that were shown here and not sent, because there is no provider for them yet."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import BooleanField, QuerySet
from django.db.models.expressions import RawSQL
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_safe

from core import clock
from core.models import NotificationLog, Role, User
from core.notifications.composing import Unsendable, compose
from core.notifications.kinds import kinds
from core.notifications.rendering import as_sent
from core.notifications.transports import methods
from core.web.doors import for_staff, frame, person
from core.web.paging import Stretch, stretch
from core.web.words import Moment, moment, short_name

# Written out: SQLite uses the partial index only where the condition holds no parameters.
IN_OUTBOX = RawSQL("core_notificationlog.provider = 'outbox'", (), output_field=BooleanField())
PAGE = 50
FINANCE_SEES = "payment_hold"
# What a method needed before it really sends, by the names of its settings. By now it may be there.
NEEDS = {
    "email": "no mail server was set (EMAIL_HOST)",
    "sms": "no SMS account was set (TWILIO_ACCOUNT_SID)",
}
# A mail may bring its own styles. It may not run, fetch, send or open anything.
MAIL_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox; frame-ancestors 'self'"
NAMES = {"email": "Email", "sms": "SMS", "websocket": "In-app"}
ICONS = {"email": "i-mail", "sms": "i-sms", "websocket": "i-app"}


@dataclass(frozen=True, slots=True)
class Line:
    """A message as the list shows it."""

    id: UUID
    to: str
    role: str
    method: str
    icon: str
    kind: str
    subject: str
    at: Moment


def shown_to(user: User) -> QuerySet[NotificationLog]:
    """The messages in the outbox that this person may read."""
    rows: QuerySet[NotificationLog] = NotificationLog.objects.filter(IN_OUTBOX).select_related("recipient", "content")
    return rows.filter(notification_type=FINANCE_SEES) if user.role == Role.FINANCE else rows


def kind_label(name: str) -> str:
    return kinds.get(name).label if name in kinds else name.replace("_", " ").capitalize()


def method_label(name: str) -> str:
    return NAMES.get(name, name.capitalize())


@require_safe
@for_staff
def outbox(request: HttpRequest) -> HttpResponse:
    user, now = person(request), clock.now()
    method, kind = request.GET.get("method", ""), request.GET.get("type", "")
    rows = shown_to(user)
    if method:
        rows = rows.filter(method=method) if method in methods() else rows.none()
    if kind:
        rows = rows.filter(notification_type=kind) if kind in kinds else rows.none()
    part: Stretch[NotificationLog] = stretch(rows, request.GET, size=PAGE)
    context = {
        "lines": [line_of(row, now=now) for row in part.rows],
        "newer": part.newer,
        "older": part.older,
        "methods": [(name, method_label(name)) for name in methods() if name in NEEDS],
        "kinds": [(one.name, one.label) for one in kinds] if user.role != Role.FINANCE else [],
        "method": method,
        "kind": kind,
        "filtered": bool(method or kind),
    }
    return render(request, "web/outbox.html", frame(request, "outbox") | context)


def line_of(row: NotificationLog, *, now: datetime) -> Line:
    return Line(
        id=row.pk,
        to=short_name(row.recipient) if row.recipient else "An address",
        role=row.recipient.get_role_display().lower() if row.recipient else "",
        method=method_label(row.method),
        icon=ICONS.get(row.method, "i-send"),
        kind=kind_label(row.notification_type),
        subject=as_sent(row).subject,
        at=moment(row.created_at, now=now),
    )


@require_safe
@for_staff
def message(request: HttpRequest, message_id: UUID) -> HttpResponse:
    """One message as it would have reached its reader: the words, the mail, its headers."""
    row, now = find(request, message_id), clock.now()
    words = as_sent(row)
    context: dict[str, Any] = {
        "line": line_of(row, now=now),
        "words": words,
        "headers": headers_of(row),
        "why_not": NEEDS.get(row.method, "there is no provider for it"),
        "has_html": bool(words.html),
        "pincode": row.pincode,
    }
    return render(request, "web/outbox_message.html", frame(request, "outbox") | context)


@require_safe
@xframe_options_sameorigin
@for_staff
def mail(request: HttpRequest, message_id: UUID) -> HttpResponse:
    """The mail's own HTML, for the frame in the page above: words of others, under a policy of their own."""
    html = as_sent(find(request, message_id)).html
    if not html:
        raise Http404("This message has no HTML part.")
    return HttpResponse(html, headers={"Content-Security-Policy": MAIL_POLICY, "Referrer-Policy": "no-referrer"})


def find(request: HttpRequest, message_id: UUID) -> NotificationLog:
    row = shown_to(person(request)).filter(pk=message_id).first()
    if row is None:
        raise Http404("There is no such message in the outbox.")
    return row


def headers_of(row: NotificationLog) -> list[tuple[str, str]]:
    """The headers a mail would carry, with its address; of an SMS, the number."""
    try:
        composed = compose(row)
    except Unsendable:
        return []
    named = [("To", composed.to), *composed.headers.items()]
    return [*named, ("Subject", as_sent(row).subject)] if row.method == "email" else named

"""Everybody's own messages, newest first: what came in the app, whether or not a page was open to show it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from core import clock
from core.models import NotificationLog, User
from core.notifications import receipts
from core.notifications.rendering import as_sent
from core.web.doors import for_everyone, frame, person
from core.web.outbox import kind_label
from core.web.paging import Stretch, mark, stretch
from core.web.words import Moment, moment

PAGE = 50
ICONS = {
    "business_alert": "i-bell",
    "pending_signature": "i-bell",
    "payment_hold": "i-bell",
    "booking_timeout": "i-bell",
    "bonus_alert": "i-rupee",
    "promotional": "i-rupee",
    "demand_notification": "i-bolt",
    "pincode_alert": "i-bolt",
    "service_completion_reminder": "i-tool",
    "signature_request": "i-check",
}
TINTS = {"bonus_alert": "ok", "service_completion_reminder": "high"}
ALERTS = ("business_alert", "pending_signature", "payment_hold", "booking_timeout")


@dataclass(frozen=True, slots=True)
class Item:
    """A message as the inbox shows it."""

    id: UUID
    kind: str
    icon: str
    tint: str
    subject: str
    text: str
    # What the closed line shows of it.
    begins: str
    at: Moment
    unread: bool
    acknowledged: bool
    mark: str


def own(user: User) -> QuerySet[NotificationLog]:
    """What this person's inbox holds."""
    rows: QuerySet[NotificationLog] = NotificationLog.objects.filter(recipient=user, method="websocket")
    return rows.exclude(phase__in=receipts.NOT_IN_INBOX).select_related("recipient", "content")


def item_of(row: NotificationLog, *, now: datetime) -> Item:
    words = as_sent(row)
    return Item(
        id=row.pk,
        kind=kind_label(row.notification_type),
        icon=ICONS.get(row.notification_type, "i-app"),
        tint="critical" if row.notification_type in ALERTS else TINTS.get(row.notification_type, ""),
        subject=words.subject or kind_label(row.notification_type),
        text=words.text,
        begins=_after_the_greeting(words.text),
        at=moment(row.created_at, now=now),
        unread=row.read_at is None,
        acknowledged=row.delivered_at is not None,
        mark=mark(row),
    )


def _after_the_greeting(text: str) -> str:
    """In two lines there is no room for "Hello Vera,"."""
    first, _, rest = text.lstrip().partition("\n")
    return rest.lstrip() if first.rstrip().endswith(",") and rest.strip() else text


@require_safe
@never_cache
@for_everyone
def inbox(request: HttpRequest) -> HttpResponse:
    now = clock.now()
    part: Stretch[NotificationLog] = stretch(own(person(request)), request.GET, size=PAGE)
    context = {"items": [item_of(row, now=now) for row in part.rows], "newer": part.newer, "older": part.older}
    return render(request, "web/inbox.html", frame(request, "inbox") | context)


@require_safe
@never_cache
@for_everyone
def news(request: HttpRequest) -> HttpResponse:
    """The messages after a mark, as the page shows them: what a page asks for when it hears that there is something."""
    now = clock.now()
    part: Stretch[NotificationLog] = stretch(own(person(request)), request.GET, size=PAGE)
    return render(request, "web/inbox_items.html", {"items": [item_of(row, now=now) for row in part.rows]})


@require_POST
@for_everyone
def read(request: HttpRequest, message_id: UUID) -> HttpResponse:
    """The person opened it. Somebody else's is as if it were not there."""
    user = person(request)
    if not own(user).filter(pk=message_id).exists():
        raise Http404("You have no such message.")
    receipts.mark_read(message_id, user.pk, now=clock.now())
    return HttpResponseRedirect(reverse("inbox"))


@require_POST
@for_everyone
def read_all(request: HttpRequest) -> HttpResponse:
    """Everything in the inbox counts as opened, and so as arrived."""
    user, now = person(request), clock.now()
    for message_id in own(user).filter(read_at__isnull=True).values_list("pk", flat=True):
        receipts.mark_read(message_id, user.pk, now=now)
    return HttpResponseRedirect(reverse("inbox"))

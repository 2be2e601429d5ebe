"""One message: as it was written, what happened to it, and why this person."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_safe

from core import access, clock
from core.masking import SIGNED
from core.models import LeftOut, NotificationLog, Status, Suppression
from core.notifications import gsm
from core.notifications.rendering import as_sent
from core.notifications.screening import suppression_address
from core.web.doors import for_staff, frame, person
from core.web.log.lines import is_secret, line_of
from core.web.log.page import listed
from core.web.log.reasons import LEFT_OUT, quoted, what_follows, why_failed
from core.web.log.steps import steps_of
from core.web.log.why import facts_of
from core.web.outbox import MAIL_POLICY, method_label

SHOWN_EVENTS: Final = 100


@dataclass(frozen=True, slots=True)
class Way:
    """The same word to the same person by one method."""

    id: UUID
    method: str
    status: str
    status_label: str
    here: bool


@require_safe
@never_cache
@for_staff
def one(request: HttpRequest, notification_id: UUID) -> HttpResponse:
    """A message beside the list it was opened from; by itself on a narrow screen. The address keeps the list's filters."""
    now = clock.now()
    row = find(request, notification_id)
    found = listed(request, now=now)
    context = {"one": shown(request, row, now=now), "opened": row.pk}
    return render(request, "web/log.html", frame(request, "log") | found.context | context, status=found.status)


@require_safe
@xframe_options_sameorigin
@for_staff
def mail(request: HttpRequest, notification_id: UUID) -> HttpResponse:
    """The mail's own HTML, for the frame in the page above: words of others, under a policy of their own."""
    row = find(request, notification_id)
    html = "" if is_secret(row) else SIGNED.sub(r"\1•••", as_sent(row).html)
    if not html:
        raise Http404("This message has no HTML part.")
    return HttpResponse(html, headers={"Content-Security-Policy": MAIL_POLICY, "Referrer-Policy": "no-referrer"})


def find(request: HttpRequest, notification_id: UUID) -> NotificationLog:
    rows: QuerySet[NotificationLog] = access.logs_of(person(request))
    related = rows.select_related("recipient", "content", "run", "run__actor", "alert")
    row = related.filter(pk=notification_id).first()
    if row is None:
        raise Http404("There is no such message.")
    return row


def shown(request: HttpRequest, row: NotificationLog, *, now: datetime) -> dict[str, Any]:
    events = list(row.events.order_by("at", "id")[:SHOWN_EVENTS])
    aside = Suppression.objects.filter(method=row.method, address=suppression_address(row.address)).first() if row.address else None
    secret = is_secret(row)
    words = None if secret else as_sent(row)
    text = SIGNED.sub(r"\1•••", words.text) if words else ""
    failed = row.status == Status.FAILED
    local = timezone.localtime(row.created_at)
    return {
        "id": row.pk,
        "line": line_of(row, now=now),
        "clock": f"{local.hour}:{local:%M:%S}",
        "person_id": row.recipient_id,
        "pincode": row.pincode,
        "words": words,
        # Whoever has a signed link can act as its reader.
        "text": text,
        "is_sms": row.method == "sms",
        "segments": gsm.segments(words.text) if words and row.method == "sms" else 0,
        "steps": steps_of(row, events, row.run, aside, now=now),
        "facts": facts_of(row, row.run, row.alert),
        "ways": list(_ways(request, row)),
        "left_out": _left_out(row),
        "why_not": why_failed(row) if failed else "",
        "why_not_said": quoted(row.error_code, row.error_message) if failed else "",
        "after": what_follows(row) if failed else "",
        "once": not row.repeatable,
        "twice": row.dup_risk,
    }


def _ways(request: HttpRequest, row: NotificationLog) -> Any:
    """By which methods the same person was told of the same cause."""
    if not row.key or row.recipient_id is None:
        return
    same = access.logs_of(person(request)).filter(key=row.key, recipient=row.recipient_id).order_by("method")
    rows = list(same.values_list("pk", "method", "status"))
    for pk, method, status in rows if len(rows) > 1 else []:
        yield Way(pk, method_label(method), status, Status(status).label, pk == row.pk)


def _left_out(row: NotificationLog) -> list[str]:
    """By which other methods the same run did not write to this person, and why."""
    if row.run_id is None or row.recipient_id is None:
        return []
    found = LeftOut.objects.filter(person=row.recipient_id, run=row.run_id, cause__in=("", row.key)).values_list("reason", "methods")
    return [
        f"Not by {', '.join(method_label(method) for method in methods.split(','))}: {LEFT_OUT.get(reason, reason.replace('_', ' '))}"
        for reason, methods in found[:10]
    ]

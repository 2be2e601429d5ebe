"""Where the links in messages lead: to their stored address, and to stopping what one no longer wants. No login is needed;
the link's own signature says which message it came with."""

from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from core import clock, links
from core.masking import mask_text
from core.models import NotificationLog
from core.notifications import choices
from core.notifications.kinds import Kind, kinds
from core.notifications.transports import methods
from core.web.words import BY


@require_safe
@never_cache
def follow(request: HttpRequest, token: str) -> HttpResponse:
    """Note that the link was followed, and lead to the address stored with the message, and nowhere else."""
    row = _message(token)
    if request.method == "GET" and row.clicked_at is None:
        NotificationLog.objects.filter(pk=row.pk, clicked_at__isnull=True).update(clicked_at=clock.now())
    return HttpResponseRedirect(_stored_address(row))


# RFC 8058: a mail client posts here with no cookie and no token of ours; the signature in the address is what it shows.
# Nothing here looks at who is logged in. A POST is bounded by what it can do: said again it finds nothing to change.
@csrf_exempt
@require_http_methods(["GET", "HEAD", "OPTIONS", "POST"])
@never_cache
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """GET shows the question and changes nothing, however often something looks. POST stops what `what` names, and with the
    mail's one click, or nothing named, this kind by every method; "back" takes back what such links had stopped.

    A token that was never made is not found. One whose message is no longer kept is gone: it stops nothing, and says so.
    """
    if request.method == "OPTIONS":
        return HttpResponse(status=204, headers={"Allow": "GET, HEAD, OPTIONS, POST"})
    named = links.read(links.UNSUBSCRIBE, token)
    if named is None:
        return render(request, "web/unsubscribe_unknown.html", status=404)
    row = NotificationLog.objects.select_related("recipient").filter(pk=named).first()
    if row is None or row.recipient_id is None:
        return render(request, "web/unsubscribe_unknown.html", {"old": True}, status=410)
    if row.notification_type not in kinds or not kinds.get(row.notification_type).marketing:
        return render(request, "web/unsubscribe_unknown.html", status=404)
    kind = kinds.get(row.notification_type)
    done = _act(request, row, kind) if request.method == "POST" else ""
    context = {
        "token": token,
        "title": kind.title or kind.label,
        "about": kind.about,
        "by": BY.get(row.method, f"by {row.method}"),
        "whom": _whom(row),
        "several": len(methods()) > 1,
        "done": done,
        "back": done == "back",
        "stopped": choices.has_stopped(row.recipient_id, kind),
        "undo": choices.stopped_by_link(row.recipient_id),
    }
    return render(request, "web/unsubscribe.html", context)


def _act(request: HttpRequest, row: NotificationLog, kind: Kind) -> str:
    """Do what the POST asks. Returns what was done: "kind", "method", "all" or "back"."""
    person, now, what = row.recipient_id, clock.now(), request.POST.get("what", "")
    assert person is not None
    if request.POST.get("List-Unsubscribe") == "One-Click":
        choices.stop(person, kind, source=choices.ONE_CLICK, now=now)
        return "kind"
    match what:
        case "back":
            choices.take_back(person, source=choices.LINK)
        case "method" if row.method in methods():
            choices.set_choice(person, kind.category, row.method, False, source=choices.LINK, now=now)
        case "all":
            choices.stop_all_offers([person], source=choices.LINK, now=now)
        case _:
            # Whatever else a client sends: who posts here wants less.
            choices.stop(person, kind, source=choices.LINK, now=now)
            return "kind"
    return what


def _whom(row: NotificationLog) -> str:
    """Enough of the address to know one's own, too little for whoever else has the link."""
    assert row.recipient is not None
    address = row.address if row.method != "websocket" else ""
    return mask_text(address or row.recipient.email) or "you"


def _message(token: str) -> NotificationLog:
    """The message whose link a token stands for. A forged one, and one of a message long deleted, are not found."""
    row: UUID | None = links.read(links.LINK, token)
    found = NotificationLog.objects.select_related("content").filter(pk=row).first() if row else None
    if found is None:
        raise Http404
    return found


def _stored_address(row: NotificationLog) -> str:
    """The stored address: a path of this site or a web address; the start page where there is none."""
    address = row.content.link_url if row.content else ""
    parts = urlsplit(address)
    if parts.scheme in ("http", "https") and parts.netloc:
        return address
    return f"{settings.PUBLIC_URL}{address}" if address.startswith("/") and not address.startswith("//") else f"{settings.PUBLIC_URL}/"

"""Wording: what is said where, another wording beside how it looks, and its way out: draft, trial, published, taken back."""

from collections.abc import Callable
from typing import Any, Final

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_POST, require_safe

from core import access, clock
from core.dashboard.templates import published_of
from core.models import TemplateVersion
from core.notifications import publishing, rendering
from core.notifications.transports import methods
from core.web.answers import see_other
from core.web.doors import for_staff, frame, person
from core.web.outbox import MAIL_POLICY, method_label
from core.web.rules.wording_desk import Desk, desk_of, drafts_by_template, line_of, looked_at, placed, typed_in

WHY_NOT: Final = "Only a super admin may change wording."
GONE: Final = "<p>This preview has gone. Type something, and it is made anew.</p>"


@require_safe
@never_cache
@for_staff
def wording(request: HttpRequest) -> HttpResponse:
    """Every template, with what is published of it in place of the files, and what waits to be."""
    now = clock.now()
    published, drafts = published_of(TemplateVersion.objects.all()), drafts_by_template()
    lines = [line_of(name, published, drafts.get(name, 0), now=now) for name in rendering.names()]
    return render(
        request, "web/wording.html", frame(request, "wording") | {"lines": lines, "may_change": _may(request), "why_not": WHY_NOT}
    )


@require_safe
@never_cache
@for_staff
def wording_one(request: HttpRequest, template: str) -> HttpResponse:
    """A template at a place (`region`, `language`) or one of its versions. With `ask` it asks before it publishes or goes back."""
    return _desk(request, placed(_known(template), request.GET), asks=request.GET.get("ask", ""))


@require_POST
@never_cache
@for_staff
def preview(request: HttpRequest, template: str) -> HttpResponse:
    """How what is typed would look. Writes nothing."""
    return _desk(request, typed_in(_known(template), request.POST))


@require_safe
@xframe_options_sameorigin
@for_staff
def preview_mail(request: HttpRequest, template: str, look: str) -> HttpResponse:
    """The mail of a preview that this person was just shown, under a policy of its own."""
    html = looked_at(person(request), _known(template), look)
    return HttpResponse(html or GONE, headers={"Content-Security-Policy": MAIL_POLICY, "Referrer-Policy": "no-referrer"})


@require_POST
@for_staff
def save_draft(request: HttpRequest, template: str) -> HttpResponse:
    """Keep what is typed: in the draft that one looks at, else as a new one. `then` asks to publish it at once."""
    desk = typed_in(_known(template), request.POST)
    if desk.errors:
        return _desk(request, desk, status=400)
    said = desk.said

    def keep() -> TemplateVersion:
        if desk.version and desk.version.status == publishing.Status.DRAFT:
            return publishing.rewrite(desk.version.pk, said, revision=request.POST.get("revision") or None)
        return publishing.draft(template, desk.region, desk.language, said, actor=person(request), now=clock.now())

    kept = _tried(request, desk, keep)
    if isinstance(kept, HttpResponse):
        return kept
    ask = "&ask=publish" if request.POST.get("then") == "publish" else ""
    if not ask:
        messages.success(request, f"Kept as draft, version {kept.version}. Nobody is sent it yet.")
    return see_other("wording-one", template, query=f"version={kept.pk}{ask}")


@require_POST
@for_staff
def publish(request: HttpRequest, template: str, version_id: int) -> HttpResponse:
    version = _version(template, version_id)
    revision, replaces = request.POST.get("revision") or None, _number(request.POST.get("replaces"))
    put_out = _tried(
        request,
        desk_of(version),
        lambda: publishing.publish(version.pk, actor=person(request), now=clock.now(), revision=revision, replaces=replaces),
    )
    if isinstance(put_out, HttpResponse):
        return put_out
    messages.success(request, f"Version {put_out.version} is published: it is said from the next message on.")
    return see_other("wording-one", template, query=f"version={put_out.pk}")


@require_POST
@for_staff
def discard(request: HttpRequest, template: str, version_id: int) -> HttpResponse:
    version = _version(template, version_id)

    def throw_away() -> str:
        publishing.discard(version.pk)
        return f"Draft {version.version} is thrown away."

    said = _tried(request, desk_of(version), throw_away)
    if isinstance(said, HttpResponse):
        return said
    messages.success(request, said)
    return see_other("wording-one", template)


@require_POST
@for_staff
def roll_back(request: HttpRequest, template: str) -> HttpResponse:
    """Say again what an earlier version said; with 0 what wider regions and the files say."""
    desk = placed(_known(template), request.POST)
    to, replaces = _number(request.POST.get("to")), _number(request.POST.get("replaces"))
    if to < 0:
        desk.errors[""] = ["Say which version it is to go back to."]
        return _desk(request, desk, status=400)

    def go_back() -> TemplateVersion | None:
        return publishing.roll_back(template, desk.region, desk.language, to=to, actor=person(request), now=clock.now(), replaces=replaces)

    found = _tried(request, desk, go_back)
    if isinstance(found, HttpResponse):
        return found
    words = f"As version {to} again: it is version {found.version}." if found else "Taken back: wider wording holds again."
    messages.success(request, words)
    return see_other("wording-one", template, query=f"version={found.pk}" if found else "")


@require_POST
@for_staff
def send_trial(request: HttpRequest, template: str, version_id: int) -> HttpResponse:
    """Send a saved version to the person who asks."""
    version, method = _version(template, version_id), request.POST.get("method", "")
    desk = desk_of(version)
    if method not in methods():
        desk.errors["method"] = ["Choose how it is to come."]
        return _desk(request, desk, status=400)
    try:
        row = _tried(request, desk, lambda: publishing.send_trial(version, method, person(request), now=clock.now()))
    except publishing.NotSent as why:
        desk.errors["method"] = [str(why)]
        return _desk(request, desk, status=409)
    if isinstance(row, HttpResponse):
        return row
    later = " It waits for its hours." if row.due_at and row.due_at > clock.now() else ""
    messages.success(request, f"On its way to you by {method_label(method)}, with example data.{later}")
    return see_other("wording-one", template, query=f"version={version.pk}")


# --- The desk ---------------------------------------------------------------------------------------------------------


def _desk(request: HttpRequest, desk: Desk, *, asks: str = "", status: int = 200) -> HttpResponse:
    user, may_change = person(request), _may(request)
    context: dict[str, Any] = {
        **desk.shown(user, now=clock.now()),
        "may_change": may_change,
        "why_not": WHY_NOT,
        "methods": [(name, method_label(name)) for name in methods()],
        "asks": desk.question(asks) if may_change else None,
    }
    return render(request, "web/wording_one.html", frame(request, "wording") | context, status=status)


def _tried(request: HttpRequest, desk: Desk, step: Callable[[], Any]) -> Any:
    """The step's answer; what it refuses, as a page that has lost nothing of what was typed."""
    try:
        return step()
    except TemplateVersion.DoesNotExist:
        raise Http404 from None
    except publishing.Broken as broken:
        desk.refuse(broken.reasons)
        return _desk(request, desk, status=400)
    except publishing.Faster as faster:
        desk.errors[""] = [str(faster)]
        return _desk(request, desk, status=409)


def _may(request: HttpRequest) -> bool:
    return access.may(person(request), "dashboard/wording/<str:template>/draft/", "POST")


def _known(template: str) -> str:
    if template not in rendering.names():
        raise Http404("There is no such template.")
    return template


def _version(template: str, version_id: int) -> TemplateVersion:
    version = TemplateVersion.objects.select_related("created_by", "published_by").filter(name=template, pk=version_id).first()
    if version is None:
        raise Http404("There is no such version.")
    return version


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else publishing.UNSEEN

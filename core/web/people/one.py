"""One person: who they are, what they get and where, what was last written to them, and what they may do here."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe
from knox.models import AuthToken

from core import access, clock, staffing
from core.dashboard import tokens
from core.dashboard.suppressions import LONGEST_DETAIL
from core.dashboard.tokens import MOST_DAYS
from core.models import NotificationLog, Role, Suppression, User
from core.notifications import choices
from core.notifications.screening import suppression_address
from core.notifications.transports import methods, transport_class
from core.web.answers import see_other
from core.web.doors import for_staff, frame, person
from core.web.log.lines import line_of, shown
from core.web.outbox import ICONS, method_label
from core.web.people.page import WHY_NOT, token_line
from core.web.words import Moment, initials, moment, plural, short_name

MESSAGES_SHOWN: Final = 8
USUAL_DAYS: Final = 90
# What a role opens, for whoever is about to give it.
OPENS: Final = {
    Role.SUPER_ADMIN: "everything, thresholds, wording and people among it",
    Role.OPS_MANAGER: "everything but changing people, thresholds and wording",
    Role.FINANCE: "payment alerts and their messages",
    Role.ONBOARD_MANAGER: "their own inbox and what they get",
    Role.VENDOR: "their own inbox and what they get",
    Role.CUSTOMER: "their own inbox and what they get",
}


@dataclass(frozen=True, slots=True)
class Aside:
    """An address set aside, and whether it still is."""

    id: int
    reason: str
    detail: str
    since: Moment
    until: Moment | None


@dataclass(frozen=True, slots=True)
class Reach:
    """A method, and whether this person is written to by it."""

    method: str
    label: str
    icon: str
    address: str
    aside: Aside | None


@require_safe
@never_cache
@for_staff
def one_person(request: HttpRequest, user_id: int) -> HttpResponse:
    """With `ask` it asks before a role is changed or an account closed."""
    found = _found(user_id)
    return _page(request, found, asks=_question(request, found))


@require_POST
@for_staff
def change(request: HttpRequest, user_id: int) -> HttpResponse:
    found = _found(user_id)
    role, active = request.POST.get("role", ""), request.POST.get("is_active", "")
    if role not in Role.values or active not in ("yes", "no"):
        return _page(request, found, errors={"role": "Choose a role, and whether they may come in."}, status=400)
    try:
        changed = staffing.change(found.pk, role=role, is_active=active == "yes", actor=person(request), now=clock.now())
    except staffing.NobodyLeft as error:
        return _page(request, found, errors={"role": str(error)}, status=409)
    words = f"{short_name(changed)} is {_with_article(changed.get_role_display())} now"
    messages.success(request, f"{words}{'' if changed.is_active else ', and may not come in'}.")
    if changed.pk == person(request).pk:
        return see_other("home")
    return see_other("person", found.pk)


@require_POST
@for_staff
def lift(request: HttpRequest, suppression_id: int) -> HttpResponse:
    """Write to an address again, with a reason that is kept."""
    reason, user_id = request.POST.get("reason", "").strip(), request.POST.get("user", "")
    whose = _found(int(user_id)) if user_id.isascii() and user_id.isdigit() and len(user_id) < 18 else None
    if not reason or len(reason) > LONGEST_DETAIL:
        if whose is None:
            return see_other("people")
        why = "Say why: it is kept in the trail." if not reason else f"At most {LONGEST_DETAIL} characters."
        return _page(request, whose, errors={f"lift-{suppression_id}": why}, typed=reason, status=400)
    try:
        row, was_lifted = choices.lift(suppression_id, reason=reason, now=clock.now())
    except Suppression.DoesNotExist:
        raise Http404("There is no such address.") from None
    said = f"Written to again {method_label(row.method)}." if was_lifted else "This address is written to already."
    messages.success(request, said)
    return see_other("person", whose.pk) if whose else see_other("people")


@require_POST
@never_cache
@for_staff
def make_token(request: HttpRequest, user_id: int) -> HttpResponse:
    """A new token, shown in this answer and never again."""
    found, days = _found(user_id), request.POST.get("days", "")
    number = int(days) if days.isascii() and days.isdigit() and len(days) < 6 else 0
    if not found.is_active:
        return _page(request, found, errors={"days": "Who may not come in has no tokens."}, status=400)
    if not 1 <= number <= MOST_DAYS:
        return _page(request, found, errors={"days": f"From 1 to {MOST_DAYS} days."}, typed=days, status=400)
    _, token = tokens.made(found, number, actor=person(request), now=clock.now())
    return _page(request, found, token=token)


# --- The page ---------------------------------------------------------------------------------------------------------


def _page(
    request: HttpRequest,
    found: User,
    *,
    asks: dict[str, Any] | None = None,
    errors: dict[str, str] | None = None,
    typed: str = "",
    token: str = "",
    status: int = 200,
) -> HttpResponse:
    now, viewer = clock.now(), person(request)
    rows = shown(access.logs_of(viewer).filter(recipient=found)).order_by("-created_at", "-id")[:MESSAGES_SHOWN]
    told: list[NotificationLog] = list(rows)
    context: dict[str, Any] = {
        "one": found,
        "name": found.get_full_name() or found.username,
        "one_initials": initials(found),
        "joined": moment(found.date_joined, now=now),
        "last_login": moment(found.last_login, now=now) if found.last_login else None,
        "reaches": _reaches(found, now=now),
        "topics": [(topic.kind.title or topic.kind.label, _ways(topic)) for topic in choices.topics(found)],
        "messages_to": [line_of(row, now=now) for row in told],
        "log": f"{reverse('log')}?recipient_id={found.pk}",
        "tokens": [token_line(row, now=now) for row in AuthToken.objects.filter(user=found).select_related("user").order_by("-created")],
        "roles": [(value, label, OPENS[Role(value)]) for value, label in Role.choices],
        "may_change": access.may(viewer, "dashboard/people/<int:user_id>/change/", "POST"),
        "why_not": WHY_NOT,
        "asks": asks,
        "errors": errors or {},
        "lift_errors": {int(name[5:]): why for name, why in (errors or {}).items() if name.startswith("lift-")},
        "typed": typed,
        "token": token,
        "days": USUAL_DAYS,
        "most_days": MOST_DAYS,
    }
    return render(request, "web/one_person.html", frame(request, "people") | context, status=status)


def _question(request: HttpRequest, found: User) -> dict[str, Any] | None:
    """What is asked before this person's role or account is changed; None: nothing is to change."""
    role, active = request.GET.get("role", ""), request.GET.get("is_active", "")
    viewer = person(request)
    if "ask" not in request.GET or role not in Role.values or active not in ("yes", "no"):
        return None
    if (role, active == "yes") == (found.role, found.is_active) or not access.may(viewer, "dashboard/people/<int:user_id>/change/", "POST"):
        return None
    label, name = str(Role(role).label), short_name(found)
    what = (
        f"Make {name} {_with_article(label)}?"
        if role != found.role
        else f"{'Let' if active == 'yes' else 'Keep'} {name} {'in' if active == 'yes' else 'out'}?"
    )
    ended = AuthToken.objects.filter(user=found).count()
    opens = f"It opens {OPENS[Role(role)]}." if active == "yes" else "They may not come in any more."
    ends = f"They are logged out everywhere, and {ended} {plural(ended, 'token ends', 'tokens end')}."
    mine = "This is you: you are logged out, too." if viewer.pk == found.pk else ""
    verb = (
        f"Make {_with_article(label)}"
        if role != found.role
        else f"{'Let' if active == 'yes' else 'Keep'} {name} {'in' if active == 'yes' else 'out'}"
    )
    return {"title": what, "opens": opens, "ends": ends, "mine": mine, "verb": verb, "role": role, "is_active": active}


def _with_article(label: str) -> str:
    word = label if label.isupper() else label[:1].lower() + label[1:]
    return word if word == "finance" else f"{'an' if word[0] in 'aeiou' else 'a'} {word}"


def _reaches(found: User, *, now: datetime) -> list[Reach]:
    addresses = {method: transport_class(method).address_of(found) for method in methods()}
    spelt = {suppression_address(address) for address in addresses.values() if address}
    rows = Suppression.objects.filter(address__in=spelt).exclude(expires_at__lte=now)
    aside = {(row.method, row.address): row for row in rows}
    return [
        Reach(
            method=method,
            label=method_label(method),
            icon=ICONS.get(method, "i-send"),
            address="" if method == "websocket" else address,
            aside=_aside(aside.get((method, suppression_address(address))), now=now),
        )
        for method, address in addresses.items()
    ]


def _aside(row: Suppression | None, *, now: datetime) -> Aside | None:
    if row is None:
        return None
    until = moment(row.expires_at, now=now) if row.expires_at else None
    return Aside(row.pk, row.reason, row.detail, moment(row.created_at, now=now), until)


def _ways(topic: choices.Topic) -> str:
    on = [method_label(method) for method, allowed in topic.methods.items() if allowed or topic.kind.mandatory]
    return ", ".join(on) or "nothing"


def _found(user_id: int) -> User:
    found = User.objects.filter(pk=user_id).first() if user_id < 2**63 else None
    if found is None:
        raise Http404("There is no such person.")
    return found

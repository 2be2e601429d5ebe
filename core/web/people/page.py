"""People: found, what they are, and the programs that come in under their names."""

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe
from knox.models import AuthToken
from rest_framework.exceptions import ValidationError

from core import access, clock
from core.dashboard import tokens
from core.dashboard.errors import body
from core.dashboard.notifications import hurry
from core.dashboard.pages import part_of
from core.dashboard.strict import query_of
from core.dashboard.users import BY_NUMBER, UserQuery, filtered
from core.demo import city, going
from core.formatting import indian
from core.masking import mask_text
from core.models import Booking, Role, User
from core.web import demo
from core.web.answers import see_other
from core.web.doors import for_staff, frame, person
from core.web.jobs.running import run_shown
from core.web.words import Moment, initials, moment, plural, short_name

WHY_NOT: Final = "Only a super admin may change roles and tokens."
TOKENS_SHOWN: Final = 20
PAGE: Final = 50


@dataclass(frozen=True, slots=True)
class Line:
    id: int
    name: str
    username: str
    initials: str
    role: str
    pincode: str
    email: str
    phone: str
    is_active: bool
    is_free: bool
    last_login: Moment | None


@dataclass(frozen=True, slots=True)
class TokenLine:
    id: str
    user_id: int
    who: str
    role: str
    made: Moment
    until: Moment | None
    is_expired: bool


@require_safe
@never_cache
@for_staff
def people(request: HttpRequest) -> HttpResponse:
    """Whom the filters leave, by number, as the API lists them. With `revoke` or `remove` it asks first."""
    now, errors = clock.now(), dict[str, str]()
    asked = _said(request.GET)
    try:
        said = query_of(UserQuery, asked)
    except ValidationError as error:
        errors = {name: " ".join(whys) for name, whys in body(error)["errors"].items()}
        said = query_of(UserQuery, QueryDict(f"per_page={PAGE}"))
    part = part_of(filtered(said), BY_NUMBER, said)
    may_change = access.may(person(request), "dashboard/people/<int:user_id>/change/", "POST")
    context: dict[str, Any] = {
        "lines": [line_of(user, now=now) for user in part.rows] if not errors else [],
        "errors": errors,
        "total": indian(part.total),
        "count": part.total,
        "first": indian((part.page - 1) * part.per_page + 1),
        "last": indian((part.page - 1) * part.per_page + len(part.rows)),
        "newer": _page(asked, part.page - 1) if part.page > 1 else "",
        "older": _page(asked, part.page + 1) if part.page * part.per_page < part.total else "",
        "search": request.GET.get("search", ""),
        "role": request.GET.get("role", ""),
        "pincode": request.GET.get("pincode", ""),
        "roles": Role.choices,
        "is_filtered": any(name in asked for name in ("search", "role", "pincode")),
        "tokens": [token_line(row, now=now) for row in AuthToken.objects.select_related("user").order_by("-created")[:TOKENS_SHOWN]],
        "may_change": may_change,
        "why_not": WHY_NOT,
        **_asks(request, may_change=may_change, now=now),
    }
    return render(request, "web/people.html", frame(request, "people") | context, status=400 if errors else 200)


@require_POST
@for_staff
def revoke_token(request: HttpRequest, token_id: str) -> HttpResponse:
    try:
        whose = tokens.revoke(token_id, actor=person(request), now=clock.now())
    except AuthToken.DoesNotExist:
        raise Http404("There is no such token.") from None
    messages.success(request, f"The token {token_id} of {short_name(whose)} is good no more.")
    return see_other("people", fragment="tokens")


@require_POST
@for_staff
def remove_demo(request: HttpRequest) -> HttpResponse:
    """Have the demo city taken away, for a person who is not part of it. The page shown next says how far that is."""
    now, user = clock.now(), person(request)
    if not demo.is_there():
        messages.warning(request, "The demo city has gone already.")
    elif demo.is_of_it(user):
        messages.error(request, demo.IS_OF_IT)
    else:
        run = going.ask(actor=user, now=now)
        transaction.on_commit(partial(hurry, run.task_id, queue="maintenance"))
        return see_other("people", query=f"run={run.pk}")
    return see_other("people")


def line_of(user: User, *, now: datetime) -> Line:
    return Line(
        id=user.pk,
        name=short_name(user),
        username=user.username,
        initials=initials(user),
        role=user.get_role_display(),
        pincode=user.pincode,
        email=mask_text(user.email),
        phone=mask_text(user.phone),
        is_active=user.is_active,
        is_free=user.role == Role.VENDOR and user.is_available,
        last_login=moment(user.last_login, now=now) if user.last_login else None,
    )


def token_line(row: AuthToken, *, now: datetime) -> TokenLine:
    return TokenLine(
        id=row.token_key,
        user_id=row.user.pk,
        who=short_name(row.user),
        role=row.user.get_role_display(),
        made=moment(row.created, now=now),
        until=moment(row.expiry, now=now) if row.expiry else None,
        is_expired=row.expiry is not None and row.expiry <= now,
    )


def _asks(request: HttpRequest, *, may_change: bool, now: datetime) -> dict[str, Any]:
    """The question that the address asks for, if it may be asked."""
    run = run_shown(request, job=going.JOB, now=now) if may_change else None
    if run is not None and run.is_over:
        demo.forget()
    is_there = may_change and demo.is_there()
    found: dict[str, Any] = {"demo_there": is_there, "demo_is_mine": demo.is_of_it(person(request)), "run": run}
    if not may_change:
        return found
    found["demo_is_going"] = is_there and going.under_way(now=now) is not None
    if (token_id := request.GET.get("revoke", "")) and "\0" not in token_id:
        row = AuthToken.objects.filter(token_key=token_id).select_related("user").first()
        found["revokes"] = token_line(row, now=now) if row else None
    if request.GET.get("remove") == "demo" and found["demo_there"] and not found["demo_is_mine"]:
        there = city.demo_users()
        found["removes"] = [
            f"{indian(count)} {plural(count, one, many)}"
            for count, one, many in (
                (there.count(), "person", "people"),
                (Booking.objects.filter(customer__in=there).count(), "booking", "bookings"),
            )
        ]
    return found


def _said(given: QueryDict) -> QueryDict:
    """What is asked of the list: what is left empty is not asked."""
    names = ("search", "role", "pincode", "page")
    asked = QueryDict(mutable=True)
    for name in names:
        if said := given.get(name, "").strip():
            asked[name] = said
    asked["per_page"] = str(PAGE)
    return asked


def _page(asked: QueryDict, number: int) -> str:
    there = asked.copy()
    there["page"] = str(number)
    del there["per_page"]
    return f"?{there.urlencode()}"

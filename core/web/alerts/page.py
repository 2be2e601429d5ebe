"""Open problems, worst first: as a list, and as a board by whose they are. The filters live in the address."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.db.models import Count, Max, OuterRef, Q, QuerySet, Subquery, Sum
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from core import clock
from core.alerts.digest import told_by
from core.alerts.policies import Policies
from core.alerts.priority import alerts_worst_first
from core.alerts.steps import SEES_TYPES, visible_to
from core.dashboard.alerts import AlertFilter, alert_types, filtered
from core.formatting import indian, rupees
from core.models import AlertEvent, AlertItem, BusinessAlert, User
from core.web.alerts.looking import check_lines
from core.web.alerts.speed import speeds
from core.web.alerts.words import UNOWNED, name_of, name_of_alert, owned_by, owner_of, team, type_label, what_next, words_of
from core.web.alerts.words import listed as in_words
from core.web.doors import for_staff, frame, person
from core.web.jobs.running import run_shown
from core.web.paging import stretch
from core.web.words import Moment, initials, moment, plural, short_name, span

Status = BusinessAlert.Status

# What is open and not ignored, as the address calls it.
OPEN: Final = "open"
OPEN_STATES: Final = (Status.ACTIVE, Status.ACKNOWLEDGED)
PAGE: Final = 50
LANE: Final = 20
ON_BOARD: Final = 200
RESOLVED_SHOWN: Final = 20
ME, NOBODY = "me", "nobody"
BOARD = "board"
STATUSES: Final = (
    (OPEN, "Open"),
    (Status.ACTIVE, "Not acknowledged"),
    (Status.ACKNOWLEDGED, "Acknowledged"),
    (Status.IGNORED, "Ignored"),
    (Status.RESOLVED, "Resolved"),
)
PEOPLE: Final = ("assigned_to", "acknowledged_by", "resolved_by")


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address asks for, as it was given."""

    status: str = OPEN
    severity: str = ""
    type: str = ""
    assigned_to: str = ""
    region: str = ""
    # The run whose message listed them.
    told: str = ""
    view: str = ""
    page: str = ""

    @classmethod
    def of(cls, given: QueryDict) -> "Asked":
        said = {name: given.get(name, "").strip()[:60] for name in asdict(cls())}
        return cls(**said | {"status": said["status"] or OPEN})

    def address(self, **changes: str) -> str:
        """The rest of an address that asks for this, with some of it changed; what goes without saying is left out."""
        said = [(name, value) for name, value in asdict(replace(self, **changes)).items() if value and (name, value) != ("status", OPEN)]
        return f"?{urlencode(said)}" if said else ""

    @property
    def number(self) -> int:
        return int(self.page) if self.page.isdecimal() and 0 < len(self.page) < 7 and int(self.page) else 1

    @property
    def is_filtered(self) -> bool:
        return replace(self, view="", page="") != Asked()

    @property
    def is_board(self) -> bool:
        return self.view == BOARD


@dataclass(frozen=True, slots=True)
class Row:
    """An alert as the list and the board show it."""

    id: UUID
    severity: str
    severity_label: str
    status: str
    name: str
    title: str
    changed: str
    changed_at: Moment | None
    rupees: str
    items: str
    open_for: str
    since: Moment
    who: str
    initials: str
    next: str
    note: str
    address: str
    # What makes it another row than before; that time passes does not.
    says: str


@dataclass(frozen=True, slots=True)
class Lane:
    name: str
    count: int
    rupees: str
    rows: Sequence[Row]
    more: int
    is_bad: bool = False


@require_safe
@never_cache
@for_staff
def alerts(request: HttpRequest) -> HttpResponse:
    user, now = person(request), clock.now()
    checks = check_lines(user, now=now)
    context = {"checks": checks, "run": run_shown(request, now=now) if checks else None}
    return render(request, "web/alerts/page.html", frame(request, "alerts") | beside(user, request.GET, now=now) | context)


def beside(user: User, given: QueryDict, *, now: datetime, here: UUID | None = None) -> dict[str, Any]:
    """What the list shows, alone and beside an open alert (`here`)."""
    asked = Asked.of(given)
    resolved = Resolved.today(user, asked, now=now)
    context = {
        "asked": asked,
        "here": here,
        "query": asked.address(),
        "as_list": asked.address(view="", page=""),
        "as_board": asked.address(view=BOARD, page="", status=OPEN),
        "without": reverse("alerts") + asked.address(**asdict(Asked(view=asked.view))),
        "choices": choices(user, asked),
        "open": totals(visible_to(user, BusinessAlert.objects.filter(status__in=OPEN_STATES))),
        "resolved": resolved,
        "speeds": speeds(SEES_TYPES.get(user.role), now=now),
        "csv": csv_link(asked),
    }
    return context | (board(user, asked, resolved, now=now) if asked.is_board else listed(user, asked, given, now=now))


# --- Filters ----------------------------------------------------------------------------------------------------------


def matching(user: User, asked: Asked) -> QuerySet[BusinessAlert]:
    """The alerts that the address asks for, as far as this person may see them. One that cannot be meant finds none."""
    form = AlertFilter(data=_named(asked))
    if not form.is_valid() or "\x00" in asked.region:
        return BusinessAlert.objects.none()
    found = filtered(user, form.validated_data)
    found = found.filter(status__in=OPEN_STATES) if asked.status == OPEN else found
    found = found.filter(region=asked.region) if asked.region else found
    found = found.filter(pk__in=told_by(run)) if (run := _uuid(asked.told)) else found.none() if asked.told else found
    match asked.assigned_to:
        case "":
            return found
        case "nobody":
            return found.filter(UNOWNED)
        case "me":
            return found.filter(owned_by(user.pk))
        case number if number.isdecimal() and len(number) < 19:
            return found.filter(owned_by(int(number)))
    return found.none()


@dataclass(frozen=True, slots=True)
class Choice:
    """A filter: its parameter, how it is called, and what it may be."""

    name: str
    label: str
    value: str
    options: Sequence[tuple[str, str]]


def choices(user: User, asked: Asked) -> list[Choice]:
    others = [(str(one.pk), short_name(one)) for one in team() if one != user]
    regions = sorted({*settings.ALERT_REGIONS, *([asked.region] if asked.region else [])})
    own = SEES_TYPES.get(user.role)
    found = [
        Choice("status", "Status", asked.status, STATUSES),
        Choice("severity", "Severity", asked.severity, [("", "any"), *reversed(BusinessAlert.Severity.choices)]),
        Choice("type", "Type", asked.type, [("", "any"), *((name, type_label(name)) for name in alert_types())]),
        Choice("assigned_to", "Who", asked.assigned_to, [("", "anyone"), (ME, "Me"), (NOBODY, "Nobody"), *others]),
        Choice("region", "Region", asked.region, [("", "all"), *((name, f"{name}…") for name in regions)]),
    ]
    left_out = {"region"} if not regions else set()
    left_out |= {"type"} if own is not None and len(own) < 2 else set()
    left_out |= {"status"} if asked.is_board else set()
    return [choice for choice in found if choice.name not in left_out]


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _named(asked: Asked) -> dict[str, str]:
    """What of it the API's filter knows."""
    named = {"status": asked.status if asked.status != OPEN else "", "severity": asked.severity, "type": asked.type}
    return {name: value for name, value in named.items() if value}


def csv_link(asked: Asked) -> dict[str, str]:
    """The API's export of what is listed, and in words what is in it beyond that."""
    kept = {"closed ones": asked.status == OPEN, "everybody's": asked.assigned_to, "all regions": asked.region, "others": asked.told}
    beyond = [words for words, is_beyond in kept.items() if is_beyond]
    address = f"{reverse('api-alerts-export')}?{urlencode(_named(asked))}".rstrip("?")
    return {"address": address, "words": f"CSV, {in_words(beyond)} too" if beyond else "CSV"}


# --- The list ---------------------------------------------------------------------------------------------------------


def listed(user: User, asked: Asked, given: QueryDict, *, now: datetime) -> dict[str, Any]:
    """Worst first, page by page; what is resolved newest first, by where the last page ended."""
    found = matching(user, asked).select_related(*PEOPLE)
    if asked.status == Status.RESOLVED:
        part = stretch(found, given, size=PAGE)
        return {"rows": rows_of(part.rows, user, asked, now=now), "newer": part.newer, "older": part.older}
    whole = totals(found)
    last = max(1, -(-whole["count"] // PAGE))
    number = min(asked.number, last)
    start = (number - 1) * PAGE
    return {
        "rows": rows_of(alerts_worst_first(found, now=now)[start : start + PAGE], user, asked, now=now),
        "whole": whole,
        "first": start + 1,
        "before": asked.address(page=str(number - 1)) or "?" if number > 1 else "",
        "after": asked.address(page=str(number + 1)) if number < last else "",
        "yesterday": yesterday(user, now=now) if not asked.is_filtered else "",
        "last_closed": last_closed(user, now=now) if not whole["count"] else "",
    }


def rows_of(alerts: Iterable[BusinessAlert], user: User, asked: Asked, *, now: datetime) -> list[Row]:
    found = list(alerts)
    events, policies, query = last_changes(found), Policies.in_force(), asked.address()
    return [row_of(alert, events.get(alert.pk), policies, user, query=query, now=now) for alert in found]


def row_of(alert: BusinessAlert, event: AlertEvent | None, policies: Policies, user: User, *, query: str, now: datetime) -> Row:
    done = alert.status == Status.RESOLVED
    owner = alert.resolved_by if done else owner_of(alert)
    changed = words_of(event, user, now=now) if event else None
    what = f"{changed.who} {changed.what}".strip() if changed else ""
    return Row(
        id=alert.pk,
        severity=alert.severity,
        severity_label=alert.get_severity_display(),
        status=alert.status,
        name=name_of_alert(alert),
        title=alert.title,
        changed=what,
        changed_at=moment(event.at, now=now) if event else None,
        rupees=rupees(alert.rupees_at_risk) if alert.rupees_at_risk else "",
        items=f"{indian(alert.item_count)} {plural(alert.item_count, 'item', 'items')}" if alert.item_count else "",
        open_for=span((alert.resolved_at or now) - alert.created_at) if done else span(now - alert.created_at),
        since=moment(alert.created_at, now=now),
        who="The system" if done and owner is None else name_of(owner, user),
        initials=initials(owner) if owner else "",
        next=f"resolved {moment(alert.resolved_at, now=now).short}" if done and alert.resolved_at else what_next(alert, policies, now=now),
        note=alert.resolution_notes if done and owner is not None else "",
        address=reverse("alert", args=[alert.pk]) + query,
        says=f"{alert.version} {alert.severity} {alert.item_count} {alert.rupees_at_risk} {event.pk if event else ''}",
    )


def last_changes(alerts: Sequence[BusinessAlert]) -> Mapping[UUID, AlertEvent]:
    """Of each alert what happened to it last; that it spoke, and to whom, is no change. One statement."""
    newest = AlertEvent.objects.filter(alert=OuterRef("pk")).exclude(kind__in=("told", "escalated")).order_by("-at", "-id").values("pk")[:1]
    ids = BusinessAlert.objects.filter(pk__in=[alert.pk for alert in alerts]).order_by().values(newest=Subquery(newest))
    return {event.alert_id: event for event in AlertEvent.objects.filter(pk__in=ids).select_related("actor")} if alerts else {}


def totals(alerts: QuerySet[BusinessAlert]) -> dict[str, Any]:
    found = alerts.order_by().aggregate(count=Count("pk"), items=Sum("item_count"), rupees=Sum("rupees_at_risk"))
    return {"count": found["count"], "items": found["items"] or 0, "rupees": rupees(found["rupees"] or 0)}


def yesterday(user: User, *, now: datetime) -> str:
    """What was open at this time yesterday: "6 alerts, ₹8,74,200"."""
    then = now - timedelta(days=1)
    known = visible_to(user, BusinessAlert.objects.filter(~Q(status=Status.RESOLVED) | Q(resolved_at__gt=then), created_at__lte=then))
    rows = list(known.order_by().values_list("pk", "status", "reopened_count"))
    # Of these alone the row as it is now does not say how it was then.
    doubtful = [pk for pk, status, reopened in rows if reopened or status == Status.IGNORED]
    kinds = ("opened", "reopened", "resolved", "ignored", "undone")
    before = AlertEvent.objects.filter(alert__in=doubtful, at__lte=then, kind__in=kinds).order_by("at", "id")
    # An undoing says itself what it led back to.
    known_then = before.values_list("alert", "kind", "detail__status") if doubtful else []
    last = {alert: status if kind == "undone" else kind for alert, kind, status in known_then}
    ids = [pk for pk, _, _ in rows if last.get(pk) not in ("resolved", "ignored")]
    items = AlertItem.objects.filter(Q(cleared_at=None) | Q(cleared_at__gt=then), alert__in=ids, first_seen_at__lte=then)
    amount = items.order_by().aggregate(rupees=Sum("rupees"))["rupees"]
    return f"{indian(len(ids))} {plural(len(ids), 'alert', 'alerts')}, {rupees(amount or 0)}"


def last_closed(user: User, *, now: datetime) -> str:
    closed = visible_to(user, BusinessAlert.objects.filter(status=Status.RESOLVED, resolved_at__isnull=False))
    at = closed.order_by("-resolved_at").values_list("resolved_at", flat=True).first()
    return moment(at, now=now).short if at else ""


# --- Resolved today, and the board ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Resolved:
    """What was closed since midnight: how many, by whom, what it was worth, and the latest of them."""

    count: int
    by_people: int
    worth: str
    rows: Sequence[Row]

    @property
    def by_system(self) -> int:
        return self.count - self.by_people

    @property
    def more(self) -> int:
        return self.count - len(self.rows)

    @classmethod
    def today(cls, user: User, asked: Asked, *, now: datetime) -> "Resolved":
        began = clock.day_start(clock.business_day(now))
        found = matching(user, replace(asked, status=Status.RESOLVED)).filter(resolved_at__gte=began)
        whole = found.order_by().aggregate(count=Count("pk"), people=Count("resolved_by"), rupees=Sum("rupees_at_risk"))
        if not whole["count"]:
            return cls(0, 0, rupees(0), [])
        # Nothing is left of what the system resolved: its worth is that of what cleared. Of what came and went again, once.
        cleared = AlertItem.objects.filter(alert__in=found.filter(resolved_by=None).order_by(), cleared_at__gte=began)
        each = cleared.order_by().values("alert", "object_type", "object_id").annotate(most=Max("rupees"))
        worth = (whole["rupees"] or Decimal(0)) + (each.aggregate(all=Sum("most"))["all"] or Decimal(0))
        latest = found.select_related(*PEOPLE).order_by("-resolved_at", "-pk")[:RESOLVED_SHOWN]
        return cls(whole["count"], whole["people"], rupees(worth), rows_of(latest, user, asked, now=now))


def board(user: User, asked: Asked, resolved: Resolved, *, now: datetime) -> dict[str, Any]:
    """By whose they are: nobody's, somebody's, put off, and done today."""
    found = matching(user, replace(asked, status=OPEN))
    off = Q(snoozed_until__gt=now)
    lanes = {"Nobody on it": UNOWNED & ~off, "Somebody has it": ~UNOWNED & ~off, "Snoozed": off}
    counted = found.order_by().aggregate(
        **{f"n{i}": Count("pk", filter=which) for i, which in enumerate(lanes.values())},
        **{f"rs{i}": Sum("rupees_at_risk", filter=which) for i, which in enumerate(lanes.values())},
    )
    of: list[list[BusinessAlert]] = [[], [], []]
    for alert in alerts_worst_first(found, now=now).select_related(*PEOPLE)[:ON_BOARD]:
        snoozed = alert.snoozed_until is not None and alert.snoozed_until > now
        of[2 if snoozed else 1 if owner_of(alert) else 0].append(alert)
    shown = [alert for lane in of for alert in lane[:LANE]]
    rows = {row.id: row for row in rows_of(shown, user, asked, now=now)}
    tiles = [[rows[alert.pk] for alert in lane[:LANE]] for lane in of]
    made = [
        Lane(name, counted[f"n{i}"], rupees(counted[f"rs{i}"] or 0), tiles[i], counted[f"n{i}"] - len(tiles[i]), is_bad=i == 0)
        for i, name in enumerate(lanes)
    ]
    return {"lanes": [*made, Lane("Resolved today", resolved.count, resolved.worth, resolved.rows, resolved.more)]}

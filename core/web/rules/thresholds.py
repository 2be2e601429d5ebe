"""Limits: what holds where, since when and by whom, what is to come, and another one beside what it would have done."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils.dateparse import parse_date
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from core import access, clock, limits
from core.analytics import thresholds as held_limits
from core.analytics.thresholds import Limits
from core.dashboard.thresholds import ThresholdForm, in_state
from core.limits import Rule
from core.models import Threshold
from core.models.fields import PINCODE
from core.web.answers import see_other
from core.web.doors import for_staff, frame, person
from core.web.rules.effects import Effect, effect_of
from core.web.rules.limit_words import LimitWords, from_when, number, place, sentence_of, words_of
from core.web.words import Moment, moment, short_name

WHY_NOT: Final = "Only a super admin may change thresholds."
WIDER: Final = "the wider limit again"


@dataclass(frozen=True, slots=True)
class Held:
    """A limit in force, of one scope."""

    words: str
    place: str
    since: Moment | None
    who: str
    note: str
    address: str
    is_open: bool


@dataclass(frozen=True, slots=True)
class Coming:
    id: int
    words: str
    at: Moment
    who: str
    note: str


@dataclass(frozen=True, slots=True)
class LimitLine:
    """One of a rule's limits: wherever it holds, and what comes."""

    held: list[Held]
    coming: list[Coming]


@dataclass(frozen=True, slots=True)
class RuleBlock:
    name: str
    label: str
    says: str
    lines: list[LimitLine]


@dataclass(frozen=True, slots=True)
class Group:
    label: str
    hint: str
    rules: list[RuleBlock]


@dataclass
class Editor:
    """A limit that somebody is about to set, as typed, and what is wrong with it."""

    rule: Rule
    name: str
    words: LimitWords
    scope: str
    typed: str
    day: str
    note: str
    ends: bool
    values: dict[str, Any] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    now: str = ""
    seen: int | None = None
    has_own: bool = False
    effect: Effect | None = None
    is_same: bool = False
    asks: str = ""

    @property
    def after(self) -> str:
        return self.words.after(self.values.get("value") or Decimal(2))


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@for_staff
def thresholds(request: HttpRequest) -> HttpResponse:
    """The address holds what is being tried: rule, name, scope, value, from. With `ask` it asks before it is saved."""
    now = clock.now()
    if request.method == "POST":
        return _save(request, now=now)
    editor = _editor(request.GET, now=now)
    return _page(request, editor, asks="ask" in request.GET, now=now)


@require_POST
@for_staff
def take_back(request: HttpRequest, threshold_id: int) -> HttpResponse:
    """Take away a limit to come; of one that has come by now it says so."""
    try:
        row = limits.take_back(threshold_id, now=clock.now())
    except Threshold.DoesNotExist:
        raise Http404 from None
    except limits.InForce as error:
        messages.error(request, str(error))
    else:
        messages.success(request, f"Taken back: {_phrase(row.name, row.value)} {place(row.scope)}.")
    return see_other("thresholds")


def _save(request: HttpRequest, *, now: datetime) -> HttpResponse:
    editor = _editor(request.POST, now=now)
    if editor is None:
        messages.error(request, "There is no such limit. Choose one of these.")
        return _page(request, None, status=400, now=now)
    if editor.errors:
        return _page(request, editor, status=400, now=now)
    said = dict(editor.values)
    starts = said.pop("effective_from")
    try:
        seen = int(request.POST.get("seen", "0") or 0)
    except ValueError:
        seen = 0
    try:
        limits.set_limit(**{**said, "seen": seen or None}, starts=starts, actor=person(request), now=now)
    except limits.Faster as faster:
        editor.errors["scope"] = _who_was_faster(faster, now=now)
        return _page(request, editor, status=409, now=now)
    day = clock.business_day(starts) if starts else clock.business_day(now)
    messages.success(request, f"{from_when(day, now=now)}: {_phrase(editor.name, said['value'])} {place(editor.scope)}.")
    return see_other("thresholds")


def _who_was_faster(faster: limits.Faster, *, now: datetime) -> str:
    row = faster.present
    if row is None:
        return "The limit that you looked at has gone. This is what holds now."
    who = short_name(row.created_by) if row.created_by else "Somebody"
    return f"{who} set it to {_phrase(row.name, row.value)} {moment(row.created_at, now=now).short}, before you. This is what holds now."


# --- The page ---------------------------------------------------------------------------------------------------------


def _page(request: HttpRequest, editor: Editor | None, *, now: datetime, asks: bool = False, status: int = 200) -> HttpResponse:
    user, known = person(request), limits.rules()
    held = held_limits.all_in_force({name: rule.limits for name, rule in known.items()}, now=now)
    pincode = request.GET.get("pincode", "").strip()
    is_pincode = bool(PINCODE.fullmatch(pincode))
    context: dict[str, Any] = {
        "groups": _groups(known, held, editor, pincode=pincode if is_pincode else "", now=now),
        "pincode": pincode,
        "pincode_error": "A pincode is six digits, the first not 0." if pincode and not is_pincode else "",
        "editor": editor,
        "may_change": access.may(user, "dashboard/thresholds/", "POST"),
        "why_not": WHY_NOT,
        "tomorrow": (clock.business_day(now) + timedelta(days=1)).isoformat(),
        "today": clock.business_day(now).isoformat(),
    }
    if editor is not None:
        _weigh(editor, held[editor.rule.name], is_refresh=request.headers.get("X-Requested-With") == "fetch", now=now)
        if asks and editor.errors:
            status = 400
        elif asks and context["may_change"]:
            editor.asks = _question(editor, now=now)
            context["keep"] = f"?{_without(request.GET, 'ask')}"
            context["confirm"] = f"{_phrase(editor.name, editor.values['value'])} {place(editor.scope)}"
    if pincode and not is_pincode:
        status = 400
    return render(request, "web/thresholds.html", frame(request, "thresholds") | context, status=status)


def _weigh(editor: Editor, held: Limits, *, is_refresh: bool, now: datetime) -> None:
    """Put beside it what holds and what it would have done; not when an open page only looks whether something changed."""
    where = editor.scope if editor.rule.is_regional else ""
    editor.now = _phrase(editor.name, held.for_pincode(where)[editor.name])
    editor.has_own = (editor.name, editor.scope) in held.rows and bool(editor.scope)
    # What is no place has no limit, and may be nothing that a database can be asked for.
    if not editor.scope or editor.scope.isdecimal():
        newest = Threshold.objects.filter(rule=editor.rule.name, name=editor.name, scope=editor.scope, effective_from__lte=now)
        editor.seen = newest.order_by("-effective_from", "-pk").values_list("pk", flat=True).first()
    if editor.errors or is_refresh:
        return
    value = editor.values["value"]
    proposed = held.changed(editor.name, editor.scope, value)
    editor.is_same = proposed.for_pincode(where)[editor.name] == held.for_pincode(where)[editor.name]
    editor.effect = effect_of(editor.rule, held, proposed, now=now)


def _question(editor: Editor, *, now: datetime) -> str:
    starts = editor.values["effective_from"]
    day = clock.business_day(starts) if starts else clock.business_day(now)
    return f"{from_when(day, now=now)}: {_phrase(editor.name, editor.values['value'])} {place(editor.scope)}."


def _phrase(name: str, value: Decimal | None) -> str:
    return WIDER if value is None else words_of(name).phrase(value)


# --- What is typed ----------------------------------------------------------------------------------------------------


def _editor(given: QueryDict, *, now: datetime) -> Editor | None:
    """What is typed, as the API would take it. None where no limit is named."""
    rule, name = limits.rules().get(given.get("rule", "")), given.get("name", "")
    if rule is None or name not in rule.limits:
        return None
    today = clock.business_day(now)
    scope, ends = given.get("scope", "").strip(), bool(given.get("ends"))
    tomorrow = (today + timedelta(days=1)).isoformat()
    editor = Editor(
        rule, name, words_of(name), scope, given.get("value", "").strip(), given.get("from", tomorrow), given.get("note", ""), ends
    )
    if "value" not in given and not ends:
        here = held_limits.in_force(rule.name, rule.limits, now=now).for_pincode(scope if rule.is_regional else "")
        editor.typed = number(here[name])
    day = _day(editor, today)
    starts = clock.day_start(day).isoformat() if day and day > today else None
    form = ThresholdForm(
        data={
            "rule": rule.name,
            "name": name,
            "scope": scope,
            "value": None if ends else editor.typed,
            "effective_from": starts,
            "note": editor.note,
        }
    )
    if not form.is_valid():
        editor.errors |= {name: " ".join(map(str, whys)) for name, whys in form.errors.items()}
    elif not editor.errors:
        editor.values = {key: value for key, value in form.validated_data.items() if key != "seen"}
    return editor


def _day(editor: Editor, today: date) -> date | None:
    try:
        day = parse_date(editor.day)
    except ValueError:
        day = None
    if day is None:
        editor.errors["from"] = "A day, as 2026-11-24."
    elif day < today:
        editor.errors["from"] = "This day has gone by: what was decided on it stays as it was."
    elif day.year > 2200:
        editor.errors["from"] = "The year must lie before 2200."
    return None if "from" in editor.errors else day


# --- What holds -------------------------------------------------------------------------------------------------------


def _groups(known: Mapping[str, Rule], held: Mapping[str, Limits], editor: Editor | None, *, pincode: str, now: datetime) -> list[Group]:
    rows: QuerySet[Threshold] = Threshold.objects.filter(rule__in=list(known)).select_related("created_by")
    dated: dict[tuple[str, str], dict[str, Threshold]] = {}
    for row in in_state(rows, {"state": "in_force"}, now=now).order_by("scope"):
        dated.setdefault((row.rule, row.name), {})[row.scope] = row
    coming: dict[tuple[str, str], list[Threshold]] = {}
    for row in in_state(rows, {"state": "to_come"}, now=now).order_by("effective_from", "scope"):
        coming.setdefault((row.rule, row.name), []).append(row)

    def block(rule: Rule) -> RuleBlock:
        where = pincode if rule.is_regional else ""
        lines = [
            LimitLine(
                _held(rule, name, dated.get((rule.name, name), {}), held[rule.name], editor, pincode=where, now=now),
                [_coming(row, now=now) for row in coming.get((rule.name, name), []) if where.startswith(row.scope) or not where],
            )
            for name in rule.limits
        ]
        return RuleBlock(rule.name, rule.label, sentence_of(rule, held[rule.name].for_pincode(where)), lines)

    def of(kind: str) -> list[RuleBlock]:
        return [block(rule) for rule in known.values() if rule.kind == kind]

    return [
        Group("Campaigns", "a pincode's own limit holds, else its region's, else everywhere's", of("campaign")),
        Group("Checks", "they look at everything at once: their limits hold everywhere", of("check")),
    ]


def _held(
    rule: Rule, name: str, rows: Mapping[str, Threshold], held: Limits, editor: Editor | None, *, pincode: str, now: datetime
) -> list[Held]:
    """Everywhere's first, then each region's and pincode's own; of one pincode the one that holds there."""
    scopes: Iterable[str] = ["", *(scope for scope, row in rows.items() if scope and row.value is not None)]
    if pincode:
        scopes = [held.source(name, pincode) or ""]
    found = []
    for scope in scopes:
        row = rows.get(scope)
        is_set = row is not None and row.value is not None
        is_default = not is_set or (row is not None and row.effective_from <= clock.EARLIEST)
        found.append(
            Held(
                words=_phrase(name, held.for_pincode(scope)[name]),
                place=place(scope) if rule.is_regional else "",
                since=None if is_default or row is None else moment(row.effective_from, now=now),
                who="default" if is_default or row is None else short_name(row.created_by) if row.created_by else "the system",
                note="" if is_default or row is None else row.note,
                address=f"{reverse('thresholds')}?{_query(rule=rule.name, name=name, scope=scope)}",
                is_open=editor is not None and (editor.rule.name, editor.name, editor.scope) == (rule.name, name, scope),
            )
        )
    return found


def _coming(row: Threshold, *, now: datetime) -> Coming:
    return Coming(
        id=row.pk,
        words=f"{_phrase(row.name, row.value)} {place(row.scope)}",
        at=moment(row.effective_from, now=now),
        who=short_name(row.created_by) if row.created_by else "the system",
        note=row.note,
    )


def _query(**parts: str) -> str:
    given = QueryDict(mutable=True)
    given.update({name: value for name, value in parts.items() if value})
    return given.urlencode()


def _without(given: QueryDict, name: str) -> str:
    kept = given.copy()
    kept.pop(name, None)
    return kept.urlencode()

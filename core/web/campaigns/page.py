"""Campaigns: what each says, to whom and when; whom it would write to now; and what came of its runs."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from core import clock, jobs
from core.dashboard.campaigns import campaign_named, rows
from core.dashboard.results import Results, last_runs, results_of
from core.formatting import indian
from core.messaging.campaign import Campaign, campaigns
from core.messaging.totals import Figures, books
from core.models import MessagingRun, ScheduleRun, Threshold
from core.notifications.outbox import methods_of
from core.notifications.transports import methods
from core.web.campaigns import words as campaign_words
from core.web.doors import for_staff, frame, person
from core.web.jobs.running import run_shown
from core.web.outbox import ICONS, method_label
from core.web.rules import words as rule_words
from core.web.rules.limit_words import words_of
from core.web.words import Moment, long_day, moment, plural, short_name, span

PAST: Final = 12
REGIONS: Final = 8
WENT_WRONG: Final = (ScheduleRun.Status.MISSED, ScheduleRun.Status.FAILED)


@dataclass(frozen=True, slots=True)
class State:
    """Whether it is on, in a word and a sentence."""

    word: str
    # The tag's kind, and the icon in it.
    tag: str
    icon: str
    sentence: str
    # Its own switch: whoever may, resumes it here.
    is_paused_here: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A campaign as the list shows it."""

    name: str
    title: str
    where: str
    state: State
    next: Moment | None
    last: "PastRun | None"


@dataclass(frozen=True, slots=True)
class PastRun:
    """A run as the history shows it; of one that did not happen, why."""

    at: Moment
    day: str
    by: str
    status: str
    words: str
    # The business day, for the log's address.
    date: str = ""
    people: str = ""
    messages: str = ""
    went_out: str = ""
    delivered: str = ""
    failed: str = ""
    # What was shown in the outbox in place of being sent.
    shown: str = ""
    read: str = ""
    clicked: str = ""
    booked: str = ""
    booked_words: str = ""
    methods: tuple["MethodLine", ...] = ()
    # Its id, for the address that shows it by method.
    id: str = ""


@dataclass(frozen=True, slots=True)
class MethodLine:
    """What one method had of a run."""

    label: str
    icon: str
    messages: str
    waiting: str
    sent: str
    delivered: str
    failed: str
    read: str
    clicked: str
    booked: str
    shown: str


@require_safe
@never_cache
@for_staff
def campaign_list(request: HttpRequest) -> HttpResponse:
    now = clock.now()
    found = rows(now=now)
    last = MessagingRun.objects.select_related("actor").in_bulk([row["last_run"]["id"] for row in found if row["last_run"]])
    results = results_of(list(last.values()), booked=True, now=now)
    lines = []
    for row in found:
        campaign = campaigns.get(row["name"])
        run = results.get(row["last_run"]["id"]) if row["last_run"] else None
        slot = row["schedule"]["next_slot"] if row["schedule"] else None
        lines.append(
            Line(
                name=campaign.name,
                title=campaign.label,
                where=where_of(campaign, row),
                state=state_of(row, now=now),
                next=moment(slot, now=now) if slot else None,
                last=past_run(run, books(campaign), now=now) if run else None,
            )
        )
    return render(request, "web/campaigns.html", frame(request, "campaigns") | {"lines": lines, "as_of": long_day(now)})


@require_safe
@never_cache
@for_staff
def campaign(request: HttpRequest, name: str) -> HttpResponse:
    return _page(request, campaign_named(name), now=clock.now())


@require_POST
@never_cache
@for_staff
def preview(request: HttpRequest, name: str) -> HttpResponse:
    """Whom it would write to at this moment. Decides as a run does and writes nothing; for the page's part, or as a page."""
    found, now = campaign_named(name), clock.now()
    shown = preview_of(found, now=now)
    if request.headers.get("HX-Request"):
        return render(request, "web/campaign_preview.html", {"campaign": found, "preview": shown})
    return _page(request, found, now=now, preview=shown)


def _page(request: HttpRequest, found: Campaign, *, now: datetime, preview: "Preview | None" = None) -> HttpResponse:
    row = next(row for row in rows(now=now) if row["name"] == found.name)
    past = past_of(found, now=now)
    context = {
        "campaign": found,
        "state": state_of(row, now=now),
        "lead": lead(row, now=now),
        "preview": preview,
        "rule": rule_of(found, row),
        "regions": regions_of(row, now=now),
        "methods": [(method_label(method), ICONS.get(method, "i-send")) for method in row["methods"]],
        "switches": [switch_words(switch, now=now) for switch in row["paused_by"]],
        "past": past,
        "last_words": last_words(past),
        "by_method": by_method(past, request.GET.get("by", "")),
        "books": books(found),
        "run": run_shown(request, job=found.name, now=now),
        "wording": campaign_words.shown(found, row["methods"], request.GET),
        "role": person(request).role,
    }
    return render(request, "web/campaign.html", frame(request, "campaigns") | context)


# --- When, and whether ------------------------------------------------------------------------------------------------


def state_of(row: dict[str, Any], *, now: datetime) -> State:
    """Paused by whom and why; switched off; not on the schedule; else on, and when it runs next."""
    plan = row["schedule"]
    if row["paused_by"]:
        first = row["paused_by"][0]
        own = any(switch["scope"] == "campaign" for switch in row["paused_by"])
        return State("Paused", "medium", "i-pause", switch_words(first, now=now), is_paused_here=own)
    if plan is None:
        return State("By hand", "", "i-minus", "It is not on the schedule: it runs when somebody runs it.")
    if not plan["enabled"]:
        return State("Off", "", "i-minus", f"Switched off in the schedule; it would run {rule_words.times(plan['times'])}.")
    return State("On", "ok", "i-check", next_run(row, now=now))


def next_run(row: dict[str, Any], *, now: datetime) -> str:
    """ "Runs next Wed 25 Nov at 11:00, in 1 d 20 h."; empty: not by the clock."""
    slot = row["schedule"] and row["schedule"]["next_slot"]
    if not slot:
        return ""
    at = long_day(slot).replace(", ", " at ")
    return f"Runs next {at}, in {span(slot - now)}."


def lead(row: dict[str, Any], *, now: datetime) -> str:
    """What happens next, in a sentence."""
    slot = row["schedule"] and row["schedule"]["next_slot"]
    if not slot:
        return "It runs when somebody runs it."
    at = long_day(slot).replace(", ", " at ")
    if row["paused_by"]:
        return f"On {at} it decides whom to write to; what it writes waits until it is resumed."
    return f"On {at}, in {span(slot - now)}, it writes to whom its rule finds then."


def switch_words(switch: dict[str, Any], *, now: datetime) -> str:
    """ "Everything is paused since 14:30 by Omar: “Budget”." """
    what = {"all": "Everything is", "type": "Messages of its kind are", "method": "Its method is"}.get(switch["scope"], "It is")
    by = f" by {switch['changed_by']['name']}" if switch["changed_by"] else ""
    why = f": “{switch['reason']}”" if switch["reason"] else ""
    return f"{what} paused since {moment(switch['changed_at'], now=now).short}{by}{why}. Its messages wait."


# --- The rule ---------------------------------------------------------------------------------------------------------


def _limits(row: dict[str, Any]) -> dict[str, Decimal]:
    return {limit["name"]: Decimal(limit["value"]) for limit in row["limits"]["limits"]} if row["limits"] else {}


def where_of(campaign: Campaign, row: dict[str, Any]) -> str:
    return rule_words.where(campaign, _limits(row))


def rule_of(campaign: Campaign, row: dict[str, Any]) -> list[tuple[str, str]]:
    """The rule in force, line by line."""
    plan = row["schedule"]
    when = rule_words.times(plan["times"]) if plan else "when somebody runs it"
    return [
        ("When", when[:1].upper() + when[1:]),
        ("Where", where_of(campaign, row)),
        ("Who", rule_words.who(campaign)),
        ("Limit", rule_words.cap(campaign)),
        *([("If late", rule_words.late(plan["may_be_late_minutes"]))] if plan else []),
    ]


def regions_of(row: dict[str, Any], *, now: datetime) -> tuple[list[tuple[str, str]], int]:
    """The first pincodes and regions whose limits differ, each with its words, and how many more there are."""
    if not row["regional_limits"]:
        return [], 0
    newest: dict[tuple[str, str], Decimal | None] = {}
    dated = Threshold.objects.filter(rule=row["name"], effective_from__lte=now).exclude(scope="").order_by("effective_from", "id")
    for scope, name, value in dated.values_list("scope", "name", "value"):
        newest[scope, name] = value
    found = [(scope, words_of(name).phrase(value)) for (scope, name), value in sorted(newest.items()) if value is not None]
    return found[:REGIONS], max(0, len(found) - REGIONS)


# --- Whom it would write to -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reason:
    words: str
    count: str
    width: int


@dataclass(frozen=True, slots=True)
class Way:
    """How many would be written to one way, and whom of the others not."""

    label: str
    icon: str
    count: str
    words: str


@dataclass(frozen=True, slots=True)
class Preview:
    """What a run at this moment would do; nothing was written."""

    at: str
    steps: list[tuple[str, str, str]]
    people: int
    headline: str
    left_out: list[Reason]
    warnings: list[str]
    gaps: str
    ways: list[Way]


def preview_of(campaign: Campaign, *, now: datetime) -> Preview:
    """Decides as a run does, and takes it back: what the API's preview answers, in words."""
    result = jobs.perform(campaign.name, now=now, dry_run=True)
    people, queued, matched = (int(result.get(name, 0)) for name in ("people", "queued", "matched"))
    suppressed = result.get("suppressed", {})
    most = max(suppressed.values(), default=0)
    by_job = campaign.name == "completion_reminders"
    steps = [(indian(result["pincodes"]), "pincodes measured", "today's figures, refreshed")] if "pincodes" in result else []
    word = plural(matched, "job", "jobs") if by_job else plural(matched, "pincode", "pincodes")
    steps += [
        (indian(matched), f"{word} {plural(matched, 'fits', 'fit')} the rule", "those written to before left aside"),
        (indian(people), f"{plural(people, 'person', 'people')} would be written to", "if it ran now"),
        (indian(queued), f"{plural(queued, 'message', 'messages')} would leave", "by all ways together"),
    ]
    gaps = int(result.get("coverage_gaps", 0))
    return Preview(
        at=long_day(now),
        steps=steps,
        people=people,
        headline=f"Now it would write to {rule_words.people(people)}." if people else "Now it would write to nobody.",
        left_out=[
            Reason(rule_words.reason(name), indian(count), round(count / most * 100)) for name, count in rule_words.ranked(suppressed)
        ],
        warnings=list(result.get("warnings", [])),
        gaps=f"In {indian(gaps)} {plural(gaps, 'pincode', 'pincodes')} there is nobody to tell." if gaps else "",
        ways=[_way(name, result.get("by_method", {}).get(name, 0), people) for name in methods_of(campaign.kind) if name in methods()],
    )


def _way(method: str, count: int, people: int) -> Way:
    others = people - count
    words = "everyone" if not others else f"{indian(others)} not this way" if count else "nobody this way"
    return Way(method_label(method), ICONS.get(method, "i-send"), indian(count), words if people else "")


# --- Past runs --------------------------------------------------------------------------------------------------------


def past_of(campaign: Campaign, *, now: datetime) -> list[PastRun]:
    """The last runs, newest first, and among them the slots that were missed or failed."""
    runs = list(last_runs(campaign)[:PAST])
    booked = books(campaign)
    results = results_of(runs, booked=booked, now=now)
    found = [(run.started_at, past_run(results[run.pk], booked, now=now)) for run in runs]
    wrong = ScheduleRun.objects.filter(job=campaign.name, status__in=WENT_WRONG, slot__isnull=False)
    if len(runs) == PAST:
        wrong = wrong.filter(slot__gte=runs[-1].started_at)
    found += [(run.slot or run.started_at, _did_not(run, now=now)) for run in wrong.order_by("-slot")[:PAST]]
    return [line for _, line in sorted(found, key=lambda pair: pair[0], reverse=True)][:PAST]


def last_words(past: list[PastRun]) -> str:
    """ "Last ran Mon 23 Nov, 11:00: 727 people, 1,454 messages, 100.0 % went out." """
    if (last := next((line for line in past if line.status == "ran"), None)) is None:
        return "It has not run yet."
    by = f" by {last.by}" if last.by else ""
    shown = f", of these {last.shown} shown in the outbox and not sent" if last.shown else ""
    return f"Last ran {last.day}{by}: {campaign_words.wrote(last.people, last.messages)}, {last.went_out} went out{shown}."


def by_method(past: list[PastRun], asked: str) -> PastRun | None:
    """The run that is shown by method: the one that is asked for, else the last that wrote to anybody."""
    wrote = [line for line in past if line.methods]
    return next((line for line in wrote if line.id == asked), wrote[0] if wrote else None)


def past_run(result: Results, booked: bool, *, now: datetime) -> PastRun:
    run, whole = result.run, result.whole
    told = int(run.result.get("people", 0))
    share = f"{100 * (whole.people_booked or 0) / told:.1f} %" if told else ""
    return PastRun(
        at=moment(run.started_at, now=now),
        day=long_day(run.started_at),
        by=short_name(run.actor) if run.actor else "",
        status="ran",
        words=f"as of {moment(result.as_of, now=now).short}" if result.as_of < now else "" if told else "nobody to write to",
        date=clock.business_day(run.started_at).isoformat(),
        people=indian(told),
        messages=indian(whole.messages),
        went_out="none" if whole.rate is None else f"{whole.rate:.1f} %",
        delivered=indian(whole.delivered),
        failed=indian(whole.failed) if whole.failed else "",
        shown=indian(whole.shown_in_outbox) if whole.shown_in_outbox else "",
        read=indian(whole.read),
        clicked=indian(whole.clicked),
        booked="" if not booked or not told else indian(whole.people_booked or 0),
        booked_words=share if result.counts_until <= now else f"so far, until {moment(result.counts_until, now=now).short}",
        methods=tuple(_method(name, figures) for name, figures in sorted(result.by_method.items())),
        id=str(run.pk),
    )


def _method(name: str, figures: Figures) -> MethodLine:
    return MethodLine(
        label=method_label(name),
        icon=ICONS.get(name, "i-send"),
        messages=indian(figures.messages),
        waiting=indian(figures.pending),
        sent=indian(figures.sent),
        delivered=indian(figures.delivered),
        failed=indian(figures.failed),
        read=indian(figures.read),
        clicked=indian(figures.clicked),
        booked="" if figures.people_booked is None else indian(figures.people_booked),
        shown=indian(figures.shown_in_outbox) if figures.shown_in_outbox else "",
    )


def _did_not(run: ScheduleRun, *, now: datetime) -> PastRun:
    at = run.slot or run.started_at
    is_missed = run.status == ScheduleRun.Status.MISSED
    words = "too late to make up for it" if is_missed else (run.error.partition(":")[0] or "it failed")
    return PastRun(at=moment(at, now=now), day=long_day(at), by="", status=run.status, words=words)

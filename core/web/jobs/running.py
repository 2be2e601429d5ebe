"""Begin a job by hand: first what it would do, and to how many; then exactly what the API's trigger does; then what came of it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from core import by_hand, clock, jobs, schedule
from core.alerts.check import checks
from core.dashboard.campaigns import campaign_named
from core.dashboard.notifications import begin, hurry
from core.dashboard.schedule import job_or_404
from core.demo import going
from core.formatting import indian
from core.masking import mask, mask_text
from core.messaging.campaign import campaigns
from core.models import MessagingRun, ScheduleRun, User
from core.notifications.limits import next_allowed_hour
from core.notifications.outbox import methods_of
from core.notifications.transports import methods, transport_class
from core.web.doors import for_staff, frame, person
from core.web.jobs.run_lines import RunLine, outcome, run_line
from core.web.rules.words import left_out, listed, messages, people
from core.web.words import BY, long_day, moment, plural, short_name

# Who was told a number longer ago is told the new one first.
TRUE_FOR: Final = timedelta(minutes=10)
# What counts of a run's result, in the order in which they are read.
SHOWN: Final = (
    "pincodes",
    "matched",
    "found",
    "critical",
    "opened",
    "resolved",
    "people",
    "queued",
    "coverage_gaps",
    "notifications",
    "rows",
)


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked before something leaves the house or stops: the words, and what the button says."""

    title: str
    lines: list[str]
    # Empty: there is nothing to confirm.
    button: str
    busy: str = ""
    hidden: tuple[tuple[str, str], ...] = ()
    # A reason to be given; None: none is asked for.
    reason: str | None = None
    wrong: str = ""
    # Why it was not done just now.
    refused: str = ""


def asked(request: HttpRequest, question: Question, *, here: str, action: str, back: str, status: int = 200) -> HttpResponse:
    """The question as a part for a dialog, or as a page of its own for whoever has no script."""
    context = {"question": question, "action": action, "back": back}
    if request.headers.get("HX-Request"):
        return render(request, "web/ask.html", context, status=status)
    return render(request, "web/ask_page.html", frame(request, here) | context, status=status)


@require_POST
@never_cache
@for_staff
def send_campaign(request: HttpRequest, name: str) -> HttpResponse:
    """Asks, and with `asked` (the moment of the question) sends."""
    campaign_named(name)
    back = reverse("campaign", args=[name])
    return _ask_or_begin(request, schedule.job_named(name), here="campaigns", action=reverse("campaign-send", args=[name]), back=back)


@require_POST
@never_cache
@for_staff
def run_job(request: HttpRequest, name: str) -> HttpResponse:
    """Asks, and with `asked` (the moment of the question) runs. Leads back to where it was asked for: the alerts, else the schedule."""
    job = job_or_404(name)
    here = "alerts" if request.GET.get("from") == "alerts" else "schedule"
    action = reverse("job-run", args=[name]) + ("?from=alerts" if here == "alerts" else "")
    return _ask_or_begin(request, job, here=here, action=action, back=reverse(here))


def _ask_or_begin(request: HttpRequest, job: schedule.Job, *, here: str, action: str, back: str) -> HttpResponse:
    user, now = person(request), clock.now()
    when = _moment(request.POST.get("asked", ""))
    refused = _in_the_way(job, since=when, now=now)
    if when is not None and not refused:
        with transaction.atomic():
            run = begin(job.name, actor=user, now=now)
            transaction.on_commit(partial(hurry, run.task_id))
        return HttpResponseRedirect(f"{back}?run={run.pk}", status=303)
    question = _question(job, refused, now=now)
    return asked(request, question, here=here, action=action, back=back, status=409 if when is not None else 200)


def _moment(text: str) -> datetime | None:
    try:
        found = parse_datetime(text)
    except ValueError:
        return None
    return found if found is not None and found.tzinfo is not None else None


def _in_the_way(job: schedule.Job, *, since: datetime | None, now: datetime) -> str:
    """Why it cannot begin by a question asked then, and who was first; empty: it can."""
    under_way = ScheduleRun.objects.filter(job=job.name, slot=None, status__in=(ScheduleRun.Status.ASKED, ScheduleRun.Status.RUNNING))
    first = under_way.select_related("actor").order_by("started_at").first()
    if first is not None:
        return f"{_who(first.actor)} asked for it at {moment(first.started_at, now=now).short}; that run has not ended."
    if since is None:
        return ""
    if not timedelta(0) <= now - since <= TRUE_FOR:
        return "That number is old. This is what it would do now."
    ran = MessagingRun.objects.filter(name=job.name, started_at__gte=since).select_related("actor").order_by("started_at").first()
    if ran is None:
        return ""
    return f"{_who(ran.actor)} ran it at {moment(ran.started_at, now=now).short}, after you were asked. This is what is left."


def _who(actor: User | None) -> str:
    return short_name(actor) if actor else "The schedule"


# --- What it would do ---------------------------------------------------------------------------------------------------


def _question(job: schedule.Job, refused: str, *, now: datetime) -> Question:
    result = jobs.perform(job.name, now=now, dry_run=True)
    hidden = (("asked", now.isoformat()),)
    if job.name in campaigns:
        title, lines, button = _of_campaign(job, result, now=now)
    elif "queued" in result:
        title, lines, button = _of_check(job, result)
    else:
        title, lines, button = f"Run “{job.label}” now?", [_counts(result), "Nobody is written to."], "Run it now"
    return Question(title, [line for line in lines if line], button, "Beginning…", hidden, refused=refused)


def _of_campaign(job: schedule.Job, result: dict[str, Any], *, now: datetime) -> tuple[str, list[str], str]:
    campaign, count = campaigns.get(job.name), int(result.get("people", 0))
    before = ran_today(job.name, now=now)
    without = left_out(result.get("suppressed", {}))
    out = f"Left out, by one way or all: {without}." if without else "Nobody is left out."
    if not count:
        none = f"Nothing matches “{campaign.label}” now. Nothing to send." if not result.get("matched") else out
        return "This would write to nobody.", [before, none, _gaps(result)], ""
    by = [name for name in methods_of(campaign.kind) if name in methods()]
    sent = f"{messages(int(result['queued']))} {listed(BY.get(name, f'by {name}') for name in by)}."
    if before:
        before = f"{before} Running again writes only to the {people(count)} not told yet."
    matched = f"{campaign.label}, for {indian(result.get('matched', 0))} {_matched(job.name, int(result.get('matched', 0)))}. {sent}"
    waits = _waits(campaign.kind.marketing, by, now=now)
    return (
        f"Write to {people(count)}?",
        [before, matched, out, waits, _gaps(result), "Once sent it cannot be taken back."],
        (f"Write to {people(count)}"),
    )


def _matched(name: str, count: int) -> str:
    return plural(count, "job", "jobs") if name == "completion_reminders" else plural(count, "pincode", "pincodes")


def _waits(is_offer: bool, by: list[str], *, now: datetime) -> str:
    """Of an offer by SMS outside its hours: when it leaves."""
    opens = next_allowed_hour(now)
    if not is_offer or opens <= now or not any(transport_class(name).regulated for name in by):
        return ""
    return f"SMS waits until {moment(opens, now=now).short}: offers leave from 10:00 to 21:00."


def _gaps(result: dict[str, Any]) -> str:
    gaps = int(result.get("coverage_gaps", 0))
    return f"In {indian(gaps)} {plural(gaps, 'pincode', 'pincodes')} there is nobody to tell; that opens an alert." if gaps else ""


def _of_check(job: schedule.Job, result: dict[str, Any]) -> tuple[str, list[str], str]:
    count = int(result.get("people", 0))
    found = int(result.get("found", 0))
    what = f"It finds {indian(found)} {plural(found, 'item', 'items')}, {indian(result.get('critical', 0))} critical."
    if not count:
        return f"Run “{job.label}” now?", [what, "Nobody is written to: there is nothing new to tell."], "Run it now"
    words = f"{messages(int(result['queued']))} to {people(count)} of the team."
    return f"Run “{job.label}” and write to {people(count)}?", [what, words], f"Run, and write to {people(count)}"


def _counts(result: dict[str, Any]) -> str:
    words = [f"{indian(result[name])} {name.replace('_', ' ')}" for name in SHOWN if isinstance(result.get(name), int)]
    return f"It would do this: {', '.join(words)}." if words else ""


def ran_today(name: str, *, now: datetime) -> str:
    """ "Already ran today at 11:00, 391 people."; empty: it did not."""
    since = clock.day_start(clock.business_day(now))
    run = MessagingRun.objects.filter(name=name, started_at__gte=since, started_at__lte=now).order_by("-started_at").first()
    if run is None:
        return ""
    return f"Already ran today at {moment(run.started_at, now=now).short}, {people(int(run.result.get('people', 0)))}."


# --- What came of it ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Outcome:
    """A run as its page shows it, while it goes on and afterwards."""

    id: UUID
    label: str
    line: RunLine
    by: str
    asked: str
    is_over: bool
    # While it goes on.
    doing: str
    words: str
    counts: list[tuple[str, str]]
    left_out: str
    is_slot: bool


def outcome_of(run: ScheduleRun, *, now: datetime) -> Outcome:
    """What a person may read of a run, masked as the API's answer is."""
    result = mask(run.result or {})
    label = _label(run.job)
    numbers = [(name, result[name]) for name in result if isinstance(result[name], int) and not isinstance(result[name], bool)]
    return Outcome(
        id=run.pk,
        label=label,
        line=run_line(run, label, now=now),
        by=_who(run.actor) if run.actor else ("The schedule" if run.slot else "A command"),
        asked=long_day(run.started_at),
        is_over=run.status not in (ScheduleRun.Status.ASKED, ScheduleRun.Status.RUNNING),
        doing=_doing(run.job),
        words=mask_text(outcome(run)),
        counts=[(name.replace("_", " "), indian(count)) for name, count in numbers],
        is_slot=run.slot is not None,
        left_out=left_out({name: count for name, count in (result.get("suppressed") or {}).items() if isinstance(count, int)}),
    )


def _label(job: str) -> str:
    try:
        return schedule.job_named(job).label
    except LookupError:
        labels = {by_hand.TEST: "Test messages", going.JOB: "Removing the demo city"}
        return labels.get(job) or job.replace("_", " ").capitalize()


def _doing(job: str) -> str:
    if job in campaigns or job in checks:
        return "It is deciding whom to write to." if job in campaigns else "It is looking for what is stuck."
    return "All of it goes at once." if job == going.JOB else "It is at work."


def run_shown(request: HttpRequest, *, job: str = "", now: datetime) -> Outcome | None:
    """The run that an address names by `?run=`, if there is one, of this job."""
    try:
        named = UUID(request.GET.get("run", ""))
    except ValueError:
        return None
    rows = ScheduleRun.objects.select_related("actor").filter(pk=named)
    run = (rows.filter(job=job) if job else rows).first()
    return outcome_of(run, now=now) if run else None


@require_safe
@never_cache
@for_staff
def run(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """One run: what came of it, or that it goes on."""
    row = ScheduleRun.objects.select_related("actor").filter(pk=run_id).first()
    if row is None:
        raise Http404("There is no such run.")
    context = {"run": outcome_of(row, now=clock.now()), "error": mask_text(row.error), "attempts": row.attempts, "job": row.job}
    return render(request, "web/run.html", frame(request, "schedule") | context)

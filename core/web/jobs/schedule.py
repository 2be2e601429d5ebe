"""The schedule: when each job runs, what came of its last slot, what it missed; and the runs, newest first."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from core import clock, rescheduling
from core.dashboard.schedule import NEWEST_FIRST, RunQuery, job_rows, runs_of
from core.messaging.campaign import campaigns
from core.models import ScheduleRun
from core.schedule import Job, jobs
from core.web.doors import for_staff, frame
from core.web.filters import older, part_asked
from core.web.jobs.running import Outcome, outcome_of, run_shown
from core.web.rules import words
from core.web.words import Moment, long_day, moment

PAGE: Final = 25
# Slots that came to nothing are in the list; the entry that the ledger begins with is not.
STATUSES: Final = [(value, label) for value, label in ScheduleRun.Status.choices if value != ScheduleRun.Status.OPENED]


@dataclass(frozen=True, slots=True)
class Line:
    """A job as the list shows it."""

    name: str
    label: str
    when: str
    # When it would run if nobody had changed that; empty: nobody has.
    changed_from: str
    # None: it is not on the schedule.
    enabled: bool | None
    next: Moment | None
    last: Outcome | None
    missed: int
    is_campaign: bool


@require_safe
@never_cache
@for_staff
def schedule_page(request: HttpRequest) -> HttpResponse:
    now, known = clock.now(), list(jobs())
    part, said, wrong = part_asked(
        RunQuery, request.GET, _shown, NEWEST_FIRST, size=PAGE, loaded=lambda rows: rows.select_related("actor"), apart=("run",)
    )
    context = {
        "as_of": long_day(now),
        "lines": lines_of(known, now=now),
        "runs": [outcome_of(run, now=now) for run in part.rows],
        "run": run_shown(request, now=now),
        "total": part.total,
        "older": older(request.GET, part.next_cursor, without=("run",), fragment="#runs"),
        "later": "cursor" in said,
        "jobs": [(job.name, job.label) for job in known],
        "statuses": STATUSES,
        "said": said,
        "wrong": wrong,
    }
    return render(request, "web/schedule.html", frame(request, "schedule") | context, status=400 if wrong else 200)


def _shown(said: dict[str, Any]) -> QuerySet[ScheduleRun]:
    return runs_of(said).exclude(status=ScheduleRun.Status.OPENED)


def lines_of(known: list[Job], *, now: datetime) -> list[Line]:
    """Every job, in as many statements as one."""
    rows = job_rows(known, now=now)
    last = ScheduleRun.objects.select_related("actor").in_bulk([row["last_run"]["id"] for row in rows if row["last_run"]])
    return [
        _line(job, row, last.get(row["last_run"]["id"]) if row["last_run"] else None, now=now) for job, row in zip(known, rows, strict=True)
    ]


def _line(job: Job, row: dict[str, Any], last: ScheduleRun | None, *, now: datetime) -> Line:
    plan = row["schedule"]
    own = {name: getattr(job.times, name) for name in rescheduling.FIELDS}
    return Line(
        name=job.name,
        label=job.label,
        when=words.times(plan["times"]) if plan else "not on the schedule",
        changed_from=words.times(own) if plan and plan["times"] != own else "",
        enabled=plan["enabled"] if plan else None,
        next=moment(plan["next_slot"], now=now) if plan and plan["next_slot"] else None,
        last=outcome_of(last, now=now) if last else None,
        missed=row["missed_last_week"],
        is_campaign=job.name in campaigns,
    )

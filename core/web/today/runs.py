"""What runs next, and how each job went the last time; slots that were missed are said."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Count, F, Q, Window
from django.db.models.functions import RowNumber

from core import schedule
from core.formatting import indian
from core.models import Role, ScheduleRun, User
from core.web.jobs.run_lines import RunLine, run_line
from core.web.words import Moment, moment, plural

RUNS_SHOWN: Final = 12
# The last run of a job that runs once a week is still here.
LOOKED_BACK: Final = timedelta(days=8)
# Which of the jobs finance is concerned with.
FINANCE_JOB: Final = "payment_holds"
Runs = ScheduleRun.Status


@dataclass(frozen=True, slots=True)
class JobLine:
    label: str
    next: Moment | None
    # Why it has no next: it is switched off, or on no schedule.
    idle: str
    last: RunLine | None
    missed: str


def run_lines(user: User, *, now: datetime) -> list[JobLine]:
    """Soonest first; what has no next run comes last. Three statements."""
    only = (FINANCE_JOB,) if user.role == Role.FINANCE else None
    plans = {plan.job.name: plan for plan in schedule.plans()}
    last, missed = _last(only, now=now), _missed(only, now=now)
    lines: list[tuple[datetime, JobLine]] = []
    for job in schedule.jobs():
        plan = plans.get(job.name)
        if (only and job.name not in only) or (plan is None and job.name not in last):
            continue
        at = plan.times.next_after(now) if plan and plan.enabled else None
        idle = "" if at else "switched off" if plan else "not on the schedule"
        run = last.get(job.name)
        count = missed.get(job.name, 0)
        told = f"{indian(count)} {plural(count, 'slot', 'slots')} missed in a week" if count else ""
        line = JobLine(job.label, moment(at, now=now) if at else None, idle, run_line(run, job.label, now=now) if run else None, told)
        lines.append((at or datetime.max.replace(tzinfo=now.tzinfo), line))
    return [line for _, line in sorted(lines, key=lambda one: (one[0], one[1].label))][:RUNS_SHOWN]


def _last(only: Sequence[str] | None, *, now: datetime) -> dict[str, ScheduleRun]:
    lately = ScheduleRun.objects.exclude(status__in=(Runs.OPENED, Runs.COVERED)).filter(started_at__gte=now - LOOKED_BACK)
    if only:
        lately = lately.filter(job__in=only)
    newest = Window(RowNumber(), partition_by="job", order_by=(F("started_at").desc(), F("id").desc()))
    return {run.job: run for run in lately.annotate(nth=newest).filter(nth=1)}


def _missed(only: Sequence[str] | None, *, now: datetime) -> dict[str, int]:
    lately = ScheduleRun.objects.filter(started_at__gte=now - timedelta(days=7), status=Runs.MISSED)
    if only:
        lately = lately.filter(Q(job__in=only))
    return dict(lately.order_by().values_list("job").annotate(Count("pk")))

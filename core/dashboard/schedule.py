"""What runs by the clock: when, whether it is on, what ran and what was missed."""

import re
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import Count, QuerySet, Subquery
from django.http import Http404
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core import clock, rescheduling, schedule
from core.dashboard.errors import Refused, wrong
from core.dashboard.pages import Order, moment, part_of
from core.dashboard.resource import Resource, Said, endpoint, plain
from core.dashboard.shapes import PersonShown, page_of, person_of, shown
from core.dashboard.strict import Dated, OneOf, Paged, Strict, Text, Truth
from core.masking import mask_text
from core.models import ScheduleRun

NEWEST_FIRST: Final = Order(("-started_at", "-id"), (moment, UUID), newest="started_at")
CRON: Final = re.compile(r"[0-9*,/-]+")
WEEK: Final = timedelta(days=7)


class TimesForm(Strict):
    """Cron fields; those left out stay. Sunday is 0."""

    minute = Text(required=False, max_length=60)
    hour = Text(required=False, max_length=60)
    day_of_week = Text(required=False, max_length=60)
    day_of_month = Text(required=False, max_length=60)
    month_of_year = Text(required=False, max_length=60)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        odd = {name: ["Digits and * , - / alone, as 8,14,18 or */2."] for name, value in attrs.items() if not CRON.fullmatch(value)}
        if odd:
            raise serializers.ValidationError(odd)
        return attrs


class JobForm(Strict):
    enabled = Truth(required=False)
    times = TimesForm(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs:
            raise serializers.ValidationError({"enabled": ["Say what is to change: enabled, times or both."]})
        return attrs


class ScheduleShown(serializers.Serializer[Any]):
    enabled = serializers.BooleanField()
    times = serializers.DictField(child=serializers.CharField(), help_text="Cron fields.")
    zone = serializers.CharField()
    may_be_late_minutes = serializers.IntegerField(allow_null=True, help_text="Later than that a run is missed; null: it is made up for.")
    next_slot = serializers.DateTimeField(allow_null=True, help_text="null: it is switched off.")


class RunRow(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    job = serializers.CharField()
    slot = serializers.DateTimeField(allow_null=True, help_text="When it was due; null: begun by hand.")
    status = serializers.CharField(help_text=", ".join(ScheduleRun.Status.values))
    started_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    attempts = serializers.IntegerField()
    actor = PersonShown(allow_null=True)


class RunDetail(RunRow):
    result = serializers.JSONField(allow_null=True)
    error = serializers.CharField(allow_blank=True)
    task_id = serializers.CharField(allow_blank=True)


class JobRow(serializers.Serializer[Any]):
    name = serializers.CharField()
    title = serializers.CharField()
    queue = serializers.CharField()
    schedule = ScheduleShown(allow_null=True, help_text="null: its row was taken off the schedule.")
    last_run = RunRow(allow_null=True)
    missed_last_week = serializers.IntegerField()


class JobList(serializers.Serializer[Any]):
    jobs = JobRow(many=True)
    as_of = serializers.DateTimeField()


class Jobs(Resource):
    @endpoint("List jobs", answers=JobList)
    def get(self, request: Request, said: Said) -> Response:
        """Everything that runs by the clock, with its last run and what it missed within a week."""
        now = clock.now()
        return plain({"jobs": job_rows(list(schedule.jobs()), now=now), "as_of": now})


class JobOne(Resource):
    @endpoint("Change a job's times, or switch it on or off", body=JobForm, answers=JobRow)
    def patch(self, request: Request, said: Said, name: str) -> Response:
        """It holds from now on: nothing before this moment is made up for or was missed. 409 while a run of it is due and has not begun."""
        now, job = clock.now(), job_or_404(name)
        try:
            rescheduling.change(job, enabled=said.get("enabled"), times=said.get("times", {}), actor=self.user, now=now)
        except rescheduling.NotNow as error:
            raise Refused(str(error), job=job_rows([job], now=now)[0]) from error
        except ValueError as error:
            raise wrong("times", str(error)) from error
        return plain(job_rows([job], now=now)[0])


class RunQuery(Dated, Paged):
    job = OneOf(lambda: [job.name for job in schedule.jobs()], required=False)
    status = OneOf(lambda: ScheduleRun.Status.values, required=False)


class Runs(Resource):
    @endpoint("List runs", query=RunQuery, answers=page_of("runs", RunRow))
    def get(self, request: Request, said: Said) -> Response:
        """Newest first; slots that were missed or switched off are among them."""
        part = part_of(runs_of(said), NEWEST_FIRST, said, loaded=lambda rows: rows.select_related("actor").defer("result", "error"))
        return plain(shown("runs", part, [run_of(run) for run in part.rows]))


def runs_of(said: Said) -> QuerySet[ScheduleRun]:
    """The runs that a `RunQuery` asks for."""
    rows = ScheduleRun.objects.filter(**{name: said[name] for name in ("job", "status") if name in said})
    if "date_from" in said:
        rows = rows.filter(started_at__gte=clock.day_start(said["date_from"]))
    if "date_to" in said:
        rows = rows.filter(started_at__lt=clock.day_bounds(said["date_to"])[1])
    return rows


class RunOne(Resource):
    @endpoint("One run", answers=RunDetail)
    def get(self, request: Request, said: Said, run_id: UUID) -> Response:
        """With what came of it."""
        run = ScheduleRun.objects.select_related("actor").filter(pk=run_id).first()
        if run is None:
            raise Http404
        return plain({**run_of(run), "result": run.result, "error": mask_text(run.error), "task_id": run.task_id})


# --- Rows -------------------------------------------------------------------------------------------------------------------


def job_or_404(name: str) -> schedule.Job:
    """Raises Http404 when there is none."""
    try:
        return schedule.job_named(name)
    except LookupError:
        raise Http404 from None


def job_rows(jobs: list[schedule.Job], *, now: datetime) -> list[dict[str, Any]]:
    """Each job as `JobRow`, in as many statements as one."""
    plans = {plan.job.name: plan for plan in schedule.plans()}
    last = {run.job: run for run in _last_runs(jobs)}
    missed = ScheduleRun.objects.filter(status=ScheduleRun.Status.MISSED, started_at__gte=now - WEEK, slot__gte=now - WEEK)
    counts = dict(missed.order_by().values_list("job").annotate(Count("pk")))
    return [
        {
            "name": job.name,
            "title": job.label,
            "queue": job.queue,
            "schedule": schedule_of(plans[job.name], now=now) if job.name in plans else None,
            "last_run": run_of(last[job.name]) if job.name in last else None,
            "missed_last_week": counts.get(job.name, 0),
        }
        for job in jobs
    ]


def schedule_of(plan: schedule.Plan, *, now: datetime) -> dict[str, Any]:
    late = plan.times.late
    return {
        "enabled": plan.enabled,
        "times": {name: getattr(plan.times, name) for name in rescheduling.FIELDS},
        "zone": plan.times.zone,
        "may_be_late_minutes": None if late is None else int(late.total_seconds() // 60),
        "next_slot": plan.times.next_after(now) if plan.enabled else None,
    }


def _last_runs(jobs: list[schedule.Job]) -> QuerySet[ScheduleRun]:
    """Each job's last one for a slot that really ran, in one statement."""
    ran = ScheduleRun.objects.filter(slot__isnull=False, status__in=("running", "done", "failed"))
    newest: Any = [Subquery(ran.filter(job=job.name).order_by("-slot").values("pk")[:1]) for job in jobs]
    return ScheduleRun.objects.filter(pk__in=newest).select_related("actor").defer("result", "error")


def run_of(run: ScheduleRun) -> dict[str, Any]:
    names = ("id", "job", "slot", "status", "started_at", "finished_at", "attempts")
    return {**{name: getattr(run, name) for name in names}, "actor": person_of(run.actor)}

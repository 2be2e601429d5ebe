"""A person's change of when a job runs, or whether it does."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from django.db import transaction
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from core import audit
from core.models import ScheduleRun, User
from core.schedule import Job, Plan, open_ledger, plan_of, waiting
from core.timetable import HORIZON

FIELDS: Final = ("minute", "hour", "day_of_week", "day_of_month", "month_of_year")


class NotNow(Exception):
    """A job's schedule cannot be changed at this moment, and why."""


def change(job: Job, *, enabled: bool | None = None, times: Mapping[str, str], actor: User | None, now: datetime) -> Plan:
    """Run a job at other times, or switch it on or off; cron fields that are not named stay.

    The ledger begins anew, so that no slot of the new times before this moment counts as missed. Raises ValueError for times that are
    none or never come, NotNow when the job is not on the schedule or a slot of its is due and nobody has begun it.
    """
    with transaction.atomic():
        rows = PeriodicTask.objects.select_for_update().filter(task=job.task, crontab__isnull=False).order_by("-pk")
        row = next((row for row in rows if tuple(json.loads(row.args or "[]")) == job.args), None)
        if row is None:
            raise NotNow(f"{job.label} is not on the schedule; setup_periodic_tasks puts it there.")
        before = plan_of(job, row)
        if (slot := waiting(before, now=now)) is not None:
            raise NotNow(f"Its run of {timezone.localtime(slot):%H:%M} is due and has not begun. Change it afterwards.")
        row.crontab = _crontab(row.crontab, times)
        row.enabled = row.enabled if enabled is None else enabled
        after = plan_of(job, row)
        if next(after.times.slots(now, now + HORIZON), None) is None:
            raise ValueError("These times never come.")
        if after != before:
            # Its own save tells beat.
            row.save()
            if ScheduleRun.objects.filter(job=job.name, slot__isnull=False).exists():
                open_ledger(job, now=now, afresh=True)
            audit.enter(row, _differences(before, after), actor=actor, now=now, more={"job": job.name})
    return after


def _crontab(present: CrontabSchedule, times: Mapping[str, str]) -> CrontabSchedule:
    """The row of these times; of several equal ones any."""
    wanted = {name: getattr(present, name) for name in (*FIELDS, "timezone")} | dict(times)
    return CrontabSchedule.objects.filter(**wanted).first() or CrontabSchedule.objects.create(**wanted)


def _differences(before: Plan, after: Plan) -> dict[str, tuple[Any, Any]]:
    pairs = {name: (getattr(before.times, name), getattr(after.times, name)) for name in FIELDS}
    return {name: pair for name, pair in {**pairs, "enabled": (before.enabled, after.enabled)}.items() if pair[0] != pair[1]}

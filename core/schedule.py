"""What runs when, what has run and what was missed. The clock's ticks are hints; the ledger (`ScheduleRun`) is the truth.

Beat's own memory was measured and found to skip slots after a stop and to repeat them after a kill. So a tick, wherever
it comes from, only asks "is a slot of this job due?"; of all who ask at once one is answered yes, by a unique row.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import Exists, Max, OuterRef, Q, QuerySet
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from core import bulk, locks, runs
from core.alerts.check import Finding, Nouns, checks
from core.alerts.manual import clear_alert, raise_alert
from core.formatting import indian
from core.messaging.campaign import campaigns
from core.models import BusinessAlert, ScheduleRun, User
from core.models.fields import new_id
from core.timetable import Times

# A run not finished by then died with its process, and its slot is due again.
RUN_LEASE = timedelta(minutes=10)
MAX_ATTEMPTS = 3
RETRY_AFTER = timedelta(minutes=1)
# How far back slots are entered one by one after a long stop.
REMEMBERED = timedelta(days=31)
# Of the alerts that speak of runs that went wrong, with the job's name.
_FINGERPRINT = "schedule:"
RUNS = Nouns("run", "runs")

Status = ScheduleRun.Status


@dataclass(frozen=True, kw_only=True)
class Job:
    """Something that runs by the clock: its Celery task, and when unless an admin says otherwise."""

    name: str
    label: str
    task: str
    times: Times
    queue: str
    args: tuple[str, ...] = ()


ANALYTICS = Job(
    name="analytics", label="Pincode analytics", task="core.tasks.generate_pincode_analytics", times=Times(hour="1"), queue="analytics"
)
CLEANUP = Job(
    name="cleanup",
    label="Old notifications",
    task="core.tasks.cleanup_old_notifications",
    times=Times(hour="2", minute="30"),
    queue="maintenance",
)


def jobs() -> Iterator[Job]:
    """Every job with a ledger: the house's own, and what campaigns and checks declare."""
    yield ANALYTICS
    yield CLEANUP
    for campaign in campaigns:
        named = campaign.task == "core.tasks.run_campaign"
        yield Job(
            name=campaign.name,
            label=campaign.label,
            task=campaign.task,
            times=campaign.times,
            queue="messaging",
            args=(campaign.name,) if named else (),
        )
    for check in checks:
        named = check.task == "core.tasks.run_check"
        yield Job(
            name=check.name, label=check.label, task=check.task, times=check.times, queue="monitoring", args=(check.name,) if named else ()
        )


def job_named(name: str) -> Job:
    """Raises LookupError when there is none."""
    for job in jobs():
        if job.name == name:
            return job
    raise LookupError(f"There is no job named {name!r}. There are: {', '.join(job.name for job in jobs())}.")


@dataclass(frozen=True)
class Plan:
    """A job as the admin has it: when it runs, and whether it is switched on."""

    job: Job
    times: Times
    enabled: bool


def plans() -> Iterator[Plan]:
    """Every job with its row in the admin's schedule; a job without one does not run by the clock."""
    rows = PeriodicTask.objects.filter(task__in={job.task for job in jobs()}).select_related("crontab").order_by("pk")
    by_task = {(row.task, tuple(json.loads(row.args or "[]"))): row for row in rows}
    for job in jobs():
        row = by_task.get((job.task, job.args))
        if row is not None and row.crontab is not None:
            yield plan_of(job, row)


def plan_of(job: Job, row: PeriodicTask) -> Plan:
    """A job as its row, which has a crontab, says."""
    return Plan(job, _times(row.crontab, late=job.times.late), row.enabled)


def _times(crontab: CrontabSchedule, *, late: timedelta | None) -> Times:
    return Times(
        minute=crontab.minute,
        hour=crontab.hour,
        day_of_week=crontab.day_of_week,
        day_of_month=crontab.day_of_month,
        month_of_year=crontab.month_of_year,
        zone=str(crontab.timezone),
        late=late,
    )


def open_ledger(job: Job, *, now: datetime, afresh: bool = False) -> bool:
    """Begin to keep account of a job: nothing before this moment was missed. False when it is kept already.

    With `afresh` it is begun again, for a job that had been taken off the schedule.
    """
    if not afresh and ScheduleRun.objects.filter(job=job.name, slot__isnull=False).exists():
        return False
    return bool(_enter(job, [now.replace(second=0, microsecond=0)], Status.OPENED, now=now))


def due(plan: Plan, last: datetime | None, *, now: datetime) -> list[datetime]:
    """The slots of a job that have come since the last one entered."""
    if last is None:
        return []
    return list(plan.times.slots(max(last, now - REMEMBERED), now))


def waiting(plan: Plan, *, now: datetime) -> datetime | None:
    """The slot of a job that is due and that nobody has begun."""
    last = ScheduleRun.objects.filter(job=plan.job.name, slot__isnull=False).aggregate(last=Max("slot"))["last"]
    return _by_lateness(plan, due(plan, last, now=now), now=now)[0] if plan.enabled else None


def reconcile(hurry: Callable[[Job], object], *, now: datetime) -> dict[str, int]:
    """Look at every job: enter what was missed, and have `hurry` run each one whose slot is due (or is to be tried again).

    `hurry` only carries the hint; `run_slot` claims. Returns how many were hurried and missed.
    """
    last = dict(ScheduleRun.objects.filter(slot__isnull=False).order_by().values_list("job").annotate(Max("slot")))
    again = set(_to_try_again(now).order_by().values_list("job", flat=True))
    hurried = missed = 0
    for plan in list(plans()):
        slots = due(plan, last.get(plan.job.name), now=now)
        if not plan.enabled:
            _enter(plan.job, slots, Status.OFF, now=now)
            continue
        runnable, too_late = _by_lateness(plan, slots, now=now)
        missed += _enter_missed(plan.job, too_late, now=now)
        if runnable or plan.job.name in again:
            hurry(plan.job)
            hurried += 1
    watch(now=now)
    return {"hurried": hurried, "missed": missed}


def _by_lateness(plan: Plan, slots: list[datetime], *, now: datetime) -> tuple[datetime | None, list[datetime]]:
    """The one slot still worth running, the newest, which covers any other; and those whose time has passed."""
    late = plan.times.late
    passed = [slot for slot in slots if late is not None and now - slot > late]
    return (slots[-1] if len(passed) < len(slots) else None), passed


def _to_try_again(now: datetime) -> Any:
    """Runs that died with their process, or failed and may be tried again."""
    died = Q(status=Status.RUNNING, lease_until__lt=now)
    failed = Q(status=Status.FAILED, attempts__lt=MAX_ATTEMPTS, finished_at__lt=now - RETRY_AFTER)
    return ScheduleRun.objects.filter(died | failed, slot__gte=now - REMEMBERED)


def run_slot(job: Job, work: Callable[[], dict[str, Any]], *, now: datetime, task_id: str = "") -> dict[str, Any]:
    """Run the job if a slot of its is due and nobody else has it; says so when not."""
    run = _claim(job, now=now, task_id=task_id)
    if run is None:
        return {"skipped": "no slot is due, or another worker has it"}
    return _carry_out(run, job, work)


def run_by_hand(
    job: Job, work: Callable[[], dict[str, Any]], *, now: datetime, task_id: str = "", actor: User | None = None
) -> dict[str, Any]:
    """Run the job now because somebody said so. It is entered, and is no slot's run."""
    run = ScheduleRun.objects.create(job=job.name, started_at=now, lease_until=now + RUN_LEASE, task_id=task_id, actor=actor)
    return _carry_out(run, job, work)


def _carry_out(run: ScheduleRun, job: Job, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    result = runs.carry_out(run, work, failed=partial(_tell, job, now=run.started_at))
    clear_alert(_fingerprint(job), now=run.started_at)
    return result


def _claim(job: Job, *, now: datetime, task_id: str) -> ScheduleRun | None:
    plan = next((plan for plan in plans() if plan.job.name == job.name), None)
    if plan is None or not plan.enabled:
        return None
    last = ScheduleRun.objects.filter(job=job.name, slot__isnull=False).aggregate(last=Max("slot"))["last"]
    newest, passed = _by_lateness(plan, due(plan, last, now=now), now=now)
    _enter_missed(job, passed, now=now)
    if newest is not None:
        covered = [slot for slot in due(plan, last, now=now) if slot < newest and slot not in passed]
        _enter(job, covered, Status.COVERED, now=now)
        mine = _enter(job, [newest], Status.RUNNING, now=now, task_id=task_id)
        return ScheduleRun.objects.get(pk=mine[0]) if mine else None
    return _claim_again(plan, now=now, task_id=task_id)


def _claim_again(plan: Plan, *, now: datetime, task_id: str) -> ScheduleRun | None:
    """Take over a run that died or failed, unless its time has passed."""
    for run in _to_try_again(now).filter(job=plan.job.name).order_by("-slot"):
        mine = ScheduleRun.objects.filter(pk=run.pk, status=run.status, attempts=run.attempts)
        if plan.times.late is not None and run.slot is not None and now - run.slot > plan.times.late:
            mine.update(status=Status.MISSED, lease_until=None, finished_at=now)
            _tell(plan.job, now=now)
            continue
        if run.attempts >= MAX_ATTEMPTS:
            # It takes its worker with it: once more would be once too often.
            mine.update(status=Status.FAILED, lease_until=None, finished_at=now, error="Its worker died.")
            _tell(plan.job, now=now)
            continue
        taken = mine.update(
            status=Status.RUNNING, attempts=run.attempts + 1, started_at=now, lease_until=now + RUN_LEASE, task_id=task_id, error=""
        )
        if taken:
            return ScheduleRun.objects.get(pk=run.pk)
    return None


def abandon_running(*, now: datetime) -> int:
    """Every run under way died with its process: for a server that knows it is the only one."""
    return ScheduleRun.objects.filter(status=Status.RUNNING).update(lease_until=now - timedelta(seconds=1))


def _enter(job: Job, slots: list[datetime], status: str, *, now: datetime, task_id: str = "") -> list[Any]:
    """Write slots into the ledger; those already there stay as they are. Returns the ids of the new rows."""
    running = status == Status.RUNNING
    rows = [
        [new_id(), job.name, slot, str(status), now, None if running else now, now + RUN_LEASE if running else None, 1, "", task_id]
        for slot in slots
    ]
    names = ("id", "job", "slot", "status", "started_at", "finished_at", "lease_until", "attempts", "error", "task_id")
    return bulk.insert(ScheduleRun, names, rows, returning="id")


def _enter_missed(job: Job, slots: list[datetime], *, now: datetime) -> int:
    entered = _enter(job, slots, Status.MISSED, now=now)
    if entered:
        _tell(job, now=now)
    return len(entered)


def watch(*, now: datetime) -> None:
    """The runs that went wrong, missed or given up, stand as an alert of their job until one succeeds or the job is switched off."""
    working = {plan.job.name: plan.job for plan in plans() if plan.enabled}
    wrong = set(_went_wrong(now).order_by().values_list("job", flat=True)) & working.keys()
    for name in sorted(wrong):
        _tell(working[name], now=now)
    told = BusinessAlert.objects.filter(fingerprint__startswith=_FINGERPRINT).exclude(status=BusinessAlert.Status.RESOLVED)
    for fingerprint in told.exclude(fingerprint__in=[_FINGERPRINT + name for name in wrong]).values_list("fingerprint", flat=True):
        clear_alert(fingerprint, now=now)


def _went_wrong(now: datetime) -> QuerySet[ScheduleRun]:
    """Slots that were missed or given up, and no later run of their job, by the clock or by hand, has made good."""
    made_good = ScheduleRun.objects.filter(job=OuterRef("job"), status=Status.DONE, started_at__gte=OuterRef("started_at"))
    given_up = Q(status=Status.FAILED, attempts__gte=MAX_ATTEMPTS)
    return ScheduleRun.objects.filter(Q(status=Status.MISSED) | given_up, slot__gte=now - REMEMBERED).exclude(Exists(made_good))


def _tell(job: Job, *, now: datetime) -> None:
    """Bring the job's alert in line with its runs that went wrong."""
    with transaction.atomic():
        locks.hold(_fingerprint(job))
        wrong = list(_went_wrong(now).filter(job=job.name).order_by("slot"))
        if not wrong:
            return
        missed = wrong[-1].status == Status.MISSED
        what = " or ".join(sorted({run.get_status_display().lower() for run in wrong}, reverse=True))
        when = ", ".join(_at(run) for run in wrong[-5:])
        raise_alert(
            alert_type="system_error",
            severity="high",
            title=f"{job.label}: {indian(len(wrong))} {RUNS.of(len(wrong))} {what}",
            description=f"Nothing ran at {when}, and it is too late to make up for it."
            if missed
            else f"Its run of {when} failed {wrong[-1].attempts} times: {wrong[-1].error.partition(':')[0].rstrip('.')}.",
            fingerprint=_fingerprint(job),
            metadata={"job": job.name},
            items=[
                Finding(object_type="run", object_id=str(run.pk), label=f"{_at(run)}: {run.get_status_display().lower()}", since=run.slot)
                for run in wrong
                if run.slot is not None
            ],
            now=now,
        )


def _at(run: ScheduleRun) -> str:
    return f"{timezone.localtime(run.slot):%a %d %b %H:%M}"


def _fingerprint(job: Job) -> str:
    return _FINGERPRINT + job.name

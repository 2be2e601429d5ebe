"""Jobs that a person asks for: a row says so, and whoever works finds it there, with a broker or without (docs/rules.md, 10).

The row is the order, committed before anybody is hurried; the hint to a worker may be lost. One worker carries it out: the claim is one
conditional update.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from core import runs
from core.models import ScheduleRun, User

Status = ScheduleRun.Status

# A run not finished by then died with its process. It is not begun again: whoever asked may ask again.
LEASE: Final = timedelta(minutes=30)
# What a hint has not brought to a worker after so long, is hurried again.
HINTED_AGAIN: Final = timedelta(seconds=20)
TEST: Final = "test_system"
# Work that is no job of the schedule, by its name: whoever declares it puts it here, as the demo its city's going.
WORK: Final[dict[str, Callable[[ScheduleRun], dict[str, Any]]]] = {}


@dataclass(frozen=True, slots=True)
class Asked:
    """What became of a job that somebody asked for, in Celery's words."""

    status: str
    result: Any
    done_at: datetime | None


CELERY_WORDS: Final = {Status.ASKED: "PENDING", Status.RUNNING: "STARTED", Status.DONE: "SUCCESS", Status.FAILED: "FAILURE"}


def ask(job: str, *, actor: User, now: datetime) -> ScheduleRun:
    """Have a job done as soon as somebody can. Its `task_id` names it from now on."""
    return ScheduleRun.objects.create(job=job, status=Status.ASKED, started_at=now, task_id=str(uuid4()), actor=actor)


def waiting(*, asked_before: datetime) -> list[str]:
    """The names of what was asked for and nobody has begun, oldest first."""
    rows = ScheduleRun.objects.filter(status=Status.ASKED, slot=None, started_at__lte=asked_before).order_by("started_at")
    return list(rows.values_list("task_id", flat=True))


def carry_out(task_id: str, work: Callable[[ScheduleRun], dict[str, Any]], *, now: datetime) -> dict[str, Any]:
    """Do what was asked for, unless somebody else does or has. Enters how it ended, and raises what the work raised."""
    mine = ScheduleRun.objects.filter(task_id=task_id, status=Status.ASKED, slot=None)
    if not mine.update(status=Status.RUNNING, started_at=now, lease_until=now + LEASE):
        return {"skipped": "another worker has it, or it is done"}
    run = ScheduleRun.objects.select_related("actor").get(task_id=task_id, slot=None)
    return runs.carry_out(run, lambda: work(run))


def give_up_dead(*, now: datetime) -> int:
    """Runs whose process died: failed, so that whoever asked learns of it. Returns how many."""
    dead = ScheduleRun.objects.filter(status=Status.RUNNING, slot=None, lease_until__lt=now)
    return dead.update(status=Status.FAILED, error="Its worker died.", finished_at=now, lease_until=None)


def asked(task_id: UUID) -> Asked | None:
    """What became of it; None for what nobody asked for by hand."""
    run = ScheduleRun.objects.filter(task_id=str(task_id)).order_by("-started_at").first()
    if run is None or run.status not in CELERY_WORDS:
        return None
    result = {"error": run.error} if run.status == Status.FAILED else run.result
    return Asked(CELERY_WORDS[Status(run.status)], result, run.finished_at)

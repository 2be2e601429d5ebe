"""An office whose scheduler a test starts and stops by hand, and how to read its ledger."""

from datetime import datetime
from typing import Any

import time_machine
from django.core.management import call_command
from django.utils import timezone

from core import tasks
from core.models import BusinessAlert, ScheduleRun
from tests.conftest import IST


class Office:
    """A scheduler that is up when it is asked to look, and down when it is not. The tasks are real, and run at once."""

    def __init__(self, frozen: time_machine.Traveller) -> None:
        self.frozen = frozen

    def at(self, time: str, day: int = 16) -> datetime:
        """It is this time of a November day; the 16th is a Monday."""
        hour, minute = map(int, time.split(":"))
        self.frozen.move_to(datetime(2026, 11, day, hour, minute, tzinfo=IST))
        return timezone.now()

    def look(self, time: str, day: int = 16) -> dict[str, Any]:
        """The reconciler's look at this time."""
        self.at(time, day)
        result: dict[str, Any] = tasks.run_due_jobs()
        return result


def opened(frozen: time_machine.Traveller) -> Office:
    """The schedule was set up on Monday, 16 November, at 0:30."""
    office = Office(frozen)
    office.at("0:30")
    call_command("setup_periodic_tasks", verbosity=0)
    return office


def ledger(job: str, *statuses: str) -> list[str]:
    """The slots of a job as "Mon 09:00 done", from the first on; the opening entry left out."""
    rows = ScheduleRun.objects.filter(job=job, slot__isnull=False).exclude(status="opened").order_by("slot")
    if statuses:
        rows = rows.filter(status__in=statuses)
    return [f"{timezone.localtime(row.slot):%a %H:%M} {row.status}" for row in rows if row.slot]


def said_of(job: str) -> BusinessAlert | None:
    """The alert that speaks of a job's missed or failed runs."""
    return BusinessAlert.objects.filter(fingerprint=f"schedule:{job}").first()

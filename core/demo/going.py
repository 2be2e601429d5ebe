"""The city's going as an order of a person's: it takes seconds, and is done by whoever works (docs/demo.md).

All of it goes in one transaction: a process that dies in the middle leaves the whole city there, and whoever asks again has it go.
"""

from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction

from core import audit, by_hand, clock, locks
from core.alerts.check import checks
from core.demo import city
from core.models import ScheduleRun, User

JOB: Final = "remove_demo"
# What takes longer died with its process. Asked for again while it does not, nothing goes twice.
LONGEST: Final = timedelta(minutes=2)


def ask(*, actor: User, now: datetime) -> ScheduleRun:
    """Have it go, for somebody who is not part of it. However often it is asked for at once, it is one order."""
    with transaction.atomic():
        locks.hold(JOB)
        if run := under_way(now=now):
            return run
        audit.enter_act(f"begin {JOB}", actor=actor, more={}, now=now)
        return by_hand.ask(JOB, actor=actor, now=now)


def under_way(*, now: datetime) -> ScheduleRun | None:
    """The order that has not been carried out yet, if there is one."""
    asked_for = (ScheduleRun.Status.ASKED, ScheduleRun.Status.RUNNING)
    return ScheduleRun.objects.filter(job=JOB, status__in=asked_for, started_at__gt=now - LONGEST).order_by("started_at").first()


def go(run: ScheduleRun) -> dict[str, Any]:
    """Take it away, and enter who had it done. Where it has gone already, nothing happens."""
    if run.actor is None or city.is_of_it(run.actor):
        raise PermissionError("Whoever is part of the city does not take it away.")
    with transaction.atomic():
        counts = city.remove()
        if any(counts.values()):
            now = clock.now()
            audit.enter_act("remove the demo city", actor=run.actor, more=counts, now=now)
            # Alerts about what has gone close when their check looks, which may be hours away.
            for name in checks.names():
                by_hand.ask(name, actor=run.actor, now=now)
    return counts


by_hand.WORK[JOB] = go

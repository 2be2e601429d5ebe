"""A job's run from its beginning to its end: the ledger's row says how it ended, whatever the job did."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import structlog
from django.utils import timezone

from core.models import ScheduleRun

log = structlog.get_logger(__name__)

Status = ScheduleRun.Status


def carry_out(run: ScheduleRun, work: Callable[[], dict[str, Any]], *, failed: Callable[[], object] = lambda: None) -> dict[str, Any]:
    """Do the work of a run that is claimed. Enters how it ended; after a failure calls `failed`, and raises what the work raised."""
    began = timezone.now()
    try:
        result = work()
    except Exception as error:
        # Any job's any fault: it is entered for whoever asked, and goes on to who called.
        log.exception("job_failed", job=run.job)
        _end(run, Status.FAILED, began, error=f"{type(error).__name__}: {error}")
        failed()
        raise
    _end(run, Status.DONE, began, result=result)
    return result


def _end(run: ScheduleRun, status: str, began: datetime, *, result: dict[str, Any] | None = None, error: str = "") -> None:
    # The run's own time may be a demo's or a test's; what it took is the world's.
    finished = run.started_at + (timezone.now() - began)
    ScheduleRun.objects.filter(pk=run.pk).update(status=status, result=result, error=error, finished_at=finished, lease_until=None)

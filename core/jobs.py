"""What each job of the schedule does, at a given moment; `core.tasks` and the demo's replay perform them."""

from datetime import datetime
from typing import Any

from core import coverage, schedule
from core.alerts.check import checks
from core.alerts.lifecycle import reconcile
from core.analytics.generate import generate
from core.messaging.campaign import campaigns
from core.models import User
from core.notifications import retention


def perform(name: str, *, now: datetime, actor: User | None = None, dry_run: bool = False) -> dict[str, Any]:
    """Do a job's work once, for whoever asked. Returns its counts; a dry run counts the same and writes nothing.

    Raises LookupError for a name that is no job.
    """
    if name in campaigns:
        return _campaign(name, now=now, actor=actor, dry_run=dry_run)
    if name in checks:
        return reconcile(checks.get(name), now=now, dry_run=dry_run)
    if name == schedule.ANALYTICS.name:
        return generate(now=now, dry_run=dry_run)
    if name == schedule.CLEANUP.name:
        return retention.clean_up(now=now, dry_run=dry_run)
    raise LookupError(f"There is no job named {name!r}.")


def _campaign(name: str, *, now: datetime, actor: User | None, dry_run: bool) -> dict[str, Any]:
    campaign = campaigns.get(name)
    result = campaign.run(now=now, actor=actor, dry_run=dry_run)
    if "gap_pincodes" in result and not dry_run:
        coverage.report(campaign, result["gap_pincodes"], now=now)
    return result

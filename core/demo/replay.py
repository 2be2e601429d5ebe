"""Builds the demo city and lets the product work in it for two days, so that there is something true to show at any hour.

Every job runs at its own slots, in order, told the time it had then; the messages it queues are noted as shown in the
outbox, never sent anywhere, whatever is configured.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from heapq import merge

from django.core.management import call_command
from django.db.models import F, Min

from core import clock, jobs, schedule
from core.alerts import auditor
from core.analytics.generate import measure
from core.demo import city, team
from core.models import BusinessAlert, NotificationLog, Phase, Status
from core.notifications.transports import transport_class

HISTORY_DAYS = 30
REPLAYED = timedelta(days=2)
# Of the last hours the team leaves everything to whoever looks at the demo.
LEFT_TO_DO = timedelta(hours=3)
# How long after it was queued a replayed message counts as handed over.
HANDED_OVER_AFTER = timedelta(seconds=2)


def build(*, now: datetime, seed: int, progress: Callable[[str], None]) -> None:
    """An empty database becomes a city that has had the product for two days. Raises NotEmptyError."""
    today = clock.business_day(now)
    begin = clock.day_start(today) - REPLAYED
    city.load(now=begin, days=HISTORY_DAYS - REPLAYED.days, seed=seed, progress=progress)
    measure([today - timedelta(days=back) for back in range(HISTORY_DAYS, REPLAYED.days, -1)], now=begin)
    call_command("setup_periodic_tasks", ledger_from=begin, verbosity=0)
    reached, told = begin, 0
    for slot, name in _slots(begin, now):
        told += _escalate(slot)
        if slot > reached:
            city.advance(since=reached, now=slot, seed=seed)
            reached = slot
            if now - slot > LEFT_TO_DO:
                team.look(now=slot, seed=seed)
        schedule.run_slot(schedule.job_named(name), lambda name=name, slot=slot: jobs.perform(name, now=slot), now=slot)  # type: ignore[misc]
        told += _show_in_outbox()
        if slot.astimezone().minute == 0 and name == "analytics":
            progress(f"{clock.business_day(slot):%A %d %B}: {told} messages so far.")
    city.advance(since=reached, now=now, seed=seed)
    told += _escalate(now)
    progress(f"Today until now: {told} messages in all.")


def _slots(begin: datetime, now: datetime) -> list[tuple[datetime, str]]:
    """Every slot of every job since then, in the order of time."""
    return list(merge(*([(slot, plan.job.name) for slot in plan.times.slots(begin, now)] for plan in schedule.plans())))


def _escalate(until: datetime) -> int:
    """Look at alerts at each minute before this one at which something was due. Returns how many messages that made."""
    told = 0
    while (due := BusinessAlert.objects.filter(next_step_at__lt=until).aggregate(at=Min("next_step_at"))["at"]) is not None:
        minute = due.replace(second=0, microsecond=0)
        moment = minute if minute == due else minute + timedelta(minutes=1)
        if moment >= until:
            break
        auditor.look(now=moment)
        told += _show_in_outbox()
    return told


def _show_in_outbox() -> int:
    """Note what was queued as shown, not sent."""
    shown = 0
    queued = NotificationLog.objects.filter(phase=Phase.QUEUED)
    for method in list(queued.order_by().values_list("method", flat=True).distinct()):
        provider = "outbox" if transport_class(method).shown_in_outbox else method
        shown += queued.filter(method=method).update(
            phase=Phase.ACCEPTED, status=Status.SENT, provider=provider, sent_at=F("due_at") + HANDED_OVER_AFTER, tries=1
        )
    return shown

"""Celery's way in: a task names the time and calls one function.

Every job's task can be called by the clock (`scheduled=True`: it runs if a slot is due, once, whoever asks) or by a person
(it runs now). Each returns a JSON-able dict of counts.
"""

import contextlib
import time
from datetime import date as calendar_day
from datetime import datetime, timedelta
from typing import Any

from celery import Task, current_app, shared_task
from django.conf import settings

from core import audiences, by_hand, clock, jobs, schedule, stopping
from core.alerts import auditor, watch
from core.analytics.generate import generate
from core.messaging import totals
from core.models import Role, ScheduleRun
from core.notifications import claims, delivery, selftest, wake, watchdog
from core.notifications.transports import methods

# After so long a deliverer goes to the end of the queue, so that the pool serves all methods in turn.
SLICE = timedelta(seconds=2)

Counts = dict[str, Any]
AnyTask = Task[Any, Any]


def _perform(task: AnyTask, name: str, *, scheduled: bool, dry_run: bool = False) -> Counts:
    """By the clock: if a slot is due. By hand: now. A dry run is entered nowhere."""
    now = clock.now()
    if dry_run:
        return {**jobs.perform(name, now=now, dry_run=True), "dry_run": True}
    job, task_id = schedule.job_named(name), task.request.id or ""
    if scheduled:
        return schedule.run_slot(job, lambda: jobs.perform(name, now=now), now=now, task_id=task_id)
    return schedule.run_by_hand(job, lambda: jobs.perform(name, now=now), now=now, task_id=task_id)


# --- Analytics -------------------------------------------------------------------------------------------------------


@shared_task(bind=True, queue="analytics")
def generate_pincode_analytics(
    self: AnyTask, date: str | calendar_day | None = None, *, dry_run: bool = False, scheduled: bool = False
) -> Counts:
    """Measure every pincode: yesterday closed, today opened, six days before again; or one day only, as YYYY-MM-DD."""
    day, now = _day(date), clock.now()
    if day is None:
        return _perform(self, "analytics", scheduled=scheduled, dry_run=dry_run)
    if dry_run:
        return generate(now=now, day=day, dry_run=True)
    return schedule.run_by_hand(schedule.ANALYTICS, lambda: generate(now=now, day=day), now=now, task_id=self.request.id or "")


def _day(given: str | calendar_day | None) -> calendar_day | None:
    if isinstance(given, datetime):
        return clock.business_day(given) if given.tzinfo else given.date()
    if not isinstance(given, str):
        return given
    try:
        return calendar_day.fromisoformat(given)
    except ValueError:
        raise ValueError(f"date: {given!r} is not a day as 2026-11-22.") from None


# --- Messaging -------------------------------------------------------------------------------------------------------


@shared_task(bind=True, queue="messaging")
def run_campaign(self: AnyTask, name: str, *, dry_run: bool = False, scheduled: bool = False) -> Counts:
    """Decide and queue any declared campaign by its name."""
    return _perform(self, name, scheduled=scheduled, dry_run=dry_run)


@shared_task(bind=True, queue="messaging")
def send_pincode_demand_alerts(self: AnyTask, *, dry_run: bool = False, scheduled: bool = False) -> Counts:
    """Tell available vendors of pincodes in high demand."""
    return _perform(self, "high_demand", scheduled=scheduled, dry_run=dry_run)


@shared_task(bind=True, queue="messaging")
def send_vendor_bonus_alerts(self: AnyTask, *, dry_run: bool = False, scheduled: bool = False) -> Counts:
    """Offer a bonus to the vendors of pincodes with far more work than vendors."""
    return _perform(self, "vendor_bonus", scheduled=scheduled, dry_run=dry_run)


@shared_task(bind=True, queue="messaging")
def send_promotional_campaigns(self: AnyTask, *, dry_run: bool = False, scheduled: bool = False) -> Counts:
    """Offer a discount to the customers of quiet pincodes."""
    return _perform(self, "promotions", scheduled=scheduled, dry_run=dry_run)


@shared_task(bind=True, queue="messaging")
def send_vendor_completion_reminders(self: AnyTask, *, dry_run: bool = False, scheduled: bool = False) -> Counts:
    """Remind vendors of their jobs that are due soon or overdue."""
    return _perform(self, "completion_reminders", scheduled=scheduled, dry_run=dry_run)


# --- Monitoring ------------------------------------------------------------------------------------------------------


@shared_task(bind=True, queue="monitoring")
def run_check(self: AnyTask, name: str, *, dry_run: bool = False, scheduled: bool = False) -> Counts:
    """Run any declared check by its name."""
    return _perform(self, name, scheduled=scheduled, dry_run=dry_run)


@shared_task(bind=True, queue="monitoring")
def check_pending_signatures(self: AnyTask, *, dry_run: bool = False, scheduled: bool = False) -> Counts:
    """Notice jobs whose signature has been pending for too long."""
    return _perform(self, "pending_signatures", scheduled=scheduled, dry_run=dry_run)


@shared_task(bind=True, queue="monitoring")
def check_payment_holds(self: AnyTask, *, dry_run: bool = False, scheduled: bool = False) -> Counts:
    """Notice payments that have been on hold for too long."""
    return _perform(self, "payment_holds", scheduled=scheduled, dry_run=dry_run)


@shared_task(bind=True, queue="monitoring")
def check_booking_timeouts(self: AnyTask, *, dry_run: bool = False, scheduled: bool = False) -> Counts:
    """Notice jobs that should have been over for a day."""
    return _perform(self, "booking_timeouts", scheduled=scheduled, dry_run=dry_run)


# --- Maintenance -----------------------------------------------------------------------------------------------------


@shared_task(bind=True, queue="maintenance")
def cleanup_old_notifications(self: AnyTask, *, dry_run: bool = False, scheduled: bool = False) -> Counts:
    """Delete what is older than 90 days, except the notifications of open alerts."""
    return _perform(self, "cleanup", scheduled=scheduled, dry_run=dry_run)


@shared_task(queue="monitoring")
def test_notification_system(*, dry_run: bool = False) -> Counts:  # noqa: PT028  (a task, not a test)
    """Send one message by each method to the staff, now, and report what happened."""
    return selftest.send_test(audiences.staff((Role.SUPER_ADMIN, Role.OPS_MANAGER, Role.FINANCE)), clock=clock.now, dry_run=dry_run)


# The name begins like a test's; pytest must not take the task for one.
setattr(test_notification_system, "__test__", False)  # noqa: B010  (a task declares no such attribute)


# The pulse leaves no results: ten thousand a day would bury the history of the jobs.
@shared_task(queue="monitoring", ignore_result=True)
def run_due_jobs() -> Counts:
    """Each minute: find the slots that are due and have them run, enter what was missed, watch the providers, and count what came of one
    large run."""
    now = clock.now()

    def hurry(job: schedule.Job) -> object:
        # A hint: the task itself claims the slot.
        return current_app.tasks[job.task].apply_async(args=job.args, kwargs={"scheduled": True}, queue=job.queue)

    by_hand.give_up_dead(now=now)
    for task_id in by_hand.waiting(asked_before=now - by_hand.HINTED_AGAIN):
        run_asked.apply_async(args=(task_id,))
    done = {**schedule.reconcile(hurry, now=now), **watch.look(now=now)}
    # Last: it may take seconds.
    totals.keep(now=now)
    return done


@shared_task(queue="monitoring", ignore_result=True)
def escalate_due_alerts() -> Counts:
    """Each minute: tell whoever is next of alerts that nobody acknowledged, end what has run out, and repeat what is still open."""
    return auditor.look(now=clock.now())


# --- Asked for by a person --------------------------------------------------------------------------------------------


@shared_task(queue="monitoring", ignore_result=True)
def run_asked(task_id: str) -> Counts:
    """Do a job that somebody asked for, which its row in the ledger names; whoever is hurried twice does it once."""
    return by_hand.carry_out(task_id, _asked_work, now=clock.now())


def run_all_asked() -> int:
    """Do what was asked for and nobody has begun, in this process: the embedded server's way. Returns how many."""
    found = by_hand.waiting(asked_before=clock.now())
    for task_id in found:
        # What went wrong is entered in the ledger and logged; the next one has its turn.
        with contextlib.suppress(Exception):
            run_asked(task_id)
    return len(found)


def _asked_work(run: ScheduleRun) -> Counts:
    if run.job == by_hand.TEST:
        return test_notification_system()
    if run.job in by_hand.WORK:
        return by_hand.WORK[run.job](run)
    return jobs.perform(run.job, now=clock.now(), actor=run.actor)


# --- Delivery --------------------------------------------------------------------------------------------------------


@shared_task(queue="delivery", ignore_result=True)
def deliver_outbox(method: str = "") -> Counts:
    """Send what is due by a method, for a slice of time; without a method, have each method with something due delivered."""
    if not method:
        claims.recover(now=clock.now())
        waiting = [name for name in methods() if watchdog.is_due(name, now=clock.now())]
        for name in waiting:
            for _ in range(watchdog.more_deliverers(name, now=clock.now())):
                deliver_outbox.apply_async(args=(name,), expires=wake.EXPIRES)
        return {"methods": waiting}
    if watchdog.deliverers(method) >= settings.DELIVERERS_PER_METHOD:
        return {"method": method, "taken": 0, "busy": True}
    taken, more = _deliver_slice(method)
    while more and current_app.conf.task_always_eager:  # There is no queue whose end one could go to.
        batch, more = _deliver_slice(method)
        taken += batch
    if more:
        wake.send(method)
    return {"method": method, "taken": taken}


def _deliver_slice(method: str) -> tuple[int, bool]:
    """How many were taken within a slice, and whether there may be more. Ends early when the process is asked to stop."""
    taken, until = 0, time.monotonic() + SLICE.total_seconds()
    with stopping.deferred() as asked:

        def over() -> bool:
            return asked.is_set() or time.monotonic() >= until

        while not over():
            batch = delivery.deliver_due(method, clock=clock.now, should_stop=over)
            if not batch:
                return taken, over()
            taken += batch
    return taken, True

"""Jobs due soon or overdue: each vendor is reminded of their own, in one digest a run, once per job and stage (docs/rules.md, 4)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import BooleanField, Exists, OuterRef, QuerySet
from django.db.models.expressions import RawSQL
from django.utils import timezone

from core import bulk, locks
from core.messaging.campaign import Campaign, declare
from core.models import Booking, JobReminder, MessagingRun, User
from core.notifications import kinds
from core.notifications.outbox import Notice, Tally, enqueue_by_person
from core.timetable import Times

# Written out: SQLite uses the partial index only where the condition holds no parameters.
UNDER_WAY = RawSQL("core_booking.status IN ('confirmed', 'in_progress')", (), output_field=BooleanField())
# Worst first: the order of a digest. The last stage is the last word on a job.
STAGES = ("overdue_24h", "overdue", "due_soon")
LATE_STAGE_AFTER = timedelta(hours=24)
# Jobs a digest lists by name; the count says how many more there are.
LISTED = 12


@dataclass(frozen=True)
class DueJob:
    booking: Booking
    stage: str

    def as_words(self, now: datetime) -> dict[str, Any]:
        job = self.booking
        return {
            "service": job.service.name,
            "customer": job.customer.name,
            "place": job.pincode,
            "pincode": job.pincode,
            "starts": job.scheduled_date,
            "ends": job.scheduled_end,
            "stage": self.stage,
            "urgency": urgency(self, now),
        }


@declare
class CompletionReminders(Campaign):
    name = "completion_reminders"
    label = "Job reminders"
    kind = kinds.REMINDER
    times = Times(hour="8,14,18", late=timedelta(minutes=90))
    task = "core.tasks.send_vendor_completion_reminders"

    def run(self, *, now: datetime, actor: User | None = None, dry_run: bool = False) -> dict[str, Any]:
        with transaction.atomic():
            locks.hold(f"kind:{self.kind.name}")
            run = MessagingRun.objects.create(name=self.name, started_at=now, actor=actor)
            jobs = list(due_jobs(now=now, next_run=self.times.next_after(now)))
            tally = self._remind(jobs, run=run, now=now, dry_run=dry_run)
            stages = {stage: sum(job.stage == stage for job in jobs) for stage in STAGES}
            run.result = {"matched": len(jobs), "stages": stages, **tally.as_dict(), "by_method": dict(sorted(tally.by_method.items()))}
            run.save(update_fields=["result"])
            if dry_run:
                transaction.set_rollback(True)
                return {**run.result, "dry_run": True}
        return run.result

    def _remind(self, jobs: list[DueJob], *, run: MessagingRun, now: datetime, dry_run: bool) -> Tally:
        by_vendor: dict[int, list[DueJob]] = {}
        for job in jobs:
            by_vendor.setdefault(int(job.booking.vendor_id or 0), []).append(job)
        notices = {vendor: self._digest(theirs, run=run, now=now) for vendor, theirs in by_vendor.items()}
        tally = enqueue_by_person(notices, User.objects.filter(pk__in=list(by_vendor)), run=run, now=now, write=not dry_run)
        told = [job for vendor, theirs in by_vendor.items() if notices[vendor].key in tally.fresh for job in theirs]
        rows = [[job.booking.pk, job.stage, job.booking.vendor_id, now] for job in told]
        bulk.insert(JobReminder, ("booking", "stage", "vendor", "told_at"), rows)
        return tally

    def _digest(self, jobs: list[DueJob], *, run: MessagingRun, now: datetime) -> Notice:
        words = [job.as_words(now) for job in jobs]
        return Notice(
            kind=self.kind,
            # One digest a vendor and run; that no job comes twice is the reminders' own constraint.
            key=f"{self.name}:{run.pk}:{jobs[0].booking.vendor_id}",
            context={
                "jobs": words[:LISTED],
                "count": len(jobs),
                "more": max(0, len(jobs) - LISTED),
                "overdue": sum(job.stage != "due_soon" for job in jobs),
                "first": words[0],
            },
            pincode=jobs[0].booking.pincode,
            link_url="/inbox/",
            metadata={"campaign": self.name, "jobs": [{"booking": str(job.booking.pk), "stage": job.stage} for job in jobs]},
        )


def due_jobs(*, now: datetime, next_run: datetime) -> Iterator[DueJob]:
    """Confirmed and running jobs that start before the next run or should be over, not yet told at their stage; worst first.

    Within a vendor: overdue for a day, overdue, due soon; each stage by its time.
    """
    jobs: QuerySet[Booking] = (
        Booking.objects.filter(UNDER_WAY, vendor__isnull=False, scheduled_date__lt=next_run)
        .select_related("service", "customer")
        .annotate(**{f"told_{stage}": Exists(JobReminder.objects.filter(booking=OuterRef("pk"), stage=stage)) for stage in STAGES})
        .order_by("scheduled_date", "pk")
    )
    due = (DueJob(job, stage_of(job, now)) for job in jobs.iterator(chunk_size=2_000))
    fresh = [job for job in due if not getattr(job.booking, f"told_{job.stage}")]
    yield from sorted(fresh, key=lambda job: STAGES.index(job.stage))


def stage_of(job: Booking, now: datetime) -> str:
    if job.scheduled_end > now:
        return "due_soon"
    return "overdue" if job.scheduled_end > now - LATE_STAGE_AFTER else "overdue_24h"


def urgency(job: DueJob, now: datetime) -> str:
    """'due at 15:30', 'overdue since 9:00', 'overdue for 3 days'."""
    start, end = timezone.localtime(job.booking.scheduled_date), timezone.localtime(job.booking.scheduled_end)
    today = timezone.localtime(now).date()
    if job.stage == "due_soon":
        when = f"{start.hour}:{start:%M}" if start.date() == today else f"{start.hour}:{start:%M} on {start:%a} {start.day} {start:%b}"
        return f"due at {when}" if start > timezone.localtime(now) else f"under way since {when}"
    if job.stage == "overdue":
        return f"overdue since {end.hour}:{end:%M}"
    days = (now - job.booking.scheduled_end).days
    return f"overdue for {days} day{'s' if days != 1 else ''}"

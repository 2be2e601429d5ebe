"""Puts every job on the admin's schedule and opens its ledger. Repeatable; what an admin changed or disabled stays so."""

import json
from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import transaction
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask, PeriodicTasks

from core import clock, schedule
from core.alerts import policies
from core.alerts.check import checks
from core.messaging.campaign import campaigns
from core.messaging.pincode_campaign import PincodeCampaign
from core.models import Threshold

ESCALATION = "Escalate due alerts"

# Not jobs of the business but the pulse of the machine: no ledger, no slots.
PULSE = (
    ("Find due jobs", "core.tasks.run_due_jobs", "monitoring", 60),
    (ESCALATION, policies.TASK, "monitoring", 60),
    ("Deliver what waits", "core.tasks.deliver_outbox", "delivery", 10),
)


class Command(BaseCommand):
    help = (
        "Create the periodic tasks, the default thresholds and escalation policies, and the schedule's ledger. "
        "Run again, it adds what is new and keeps the rest."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--ledger-from",
            type=datetime.fromisoformat,
            help="Keep account from this moment on (ISO 8601 with offset), not from now: for imported history.",
        )

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        now = options["ledger_from"] or clock.now()
        made = opened = 0
        for job in schedule.jobs():
            is_new = self._job(job)
            made += is_new
            # A job that had been taken off the schedule has missed nothing in the meantime.
            opened += schedule.open_ledger(job, now=now, afresh=is_new)
        new_pulses = [pulse[0] for pulse in PULSE if self._pulse(*pulse)]
        made += len(new_pulses)
        limits = self._default_thresholds()
        # With the task that reads them, once: a policy that an admin removed stays removed.
        rules = policies.create_defaults() if ESCALATION in new_pulses else 0
        if made:
            PeriodicTasks.update_changed()
        total = PeriodicTask.objects.filter(task__startswith="core.tasks.", enabled=True).count()
        self.stdout.write(
            f"{total} periodic tasks are on ({made} new), all times {settings.TIME_ZONE}; "
            f"{opened} ledgers opened, {limits} default thresholds and {rules} escalation policies added."
        )

    def _job(self, job: schedule.Job) -> bool:
        args = json.dumps(list(job.args))
        # An admin may have renamed, moved or disabled it: it is known by its task and arguments.
        if any(json.loads(row.args or "[]") == list(job.args) for row in PeriodicTask.objects.filter(task=job.task)):
            return False
        crontab, _ = CrontabSchedule.objects.get_or_create(
            minute=job.times.minute,
            hour=job.times.hour,
            day_of_week=job.times.day_of_week,
            day_of_month=job.times.day_of_month,
            month_of_year=job.times.month_of_year,
            timezone=job.times.zone or settings.TIME_ZONE,
        )
        PeriodicTask.objects.create(
            name=self._free_name(job.label),
            task=job.task,
            crontab=crontab,
            args=args,
            kwargs=json.dumps({"scheduled": True}),
            queue=job.queue,
        )
        return True

    def _pulse(self, label: str, task: str, queue: str, seconds: int) -> bool:
        if PeriodicTask.objects.filter(task=task).exists():
            return False
        interval, _ = IntervalSchedule.objects.get_or_create(every=seconds, period=IntervalSchedule.SECONDS)
        # A tick that waited longer than its own interval says nothing new.
        PeriodicTask.objects.create(name=self._free_name(label), task=task, interval=interval, queue=queue, expire_seconds=seconds)
        return True

    def _free_name(self, label: str) -> str:
        taken = set(PeriodicTask.objects.filter(name__startswith=label).values_list("name", flat=True))
        return next(name for number in range(1, 1000) if (name := label if number == 1 else f"{label} {number}") not in taken)

    def _default_thresholds(self) -> int:
        """The limits of the declarations as rows, so that an admin sees and edits them."""
        rules = [(campaign.name, campaign.limits) for campaign in campaigns if isinstance(campaign, PincodeCampaign)]
        rules += [(check.name, check.limits) for check in checks]
        known = set(Threshold.objects.filter(scope="").values_list("rule", "name"))
        rows = [
            # From the beginning of time: a day measured before the set-up is judged by the same limits.
            Threshold(rule=rule, name=name, value=value, effective_from=clock.EARLIEST, note="default")
            for rule, limits in rules
            for name, value in limits.items()
            if (rule, name) not in known
        ]
        Threshold.objects.bulk_create(rows)
        return len(rows)

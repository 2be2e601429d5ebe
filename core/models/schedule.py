"""What ran, what is running and what was missed. The clock's ticks are hints; these rows are the truth."""

from django.db import models

from core import clock
from core.models.fields import new_id
from core.models.users import User


class ScheduleRun(models.Model):
    """One run of a job: for a slot of its schedule, or by hand (no slot)."""

    class Status(models.TextChoices):
        OPENED = "opened", "Ledger opened"
        ASKED = "asked", "Asked for"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"
        MISSED = "missed", "Missed"
        COVERED = "covered", "Covered by a later run"
        OFF = "off", "Switched off"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    job = models.CharField(max_length=120)
    slot = models.DateTimeField(null=True, blank=True, help_text="When it was due; empty when run by hand.")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.RUNNING)
    started_at = models.DateTimeField(default=clock.now)
    finished_at = models.DateTimeField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True, help_text="A run not finished by then died with its process.")
    attempts = models.PositiveSmallIntegerField(default=1)
    result = models.JSONField(null=True, blank=True)
    error = models.TextField(blank=True)
    task_id = models.CharField(max_length=64, blank=True)
    actor = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")

    class Meta:
        ordering = ("-started_at",)
        constraints = (
            models.UniqueConstraint(fields=("job", "slot"), name="one_run_per_job_and_slot", condition=models.Q(slot__isnull=False)),
        )
        indexes = (
            models.Index(fields=("job", "-slot"), name="run_job_slot"),
            models.Index(fields=("-started_at",), name="run_started_at"),
            models.Index(fields=("lease_until",), name="run_running", condition=models.Q(status="running")),
            models.Index(fields=("started_at",), name="run_asked", condition=models.Q(status="asked")),
            models.Index(fields=("task_id",), name="run_task", condition=~models.Q(task_id="")),
        )

    def __str__(self) -> str:
        return f"{self.job}: {self.get_status_display()}"


class JobReminder(models.Model):
    """A vendor was reminded of a job at a stage. A job is never nagged twice for the same stage."""

    booking = models.ForeignKey("core.Booking", on_delete=models.CASCADE, related_name="reminders", db_index=False)
    stage = models.CharField(max_length=16)
    vendor = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    told_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("booking", "stage"), name="one_reminder_per_job_and_stage"),)

    def __str__(self) -> str:
        return f"{self.stage} at {self.told_at:%Y-%m-%d %H:%M}"

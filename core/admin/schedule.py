"""What runs by the clock, and what ran."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django_celery_beat.admin import PeriodicTaskAdmin as BeatAdmin
from django_celery_beat.admin import PeriodicTaskForm, TaskSelectWidget
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule
from django_celery_results.models import TaskResult
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from core import schedule
from core.admin.base import Days, Found, House, Long, ReadOnlyRows, Record, choices_of
from core.admin.looks import data, state
from core.admin.site import site
from core.models import JobReminder, ScheduleRun


class TaskSelect(UnfoldAdminSelectWidget, TaskSelectWidget):
    """The names of all tasks, in the theme's clothes."""


class PeriodicForm(PeriodicTaskForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # One who may only read gets none of the fields.
        if "task" in self.fields:
            self.fields["task"].widget = UnfoldAdminTextInputWidget()
            self.fields["regtask"].widget = TaskSelect()


@admin.register(PeriodicTask, site=site)
class PeriodicAdmin(House, BeatAdmin):
    """When each job runs. `setup_periodic_tasks` keeps what is changed or switched off here."""

    form = PeriodicForm
    deleting = True
    date_hierarchy = None
    list_display = ("name", "enabled", "times", "task", "queue", "last_run_at")
    list_filter = ("enabled",)
    list_select_related = ("interval", "crontab", "solar", "clocked")
    search_fields = ("name", "task")
    actions = ("enable_tasks", "disable_tasks")

    @display(description="when")
    def times(self, row: PeriodicTask) -> str:
        return str(row.crontab.human_readable if row.crontab else row.scheduler)

    def crontab_translation(self, row: PeriodicTask) -> str:
        return row.crontab.human_readable if row.crontab else ""

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        # Its own save keeps the scheduler's fields in step: the whole row is written.
        obj.save()


class TasksOfSchedule(ReadOnlyRows):
    model = PeriodicTask
    fields = ("name", "task", "enabled")
    readonly_fields = fields
    ordering = ("name",)


@admin.register(CrontabSchedule, site=site)
class CrontabAdmin(House):
    deleting = True
    list_display = ("__str__", "human_readable")
    inlines = (TasksOfSchedule,)
    fields = ("minute", "hour", "day_of_week", "day_of_month", "month_of_year", "timezone", "human_readable")
    readonly_fields = ("human_readable",)


@admin.register(IntervalSchedule, SolarSchedule, ClockedSchedule, site=site)
class OtherScheduleAdmin(House):
    deleting = True
    inlines = (TasksOfSchedule,)


@admin.register(ScheduleRun, site=site)
class ScheduleRunAdmin(Found, Long, Record):
    list_display = ("started_at", "job", "slot", "status_shown", "took", "attempts", "actor")
    list_select_related = ("actor",)
    list_filter = (
        choices_of("job", "job", lambda: [(job.name, job.label) for job in schedule.jobs()]),
        choices_of("status", "status", lambda: ScheduleRun.Status.choices),
        ("started_at", Days),
    )
    texts = ("job", "task_id")
    status_shown = state("status", "status")
    result_shown = data("result", "result")
    fieldsets = (
        (None, {"fields": ("job", "slot", "status_shown", "actor")}),
        ("When", {"fields": ("started_at", "finished_at", "took", "lease_until", "attempts", "task_id")}),
        ("What came of it", {"fields": ("result_shown", "error")}),
    )

    @display(description="took")
    def took(self, run: ScheduleRun) -> str | None:
        return f"{(run.finished_at - run.started_at).total_seconds():.1f} s" if run.finished_at else None


@admin.register(JobReminder, site=site)
class ReminderAdmin(Found, Long, Record):
    list_display = ("told_at", "stage", "vendor", "booking")
    list_select_related = ("vendor", "booking__service")
    ordering = ("-id",)
    ids = ("booking",)
    people = ("vendor",)
    fields = ("booking", "stage", "vendor", "told_at")


@admin.register(TaskResult, site=site)
class ResultAdmin(Found, Long, Record):
    list_display = ("date_created", "task_name", "status_shown", "periodic_task_name", "date_done", "task_id")
    list_filter = (("date_created", Days),)
    ordering = ("-date_created",)
    ids = ()
    texts = ("task_id", "task_name", "periodic_task_name", "status")
    status_shown = state("status", "status")
    fieldsets = (
        (None, {"fields": ("task_id", "task_name", "periodic_task_name", "status_shown", "worker")}),
        ("Parameters", {"fields": ("task_args", "task_kwargs")}),
        ("Result", {"fields": ("result", "date_created", "date_started", "date_done", "traceback")}),
    )

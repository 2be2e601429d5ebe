"""The schedule as rows that an admin edits: put there once, kept as they were made."""

import json
from datetime import UTC, datetime
from io import StringIO

import pytest
from django.core.management import call_command
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from core.models import ScheduleRun, Threshold
from homeserve_pro.celery import app

pytestmark = pytest.mark.django_db

# As the owner wrote it, in India's time: minute, hour, day of the week.
TIMETABLE = {
    "generate_pincode_analytics": ("0", "1", "*"),
    "send_pincode_demand_alerts": ("0", "9", "*"),
    "send_vendor_bonus_alerts": ("0", "10", "*"),
    "send_promotional_campaigns": ("0", "11", "1,3,5"),
    "check_pending_signatures": ("0", "*", "*"),
    "check_payment_holds": ("0", "*/2", "*"),
    "check_booking_timeouts": ("0", "*/3", "*"),
    "send_vendor_completion_reminders": ("0", "8,14,18", "*"),
    "cleanup_old_notifications": ("30", "2", "*"),
}


def set_up():
    said = StringIO()
    call_command("setup_periodic_tasks", stdout=said)
    return said.getvalue()


def row_of(task):
    return PeriodicTask.objects.get(task=f"core.tasks.{task}")


def everything():
    return sorted(PeriodicTask.objects.values_list("name", "task", "crontab", "interval", "args", "kwargs", "queue", "enabled"), key=str)


@pytest.mark.parametrize("task", TIMETABLE)
def test_every_task_is_on_at_its_time_in_india(task):
    set_up()
    row = row_of(task)
    assert row.enabled
    assert (row.crontab.minute, row.crontab.hour, row.crontab.day_of_week) == TIMETABLE[task]
    assert (row.crontab.day_of_month, row.crontab.month_of_year) == ("*", "*")
    assert str(row.crontab.timezone) == "Asia/Kolkata"
    assert row.task in app.tasks
    assert row.queue == getattr(app.tasks[row.task], "queue", None)
    assert json.loads(row.kwargs) == {"scheduled": True}


def test_celery_beat_reads_nine_o_clock_as_nine_in_india():
    set_up()
    nine = row_of("send_pincode_demand_alerts").schedule
    nine.nowfun = lambda: datetime(2026, 11, 16, 3, 29, tzinfo=UTC)
    left = nine.remaining_estimate(datetime(2026, 11, 15, 3, 30, tzinfo=UTC))
    assert left.total_seconds() == 60


def test_the_pulse_is_there_too_and_leaves_no_heap_of_stale_ticks():
    set_up()
    pulses = {row.task: row for row in PeriodicTask.objects.filter(interval__isnull=False)}
    assert set(pulses) >= {"core.tasks.run_due_jobs", "core.tasks.escalate_due_alerts", "core.tasks.deliver_outbox"}
    assert pulses["core.tasks.run_due_jobs"].interval.every == 60
    assert all(row.expire_seconds for row in pulses.values())


def test_run_again_it_changes_nothing():
    set_up()
    before, opened, limits = everything(), ScheduleRun.objects.count(), Threshold.objects.count()
    assert "(0 new)" in set_up()
    assert everything() == before
    assert (ScheduleRun.objects.count(), Threshold.objects.count()) == (opened, limits)
    assert CrontabSchedule.objects.count() == len(set(CrontabSchedule.objects.values_list("minute", "hour", "day_of_week", "timezone")))


def test_what_an_admin_disabled_renamed_or_moved_stays_so():
    set_up()
    moved, _ = CrontabSchedule.objects.get_or_create(minute="15", hour="7", timezone="Europe/Berlin")
    PeriodicTask.objects.filter(task="core.tasks.send_promotional_campaigns").update(enabled=False)
    PeriodicTask.objects.filter(task="core.tasks.send_vendor_bonus_alerts").update(name="Boni")
    PeriodicTask.objects.filter(task="core.tasks.send_pincode_demand_alerts").update(crontab=moved, queue="analytics")
    before = everything()
    set_up()
    assert everything() == before


def test_what_was_deleted_comes_back_and_a_taken_name_is_no_reason_to_stop():
    set_up()
    label = row_of("check_payment_holds").name
    row_of("check_payment_holds").delete()
    PeriodicTask.objects.filter(task="core.tasks.check_pending_signatures").update(name=label)
    assert "(1 new)" in set_up()
    assert row_of("check_payment_holds").name == f"{label} 2"


def test_a_limit_that_an_admin_changed_is_kept():
    set_up()
    limit = Threshold.objects.filter(scope="").order_by("pk").first()
    assert limit is not None
    Threshold.objects.filter(pk=limit.pk).update(value=77)
    set_up()
    limit.refresh_from_db()
    assert limit.value == 77
    assert Threshold.objects.filter(rule=limit.rule, name=limit.name, scope="").count() == 1


def test_the_ledger_opens_at_the_first_set_up(frozen, now):
    set_up()
    opened = ScheduleRun.objects.filter(status="opened")
    assert set(opened.values_list("job", flat=True)) == {
        "analytics", "cleanup", "high_demand", "vendor_bonus", "promotions", "completion_reminders",
        "pending_signatures", "payment_holds", "booking_timeouts", "vendor_shortage",
    }  # fmt: skip
    assert set(opened.values_list("slot", flat=True)) == {now}
    frozen.shift(3600)
    set_up()
    assert set(ScheduleRun.objects.values_list("slot", flat=True)) == {now}


def test_it_says_what_it_did():
    assert "13 periodic tasks are on (13 new), all times Asia/Kolkata; 10 ledgers opened" in set_up()

"""What runs when, and once, told by the day of an operations team. Time is moved by hand; the tasks are real."""

from datetime import datetime

import pytest
from django.core.management import call_command
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from core import tasks
from core.models import BusinessAlert, NotificationLog, ScheduleRun
from tests.conftest import IST
from tests.office import Office, ledger, opened, said_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def office(frozen):
    return opened(frozen)


# --- A normal day ------------------------------------------------------------------------------------------------------


def test_a_monday_runs_as_it_is_written(office):
    for half_hour in range(2, 48):
        office.look(f"{half_hour // 2}:{half_hour % 2 * 30:02}")
    assert ledger("analytics") == ["Mon 01:00 done"]
    assert ledger("cleanup") == ["Mon 02:30 done"]
    assert ledger("high_demand") == ["Mon 09:00 done"]
    assert ledger("vendor_bonus") == ["Mon 10:00 done"]
    assert ledger("promotions") == ["Mon 11:00 done"]
    assert ledger("completion_reminders") == ["Mon 08:00 done", "Mon 14:00 done", "Mon 18:00 done"]
    assert ledger("pending_signatures") == [f"Mon {hour:02}:00 done" for hour in range(1, 24)]
    assert ledger("payment_holds") == [f"Mon {hour:02}:00 done" for hour in range(2, 24, 2)]
    assert ledger("booking_timeouts") == [f"Mon {hour:02}:00 done" for hour in range(3, 24, 3)]
    assert not BusinessAlert.objects.exists()


def test_promotions_leave_on_monday_wednesday_and_friday_only(office):
    for day in range(16, 23):
        office.look("11:00", day)
    assert ledger("promotions") == ["Mon 11:00 done", "Wed 11:00 done", "Fri 11:00 done"]


def test_a_slot_runs_once_however_often_anybody_looks(office):
    for minute in range(20):
        office.look(f"9:{minute:02}")
        tasks.send_pincode_demand_alerts.delay(scheduled=True)
    assert ledger("high_demand") == ["Mon 09:00 done"]
    assert ScheduleRun.objects.get(job="high_demand", status="done").attempts == 1


def test_a_tick_before_its_time_runs_nothing(office):
    office.at("8:59")
    assert "skipped" in tasks.send_pincode_demand_alerts.delay(scheduled=True).get()
    assert ledger("high_demand") == []
    office.look("9:00")
    assert ledger("high_demand") == ["Mon 09:00 done"]


def test_a_run_keeps_what_it_counted_and_how_long_it_took(office):
    office.look("9:00")
    run = ScheduleRun.objects.get(job="high_demand", status="done")
    assert run.result is not None
    assert run.result["matched"] == 0
    assert run.started_at == office.at("9:00")
    assert run.finished_at is not None
    assert run.finished_at >= run.started_at
    assert (run.lease_until, run.error, run.actor) == (None, "", None)
    assert run.task_id


# --- The set-up opens the ledger ---------------------------------------------------------------------------------------


def test_nothing_before_the_first_set_up_was_missed(frozen, omar):
    office = Office(frozen)
    office.at("16:00")
    call_command("setup_periodic_tasks", verbosity=0)
    result = office.look("16:01")
    assert (result["hurried"], result["missed"]) == (0, 0)
    assert not ScheduleRun.objects.exclude(status="opened").exists()
    assert not NotificationLog.objects.exists()


def test_a_later_set_up_does_not_forgive_what_was_missed(office):
    office.at("16:00")
    call_command("setup_periodic_tasks", verbosity=0)
    office.look("16:00")
    assert ledger("high_demand") == ["Mon 09:00 missed"]


def test_an_imported_history_may_open_it_earlier(frozen):
    office = Office(frozen)
    office.at("9:30")
    call_command("setup_periodic_tasks", ledger_from=datetime(2026, 11, 16, 0, 30, tzinfo=IST), verbosity=0)
    office.look("9:30")
    assert ledger("high_demand") == ["Mon 09:00 done"]


def test_a_job_taken_off_the_schedule_and_put_back_has_missed_nothing(office):
    PeriodicTask.objects.filter(task="core.tasks.send_pincode_demand_alerts").delete()
    for day in range(16, 20):
        office.look("9:00", day)
    office.at("15:00", 19)
    call_command("setup_periodic_tasks", verbosity=0)
    office.look("15:00", 19)
    assert ledger("high_demand") == []
    office.look("9:00", 20)
    assert ledger("high_demand") == ["Fri 09:00 done"]


# --- What an admin does ------------------------------------------------------------------------------------------------


def row_of(task):
    return PeriodicTask.objects.get(task=f"core.tasks.{task}")


def test_a_job_that_is_switched_off_does_not_run_and_is_not_missed(office):
    row = row_of("send_pincode_demand_alerts")
    row.enabled = False
    row.save()
    office.at("9:00")
    assert "skipped" in tasks.send_pincode_demand_alerts.delay(scheduled=True).get()
    for time in ("9:00", "10:00", "15:00"):
        office.look(time)
    assert tasks.send_pincode_demand_alerts.delay(scheduled=True).get() == {"skipped": "no slot is due, or another worker has it"}
    assert ledger("high_demand") == ["Mon 09:00 off"]
    row.enabled = True
    row.save()
    office.look("15:01")
    assert ledger("high_demand") == ["Mon 09:00 off"]
    assert said_of("high_demand") is None
    office.look("9:00", 17)
    assert ledger("high_demand")[1:] == ["Tue 09:00 done"]


def test_a_changed_time_is_honoured(office):
    at_seven, _ = CrontabSchedule.objects.get_or_create(minute="15", hour="7", timezone="Asia/Kolkata")
    PeriodicTask.objects.filter(task="core.tasks.send_pincode_demand_alerts").update(crontab=at_seven)
    for time in ("7:00", "7:15", "9:00"):
        office.look(time)
    assert ledger("high_demand") == ["Mon 07:15 done"]


def test_a_changed_zone_is_honoured(office):
    in_berlin, _ = CrontabSchedule.objects.get_or_create(minute="0", hour="9", timezone="Europe/Berlin")
    PeriodicTask.objects.filter(task="core.tasks.send_pincode_demand_alerts").update(crontab=in_berlin)
    for time in ("9:00", "13:29", "13:30"):
        office.look(time)
    assert ledger("high_demand") == ["Mon 13:30 done"]


def test_how_late_a_job_may_run_holds_after_its_time_was_changed(office):
    at_seven, _ = CrontabSchedule.objects.get_or_create(minute="0", hour="7", timezone="Asia/Kolkata")
    PeriodicTask.objects.filter(task="core.tasks.send_pincode_demand_alerts").update(crontab=at_seven)
    office.look("10:01")
    assert ledger("high_demand") == ["Mon 07:00 missed"]


def test_a_run_by_hand_is_entered_and_does_not_use_up_the_slot(office):
    office.at("8:58")
    tasks.send_pincode_demand_alerts.delay()
    by_hand = ScheduleRun.objects.get(job="high_demand", slot__isnull=True)
    assert (by_hand.status, by_hand.started_at) == ("done", timezone.now())
    office.look("9:00")
    assert ledger("high_demand") == ["Mon 09:00 done"]


def test_a_dry_run_is_entered_nowhere_and_uses_nothing_up(office):
    office.at("9:00")
    assert tasks.send_pincode_demand_alerts.delay(dry_run=True).get()["dry_run"] is True
    assert not ScheduleRun.objects.filter(job="high_demand").exclude(status="opened").exists()
    office.look("9:01")
    assert ledger("high_demand") == ["Mon 09:00 done"]

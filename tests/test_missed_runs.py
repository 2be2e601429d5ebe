"""Runs that did not happen, died or failed: each is made up for once, or recorded and told of once (docs/rules.md, 4)."""

import contextlib
from datetime import datetime

import pytest
from django.core.management import call_command
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from core import schedule, tasks
from core.alerts import steps
from core.models import AlertEvent, NotificationLog, ScheduleRun
from tests.conftest import IST
from tests.office import ledger, opened, said_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def office(frozen):
    return opened(frozen)


# --- Missed runs -------------------------------------------------------------------------------------------------------

LAST_CALLS = [
    ("high_demand", "Mon 09:00", "12:00", "12:01"),
    ("vendor_bonus", "Mon 10:00", "13:00", "13:01"),
    ("promotions", "Mon 11:00", "15:00", "15:01"),
    ("completion_reminders", "Mon 08:00", "9:30", "9:31"),
]


@pytest.mark.parametrize(("job", "slot", "in_time", "too_late"), LAST_CALLS)
def test_what_is_a_little_late_still_runs_once(job, slot, in_time, too_late, office):
    office.look(in_time)
    office.look(in_time)
    assert ledger(job) == [f"{slot} done"]
    assert said_of(job) is None


@pytest.mark.parametrize(("job", "slot", "in_time", "too_late"), LAST_CALLS)
def test_what_is_too_late_is_recorded_as_missed_and_ops_are_told_once(job, slot, in_time, too_late, office, omar, sara):
    assert office.look(too_late)["missed"] >= 1
    for minute in range(32, 60):
        assert office.look(f"{too_late.split(':')[0]}:{minute}")["missed"] == 0
    assert ledger(job) == [f"{slot} missed"]
    alert = said_of(job)
    assert (alert.alert_type, alert.status) == ("system_error", "active")
    assert slot in alert.description.replace(" 16 Nov", "")
    for person in (omar, sara):
        assert sorted(NotificationLog.objects.filter(alert=alert, recipient=person).values_list("method", flat=True)) == [
            "email",
            "websocket",
        ]


def test_the_next_run_closes_what_was_said_of_the_missed_one(office):
    office.look("16:00")
    office.look("9:00", 17)
    assert ledger("high_demand") == ["Mon 09:00 missed", "Tue 09:00 done"]
    assert said_of("high_demand").status == "resolved"


def test_each_further_missed_run_is_an_item_of_the_same_alert(office, omar):
    office.look("8:00")
    office.look("15:31")
    office.look("19:31")
    alert = said_of("completion_reminders")
    assert list(alert.items.order_by("since").values_list("label", flat=True)) == ["Mon 16 Nov 14:00: missed", "Mon 16 Nov 18:00: missed"]
    assert alert.title == "Job reminders: 2 runs missed"
    told = AlertEvent.objects.filter(alert=alert, kind="told").order_by("at")
    assert [event.reason for event in told] == ["opened", "new items"]


def test_a_missed_run_that_nobody_acknowledges_is_told_again_after_a_day(office, omar):
    office.look("15:01")
    office.look("15:00", 17)
    office.look("15:01", 17)
    told = AlertEvent.objects.filter(alert=said_of("promotions"), kind="told").order_by("at")
    assert [event.reason for event in told] == ["opened", "still open"]


def test_resolved_by_a_person_and_still_not_made_good_it_reopens_after_a_day(office, omar):
    office.look("15:01")
    steps.resolve(said_of("promotions").pk, actor=omar, notes="Never mind.", now=timezone.now())
    office.look("15:00", 17)
    assert said_of("promotions").status == "resolved"
    office.look("15:01", 17)
    assert (said_of("promotions").status, said_of("promotions").reopened_count) == ("active", 1)


def test_a_run_by_hand_makes_good_what_was_missed(office):
    office.look("15:01")
    tasks.send_promotional_campaigns()
    assert said_of("promotions").status == "resolved"
    office.look("15:02")
    assert said_of("promotions").status == "resolved"


def test_a_job_that_is_switched_off_is_in_nobodys_debt(office):
    office.look("15:01")
    PeriodicTask.objects.filter(task="core.tasks.send_promotional_campaigns").update(enabled=False)
    office.look("15:02")
    assert (said_of("promotions").status, said_of("promotions").resolved_by) == ("resolved", None)


def test_checks_and_analytics_are_always_made_up_for_by_one_run(office):
    office.look("23:59", 18)
    for job in ("analytics", "pending_signatures", "payment_holds", "booking_timeouts"):
        assert len(ledger(job, "done")) == 1, job
        assert ledger(job, "missed") == []
        assert said_of(job) is None
    assert ledger("pending_signatures", "done") == ["Wed 23:00 done"]
    assert len(ledger("pending_signatures", "covered")) == 70


def test_the_scheduler_was_down_from_half_past_eight_to_four(office):
    office.look("8:00")
    office.look("8:30")
    office.look("16:00")
    office.look("16:01")
    assert ledger("high_demand") == ["Mon 09:00 missed"]
    assert ledger("vendor_bonus") == ["Mon 10:00 missed"]
    assert ledger("promotions") == ["Mon 11:00 missed"]
    assert ledger("completion_reminders") == ["Mon 08:00 done", "Mon 14:00 missed"]
    assert ledger("pending_signatures", "done")[-1] == "Mon 16:00 done"
    # Nothing of it is made up for on the day after, and nothing runs twice then.
    for time in ("9:00", "9:01", "10:00", "10:01"):
        office.look(time, 17)
    assert ledger("high_demand")[1:] == ["Tue 09:00 done"]
    assert ledger("vendor_bonus")[1:] == ["Tue 10:00 done"]


def test_killed_a_minute_after_nine_it_does_not_run_nine_again(office):
    office.look("9:00")
    office.at("9:01")
    schedule.abandon_running(now=timezone.now())
    call_command("setup_periodic_tasks", verbosity=0)
    office.look("9:01")
    office.look("9:15")
    assert ledger("high_demand") == ["Mon 09:00 done"]
    assert ScheduleRun.objects.get(job="high_demand", status="done").attempts == 1


def test_a_tick_lost_at_ten_is_made_up_for_a_minute_later(office):
    office.at("10:00")
    lost: list[schedule.Job] = []
    schedule.reconcile(lost.append, now=timezone.now())
    assert "vendor_bonus" in [job.name for job in lost]
    assert ledger("vendor_bonus") == []
    office.look("10:01")
    assert ledger("vendor_bonus") == ["Mon 10:00 done"]


def test_of_several_slots_that_are_a_little_late_the_newest_runs_for_all(office):
    hourly, _ = CrontabSchedule.objects.get_or_create(minute="0", hour="*", timezone="Asia/Kolkata")
    PeriodicTask.objects.filter(task="core.tasks.send_vendor_bonus_alerts").update(crontab=hourly)
    office.look("1:00")
    office.look("7:30")
    assert ledger("vendor_bonus") == [
        "Mon 01:00 done",
        "Mon 02:00 missed",
        "Mon 03:00 missed",
        "Mon 04:00 missed",
        "Mon 05:00 covered",
        "Mon 06:00 covered",
        "Mon 07:00 done",
    ]


def test_a_year_of_silence_is_not_entered_slot_by_slot(office):
    office.frozen.move_to(datetime(2027, 11, 16, 9, 5, tzinfo=IST))
    tasks.run_due_jobs()
    assert len(ledger("pending_signatures")) <= 31 * 24 + 1
    assert ledger("pending_signatures", "done") == ["Tue 09:00 done"]
    assert ledger("high_demand", "done") == ["Tue 09:00 done"]


# --- Runs that die, and runs that fail -----------------------------------------------------------------------------------

JOB = schedule.job_named("high_demand")


class Killed(BaseException):
    """What nothing catches."""


def dies(office, time):
    """A worker that has a slot to run is gone before it can say how it went."""

    def work():
        raise Killed

    with contextlib.suppress(Killed):
        schedule.run_slot(JOB, work, now=office.at(time))


def test_a_run_that_died_is_taken_over_when_its_lease_ends(office):
    dies(office, "9:00")
    assert ledger("high_demand") == ["Mon 09:00 running"]
    office.look("9:09")
    assert ledger("high_demand") == ["Mon 09:00 running"]
    office.look("9:11")
    assert ledger("high_demand") == ["Mon 09:00 done"]
    assert ScheduleRun.objects.get(job="high_demand", status="done").attempts == 2


def test_a_server_that_knows_it_is_the_only_one_takes_over_at_once(office):
    dies(office, "9:00")
    schedule.abandon_running(now=office.at("9:01"))
    office.look("9:01")
    assert ledger("high_demand") == ["Mon 09:00 done"]


def test_a_run_that_died_and_is_found_too_late_is_missed(office, omar):
    dies(office, "9:00")
    office.look("12:01")
    assert ledger("high_demand") == ["Mon 09:00 missed"]
    assert NotificationLog.objects.filter(alert=said_of("high_demand"), recipient=omar, method="email").count() == 1


def test_a_job_that_kills_its_worker_is_not_run_for_ever(office, omar):
    for minute in range(0, 60, 12):
        dies(office, f"9:{minute:02}")
    assert ledger("high_demand") == ["Mon 09:00 failed"]
    assert ScheduleRun.objects.get(job="high_demand", status="failed").attempts == 3
    assert said_of("high_demand").status == "active"


def attempt(office, time, work, day=16):
    """The reconciler's look, with this as the job's work. What it raises is the worker's to log."""

    def run(job):
        if job.name == JOB.name:
            with contextlib.suppress(ZeroDivisionError):
                schedule.run_slot(job, work, now=timezone.now())

    office.at(time, day)
    schedule.reconcile(run, now=timezone.now())


def test_a_failing_job_is_tried_three_times_and_then_told_of(office, omar):
    tries = []

    def fails():
        tries.append(timezone.localtime().strftime("%H:%M"))
        return {"share": 1 // 0}

    attempt(office, "9:00", fails)
    assert said_of("high_demand") is None, "Told at the first stumble."
    attempt(office, "9:00", fails)
    assert len(tries) == 1, "Tried again at once."
    for minute in range(1, 30):
        attempt(office, f"9:{minute:02}", fails)
    assert len(tries) == 3
    assert tries[0] == "09:00"
    (run,) = ScheduleRun.objects.filter(job="high_demand", status="failed")
    assert (run.attempts, run.error) == (3, "ZeroDivisionError: integer division or modulo by zero")
    alert = said_of("high_demand")
    assert (alert.status, alert.alert_type) == ("active", "system_error")
    assert NotificationLog.objects.filter(alert=alert, recipient=omar, method="email").count() == 1

    office.look("9:00", 17)
    assert ledger("high_demand")[-1] == "Tue 09:00 done"
    assert said_of("high_demand").status == "resolved"


def test_a_job_that_works_at_the_second_try_is_nobodys_trouble(office):
    attempts = iter([ZeroDivisionError, None])

    def work():
        if next(attempts) is not None:
            raise ZeroDivisionError
        return {"queued": 0}

    attempt(office, "9:00", work)
    attempt(office, "9:02", work)
    assert ledger("high_demand") == ["Mon 09:00 done"]
    assert ScheduleRun.objects.get(job="high_demand", status="done").error == ""
    assert said_of("high_demand") is None


def test_one_job_that_fails_does_not_hold_up_the_others(office):
    def hurry(job):
        if job.name == "analytics":
            raise ZeroDivisionError
        schedule.run_slot(job, dict, now=timezone.now())

    office.at("9:00")
    with pytest.raises(ZeroDivisionError):
        schedule.reconcile(hurry, now=timezone.now())
    office.look("9:01")
    assert ledger("high_demand") == ["Mon 09:00 done"]
    assert ledger("analytics") == ["Mon 01:00 done"]

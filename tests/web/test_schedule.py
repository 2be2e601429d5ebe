"""The schedule: every job's next slot, what came of the last one, what was missed; running and switching by hand."""

from datetime import timedelta

import pytest
from auditlog.models import LogEntry
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.html import escape
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from core import by_hand
from core.models import BusinessAlert, NotificationLog, ScheduleRun
from core.web.rules import words as rule_words
from tests.alerts.stuck import booking
from tests.people import people

URL = "/dashboard/schedule/"
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen")]


@pytest.fixture
def set_up(frozen):
    call_command("setup_periodic_tasks", verbosity=0)


def text_of(client, url=URL, status=200):
    answer = client.get(url)
    assert answer.status_code == status
    return answer.content.decode()


def ran(now, *, hours=1, job="payment_holds", **fields):
    slot = now - timedelta(hours=hours)
    given = {"status": "done", "slot": slot, "started_at": slot, "finished_at": slot + timedelta(seconds=2.5), "result": {"found": 3}}
    return ScheduleRun.objects.create(job=job, **{**given, **fields})


def row_of(page, job):
    return page.split(f'data-row="{job}"')[1].split("</tr>")[0]


@pytest.mark.usefixtures("set_up")
def test_a_job_shows_its_next_slot_its_last_ones_result_and_what_it_missed(as_omar, now):
    ran(now, hours=1, result={"found": 21, "critical": 4})
    ran(now, hours=3, status="missed")
    ran(now, hours=24 * 8, status="missed")
    row = row_of(text_of(as_omar), "payment_holds")
    for words in ("Payments on hold", "every 2 hours", "10:00", "in 1 h", "Done", "21 found, 4 critical", "2.5 s"):
        assert words in row
    assert "</svg>1</span>" in row


@pytest.mark.usefixtures("set_up")
def test_times_that_somebody_changed_are_shown_beside_those_it_had(as_omar):
    task = PeriodicTask.objects.get(task="core.tasks.send_promotional_campaigns")
    task.crontab = CrontabSchedule.objects.create(hour="12", minute="30", day_of_week="1", timezone="Asia/Kolkata")
    task.save()
    page = text_of(as_omar)
    assert "Mon at 12:30" in row_of(page, "promotions")
    assert "was Mon, Wed, Fri at 11:00" in row_of(page, "promotions")
    assert "was " not in row_of(page, "high_demand")


def test_what_is_not_on_the_schedule_says_so(as_omar):
    page = text_of(as_omar)
    assert "not on the schedule" in row_of(page, "promotions")
    assert "job-switch" not in page


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"hour": "9"}, "daily at 9:00"),
        ({"hour": "8,14,18"}, "daily at 8:00, 14:00 and 18:00"),
        ({"hour": "11", "day_of_week": "1,3,5"}, "Mon, Wed, Fri at 11:00"),
        ({"hour": "2", "minute": "30", "day_of_week": "1-5"}, "Mon to Fri at 2:30"),
        ({}, "every hour"),
        ({"minute": "15", "hour": "9-18"}, "every hour from 9:15 to 18:15"),
        ({"hour": "*/2"}, "every 2 hours"),
        ({"hour": "*/3", "minute": "5"}, "every 3 hours at 5 past"),
        ({"minute": "*/10"}, "every 10 minutes"),
        ({"hour": "*/2", "day_of_week": "0"}, "Sun every 2 hours"),
        ({"day_of_month": "1", "hour": "9"}, "cron 0 9 1 * *"),
        ({"hour": "9-17/2"}, "cron 0 9-17/2 * * *"),
    ],
)
def test_times_are_said_as_people_say_them(fields, words):
    every = {"minute": "0", "hour": "*", "day_of_week": "*", "day_of_month": "*", "month_of_year": "*"}
    assert rule_words.times({**every, **fields}) == words


# --- Runs ---------------------------------------------------------------------------------------------------------------


def test_runs_are_found_by_job_and_result_and_read_on_by_a_mark(as_omar, now, omar):
    for hours in range(30):
        ran(now, hours=hours + 1)
    ran(now, hours=0, job="analytics", status="failed", error="Broken: 12", attempts=3, actor=omar, slot=None)
    page = text_of(as_omar)
    assert page.count('class="r-what"') == 25
    assert "Broken" in page
    older = page.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    assert text_of(as_omar, URL + older.partition("#")[0]).count('class="r-what"') == 6
    assert text_of(as_omar, f"{URL}?job=analytics").count('class="r-what"') == 1
    assert text_of(as_omar, f"{URL}?status=failed&job=").count('class="r-what"') == 1
    assert "is like that" in text_of(as_omar, f"{URL}?job=cleanup")


def test_a_filter_there_is_none_of_is_named_and_everything_shown(as_omar, now):
    ran(now)
    for query in ("job=no_such", "status=x", "page=0", "cursor=%00", "unknown=1", "job=a&job=b"):
        answer = as_omar.get(f"{URL}?{query}")
        assert answer.status_code == 400, query
    page = text_of(as_omar, f"{URL}?job=no_such", 400)
    assert 'class="r-what"' in page
    assert "is none of" in page


def test_a_run_shows_what_came_of_it_and_its_error_without_anybodys_address(as_omar, now, omar):
    run = ran(now, status="failed", error="OSError: to vera@homeserve.example failed", result={"found": 3}, attempts=3)
    page = text_of(as_omar, f"{URL}runs/{run.pk}/")
    assert "Failed" in page
    assert "after 3 attempts" in page
    assert "v•••@homeserve.example" in page
    assert "vera@" not in page
    assert as_omar.get(f"{URL}runs/{omar.pk:032x}/").status_code == 404


def test_it_costs_the_same_for_thirty_runs_as_for_three(as_omar, now):
    def cost():
        text_of(as_omar)
        with CaptureQueriesContext(connection) as seen:
            text_of(as_omar)
        return len(seen)

    call_command("setup_periodic_tasks", verbosity=0)
    actors = people(30)
    for hours in range(3):
        ran(now, hours=hours + 1, job="cleanup", actor=actors[hours])
    few = cost()
    for hours in range(3, 30):
        ran(now, hours=hours + 1, job="cleanup", actor=actors[hours])
        ran(now, hours=hours + 1, job="analytics", status="missed")
    assert cost() == few <= 16


def test_finance_has_no_schedule(client, farah):
    client.force_login(farah)
    assert client.get(URL).status_code == 403
    assert client.post(f"{URL}analytics/run/").status_code == 403
    assert client.post(f"{URL}analytics/switch/", {"enabled": "off"}).status_code == 403


# --- By hand ------------------------------------------------------------------------------------------------------------


def test_running_a_check_says_first_what_it_finds_and_to_how_many_it_writes(as_omar, omar, now):
    booking(now, status="confirmed", scheduled_date=now - timedelta(days=3))
    page = as_omar.post(f"{URL}booking_timeouts/run/").content.decode()
    assert escape("Run “Overdue bookings” and write to 1 person?") in page
    assert "It finds 1 item, 1 critical." in page
    assert "3 messages to 1 person of the team." in page
    assert not BusinessAlert.objects.exists()
    assert not NotificationLog.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_job_is_run_in_the_persons_name_and_its_result_is_shown(as_omar, omar, now):
    page = as_omar.post(f"{URL}analytics/run/").content.decode()
    assert escape("Run “Pincode analytics” now?") in page
    assert "Nobody is written to." in page
    answer = as_omar.post(f"{URL}analytics/run/", {"asked": now.isoformat()})
    run = ScheduleRun.objects.get()
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{URL}?run={run.pk}")
    assert (run.status, run.actor, run.slot) == ("done", omar, None)
    assert LogEntry.objects.get(additional_data__act="begin generate_analytics").actor == omar
    assert "This run" in text_of(as_omar, answer.headers["Location"])


def test_a_job_that_somebody_else_began_is_not_begun_twice(as_omar, sara, now):
    by_hand.ask("analytics", actor=sara, now=now)
    answer = as_omar.post(f"{URL}analytics/run/", {"asked": now.isoformat()})
    assert answer.status_code == 409
    assert "Sara asked for it at 9:00" in answer.content.decode()
    assert ScheduleRun.objects.count() == 1


@pytest.mark.usefixtures("set_up")
def test_a_job_is_switched_off_and_on_after_asking_and_it_is_entered(as_omar, omar):
    page = text_of(as_omar, f"{URL}promotions/switch/")
    assert escape("Switch “Weekend promotion” off?") in page
    assert "slots meanwhile do not count as missed" in page
    task = PeriodicTask.objects.get(task="core.tasks.send_promotional_campaigns")
    assert as_omar.post(f"{URL}promotions/switch/").status_code == 400
    assert as_omar.post(f"{URL}promotions/switch/", {"enabled": "off"}).status_code == 303
    task.refresh_from_db()
    assert not task.enabled
    assert LogEntry.objects.get(content_type__model="periodictask").actor == omar
    page = text_of(as_omar)
    assert "Weekend promotion is switched off." in page
    assert "switched off" in row_of(page, "promotions")
    as_omar.post(f"{URL}promotions/switch/", {"enabled": "off"})
    assert "was switched off already" in text_of(as_omar)
    as_omar.post(f"{URL}promotions/switch/", {"enabled": "on"})
    task.refresh_from_db()
    assert task.enabled


@pytest.mark.usefixtures("set_up")
def test_while_its_slot_is_due_a_job_is_not_switched(as_omar, frozen):
    frozen.shift(timedelta(hours=1, minutes=1))
    answer = as_omar.post(f"{URL}payment_holds/switch/", {"enabled": "off"})
    assert answer.status_code == 409
    assert "is due and has not begun" in answer.content.decode()
    assert PeriodicTask.objects.get(task="core.tasks.check_payment_holds").enabled


def test_a_job_there_is_none_of_is_not_found(as_omar):
    assert as_omar.post(f"{URL}no_such/run/").status_code == 404
    assert as_omar.get(f"{URL}no_such/switch/").status_code == 404

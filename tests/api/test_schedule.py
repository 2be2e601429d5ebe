"""The schedule over the API: what runs when, what ran and was missed; a change makes nothing missed and nothing late."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django_celery_beat.models import PeriodicTask

from core import schedule
from core.models import ScheduleRun
from tests.api.callers import named_fields
from tests.api.conventions import entries, queries_of, survives_nonsense

URL = "/admin-dashboard/schedule/"
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen")]


@pytest.fixture
def jobs(frozen, db):
    """The schedule, set up at 8:30."""
    frozen.shift(timedelta(minutes=-30))
    call_command("setup_periodic_tasks")


def job(api, user, name="high_demand"):
    return {job["name"]: job for job in api(user).get(URL).json()["jobs"]}[name]


@pytest.mark.usefixtures("jobs")
def test_a_job_shows_when_it_runs_what_ran_and_what_was_missed(api, omar, now):
    ScheduleRun.objects.create(
        job="high_demand", slot=now - timedelta(days=1), status="done", started_at=now - timedelta(days=1), actor=omar
    )
    for days in (2, 3, 8):
        at = now - timedelta(days=days)
        ScheduleRun.objects.create(job="high_demand", slot=at, status="missed", started_at=at)
    told = job(api, omar)
    assert (told["title"], told["schedule"]["times"]["hour"], told["schedule"]["may_be_late_minutes"]) == ("High demand", "9", 180)
    assert told["schedule"]["next_slot"][:16] == "2026-11-16T09:00"
    assert (told["last_run"]["status"], told["missed_last_week"]) == ("done", 2)


@pytest.mark.usefixtures("jobs")
def test_new_times_hold_from_now_on_and_make_nothing_missed(api, omar, frozen, now):
    frozen.move_to(now + timedelta(hours=6))
    ScheduleRun.objects.create(job="high_demand", slot=now, status="done", started_at=now)
    answer = api(omar).patch(f"{URL}high_demand/", {"times": {"hour": "13", "minute": "30"}})
    assert answer.status_code == 200
    assert answer.json()["schedule"]["next_slot"][:16] == "2026-11-17T13:30"
    entry = entries(additional_data__job="high_demand")[-1]
    assert (entry.actor, entry.changes) == (omar, {"hour": ["9", "13"], "minute": ["0", "30"]})
    frozen.shift(timedelta(minutes=1))
    hurried: list[schedule.Job] = []
    schedule.reconcile(hurried.append, now=now + timedelta(hours=6, minutes=1))
    assert "high_demand" not in [job.name for job in hurried]
    assert not ScheduleRun.objects.filter(job="high_demand", status="missed").exists()


@pytest.mark.usefixtures("jobs")
def test_a_job_switched_off_and_on_again_makes_up_for_nothing(api, omar, frozen, now):
    caller = api(omar)
    assert caller.patch(f"{URL}high_demand/", {"enabled": False}).json()["schedule"]["next_slot"] is None
    assert PeriodicTask.objects.get(task="core.tasks.send_pincode_demand_alerts").enabled is False
    frozen.move_to(now + timedelta(hours=1))
    assert caller.patch(f"{URL}high_demand/", {"enabled": True}).json()["schedule"]["enabled"] is True
    hurried: list[schedule.Job] = []
    schedule.reconcile(hurried.append, now=now + timedelta(hours=1, minutes=1))
    assert "high_demand" not in [job.name for job in hurried]
    assert [entry.changes for entry in entries(additional_data__job="high_demand")] == [
        {"enabled": ["True", "False"]},
        {"enabled": ["False", "True"]},
    ]


@pytest.mark.usefixtures("jobs")
def test_while_a_run_is_due_its_times_stay(api, omar, frozen, now):
    frozen.move_to(now + timedelta(seconds=5))
    answer = api(omar).patch(f"{URL}high_demand/", {"times": {"hour": "13"}})
    assert (answer.status_code, answer.json()["job"]["schedule"]["times"]["hour"]) == (409, "9")
    assert "9:00" in answer.json()["message"]


@pytest.mark.usefixtures("jobs")
@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, "enabled"),
        ({"enabled": "yes"}, "enabled"),
        ({"times": {"hour": "99"}}, "times"),
        ({"times": {"hour": "*/0"}}, "times"),
        ({"times": {"hour": ","}}, "times"),
        ({"times": {"day_of_month": "31", "month_of_year": "2"}}, "times"),
        ({"times": {"hour": "mon"}}, "times.hour"),
        ({"times": {"second": "1"}}, "times.second"),
        ({"times": []}, "times"),
        ({"late": 1}, "late"),
    ],
)
def test_what_is_wrong_is_named_and_changes_nothing(api, omar, body, named):
    assert named_fields(api(omar).patch(f"{URL}high_demand/", body)) == [named]
    assert job(api, omar)["schedule"]["times"]["hour"] == "9"


@pytest.mark.usefixtures("jobs")
def test_nonsense_is_refused_and_unknown_jobs_are_not_found(api, omar):
    caller = api(omar)
    survives_nonsense(lambda body: caller.patch(f"{URL}high_demand/", body), {"enabled": True, "times": {"hour": "9"}})
    assert caller.patch(f"{URL}no_such/", {"enabled": True}).status_code == 404


def test_runs_are_filtered_read_one_by_one_and_cost_the_same_however_many(api, omar, now):
    def ran(first, last):
        ScheduleRun.objects.bulk_create(
            ScheduleRun(
                job=("cleanup", "promotions")[n % 2], started_at=now - timedelta(days=n), status="done", result={"n": n}, actor=omar
            )
            for n in range(first, last)
        )

    caller = api(omar)
    ran(0, 3)
    few = queries_of(lambda: caller.get(f"{URL}runs/"))
    ran(3, 30)
    assert queries_of(lambda: caller.get(f"{URL}runs/")) == few
    told = caller.get(f"{URL}runs/", job="cleanup", date_from="2026-11-12", date_to="2026-11-16").json()
    assert told["pagination"]["total"] == 3
    one = caller.get(f"{URL}runs/{told['runs'][0]['id']}/").json()
    assert (one["result"], one["actor"]["username"]) == ({"n": 0}, "omar")
    assert caller.get(f"{URL}runs/00000000-0000-0000-0000-000000000000/").status_code == 404
    assert named_fields(caller.get(f"{URL}runs/", job="none")) == ["job"]

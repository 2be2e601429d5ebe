"""Jobs begun by hand: entered before anybody is hurried, done once, and found again by their task's name."""

import threading
import time
from datetime import timedelta
from uuid import uuid4

import pytest
from celery import current_app
from django.db import connection
from django.utils import timezone
from django_celery_results.models import TaskResult

from core import by_hand, tasks
from core.dashboard.notifications import ACTIONS
from core.models import IdempotencyKey, MessagingRun, NotificationLog, PincodeAnalytics, ScheduleRun
from core.notifications import handover
from tests.api.callers import named_fields
from tests.api.conventions import entries

pytestmark = pytest.mark.django_db

URL = "/admin-dashboard/notifications/"


def state_of(caller, task_id):
    answer = caller.get(f"/admin-dashboard/tasks/{task_id}/")
    assert answer.status_code == 200, answer.content
    return answer.json()


@pytest.mark.parametrize("action", ACTIONS)
def test_every_action_is_begun_and_its_counts_are_found(api, omar, vera, action):
    caller = api(omar)
    answer = caller.post(URL, {"action": action})
    assert (answer.status_code, answer.json()["status"]) == (202, "success")
    state = state_of(caller, answer.json()["task_id"])
    assert (state["status"], state["task_id"]) == ("SUCCESS", answer.json()["task_id"])
    assert isinstance(state["result"], dict)
    assert state["date_done"]
    assert [entry.additional_data for entry in entries(actor=omar, action=3)] == [{"act": f"begin {action}", "dry_run": False}]
    assert ScheduleRun.objects.get(slot=None).actor == omar


@pytest.mark.parametrize("action", ACTIONS)
def test_a_dry_run_counts_and_writes_nothing(api, omar, vera, action):
    answer = api(omar).post(URL, {"action": action, "dry_run": True})
    assert answer.status_code == 200
    assert "task_id" not in answer.json()
    assert isinstance(answer.json()["result"], dict)
    assert not (ScheduleRun.objects.exists() or NotificationLog.objects.exists() or MessagingRun.objects.exists())
    assert not PincodeAnalytics.objects.exists()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "action"),
        ({"action": "drop_tables"}, "action"),
        ({"action": None}, "action"),
        ({"action": ["cleanup"]}, "action"),
        ({"action": "cleanup", "dry_run": "yes"}, "dry_run"),
        ({"action": "cleanup", "dry_run": 1}, "dry_run"),
        ({"action": "cleanup", "force": True}, "force"),
        ([], "non_field_errors"),
        ("cleanup", "non_field_errors"),
    ],
)
def test_what_cannot_be_begun_is_said_by_name(api, omar, body, field):
    assert named_fields(api(omar).post(URL, body)) == [field]
    assert not ScheduleRun.objects.exists()


@pytest.mark.parametrize(
    "raw",
    [
        b"{", b"\xff\xfe", b'{"action": "cleanup", "action": "cleanup"}', b'{"action": NaN}', b'{"action": "\\ud800"}', b"[" * 100_000,
        b'{"action": ' + b"9" * 5000 + b"}", b"\x00",
    ],
)  # fmt: skip
def test_what_is_no_json_is_a_400(api, omar, raw):
    answer = api(omar).call("POST", URL, raw)
    assert (answer.status_code, answer.json()["code"]) == (400, "parse_error")


def test_a_body_that_is_too_long_or_of_another_kind_is_refused(api, omar):
    assert api(omar).call("POST", URL, b'{"action": "' + b"x" * 2_700_000 + b'"}').status_code == 413
    assert api(omar).call("POST", URL, b"action=cleanup", Content_Type="application/x-www-form-urlencoded").status_code == 415


# --- Who does it ----------------------------------------------------------------------------------------------------------


def test_with_a_server_that_serves_nothing_is_done_in_the_request(api, omar, monkeypatch):
    monkeypatch.setattr(handover, "serving", True)
    caller = api(omar)
    task_id = caller.post(URL, {"action": "generate_analytics"}).json()["task_id"]
    assert state_of(caller, task_id)["status"] == "PENDING"
    assert tasks.run_all_asked() == 1
    assert state_of(caller, task_id)["status"] == "SUCCESS"
    assert tasks.run_all_asked() == 0


def test_a_broker_that_does_not_answer_is_nobodys_wait(api, omar, settings, monkeypatch):
    reached = threading.Event()

    def silent(*args, **kwargs):
        reached.set()
        time.sleep(5)
        raise ConnectionRefusedError

    monkeypatch.setattr(current_app, "send_task", silent)
    monkeypatch.setattr(current_app.conf, "task_always_eager", False)
    caller, began = api(omar), time.monotonic()
    answer = caller.post(URL, {"action": "generate_analytics"})
    assert (answer.status_code, time.monotonic() - began < 4) == (202, True)
    assert reached.wait(5)
    monkeypatch.setattr(current_app.conf, "task_always_eager", True)
    ScheduleRun.objects.update(started_at=timezone.now() - timedelta(minutes=1))
    tasks.run_due_jobs()
    assert state_of(caller, answer.json()["task_id"])["status"] == "SUCCESS"


def test_whoever_is_hurried_twice_does_it_once(omar):
    run = by_hand.ask("analytics", actor=omar, now=timezone.now())
    done = []

    def work(run):
        done.append(run.job)
        return {"pincodes": 1}

    assert by_hand.carry_out(run.task_id, work, now=timezone.now()) == {"pincodes": 1}
    assert "skipped" in by_hand.carry_out(run.task_id, work, now=timezone.now())
    assert done == ["analytics"]


def test_what_failed_says_so_and_names_nobody(api, omar):
    run = by_hand.ask("analytics", actor=omar, now=timezone.now())

    def fail(run):
        raise ValueError("kiran@homeserve.example is wrong")

    with pytest.raises(ValueError, match="wrong"):
        by_hand.carry_out(run.task_id, fail, now=timezone.now())
    state = state_of(api(omar), run.task_id)
    assert state["status"] == "FAILURE"
    assert "ValueError" in state["result"]["error"]
    assert "kiran@" not in str(state)


def test_a_run_whose_process_died_is_said_to_have_failed(api, omar):
    run = by_hand.ask("analytics", actor=omar, now=timezone.now())
    ScheduleRun.objects.filter(pk=run.pk).update(status="running", lease_until=timezone.now() - timedelta(seconds=1))
    tasks.run_due_jobs()
    assert state_of(api(omar), run.task_id)["status"] == "FAILURE"


def test_a_task_of_the_schedule_is_found_and_a_strangers_is_not(api, omar):
    ours, theirs = uuid4(), uuid4()
    TaskResult.objects.create(
        task_id=str(ours), task_name="core.tasks.cleanup_old_notifications", status="SUCCESS", result='{"deleted": 3}'
    )
    TaskResult.objects.create(task_id=str(theirs), task_name="elsewhere.secret", status="SUCCESS", result='"x"')
    caller = api(omar)
    assert state_of(caller, ours)["result"] == {"deleted": 3}
    assert caller.get(f"/admin-dashboard/tasks/{theirs}/").status_code == 404
    assert caller.get(f"/admin-dashboard/tasks/{uuid4()}/").status_code == 404
    assert caller.get("/admin-dashboard/tasks/nonsense/").status_code == 404


# --- Once ------------------------------------------------------------------------------------------------------------------


def test_the_same_key_and_body_is_answered_as_before_and_done_once(api, omar):
    caller = api(omar)
    first = caller.post(URL, {"action": "cleanup", "dry_run": False}, Idempotency_Key="a-1")
    again = caller.post(URL, {"dry_run": False, "action": "cleanup"}, Idempotency_Key="a-1")
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json() == again.json()
    assert again.headers["Idempotency-Replayed"] == "true"
    assert ScheduleRun.objects.count() == 1


def test_the_same_key_with_another_body_is_refused(api, omar):
    caller = api(omar)
    caller.post(URL, {"action": "cleanup"}, Idempotency_Key="a-1")
    answer = caller.post(URL, {"action": "generate_analytics"}, Idempotency_Key="a-1")
    assert (answer.status_code, answer.json()["code"]) == (422, "key_reused")
    assert ScheduleRun.objects.count() == 1


def test_while_the_first_call_runs_the_second_waits_for_nothing(api, omar):
    caller = api(omar)
    caller.post(URL, {"action": "cleanup"}, Idempotency_Key="a-1")
    IdempotencyKey.objects.update(status_code=None, response=None, created_at=timezone.now())
    answer = caller.post(URL, {"action": "cleanup"}, Idempotency_Key="a-1")
    assert (answer.status_code, answer.json()["code"]) == (409, "in_progress")


def test_a_key_is_ones_own_and_lives_for_a_day(api, omar, sara):
    caller = api(omar)
    caller.post(URL, {"action": "cleanup"}, Idempotency_Key="a-1")
    assert api(sara).post(URL, {"action": "generate_analytics"}, Idempotency_Key="a-1").status_code == 202
    IdempotencyKey.objects.update(created_at=timezone.now() - timedelta(hours=24, seconds=1))
    assert caller.post(URL, {"action": "generate_analytics"}, Idempotency_Key="a-1").status_code == 202


def test_a_refused_call_leaves_its_key_free(api, omar):
    caller = api(omar)
    assert caller.post(URL, {"action": "nonsense"}, Idempotency_Key="a-1").status_code == 400
    assert caller.post(URL, {"action": "cleanup"}, Idempotency_Key="a-1").status_code == 202


@pytest.mark.parametrize("key", ["", " ", "x" * 201, "ü"])
def test_what_is_no_key_is_said(api, omar, key):
    assert named_fields(api(omar).post(URL, {"action": "cleanup"}, Idempotency_Key=key)) == ["Idempotency-Key"]


@pytest.mark.django_db(transaction=True)
def test_of_eight_at_once_with_one_key_one_is_done(api, omar):
    callers, answers = [api(omar) for _ in range(8)], []
    start = threading.Barrier(8)

    def call(caller):
        start.wait()
        try:
            answers.append(caller.post(URL, {"action": "cleanup"}, Idempotency_Key="all").status_code)
        finally:
            connection.close()

    threads = [threading.Thread(target=call, args=(caller,)) for caller in callers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(answers) <= {202, 409}
    assert 202 in answers
    assert ScheduleRun.objects.count() == 1

"""Two schedulers, three workers and a click at the same moment make one run."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connections
from django.utils import timezone

from core import schedule
from core.models import BusinessAlert, NotificationLog, ScheduleRun
from tests import people, processes
from tests.office import ledger, opened

pytestmark = pytest.mark.django_db(transaction=True)


def eight_at_once(work):
    """What eight threads get that begin at the same moment."""
    barrier = threading.Barrier(8)

    def one(_):
        barrier.wait()
        try:
            return work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as crew:
        return list(crew.map(one, range(8)))


def test_of_eight_threads_one_runs_the_slot(frozen):
    office = opened(frozen)
    now, job, runs = office.at("9:00"), schedule.job_named("high_demand"), []

    def work():
        runs.append(1)
        return {"queued": 0}

    results = eight_at_once(lambda: schedule.run_slot(job, work, now=now))
    assert len(runs) == 1
    assert sorted("skipped" in result for result in results) == [False] + [True] * 7
    assert ledger("high_demand") == ["Mon 09:00 done"]


def test_of_eight_threads_one_takes_over_a_run_that_died(frozen):
    office = opened(frozen)
    job, runs = schedule.job_named("high_demand"), []
    ScheduleRun.objects.create(job=job.name, slot=office.at("9:00"), started_at=office.at("9:00"), lease_until=office.at("9:10"))
    now = office.at("9:11")

    def work():
        runs.append(1)
        return {"queued": 0}

    eight_at_once(lambda: schedule.run_slot(job, work, now=now))
    assert len(runs) == 1
    assert ScheduleRun.objects.get(job=job.name, status="done").attempts == 2


def test_eight_reconcilers_enter_and_tell_of_a_missed_run_once(frozen):
    omar = people.meet("omar")
    office = opened(frozen)
    now = office.at("16:00")
    eight_at_once(lambda: schedule.reconcile(lambda job: None, now=now))
    assert ledger("high_demand") == ["Mon 09:00 missed"]
    alert = BusinessAlert.objects.get(fingerprint="schedule:high_demand")
    assert NotificationLog.objects.filter(alert=alert, recipient=omar, method="email").count() == 1


RUN = """
import json, sys
from core import tasks
print("ready", flush=True)
sys.stdin.readline()
print(json.dumps(tasks.check_pending_signatures.delay(scheduled=True).get()))
"""


@pytest.mark.slow
def test_of_three_processes_one_runs_the_slot():
    call_command("setup_periodic_tasks", ledger_from=timezone.now() - timedelta(hours=2), verbosity=0)
    results = [json.loads(printed) for printed in processes.together([processes.start(RUN) for _ in range(3)])]
    assert sorted("skipped" in result for result in results) == [False, True, True]
    assert len(ledger("pending_signatures", "done")) == 1

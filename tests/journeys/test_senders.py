"""A worker's main process delivers beside its pool: real workers, held up, cut off and stopped."""

import os
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from tests.journeys.databases import own_database, redis_url
from tests.journeys.processes import Home, free_port, wait_until
from tests.servers.smtp import SLOW, SmtpServer
from tests.servers.twilio import TwilioServer

pytestmark = [pytest.mark.distributed, pytest.mark.postgresql, pytest.mark.slow]

CELERY = (sys.executable, "-m", "celery", "-A", "homeserve_pro")
WORKER = (*CELERY, "worker", "--concurrency=2", "--loglevel=WARNING")
QUEUED = """
from core.models import Lane, NotificationLog
from core.notifications import wake
NotificationLog.objects.bulk_create(
    NotificationLog(notification_type='business_alert', method='email', subject='Six jobs', message='Six jobs wait.', key='journey',
                    address=f'c{{n}}@homeserve.example', lane=Lane.BULK)
    for n in range({0}, {1})
)
for _ in range({2}):
    wake.send('email')
answer = 1
"""
OVERDUE = """
from datetime import timedelta
from core import clock
from core.models import NotificationLog
NotificationLog.objects.create(notification_type='business_alert', method='email', subject='Six jobs', message='Six jobs wait.',
    key='journey', address='waits@homeserve.example', due_at=clock.now() - timedelta(minutes=20))
answer = 1
"""
PASSWORD = """
import time
from core.notification_service import NotificationService
begun = time.monotonic()
NotificationService.send_and_store_otp('+919845000006', 'sms', 'Kiran')
answer = time.monotonic() - begun
"""


@pytest.fixture(scope="module")
def database(worker_id: str) -> Iterator[str]:
    with own_database(f"homeserve_senders_{worker_id}") as url:
        yield url


@pytest.fixture
def home(tmp_path: Path, database: str, post: SmtpServer, twilio: TwilioServer) -> Home:
    """A database with an empty outbox, providers on this machine, and an empty broker."""
    home = Home(
        tmp_path,
        {
            "DATABASE_URL": database,
            "REDIS_URL": redis_url(),
            "EMAIL_HOST": "127.0.0.1",
            "EMAIL_PORT": str(post.port),
            "TWILIO_ACCOUNT_SID": twilio.sid,
            "TWILIO_AUTH_TOKEN": twilio.token,
            "TWILIO_PHONE_NUMBER": twilio.number,
            "TWILIO_API_BASE_URL": twilio.url,
        },
    )
    home.manage("migrate", "-v0")
    with psycopg.connect(database, autocommit=True) as base:
        base.execute("TRUNCATE core_notificationlog, core_providerstate CASCADE")
    home.manage("shell", "-v0", "-c", "from homeserve_pro.celery import app; app.control.purge()")
    return home


def wait_until_ready(home: Home, times: int = 1) -> None:
    """The worker takes tasks; the so manieth of this home."""
    log = home.folder / "homeserve_pro.log"
    wait_until(lambda: log.exists() and log.read_text().count(" ready.") >= times, seconds=60, what="the worker to be ready")


def wait_for_more(post: SmtpServer, mails: int) -> None:
    enough = len(post.messages) + mails
    wait_until(lambda: len(post.messages) >= enough, seconds=60, what="a worker to be at work")


def count(home: Home, condition: str = "true") -> int:
    with psycopg.connect(home.extra["DATABASE_URL"]) as base:
        row = base.execute(f"SELECT count(*) FROM core_notificationlog n WHERE {condition}").fetchone()
    assert row is not None
    return int(row[0])


def test_a_password_leaves_while_the_whole_pool_stands_at_a_slow_mail_server(home: Home, post: SmtpServer, twilio: TwilioServer) -> None:
    post.slow_seconds = 60
    post.every["DOT"] = SLOW
    with home.running(*WORKER, name="worker") as worker:
        wait_until_ready(home)
        home.shell(QUEUED.format(0, 100, 2))
        busy = "phase = 'sending' AND lease_until > now()"
        wait_until(lambda: count(home, busy) >= 2, seconds=60, what="both processes of the pool to stand at the mail server")
        assert post.messages == []
        home.shell(PASSWORD)
        wait_until(lambda: len(twilio.messages) == 1, seconds=5, what="the password")
        assert count(home, busy) >= 2
        # There is nothing to wait for here.
        os.killpg(worker.pid, signal.SIGKILL)


def test_without_its_broker_a_worker_delivers_all_the_same(home: Home, post: SmtpServer, twilio: TwilioServer) -> None:
    home.extra["REDIS_URL"] = f"redis://127.0.0.1:{free_port()}/0"
    with home.running(*WORKER, name="worker") as worker:
        home.shell(QUEUED.format(0, 20, 2))
        decided_in = home.shell(PASSWORD)
        # A refused connection would cost six seconds, one that is not answered thirty.
        assert decided_in < 3
        wait_until(lambda: len(twilio.messages) == 1, seconds=30, what="the password")
        wait_until(lambda: count(home, "status = 'sent'") == 21, seconds=60, what="everything else")
        worker.terminate()
        assert worker.wait(30) == 0
    assert max(Counter(mail.recipient for mail in post.messages).values()) == 1


def test_stopped_and_started_again_under_load_it_loses_nothing_and_doubles_nothing(home: Home, post: SmtpServer) -> None:
    post.slow_seconds = 0.04
    post.every["DOT"] = SLOW
    home.extra["DELIVERY_LEASE_SECONDS"] = "10"
    for started, whole_group in enumerate((False, True, False, True)):
        with home.running(*WORKER, name="worker") as worker:
            wait_until_ready(home, started + 1)
            home.shell(QUEUED.format(150 * started, 150 * (started + 1), 2))
            wait_for_more(post, 25)
            if whole_group:
                os.killpg(worker.pid, signal.SIGTERM)
            else:
                worker.terminate()
            assert worker.wait(40) == 0, (home.folder / "worker.out").read_text()
        # What it had begun it ended, and it holds nothing.
        assert count(home, "phase IN ('sending', 'uncertain')") == 0
        assert count(home, "status = 'sent'") == len(post.messages)
    with home.running(*WORKER, name="worker"):
        wait_until(lambda: count(home, "status = 'sent'") == 600, seconds=90, what="the rest")
    assert Counter(mail.recipient for mail in post.messages) == Counter({f"c{n}@homeserve.example": 1 for n in range(600)})
    assert count(home, "dup_risk") == 0


def test_killed_it_leaves_no_session_in_the_database_and_a_killed_child_is_replaced(home: Home, post: SmtpServer) -> None:
    home.extra["DELIVERY_LEASE_SECONDS"] = "5"
    sessions = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"

    def guests() -> int:
        with psycopg.connect(home.extra["DATABASE_URL"]) as base:
            row = base.execute(sessions).fetchone()
        assert row is not None
        return int(row[0])

    with home.running(*WORKER, name="worker") as worker:
        wait_until(lambda: len(psutil.Process(worker.pid).children()) == 2 and guests() >= 2, seconds=60, what="the pool and the threads")
        wait_until_ready(home)
        for child in psutil.Process(worker.pid).children():
            child.kill()
        # What is forked now is forked beside threads with open connections.
        home.shell(QUEUED.format(0, 50, 2))
        wait_until(lambda: count(home, "status = 'sent'") == 50, seconds=60, what="delivery to go on")
        assert worker.poll() is None
        children = psutil.Process(worker.pid).children()
        worker.kill()
        worker.wait()
        wait_until(
            lambda: not any(child.is_running() and child.status() != "zombie" for child in children), seconds=20, what="its children"
        )
        wait_until(lambda: guests() == 0, seconds=20, what="the database to be left alone")
    with home.running(*WORKER, name="worker"):
        home.shell(QUEUED.format(50, 60, 2))
        wait_until(lambda: count(home, "status = 'sent'") == 60, seconds=60, what="another worker")


@pytest.mark.parametrize("pool", ["threads", "solo"])
def test_a_worker_with_another_pool_delivers_once_and_ends_when_it_is_asked(home: Home, post: SmtpServer, pool: str) -> None:
    with home.running(*WORKER, f"--pool={pool}", name="worker") as worker:
        wait_until_ready(home)
        home.shell(QUEUED.format(0, 40, 2))
        wait_until(lambda: count(home, "status = 'sent'") == 40, seconds=120, what="everything to leave")
        worker.terminate()
        assert worker.wait(30) == 0, (home.folder / "worker.out").read_text()
    assert Counter(mail.recipient for mail in post.messages) == Counter({f"c{n}@homeserve.example": 1 for n in range(40)})


def test_beat_alone_tells_ops_that_nothing_leaves(home: Home, post: SmtpServer) -> None:
    home.extra["OPS_EMAILS"] = "ops@homeserve.example"
    home.shell(OVERDUE)
    with home.running(*CELERY, "beat", "--pidfile=", "--loglevel=WARNING", name="beat"):
        wait_until(lambda: post.messages, seconds=120, what="ops to be told")
    assert {mail.recipient for mail in post.messages} == {"ops@homeserve.example"}
    assert count(home, "address = 'waits@homeserve.example' AND phase = 'queued'") == 1

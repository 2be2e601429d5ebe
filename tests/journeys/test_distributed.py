"""The same code as any number of processes: a worker, beat and a web server on PostgreSQL and Redis, or RabbitMQ for the tasks."""

import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.databases import own_database, redis_url
from tests.journeys.processes import Home, wait_until
from tests.servers.smtp import SmtpServer

pytestmark = [pytest.mark.distributed, pytest.mark.postgresql, pytest.mark.slow]

RABBITMQ = "amqp://guest:guest@127.0.0.1:5672//"
PYTHON = sys.executable


def rabbitmq_answers() -> bool:
    try:
        socket.create_connection(("127.0.0.1", 5672), timeout=1).close()
    except OSError:
        return False
    return True


@pytest.fixture(params=["redis", "rabbitmq"])
def home(request: pytest.FixtureRequest, tmp_path: Path, post: SmtpServer, worker_id: str) -> Iterator[Home]:
    """A PostgreSQL database of its own, and either broker."""
    if request.param == "rabbitmq" and not rabbitmq_answers():
        pytest.skip("No RabbitMQ answers here; with Redis the same is tested.")
    with own_database(f"homeserve_journey_{worker_id}_{request.param}") as database:
        home = Home(
            tmp_path,
            {
                "DATABASE_URL": database,
                "REDIS_URL": redis_url(),
                "EMAIL_HOST": "127.0.0.1",
                "EMAIL_PORT": str(post.port),
                **({"CELERY_BROKER_URL": RABBITMQ} if request.param == "rabbitmq" else {}),
            },
        )
        home.manage("migrate", "-v0")
        home.manage("setup_periodic_tasks")
        home.shell(
            "from core.models import User\n"
            "User.objects.create_user('omar', 'omar@homeserve.example', 'a long password', role='ops_manager')\nanswer = 1"
        )
        yield home


def test_worker_beat_and_web_deliver_what_a_shell_decides(home: Home, post: SmtpServer) -> None:
    celery = (PYTHON, "-m", "celery", "-A", "homeserve_pro")
    with (
        home.running(*celery, "worker", "--concurrency=2", "--loglevel=WARNING", name="worker"),
        home.running(*celery, "beat", "--loglevel=WARNING", name="beat"),
        home.running(
            PYTHON, "-m", "uvicorn", "homeserve_pro.asgi:application", "--port", str(home.port), "--log-level", "warning", name="web"
        ) as web,
    ):
        home.wait_for_server(web)
        # A task by its name, and its result.
        result = home.shell("from core.tasks import test_notification_system\nanswer = test_notification_system.delay().get(timeout=60)")
        assert result["by_method"]["email"] == {"sent": 1}
        assert [mail.recipient for mail in post.messages] == ["omar@homeserve.example"]
        # A decision in a shell is delivered by the worker.
        home.shell(
            "from core.notification_service import NotificationService\n"
            "answer = NotificationService.send_business_alert('system_error', None, {'title': 'Gateway down'}).as_dict()"
        )
        wait_until(lambda: len(post.messages) == 2, seconds=30, what="the worker to send")
        # A row that nobody was told of is found by beat's sweep.
        home.shell(
            "from core.models import NotificationLog, User\n"
            "NotificationLog.objects.create(recipient=User.objects.get(), notification_type='signature_request', method='email',"
            " subject='Sign', message='Please sign.'); answer = 1"
        )
        wait_until(lambda: len(post.messages) == 3, seconds=45, what="beat's sweep")
        cookie = home.log_in("omar", "a long password")
        assert cookie
    statuses = home.shell(
        "from core.models import NotificationLog; answer = sorted(set(NotificationLog.objects.values_list('status', flat=True)))"
    )
    assert statuses == ["sent"]

"""Canaries fly through the whole product as real processes; no argument of a process, log, terminal, result or broker may hold one."""

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
from django.conf import settings

from tests.journeys.databases import own_database, redis_url
from tests.journeys.processes import Home, wait_until
from tests.servers import SmtpServer, TwilioServer

pytestmark = pytest.mark.slow

# In the environment, which is where secrets belong, and never in a command.
CANARIES = {
    "CANARY_EMAIL": "canary.bird@nest.example",
    "CANARY_PHONE": "+919876501234",
    "CANARY_PASSWORD": "canary-password-tweet",
    "SECRET_KEY": "canary-secret-key-of-the-right-length-0123456789",
    "EMAIL_HOST_PASSWORD": "canary-smtp-secret",
    "ANYMAIL_WEBHOOK_SECRET": "hook:canary-webhook-secret",
}
BIRD = """
import os
from core.models import User
email, phone, password = (os.environ[f'CANARY_{name}'] for name in ('EMAIL', 'PHONE', 'PASSWORD'))
User.objects.create_user('bird', email, password, role='ops_manager', phone=phone)
answer = 1
"""
SENT = """
import os
from core.notification_service import NotificationService
from core.tasks import test_notification_system
email, phone = os.environ['CANARY_EMAIL'], os.environ['CANARY_PHONE']
NotificationService.send_and_store_otp(email)
NotificationService.send_and_store_otp(phone, method='sms')
NotificationService.verify_otp(email, '000000')
words = {'title': f'{email} {phone}', 'severity': 'critical'}
NotificationService.send_business_alert('system_error', None, words)
answer = bool(test_notification_system.delay().get(timeout=60))
"""
RESULTS = """
from django_celery_results.models import TaskResult
from core.models import ScheduleRun
answer = [str(list(TaskResult.objects.values())), str(list(ScheduleRun.objects.values()))]
"""


class Watch:
    """Reads the arguments of every process of this machine, again and again; keeps those that hold a canary."""

    def __init__(self, canaries: set[str]) -> None:
        self.canaries, self.found, self.looks = canaries, set[str](), 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(10)

    def _look(self) -> None:
        while not self._over.wait(0.02):
            for process in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    said = process.read_bytes().decode(errors="replace")
                except OSError:
                    continue
                self.found |= {canary for canary in set(self.canaries) if canary in said}
            self.looks += 1


@contextmanager
def running(home: Home) -> Iterator[None]:
    """Everything that a person starts: one process, or a worker, beat and a web server."""
    with ExitStack() as stack:
        if not settings.REDIS_URL:
            stack.enter_context(home.server())
        else:
            celery = (sys.executable, "-m", "celery", "-A", "homeserve_pro")
            for name, command in {
                "worker": (*celery, "worker", "--concurrency=2", "--loglevel=INFO"),
                "beat": (*celery, "beat", "--loglevel=INFO"),
            }.items():
                stack.enter_context(home.running(*command, name=name))
            uvicorn = (sys.executable, "-m", "uvicorn", "homeserve_pro.asgi:application", "--port", str(home.port))
            home.wait_for_server(stack.enter_context(home.running(*uvicorn, name="server")))
        yield


def kept_in_redis() -> str:
    with redis.Redis.from_url(redis_url()) as server:
        return "".join(repr(key) + repr(server.dump(key)) for key in server.scan_iter())


def visit(home: Home, bearer: str) -> list[str]:
    """What a browser and a machine do with the canaries; the pages that refuse them."""
    email, phone, password = (CANARIES[name] for name in ("CANARY_EMAIL", "CANARY_PHONE", "CANARY_PASSWORD"))
    with httpx.Client(base_url=home.url) as client:
        told = {"authorization": f"Bearer {bearer}"}
        answers = [
            client.get(f"/nowhere/{email}/{phone}/?token={bearer}&password={password}&otp=1&email={email}", headers=told),
            client.get("/healthz", headers={"host": f"{email}.evil.example"}),
            client.post("/accounts/login/", data={"username": email, "password": password}),
            client.post("/api/auth/login/", json={"username": email, "password": password + "x"}),
            client.get(f"/admin-dashboard/notifications/logs/?search={email}&password={password}&phone={phone}", headers=told),
            client.get(f"/admin-dashboard/users/{bearer}/", headers={"authorization": f"Bearer {password}"}),
            client.get(f"/unsubscribe/{bearer}/"),
            client.post("/webhooks/anymail/postmark/tracking/", json={"Recipient": email}, auth=("hook", password)),
            client.post("/webhooks/twilio/status/", data={"To": phone, "MessageSid": "SM1", "MessageStatus": "sent"}),
        ]
        # Of every kind of refusal there is one; a broken page is tests/security/test_logs.py's.
        assert {answer.status_code for answer in answers} >= {400, 401, 403, 404}
        assert all(answer.status_code >= 400 for answer in answers)
        assert client.get("/api/inbox/", headers=told).status_code == 200
        assert home.log_in("bird", password)
    return [answer.text for answer in answers]


def test_no_canary_is_in_an_argument_a_log_a_result_or_the_broker(tmp_path: Path, worker_id: str) -> None:
    with (
        ExitStack() as stack,
        SmtpServer(user=CANARIES["CANARY_EMAIL"], password=CANARIES["EMAIL_HOST_PASSWORD"]) as post,
        TwilioServer() as twilio,
    ):
        extra = {
            **CANARIES,
            "EMAIL_HOST": "127.0.0.1",
            "EMAIL_PORT": str(post.port),
            "EMAIL_HOST_USER": CANARIES["CANARY_EMAIL"],
            "TWILIO_ACCOUNT_SID": twilio.sid,
            "TWILIO_AUTH_TOKEN": twilio.token,
            "TWILIO_PHONE_NUMBER": twilio.number,
            "TWILIO_API_BASE_URL": twilio.url,
        }
        if settings.REDIS_URL:
            database = stack.enter_context(own_database(f"homeserve_canaries_{worker_id}"))
            extra |= {"DATABASE_URL": database, "REDIS_URL": redis_url()}
        home = Home(tmp_path, extra)
        watch = stack.enter_context(Watch({*CANARIES.values(), twilio.token}))
        home.manage("migrate", "-v0")
        home.manage("setup_periodic_tasks")
        home.shell(BIRD)
        bearer = home.manage("create_token", "bird").strip().splitlines()[-1]
        watch.canaries |= {bearer}
        with running(home):
            assert home.shell(SENT) is True
            wait_until(lambda: len(post.messages) >= 3 and len(twilio.messages) >= 2, seconds=60, what="the messages")
            refusals = visit(home, bearer)
            broker = kept_in_redis() if settings.REDIS_URL else ""
            # The watch sees what is there to see.
            watch.canaries |= {"canary-of-the-watch"}
            with subprocess.Popen([sys.executable, "-c", "input()", "canary-of-the-watch"], stdin=subprocess.PIPE) as leak:
                wait_until(lambda: "canary-of-the-watch" in watch.found, seconds=20, what="the watch")
                assert leak.stdin is not None
                leak.stdin.write(b"\n")
                leak.stdin.close()
        results = home.shell(RESULTS)
        assert "test_notification_system" in results[0]
    assert watch.looks > 20
    assert watch.found == {"canary-of-the-watch"}
    codes = {code for mail in post.messages for code in re.findall(r"(?<!\d)\d{6}(?!\d)", mail.text()) if "code" in mail.text().lower()}
    codes |= {code for sms in twilio.messages for code in re.findall(r"(?<!\d)\d{6}(?!\d)", sms.body)}
    assert codes
    wrote = {str(file.relative_to(tmp_path)): file.read_text(errors="replace") for file in tmp_path.rglob("*") if is_text(file)}
    assert {"server.out", "homeserve_pro.log"} <= set(wrote)
    places: dict[str, Any] = {**wrote, "refusals": "".join(refusals), "broker": broker, "results": "".join(results)}
    canaries = {*CANARIES.values(), twilio.token, bearer, CANARIES["CANARY_PHONE"].lstrip("+")}
    assert [(place, canary) for place, said in places.items() for canary in canaries if canary in said] == []
    # A time's fraction of a second has six digits, too.
    assert [(place, code) for place, said in places.items() for code in codes if re.search(rf"(?<![\w.-]){code}(?![\w.-])", said)] == []


def is_text(file: Path) -> bool:
    """Logs, what was said on the terminal, and the product's own files; not the database, which is what it is all kept in."""
    return file.is_file() and "sqlite" not in file.name

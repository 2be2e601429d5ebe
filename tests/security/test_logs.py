"""Canaries are sent through every door; none may be found in a log, on the terminal, in a task's arguments or its result.

One-time passwords have claims of their own in tests/messaging/test_passwords.py.
"""

import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from base64 import b64encode
from pathlib import Path
from uuid import uuid4

import pytest
import structlog
from django.conf import settings as product
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.urls import path
from django.views.debug import ExceptionReporter
from django_celery_results.models import TaskResult

from core import links, tasks
from core.masking import mask_text
from core.models import Role
from core.notification_service import NotificationService
from homeserve_pro.urls import urlpatterns as addresses
from tests.environment import ROOT
from tests.people import person

EMAIL = "canary.bird@nest.example"
PHONE = "+919876501234"
PASSWORD = "canary-password-tweet"
BEARER = "c" * 60 + "4711"
SMTP_PASSWORD = "canary-smtp-secret"
TWILIO_TOKEN = "canarytwiliotoken0123456789abcdef"
LINK = links.token(links.UNSUBSCRIBE, uuid4())
CLICK = links.token(links.LINK, uuid4())
CANARIES = (EMAIL, PHONE, PHONE.lstrip("+"), "98765 01234", PASSWORD, BEARER, SMTP_PASSWORD, TWILIO_TOKEN, LINK, CLICK)


def breaks(request: HttpRequest) -> HttpResponse:
    password, owner = PASSWORD, {"email": EMAIL, "phone": PHONE}
    raise RuntimeError(f"Cannot write to {owner['email']} or {owner['phone']}; Authorization: Bearer {BEARER}; /r/{CLICK}/ {len(password)}")


urlpatterns = [*addresses, path("breaks/", breaks)]


def closed_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def logged() -> str:
    """What the product's own handler has written."""
    file = Path(product.LOG_FILE)
    return file.read_text(encoding="utf-8") if file.is_file() else ""


def found_in(text: str) -> set[str]:
    return {canary for canary in CANARIES if canary in text}


@pytest.mark.urls(__name__)
@pytest.mark.django_db
def test_no_canary_sings(settings, capsys, frozen):
    settings.EMBEDDED = True
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", closed_port()
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = EMAIL, SMTP_PASSWORD
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.TWILIO_ACCOUNT_SID, settings.TWILIO_AUTH_TOKEN = "AC" + "0" * 32, TWILIO_TOKEN
    settings.TWILIO_PHONE_NUMBER, settings.TWILIO_API_BASE_URL = "+15005550006", f"http://127.0.0.1:{closed_port()}"
    before = len(logged())
    bird = person(Role.CUSTOMER, username="bird", email=EMAIL, phone=PHONE)
    client = Client(raise_request_exception=False)

    client.post("/accounts/login/", {"username": EMAIL, "password": PASSWORD})
    client.post("/accounts/login/", {"username": PASSWORD, "password": PASSWORD})
    client.post("/api/auth/login/", {"username": EMAIL, "password": PASSWORD}, content_type="application/json")
    client.get("/admin-dashboard/thresholds/", headers={"authorization": f"Bearer {BEARER}"})
    client.get(f"/unsubscribe/{LINK}/")
    client.post(f"/unsubscribe/{LINK}/", {"List-Unsubscribe": "One-Click"})
    client.get(f"/r/{CLICK}/")
    client.get(f"/r/{CLICK}")
    client.get(f"/nowhere/{EMAIL}/{PHONE}/?token={PASSWORD}&password={PASSWORD}&otp=1&email={EMAIL}&next=/r/{CLICK}/")
    client.get("/breaks/")
    client.get("/", headers={"user-agent": f"Mozilla {EMAIL} Bearer {BEARER}", "host": f"{EMAIL}.evil.example"})
    client.post("/webhooks/twilio/status/", {"To": PHONE, "MessageSid": "SM1", "MessageStatus": "sent"})
    basic = b64encode(f"user:{PASSWORD}".encode()).decode()
    client.post(
        "/webhooks/anymail/postmark/tracking/",
        f'{{"Recipient": "{EMAIL}"',
        content_type="application/json",
        headers={"authorization": f"Basic {basic}"},
    )
    NotificationService.send_and_store_otp(EMAIL)
    NotificationService.send_and_store_otp(PHONE, method="sms")
    NotificationService.verify_otp(EMAIL, "123456")
    NotificationService.send_business_alert("system_error", [bird], {"title": f"{EMAIL} {PHONE}", "severity": "critical"})
    for method in ("email", "sms", "websocket"):
        tasks.deliver_outbox.delay(method=method)
    tasks.test_notification_system.delay()
    structlog.get_logger("canary").error("said", password=PASSWORD, address={"to": [EMAIL, PHONE]}, api_token=BEARER, said=f"to {EMAIL}")

    wrote = logged()[before:]
    assert "request_failed" in wrote
    assert "RuntimeError" in wrote
    assert found_in(wrote) == set()
    terminal = capsys.readouterr()
    assert found_in(terminal.out + terminal.err) == set()
    results = str(list(TaskResult.objects.values()))
    assert "test_notification_system" in results
    assert found_in(results) == set()


@pytest.mark.distributed
@pytest.mark.django_db
def test_nothing_of_it_is_kept_in_redis(settings, frozen):
    import redis

    bird = person(Role.CUSTOMER, username="bird", email=EMAIL, phone=PHONE)
    client = Client()
    client.post("/accounts/login/", {"username": EMAIL, "password": PASSWORD})
    client.force_login(bird)
    client.get("/inbox/", headers={"authorization": f"Bearer {BEARER}"})
    NotificationService.send_and_store_otp(EMAIL)
    server = redis.Redis.from_url(product.REDIS_URL)
    kept = ""
    for key in server.scan_iter():
        kept += repr(key) + repr(server.dump(key))
    assert found_in(kept) == set()


def test_a_server_started_from_a_shell_masks_as_well(tmp_path):
    """uvicorn brings handlers of its own, and logs each address."""
    port = closed_port()
    environment = {"PATH": "/usr/bin:/bin", "VAR_DIR": str(tmp_path), "LOG_FILE": str(tmp_path / "log"), "PYTHONUNBUFFERED": "1"}
    environment |= {"DATABASE_URL": f"sqlite:///{tmp_path}/db.sqlite3", "SECRET_KEY": product.SECRET_KEY}
    command = [sys.executable, "-m", "uvicorn", "homeserve_pro.asgi:application", "--port", str(port)]
    server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        until = time.monotonic() + 90
        while time.monotonic() < until:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/unsubscribe/{LINK}/?email={EMAIL}", timeout=30)
            except urllib.error.HTTPError:
                break
            except OSError:
                time.sleep(0.3)
        else:
            pytest.fail("The server did not answer.")
    finally:
        server.terminate()
        out, _ = server.communicate(timeout=30)
    assert "/unsubscribe/" in out + (tmp_path / "log").read_text(encoding="utf-8")
    assert found_in(out) == set()
    assert found_in((tmp_path / "log").read_text(encoding="utf-8")) == set()


def test_a_developers_error_page_shows_no_address_with_a_password_in_it(settings):
    settings.REDIS_URL = settings.CELERY_BROKER_URL = f"redis://user:{PASSWORD}@redis.internal:6379/0"
    try:
        raise RuntimeError("broken")
    except RuntimeError:
        page = ExceptionReporter(RequestFactory().get("/"), *sys.exc_info()).get_traceback_html()
    assert "redis" in page
    assert PASSWORD not in page


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("to a.b+c@x.example.", "to a•••@x.example."),
        ("call +91 98765 01234 now", "call +91 •••••234 now"),
        ("09876501234", "•••••234"),
        ("GET /users/" + "0c" * 32 + "/ HTTP", "GET /users/•••/ HTTP"),
        ("/x/?otp=123456&a=1", "/x/?otp=•••&a=1"),
        ("GET /x/?token=abc HTTP", "GET /x/?token=••• HTTP"),
        ("redis://user:secret@host:6379/0", "redis://•••@host:6379/0"),
        ("pincode 560001, ₹1,23,456", "pincode 560001, ₹1,23,456"),
        ("2026-11-23T02:03:22.468386Z", "2026-11-23T02:03:22.468386Z"),
        ("at 2026-11-23 02:03:22", "at 2026-11-23 02:03:22"),
        ("123e4567-e89b-12d3-a456-426614174000", "123e4567-e89b-12d3-a456-426614174000"),
    ],
)
def test_what_is_masked_and_what_can_still_be_read(text, masked):
    assert mask_text(text) == masked


def test_masking_takes_no_longer_than_reading(now):
    """No input makes a pattern go back and forth."""
    for nasty in ("a" * 100_000, "a." * 50_000, "1 " * 50_000, "@" * 100_000, "?otp=" * 20_000, "x://" * 25_000, "+91 " * 25_000):
        began = time.perf_counter()
        mask_text(nasty)
        assert time.perf_counter() - began < 2, nasty[:10]

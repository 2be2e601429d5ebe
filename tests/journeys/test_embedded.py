"""One command on a laptop: a message said in a shell arrives by real SMTP, a Twilio-shaped API and an open page."""

import json
import os
import signal
from pathlib import Path

import pytest
from websockets.sync.client import connect
from websockets.typing import Origin

from tests.journeys.processes import Home, wait_until
from tests.servers.smtp import SLOW, SmtpServer
from tests.servers.twilio import TwilioServer

pytestmark = pytest.mark.embedded

CAST = """
from core.models import User
User.objects.create_user('omar', 'omar@homeserve.example', 'a long password', role='ops_manager', phone='+919845000002')
User.objects.create_user('sara', 'sara@homeserve.example', 'a long password', role='super_admin', phone='+919845000001')
answer = 1
"""
ALERT = """
from core.notification_service import NotificationService
result = NotificationService.send_business_alert('system_error', None, {'title': 'Gateway down', 'severity': 'critical'})
answer = result.as_dict()
"""
STATUSES = """
from core.models import NotificationLog
answer = sorted(map(list, NotificationLog.objects.values_list('method', 'status', 'provider')))
"""


@pytest.fixture
def home(tmp_path: Path, post: SmtpServer, twilio: TwilioServer) -> Home:
    """A database with two of the staff in it, and providers on this machine."""
    home = Home(
        tmp_path,
        {
            "EMAIL_HOST": "127.0.0.1",
            "EMAIL_PORT": str(post.port),
            "TWILIO_ACCOUNT_SID": twilio.sid,
            "TWILIO_AUTH_TOKEN": twilio.token,
            "TWILIO_PHONE_NUMBER": twilio.number,
            "TWILIO_API_BASE_URL": twilio.url,
        },
    )
    home.manage("migrate", "-v0")
    home.manage("setup_periodic_tasks")
    home.shell(CAST)
    return home


def test_with_nothing_else_running_a_call_in_a_shell_sends_before_it_returns(home: Home, post: SmtpServer, twilio: TwilioServer) -> None:
    result = home.shell(ALERT)
    assert (result["queued"], result["people"]) == (6, 2)
    assert sorted(mail.recipient for mail in post.messages) == ["omar@homeserve.example", "sara@homeserve.example"]
    assert sorted(sms.to for sms in twilio.messages) == ["+919845000001", "+919845000002"]
    assert {status for _, status, _ in home.shell(STATUSES)} == {"sent"}
    # Again with the same words, on the same day: nobody is told twice.
    assert home.shell(ALERT)["queued"] == 0
    assert len(post.messages) == len(twilio.messages) == 2


def test_beside_a_server_an_open_page_hears_of_it_too(home: Home, post: SmtpServer, twilio: TwilioServer) -> None:
    with home.server() as server:
        cookie = home.log_in("omar", "a long password")
        address = f"ws://127.0.0.1:{home.port}/ws/notifications/"
        with connect(address, additional_headers={"Cookie": f"sessionid={cookie}"}, origin=Origin(home.url)) as page:
            assert json.loads(page.recv(timeout=5)) == {"type": "unread", "count": 0}
            home.shell(ALERT)
            frame = json.loads(page.recv(timeout=10))
            assert (frame["type"], "Gateway down" in frame["subject"]) == ("notification", True)
            page.send(json.dumps({"type": "ack", "id": frame["id"]}))
            wait_until(lambda: ["websocket", "delivered", "websocket"] in home.shell(STATUSES), seconds=15, what="the acknowledgement")
        server.send_signal(signal.SIGTERM)
        assert server.wait(20) == 0
    assert len(post.messages) == len(twilio.messages) == 2
    parts = post.messages[0].mail
    assert parts.get_content_type() == "multipart/alternative"
    assert "Gateway down" in str(parts["Subject"])


def test_a_second_server_of_the_same_database_is_refused(home: Home) -> None:
    with home.server(), home.running(*home.manage_command, "run_embedded", name="second") as second:
        assert second.wait(60) == 1
        assert "already running" in (home.folder / "second.out").read_text()


def test_killed_and_started_again_nothing_is_lost(home: Home, post: SmtpServer) -> None:
    """Forty mails wait, the provider is slow, the server is killed in the middle of a call: each person has the mail in the end."""
    home.shell(
        """
from core.models import NotificationLog, User
from core.models.fields import new_id
people = User.objects.bulk_create(User(username=f'c{n}', email=f'c{n}@homeserve.example', password='!') for n in range(40))
NotificationLog.objects.bulk_create(
    NotificationLog(recipient=p, notification_type='signature_request', method='email', subject='Sign', message='Sign.', key='journey')
    for p in people
)
answer = 1
"""
    )
    post.slow_seconds = 30
    home.extra["DELIVERY_LEASE_SECONDS"] = "5"
    with home.server() as server:
        wait_until(lambda: len(post.messages) >= 5, seconds=30, what="the first mails")
        post.every["DOT"] = SLOW
        wait_until(lambda: "sending" in home.shell(PHASES), seconds=20, what="a call that hangs")
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
    post.every.clear()
    with home.server():
        wait_until(lambda: len({mail.recipient for mail in post.messages}) >= 39, seconds=60, what="every mail but the one in hand")
        # The one whose outcome nobody knows waits two minutes before it is sent again; the row is told that they have passed.
        wait_until(lambda: "sending" not in home.shell(PHASES), seconds=40, what="the lease to end")
        home.shell(
            "from core.models import NotificationLog; from django.utils import timezone\n"
            "answer = NotificationLog.objects.filter(phase='uncertain').update(due_at=timezone.now())"
        )
        wait_until(lambda: set(home.shell(PHASES)) == {"accepted"}, seconds=40, what="all to be accepted")
    assert {mail.recipient for mail in post.messages} == {f"c{n}@homeserve.example" for n in range(40)}
    risky = home.shell("from core.models import NotificationLog; answer = NotificationLog.objects.filter(dup_risk=True).count()")
    assert risky == 1
    assert len(post.messages) <= 41


PHASES = "from core.models import NotificationLog; answer = sorted(set(NotificationLog.objects.values_list('phase', flat=True)))"

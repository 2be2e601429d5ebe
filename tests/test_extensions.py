"""A campaign, a check and a transport are each one file (and its wording, or one line of settings): the documents' own examples
are written out, discovered by the same door as the product's, run, and taken away again."""

import importlib
import json
import re
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.management import call_command
from django_celery_beat.models import PeriodicTask

from core import tasks
from core.alerts.check import checks
from core.messaging.campaign import campaigns
from core.models import Booking, BusinessAlert, NotificationLog, Preference, Suppression, Switch, Threshold, TypeSetting
from core.notifications import mjml, rendering, wordings
from core.notifications.kinds import kinds
from core.notifications.transports import close_transports
from core.registry import discover
from tests.environment import ROOT
from tests.messaging.market import MONDAY, SUNDAY, booked, demand, ist, left_out, messages, row, told
from tests.people import HOME

pytestmark = pytest.mark.django_db

# A file that a document shows: its path between backticks and a colon, then its text in a fence.
SHOWN = re.compile(r"`(core/[\w/.]+)`:\n\n```\w+\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def shown_in(document: str) -> dict[str, str]:
    """The files that a document shows, by their paths."""
    return dict(SHOWN.findall((ROOT / "docs" / document).read_text(encoding="utf-8")))


@pytest.fixture
def add(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[dict[str, str]], list[str]]]:
    """Puts files where the product looks for its own, for one test. Returns the names of the modules among them."""
    added: list[str] = []

    def put(files: dict[str, str]) -> list[str]:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            if path.suffix == ".py":
                added.append(name.removesuffix(".py").replace("/", "."))
                package = importlib.import_module(added[-1].rpartition(".")[0])
                monkeypatch.setattr(package, "__path__", [*package.__path__, str(path.parent)])
        own = tmp_path / "core" / "templates" / "notifications"
        if own.is_dir():
            for there in wordings.ROOM.iterdir():
                (own / there.name).symlink_to(there)
            monkeypatch.setattr(wordings, "ROOM", own)
        return added

    before = {id(registry): set(registry.names()) for registry in (campaigns, checks, kinds)}
    yield put
    for registry in (campaigns, checks, kinds):
        for name in set(registry.names()) - before[id(registry)]:
            registry.remove(name)
    for module in added:
        parent, _, name = module.rpartition(".")
        if sys.modules.pop(module, None):
            delattr(sys.modules[parent], name)
    for cached in (wordings.from_files, wordings._example, wordings.allowed, mjml._frame, rendering._compiled):
        cached.cache_clear()


# --- A campaign ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def slow_answers(add: Any, frozen: Any) -> None:
    """The campaign of docs/add-a-campaign.md, on the Monday at noon."""
    files = shown_in("add-a-campaign.md")
    assert [Path(name).name for name in files] == ["slow_answers.py", "subject.txt", "body.txt", "email.mjml", "sms.txt", "example.json"]
    add(files)
    discover("core.messaging.campaigns")
    frozen.move_to(ist(MONDAY, 12))


def answered_after(minutes: int, **fields: Any) -> None:
    at = ist(SUNDAY)
    booked(2, at=at, assigned_at=at + timedelta(minutes=minutes), status="confirmed", **fields)


@pytest.mark.parametrize(("minutes", "fires"), [(60, 0), (61, 1)])
def test_a_campaign_is_one_file_and_its_wording(slow_answers, vera, viren, minutes, fires):
    answered_after(minutes)
    result = tasks.run_campaign("slow_answers")
    assert (result["matched"], result["queued"]) == (fires, 2 * fires)
    assert messages() == ([("vera", "email"), ("vera", "websocket")] if fires else [])


def test_it_says_its_own_words(slow_answers, vera):
    answered_after(75)
    tasks.run_campaign("slow_answers")
    mail = NotificationLog.objects.select_related("content").get(method="email")
    assert mail.subject == "Customers in 560001 waited 75 minutes for an answer"
    assert "Hello Vera" in mail.message
    assert "The first to answer gets the job" in mail.content.html
    parts = {part: (wordings.ROOM / "slow_answers" / file).read_text() for part, file in wordings.PARTS.items()}
    assert rendering.validate(parts, example=wordings.example("slow_answers"), template="slow_answers") == []


def test_its_flag_needs_no_column_and_it_tells_nobody_twice(slow_answers, vera, frozen):
    answered_after(75)
    tasks.run_campaign("slow_answers")
    assert row(SUNDAY).other_alerts_sent == {"slow_answers": True}
    assert tasks.run_campaign("slow_answers")["matched"] == 0
    assert len(messages()) == 2


def test_another_campaigns_flag_does_not_silence_it(slow_answers, vera):
    answered_after(75)
    tasks.generate_pincode_analytics()
    measured = row(SUNDAY)
    measured.other_alerts_sent = {"somebody_else": True}
    measured.save()
    assert tasks.run_campaign("slow_answers")["queued"] == 2
    assert row(SUNDAY).other_alerts_sent == {"somebody_else": True, "slow_answers": True}


def test_it_has_limits_preferences_switches_and_caps_like_any_other(slow_answers, vera, frozen):
    call_command("setup_periodic_tasks", stdout=StringIO())
    answered_after(75)
    assert Threshold.objects.get(rule="slow_answers").value == 60
    Threshold.objects.create(rule="slow_answers", name="minutes_over", scope=HOME, value=80, effective_from=ist(SUNDAY))
    assert tasks.run_campaign("slow_answers", dry_run=True)["matched"] == 0
    Threshold.objects.filter(scope=HOME).delete()
    Preference.objects.create(person=vera, category="slow_answers", method="websocket", allowed=False)
    Switch.objects.create(scope="campaign", name="slow_answers")
    assert tasks.run_campaign("slow_answers")["suppressed"] == {"opted_out": 1}
    tasks.deliver_outbox("email")
    assert NotificationLog.objects.get().status == "pending"
    for day in (1, 2):
        frozen.move_to(ist(MONDAY + timedelta(days=day), 12))
        at = ist(MONDAY + timedelta(days=day - 1))
        booked(1, at=at, assigned_at=at + timedelta(hours=2), status="confirmed")
        tasks.run_campaign("slow_answers")
    assert left_out(reason="over_cap") == [("vera", "over_cap", "email")]


def test_it_runs_by_the_clock_at_its_own_hour(slow_answers, vera, frozen):
    answered_after(75)
    frozen.move_to(ist(MONDAY, 11, 59))
    call_command("setup_periodic_tasks", stdout=StringIO())
    assert json.loads(PeriodicTask.objects.get(args__contains="slow_answers").args) == ["slow_answers"]
    tasks.run_due_jobs()
    assert messages() == []
    frozen.move_to(ist(MONDAY, 12, 0, 10))
    tasks.run_due_jobs()
    assert told("slow_answers") == ["vera"]


def test_two_campaigns_of_one_name_are_refused(slow_answers):
    with pytest.raises(ValueError, match=r"There are two .* named 'slow_answers'"):
        importlib.reload(sys.modules["core.messaging.campaigns.slow_answers"])


def test_what_was_added_for_a_test_is_gone_after_it():
    assert campaigns.names() == ["completion_reminders", "high_demand", "promotions", "vendor_bonus"]
    assert checks.names() == ["booking_timeouts", "payment_holds", "pending_signatures", "vendor_shortage"]
    assert "slow_answers" not in kinds
    assert "slow_answers" not in wordings.names()


# --- A check ------------------------------------------------------------------------------------------------------------------


def test_a_check_is_one_file(add, frozen, now, omar, sara):
    add(shown_in("add-a-check.md"))
    discover("core.alerts.checks")
    (soon,) = booked(1, at=now - timedelta(hours=3), scheduled_date=now + timedelta(minutes=59))
    booked(1, at=now - timedelta(hours=3), scheduled_date=now + timedelta(minutes=60))
    call_command("setup_periodic_tasks", stdout=StringIO())
    tasks.run_check("unassigned_bookings")
    alert = BusinessAlert.objects.get(alert_type="unassigned_booking")
    assert [item.object_id for item in alert.items.all()] == [str(soon.pk)]
    assert told("unassigned_booking") == ["omar"]
    Booking.objects.update(vendor=sara)
    frozen.shift(timedelta(minutes=15))
    tasks.run_due_jobs()
    alert.refresh_from_db()
    assert alert.status == "resolved"


# --- A transport --------------------------------------------------------------------------------------------------------------


class Gateway(BaseHTTPRequestHandler):
    """A push gateway: it takes what is posted, and says of some devices that they are gone."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        state: Any = self.server
        state.taken.append(body)
        answer = json.dumps({"id": f"push-{len(state.taken)}"}).encode()
        self.send_response(410 if body["to"] in state.gone else 200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *args: Any) -> None:
        """Quiet."""


@pytest.fixture
def gateway(add: Any, settings: Any) -> Iterator[Any]:
    """The transport of docs/add-a-transport.md, with a real gateway on this machine."""
    add(shown_in("add-a-transport.md"))
    server: Any = HTTPServer(("127.0.0.1", 0), Gateway)
    server.taken, server.gone = [], set()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    settings.PUSH_URL = f"http://127.0.0.1:{server.server_address[1]}/push"
    settings.TRANSPORTS = {**settings.TRANSPORTS, "push": "core.notifications.transports.push.PushTransport"}
    yield SimpleNamespace(taken=server.taken, gone=server.gone)
    close_transports()
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_transport_is_one_file_and_one_line(gateway, frozen, vera):
    TypeSetting.objects.create(notification_type="demand_notification", methods=["push", "email"])
    booked(6, at=ist(SUNDAY))
    demand()
    assert messages() == [("vera", "email"), ("vera", "push")]
    assert tasks.deliver_outbox("push")["taken"] == 1
    pushed = NotificationLog.objects.get(method="push")
    assert (pushed.status, pushed.provider, pushed.provider_message_id) == ("sent", "push-gateway", "push-1")
    (taken,) = gateway.taken
    assert (taken["id"], taken["to"]) == (str(pushed.pk), str(vera.pk))
    assert taken["title"] == "6 bookings in 560001 yesterday, 1 vendor free"
    assert "Hello Vera" in taken["text"]


def test_a_person_may_choose_it_and_its_dead_addresses_are_set_aside(gateway, frozen, now, vera):
    Preference.objects.create(person=vera, category="demand_notification", method="push", allowed=True)
    gateway.gone.add(str(vera.pk))
    booked(6, at=ist(SUNDAY))
    demand()
    tasks.deliver_outbox("push")
    assert NotificationLog.objects.get(method="push").status == "failed"
    assert Suppression.objects.get().method == "push"
    booked(6, at=now + timedelta(hours=1))
    frozen.shift(timedelta(days=1))
    assert demand()["suppressed"] == {"suppressed_address": 1}

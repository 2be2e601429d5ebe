"""Does it really work? The task that asks, over real mail, SMS and live connections."""

import json
from typing import Any

import pytest

from core import tasks
from core.models import MessagingRun, NotificationLog, Preference, Switch
from tests import people
from tests.notifications.post import fresh
from tests.servers.asgi import AsgiServer, log_in
from tests.servers.twilio import Refusal

pytestmark = pytest.mark.django_db


def asked(**arguments: Any) -> dict[str, Any]:
    """The task's result, as it is stored and read back."""
    result = tasks.test_notification_system.delay(**arguments)
    assert result.successful(), result.traceback
    answer = result.get()
    assert json.loads(json.dumps(answer)) == answer
    assert isinstance(answer, dict)
    return answer


def test_one_message_by_each_method_reaches_each_of_the_staff_and_nobody_else(smtp, twilio, sara, omar, farah, vera, kiran):
    result = asked()
    assert result["by_method"] == {"email": {"sent": 3}, "sms": {"sent": 3}, "websocket": {"sent": 3}}
    assert result["providers"] == {"email": "smtp:127.0.0.1", "sms": "twilio", "websocket": "websocket"}
    assert (result["queued"], result["people"], result["suppressed"]) == (9, 3, {})
    assert "problems" not in result
    staff = {sara, omar, farah}
    assert {received.recipient for received in smtp.messages} == {person.email for person in staff}
    assert {sms.to for sms in twilio.messages} == {person.phone for person in staff}
    assert len(smtp.messages) == len(twilio.messages) == 3


@pytest.mark.django_db(transaction=True)
def test_it_appears_on_the_open_page_of_an_ops_manager(smtp, twilio):
    omar = people.meet("omar")
    with AsgiServer() as server, server.page(log_in(omar)) as page:
        asked()
        frame = page.next_of("notification")
        assert "Test of the notification system" in frame["subject"]
        page.say({"type": "ack", "id": frame["id"]})
        page.next_of("unread")
    assert NotificationLog.objects.filter(pk=frame["id"], recipient=omar, method="websocket").exists()


def test_what_went_wrong_is_said_without_saying_whom(smtp, twilio, omar):
    smtp.answers["RCPT"].append(f"550 5.1.1 <{omar.email}> is unknown here")
    twilio.refused_numbers[omar.phone] = Refusal(400, 21211, f"The 'To' number {omar.phone} is not a valid phone number")
    result = asked()
    assert result["by_method"]["email"] == {"failed": 1}
    assert result["by_method"]["sms"] == {"failed": 1}
    assert [problem.split()[:2] for problem in result["problems"]] == [["email:", "5.1.1"], ["sms:", "21211"]]
    assert omar.email not in json.dumps(result)
    assert omar.phone not in json.dumps(result)
    assert omar.phone.removeprefix("+91") not in json.dumps(result)


def test_without_providers_it_says_where_the_messages_are(settings, omar):
    settings.EMAIL_BACKEND = ""
    assert asked()["providers"] == {"email": "outbox", "sms": "outbox", "websocket": "websocket"}


def test_each_time_it_is_asked_it_sends_again(smtp, twilio, omar):
    asked()
    asked()
    assert len(smtp.messages) == 2
    assert MessagingRun.objects.filter(name="test").count() == 2


def test_who_opted_out_and_what_is_paused_is_reported_as_it_is(smtp, twilio, omar, sara):
    Preference.objects.create(person=omar, category="business_alert", method="sms", allowed=False)
    Switch.objects.create(scope="method", name="email")
    result = asked()
    assert result["by_method"] == {"email": {"pending": 2}, "sms": {"sent": 1}, "websocket": {"sent": 2}}
    assert result["suppressed"] == {"opted_out": 1}
    assert smtp.messages == []


def test_a_dry_run_counts_and_sends_nothing(smtp, twilio, omar, sara):
    assert asked(dry_run=True) == {"queued": 6, "people": 2, "suppressed": {}, "dry_run": True}
    assert not NotificationLog.objects.exists()
    assert not MessagingRun.objects.exists()
    assert smtp.messages == []


def test_it_leaves_other_messages_where_they_are(smtp, twilio, omar, vera):
    waiting = NotificationLog.objects.create(recipient=vera, notification_type="bonus_alert", method="email", message="Wait")
    asked()
    assert fresh(waiting).status == "pending"

"""Eight processes look at the same moment: nothing is said twice, and nothing is left out."""

from datetime import datetime

import pytest

from core.alerts.policies import create_defaults
from core.models import AlertEvent, NotificationLog
from tests.alerts.minutes import HOUR, MINUTE, an_alert, by, heard, look
from tests.people import meet
from tests.processes import start, together

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

LOOK = """
import sys
from datetime import datetime
from core.alerts import auditor
now = datetime.fromisoformat(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
print(auditor.look(now=now)["failed"], flush=True)
"""


def eight_looks(now: datetime) -> None:
    answers = together([start(LOOK, now.isoformat()) for _ in range(8)], seconds=120)
    assert answers == ["0\n"] * 8


def test_eight_looks_at_once_tell_a_step_and_a_repeat_once(now):
    meet("omar"), meet("sara")
    create_defaults()
    an_alert(now)
    look(now)
    late = now + 5 * HOUR
    eight_looks(late)
    assert heard(created_at=late) == [
        *by("email sms websocket", late, "omar", "still open"),
        *by("email sms websocket", late, "sara", "escalated"),
    ]
    assert AlertEvent.objects.filter(kind="escalated").count() == 1


def test_eight_looks_at_once_at_a_storm_tell_one_message_of_all(now):
    meet("omar"), meet("sara")
    create_defaults()
    for number in range(12):
        an_alert(now, title=f"Alert {number}")
    look(now)
    late = now + 30 * MINUTE
    eight_looks(late)
    assert heard(created_at=late) == by("email sms websocket", late, "sara", "escalated")
    message = NotificationLog.objects.filter(created_at=late).first()
    assert message is not None
    assert len(message.metadata["alert_ids"]) == 12
    assert AlertEvent.objects.filter(kind="escalated").count() == 12

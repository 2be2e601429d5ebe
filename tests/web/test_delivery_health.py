"""What a monitor outside asks: do messages leave?"""

from datetime import timedelta

import pytest
from django.db import OperationalError

from core.models import Switch
from core.notifications import watchdog
from core.notifications.kinds import BUSINESS_ALERT
from tests.notifications.post import queued

pytestmark = pytest.mark.django_db


def test_it_is_well_while_nothing_waits_for_long(client, omar, now, frozen):
    assert client.get("/healthz/delivery").json() == {"status": "ok", "oldest_due_seconds": 0, "waiting": 0}
    for method in ("email", "sms"):
        queued(omar, BUSINESS_ALERT, method, now=now)
    frozen.shift(timedelta(minutes=5))
    answer = client.get("/healthz/delivery")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "oldest_due_seconds": 300, "waiting": 2})


def test_it_is_not_when_something_has_waited_for_more_than_five_minutes(client, omar, now, frozen):
    queued(omar, BUSINESS_ALERT, now=now)
    frozen.shift(timedelta(minutes=5, seconds=1))
    answer = client.get("/healthz/delivery")
    assert (answer.status_code, answer.json()) == (503, {"status": "stuck", "oldest_due_seconds": 301, "waiting": 1})
    Switch.objects.create(scope=Switch.Scope.ALL)
    assert client.get("/healthz/delivery").json() == {"status": "ok", "oldest_due_seconds": 0, "waiting": 0}


def test_nobody_knows_while_the_database_is_away(client, monkeypatch):
    def away(**_):
        raise OperationalError("away")

    monkeypatch.setattr(watchdog, "waiting", away)
    answer = client.get("/healthz/delivery")
    assert (answer.status_code, answer.json()["status"]) == (503, "unknown")

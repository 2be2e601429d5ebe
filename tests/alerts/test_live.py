"""Dashboards that are open hear of a change to an alert when it is committed, and only those that may show it."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from django.db import transaction

from core.alerts import steps
from core.alerts.manual import clear_alert, raise_alert
from core.models import BusinessAlert
from core.notifications.transports import websocket
from tests.people import meet
from tests.servers.asgi import AsgiServer, log_in

MINUTE = timedelta(minutes=1)


@pytest.fixture
def server(transactional_db: None) -> Iterator[AsgiServer]:
    with AsgiServer() as running:
        yield running


def raised(kind: str, now: datetime) -> BusinessAlert:
    return raise_alert(alert_type=kind, severity="high", title=kind, description="", fingerprint=kind, now=now)


def test_each_change_of_an_alert_is_on_the_dashboard_at_once(server, now):
    omar = meet("omar")
    with server.page(log_in(omar), path="/ws/dashboard/") as page:
        assert [page.next()["type"] for _ in range(2)] == ["hello", "counts"]
        alert = raised("system_error", now)
        steps.acknowledge(alert.pk, actor=omar, now=now + MINUTE)
        clear_alert("system_error", now=now + 2 * MINUTE)
        frames = [frame for frame in (page.next() for _ in range(4)) if frame["type"] == "alert"]
        assert [(frame["id"], frame["status"], frame["severity"], frame["version"]) for frame in frames] == [
            (str(alert.pk), "active", "high", 1),
            (str(alert.pk), "acknowledged", "high", 2),
            (str(alert.pk), "resolved", "high", 3),
        ]


def test_finance_hears_of_payments_only(server, now):
    with server.page(log_in(meet("farah")), path="/ws/dashboard/") as page:
        assert [page.next()["type"] for _ in range(2)] == ["hello", "counts"]
        raised("system_error", now)
        raised("payment_hold", now)
        frame = next(frame for frame in (page.next() for _ in range(3)) if frame["type"] == "alert")
        assert frame["alert_type"] == "payment_hold"


@pytest.mark.django_db(transaction=True)
def test_what_is_taken_back_is_nobodys_news(monkeypatch, now):
    meet("omar")
    told: list[str] = []
    monkeypatch.setattr(websocket, "hint", lambda group, frame: told.append(group))
    with transaction.atomic():
        raised("payment_hold", now)
        transaction.set_rollback(True)
    assert told == []
    raised("payment_hold", now)
    assert told == ["dashboard", "dashboard.finance"]

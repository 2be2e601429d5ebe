"""Many processes at once: still one alert, and one message for each person and method."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from django.db import connection, connections

from core.alerts import steps as actions
from core.alerts.check import checks
from core.alerts.lifecycle import reconcile
from core.alerts.manual import raise_alert
from core.alerts.steps import IllegalStep
from core.models import AlertItem, BusinessAlert, Payment, Role
from tests.alerts.stuck import held, messages, said, steps
from tests.people import meet, people

pytestmark = pytest.mark.django_db(transaction=True)

HOLDS = checks.get("payment_holds")
HOUR = timedelta(hours=1)
EIGHT = 8


@pytest.fixture
def ops() -> Iterator[None]:
    meet("omar")
    meet("farah")
    yield
    connection.close()


def at_once(act: Callable[[], Any]) -> list[Any]:
    """Eight threads, each with a connection of its own, start the same thing at the same moment."""
    ready = Barrier(EIGHT)

    def one(_: int) -> Any:
        try:
            connection.ensure_connection()
            ready.wait(timeout=20)
            return act()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(EIGHT) as pool:
        return list(pool.map(one, range(EIGHT)))


def test_eight_evaluations_at_once_open_one_alert_and_tell_everybody_once(ops, now):
    for _ in range(5):
        held(now, 50)
    results = at_once(lambda: reconcile(HOLDS, now=now))
    alert = BusinessAlert.objects.get()
    assert sum(result["opened"] for result in results) == 1
    assert {result["alert"] for result in results} == {str(alert.pk)}
    assert messages() == [(who, method) for who in ("farah", "omar") for method in ("email", "sms", "websocket")]
    assert AlertItem.objects.count() == 5
    assert steps(alert) == ["opened", "told"]


def test_eight_repeats_at_once_speak_once(ops, now):
    held(now, 50)
    reconcile(HOLDS, now=now)
    at_once(lambda: reconcile(HOLDS, now=now + 4 * HOUR))
    assert said() == ["opened", "still open"]
    assert len(messages(created_at__gt=now)) == 6


def test_eight_reopenings_at_once_reopen_it_once(ops, now):
    held(now, 50)
    reconcile(HOLDS, now=now)
    Payment.objects.update(status="completed")
    at_once(lambda: reconcile(HOLDS, now=now + HOUR))
    Payment.objects.update(status="on_hold")
    at_once(lambda: reconcile(HOLDS, now=now + 2 * HOUR))
    alert = BusinessAlert.objects.get()
    assert steps(alert) == ["opened", "told", "resolved", "reopened", "told"]
    assert alert.reopened_count == 1


def test_eight_who_raise_the_same_alert_at_once_meet_at_the_constraint(ops, now):
    raised = at_once(
        lambda: raise_alert(
            alert_type="system_error", severity="high", title="Missed", description="A run was missed.", fingerprint="missed", now=now
        )
    )
    assert len({alert.pk for alert in raised}) == 1
    assert BusinessAlert.objects.count() == 1
    assert messages() == [("omar", "email"), ("omar", "websocket")]


def test_of_eight_people_who_acknowledge_at_once_one_wins_and_the_others_are_told_who(ops, now):
    held(now, 50)
    reconcile(HOLDS, now=now)
    alert = BusinessAlert.objects.get()
    staff = iter(people(EIGHT, Role.OPS_MANAGER))

    def act() -> str:
        actor = next(staff)
        try:
            actions.acknowledge(alert.pk, actor=actor, now=now, version=alert.version)
        except IllegalStep as refused:
            return refused.reason
        return actor.username

    said_to = at_once(act)
    alert.refresh_from_db()
    winner = str(alert.acknowledged_by)
    assert sorted(said_to) == sorted([winner] + [f"{winner} acknowledged it at 09:00."] * 7)
    assert alert.events.filter(kind="acknowledged").count() == 1


def test_a_step_and_an_evaluation_at_once_lose_nothing_of_each_other(ops, now):
    held(now, 50)
    reconcile(HOLDS, now=now)
    alert = BusinessAlert.objects.get()
    omar = meet("omar")
    acknowledges = iter([True] + [False] * (EIGHT - 1))

    def act() -> Any:
        return actions.acknowledge(alert.pk, actor=omar, now=now) if next(acknowledges) else reconcile(HOLDS, now=now + 4 * HOUR)

    at_once(act)
    alert.refresh_from_db()
    assert (alert.status, alert.acknowledged_by) == ("acknowledged", omar)
    assert alert.last_evaluated_at == now + 4 * HOUR

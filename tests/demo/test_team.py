"""The demo's team sees to some of its alerts, in its hours, as the people whose they are."""

from datetime import datetime, timedelta

import pytest

from core import schedule
from core.demo import city, replay, team
from core.models import AlertEvent, BusinessAlert
from tests.demo.conftest import SEED
from tests.people import meet

pytestmark = [pytest.mark.django_db, pytest.mark.embedded]


def alerts(now: datetime, how_many: int = 40) -> None:
    for number in range(how_many):
        BusinessAlert.objects.create(
            alert_type="payment_hold" if number % 2 else "booking_timeout",
            fingerprint=f"made:{number}",
            title=f"Alert {number}",
            last_notified_at=now - timedelta(minutes=number),
        )


def who_did_what() -> list[tuple[str, str, str, str]]:
    steps = AlertEvent.objects.exclude(actor=None).order_by("alert__fingerprint", "at", "id")
    return list(steps.values_list("alert__fingerprint", "actor__username", "kind", "reason"))


def test_what_came_in_the_last_three_hours_is_left_to_whoever_looks_at_the_demo(now, monkeypatch):
    """The city is built without its bookings, which take a minute; what is asked is when the team looks, and when no more."""
    hours = [now - timedelta(hours=back) for back in range(30, 0, -1)]
    looked: list[datetime] = []
    monkeypatch.setattr(city, "load", lambda **_: {})
    monkeypatch.setattr(city, "advance", lambda **_: {})
    monkeypatch.setattr(replay, "measure", lambda *_, **__: {})
    monkeypatch.setattr(replay, "call_command", lambda *_, **__: None)
    monkeypatch.setattr(replay, "_slots", lambda *_: [(hour, "payment_holds") for hour in hours])
    monkeypatch.setattr(schedule, "run_slot", lambda *_, **__: {})
    monkeypatch.setattr(team, "look", lambda *, now, seed: looked.append(now))
    replay.build(now=now, seed=SEED, progress=lambda _: None)
    assert looked == [hour for hour in hours if hour < now - timedelta(hours=3)]


def test_some_are_acknowledged_some_are_not_each_by_whose_they_are(now):
    meet("omar")
    meet("farah")
    alerts(now)
    done = team.look(now=now, seed=SEED)
    acknowledged = BusinessAlert.objects.filter(status="acknowledged")
    assert 0 < done == acknowledged.count() < 28
    assert set(acknowledged.filter(alert_type="payment_hold").values_list("acknowledged_by__username", flat=True)) == {"farah"}
    assert set(acknowledged.filter(alert_type="booking_timeout").values_list("acknowledged_by__username", flat=True)) == {"omar"}
    assert any(kind == "commented" and reason for _, _, kind, reason in who_did_what())


def test_nobody_answers_before_having_had_the_time_to_read(now):
    meet("omar")
    meet("farah")
    alerts(now, 12)
    assert team.look(now=now, seed=SEED) == 0


def test_at_night_nobody_looks(now):
    meet("omar")
    night = now.replace(hour=23)
    alerts(night)
    assert team.look(now=night, seed=SEED) == 0


def test_the_same_seed_does_the_same(now):
    meet("omar")
    meet("farah")
    alerts(now)
    team.look(now=now, seed=SEED)
    first = who_did_what()
    BusinessAlert.objects.all().delete()
    alerts(now)
    team.look(now=now, seed=SEED)
    assert who_did_what() == first
    BusinessAlert.objects.all().delete()
    alerts(now)
    team.look(now=now, seed=SEED + 1)
    assert who_did_what() != first

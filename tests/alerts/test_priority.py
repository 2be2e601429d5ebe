"""Worst first: one order, whether the database sorts or Python does."""

import random
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core.alerts.priority import alert_priority, alerts_worst_first, items_worst_first, priority
from core.models import AlertItem, BusinessAlert

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


def alert(now, **fields):
    defaults = {"alert_type": "payment_hold", "severity": "high", "title": "Held", "created_at": now - HOUR}
    return BusinessAlert.objects.create(**{**defaults, **fields})


@pytest.mark.parametrize(
    ("rupees", "hours", "severity", "score"),
    [
        ("18450", 72, "high", 18450 * 72 * 4),
        ("18450", 72, "critical", 18450 * 72 * 8),
        # Without a price it counts as ₹10,000, and what has just begun as an hour.
        (None, 0.5, "medium", 10_000 * 1 * 2),
        ("0", 2, "low", 10_000 * 2 * 1),
        # A clock that is ahead makes nothing negative.
        ("100", -3, "low", 100),
    ],
)
def test_priority_is_rupees_times_hours_times_weight(rupees, hours, severity, score, now):
    money = None if rupees is None else Decimal(rupees)
    assert priority(rupees=money, since=now - hours * HOUR, severity=severity, now=now) == pytest.approx(score)


def test_the_database_counts_and_sorts_alerts_as_python_does(now):
    chance = random.Random(7)
    for _ in range(40):
        alert(
            now,
            severity=chance.choice(["low", "medium", "high", "critical"]),
            rupees_at_risk=chance.choice([Decimal(0), Decimal(chance.randrange(1, 9_000_000)) / 100]),
            oldest_since=chance.choice([None, now - timedelta(seconds=chance.randrange(0, 900_000))]),
            created_at=now - timedelta(seconds=chance.randrange(0, 90_000)),
        )
    found: Any = alerts_worst_first(BusinessAlert.objects.all(), now=now)
    scores = [alert_priority(row, now=now) for row in found]
    assert list(found.values_list("priority", flat=True)) == pytest.approx(scores, rel=1e-6)
    assert scores == sorted(scores, reverse=True)
    assert len(set(scores)) > 30


def test_items_go_by_the_same_measure_and_equal_ones_by_when_they_were_found(now):
    held = alert(now)

    def item(name, rupees, hours, severity="high"):
        return AlertItem.objects.create(
            alert=held, object_type="payment", object_id=name, label=name, since=now - hours * HOUR, severity=severity, rupees=rupees
        )

    for name, *rest in (("small", 500, 72), ("large", 5_000, 30), ("same", 500, 72), ("free", None, 20), ("dire", 500, 72, "critical")):
        item(name, *rest)
    assert [row.label for row in items_worst_first(AlertItem.objects.all(), now=now)] == ["free", "large", "dire", "small", "same"]


@pytest.mark.parametrize("rows", [3, 30])
def test_sorting_is_the_databases_work(rows, now):
    for _ in range(rows):
        alert(now)
    with CaptureQueriesContext(connection) as asked:
        assert len(alerts_worst_first(BusinessAlert.objects.all(), now=now)[:2]) == 2
    assert len(asked) == 1
    assert "LIMIT 2" in asked[0]["sql"]

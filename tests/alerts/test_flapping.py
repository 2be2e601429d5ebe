"""An alert that closes and reopens again and again says so once, and then keeps its peace until it has stayed put."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from core.alerts import steps
from core.alerts.manual import clear_alert, raise_alert
from core.models import BusinessAlert, NotificationLog
from tests.alerts.stuck import only_alert, said
from tests.alerts.stuck import steps as events

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def down(now: datetime, **fields: Any) -> BusinessAlert:
    return raise_alert(
        **{
            "alert_type": "system_error", "severity": "high", "title": "The provider is away", "description": "It does not answer.",
            "fingerprint": "provider:away", "now": now, **fields,
        }
    )  # fmt: skip


def up(now: datetime) -> None:
    assert clear_alert("provider:away", now=now)


def come_and_go(now: datetime, times: int, *, every: timedelta = 20 * MINUTE) -> datetime:
    """Down and up again so many times. Returns when it is next due to be down."""
    for _ in range(times):
        down(now)
        up(now + every / 2)
        now += every
    return now


def test_the_third_reopening_within_six_hours_says_that_it_keeps_coming_back_and_the_next_ones_say_nothing(omar, now):
    come_and_go(now, 10)
    assert said() == ["opened", "reopened", "reopened", "keeps coming back"]
    alert = only_alert()
    assert (alert.reopened_count, alert.flapping_since) == (9, now + HOUR)
    assert events(alert).count("reopened") == 9
    assert events(alert).count("flapping") == 1
    assert NotificationLog.objects.filter(method="email").order_by("created_at").last().subject == "Keeps coming back: The provider is away"


def test_three_reopenings_over_more_than_six_hours_are_each_told(omar, now):
    for start in (0, 3, 6, 9):
        # An hour's return each time, so that it is the same alert.
        down(now + start * HOUR)
        up(now + start * HOUR + 130 * MINUTE)
    assert only_alert().reopened_count == 3
    assert said() == ["opened", "reopened", "reopened", "reopened"]


def test_it_has_stayed_put_when_six_hours_no_longer_hold_three_and_says_how_it_stands(omar, now):
    again = come_and_go(now, 5)
    down(again)
    for minute in range(0, 10 * 60, 10):
        down(again + minute * MINUTE)
    alert = only_alert()
    assert alert.flapping_since is None
    assert said() == ["opened", "reopened", "reopened", "keeps coming back", "still open"]
    # Reopened at 20, 40, 60, 80 and 100 minutes: the one at 60 is the third from the end.
    steady = alert.events.get(kind="steady")
    assert steady.at == now + 7 * HOUR
    up(again + 10 * HOUR)
    down(again + 10 * HOUR + 5 * MINUTE)
    assert said()[-1] == "reopened"


def test_acknowledged_while_it_kept_coming_back_its_steadiness_is_no_news(omar, now):
    again = come_and_go(now, 4)
    alert = down(again)
    steps.acknowledge(alert.pk, actor=omar, now=again)
    down(again + 7 * HOUR)
    assert events(alert)[-1] == "steady"
    assert said() == ["opened", "reopened", "reopened", "keeps coming back"]


def test_what_it_brings_each_time_is_no_news_but_a_turn_for_the_worse_is_told_once(omar, now):
    again = come_and_go(now, 4)
    down(again)
    down(again + MINUTE, severity="critical")
    up(again + 5 * MINUTE)
    down(again + 10 * MINUTE)
    assert only_alert().severity == "critical"
    down(again + 11 * MINUTE, severity="critical")
    assert said() == ["opened", "reopened", "reopened", "keeps coming back", "raised"]


def test_worse_than_ever_at_its_return_it_says_so(omar, now):
    again = come_and_go(now, 5)
    down(again, severity="critical")
    up(again + MINUTE)
    down(again + 2 * MINUTE, severity="critical")
    assert said() == ["opened", "reopened", "reopened", "keeps coming back", "raised"]


def test_away_for_more_than_an_hour_it_is_another_alert_which_speaks(omar, now):
    again = come_and_go(now, 6)
    assert down(again + 2 * HOUR).flapping_since is None
    assert said()[-1] == "opened"


def test_reopened_by_people_it_is_not_said_to_come_back_by_itself(omar, now):
    alert = down(now)
    for minute in range(5):
        steps.resolve(alert.pk, actor=omar, notes="", now=now + minute * MINUTE)
        steps.reopen(alert.pk, actor=omar, reason="Not yet.", now=now + minute * MINUTE)
    up(now + 10 * MINUTE)
    assert down(now + 20 * MINUTE).flapping_since is None
    assert said() == ["opened", "reopened"]

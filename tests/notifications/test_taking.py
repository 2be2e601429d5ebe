"""The statement that begins a message: what it takes, and what it costs."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core.models import NotificationLog, Phase
from core.notifications import claims
from core.notifications.kinds import PROMOTION, REMINDER
from tests import people
from tests.notifications.carriers import Carrier
from tests.notifications.post import deliver, queued

pytestmark = pytest.mark.django_db


def take(now):
    return claims.take("email", uuid4(), at_once=10, now=now)


def test_one_is_one_whatever_the_planner_believes_about_the_table(now, omar):
    """A table of which PostgreSQL knows one row: it may look for what is due once for each row it then finds."""
    queued(omar, now=now, phase=Phase.ACCEPTED, status="sent")
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"ANALYZE {NotificationLog._meta.db_table}")
    for _ in range(20):
        queued(omar, now=now)
    assert len(take(now)) == 1
    assert NotificationLog.objects.filter(phase=Phase.SENDING).count() == 1


def test_a_thousand_that_must_not_leave_end_in_a_few_statements_and_hold_up_nothing(now, omar):
    for minute in range(1_000):
        queued(omar, REMINDER, now=now - timedelta(minutes=minute), expires_at=now)
    row = queued(omar, now=now)
    with CaptureQueriesContext(connection) as statements:
        assert [taken.pk for taken in take(now)] == [row.pk]
    assert len(statements) <= 15
    assert NotificationLog.objects.filter(phase=Phase.EXPIRED, error_code="expired").count() == 1_000


def test_a_window_of_offers_costs_as_many_statements_however_many_there_are(now, hands, carried_by):
    """Nothing is read for each message: neither what a row lacks, nor what its words are made of."""
    carried_by(Carrier)

    def statements_for(count: int) -> int:
        for person in people.people(count):
            queued(person, PROMOTION, now=now)
        with CaptureQueriesContext(connection) as statements:
            assert deliver(hands) == count
        return len(statements)

    statements_for(1)
    assert statements_for(3) == statements_for(8)


def test_what_may_leave_stays_when_those_before_it_end(now, omar):
    for number in range(40):
        queued(omar, REMINDER, now=now - timedelta(minutes=41 - number), **({} if number % 10 == 9 else {"expires_at": now}))
    assert [len(take(now)) for _ in range(5)] == [1, 1, 1, 1, 0]
    assert NotificationLog.objects.filter(phase=Phase.EXPIRED).count() == 36

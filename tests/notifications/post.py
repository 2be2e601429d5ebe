"""A post office for tests: rows as the outbox writes them, a clock one can set, and what became of a row."""

from datetime import datetime, timedelta
from itertools import count
from typing import Any

from django.utils import timezone

from core.models import NotificationLog, User
from core.notifications import delivery
from core.notifications.kinds import BUSINESS_ALERT, Kind
from core.notifications.transports import transport_class

_causes = count(1)
MANY_ROUNDS = 200


class Hands:
    """A clock whose hands a test moves."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **by: float) -> None:
        self.now += timedelta(**by)


def queued(person: User, kind: Kind = BUSINESS_ALERT, method: str = "email", *, now: datetime, **fields: Any) -> NotificationLog:
    """A message in the outbox, due now."""
    usual = {
        "recipient": person,
        "notification_type": kind.name,
        "method": method,
        "subject": "Six jobs wait",
        "message": "Six jobs wait near you.",
        "key": f"cause:{next(_causes)}",
        "address": transport_class(method).address_of(person),
        "lane": kind.lane,
        "repeatable": kind.repeatable,
        "created_at": now,
        "due_at": now,
        "expires_at": now + kind.life,
    }
    row: NotificationLog = NotificationLog.objects.create(**{**usual, **fields})
    return row


def deliver(hands: Hands, method: str = "email") -> int:
    """Deliver by a method until nothing is due, as a worker does. Returns how many were taken."""
    taken = 0
    for _ in range(MANY_ROUNDS):
        batch = delivery.deliver_due(method, clock=hands)
        if not batch:
            return taken
        taken += batch
    raise AssertionError("There is no end to what is due.")


def fresh(row: NotificationLog) -> NotificationLog:
    """The row as the database has it now."""
    found: NotificationLog = NotificationLog.objects.get(pk=row.pk)
    return found


def end_lease(*rows: NotificationLog) -> None:
    """The holder of these has been silent for longer than a lease. By the world's clock, as the database's is."""
    NotificationLog.objects.filter(pk__in=[row.pk for row in rows]).update(lease_until=timezone.now() - timedelta(seconds=1))

"""Pause switches: what is paused waits and is sent when it is let go, unless it has become too late by then."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import transaction
from django.db.models import Count

from core import locks
from core.formatting import indian
from core.models import NotificationLog, Status, Switch, User
from core.notifications import wake

LONGEST_REASON = 200
# More messages than these are not counted one by one.
COUNTED: Final = 10_000
HOLDS: Final = {
    Switch.Scope.CAMPAIGN: "metadata__campaign",
    Switch.Scope.TYPE: "notification_type",
    Switch.Scope.METHOD: "method",
}


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a switch holds back, or would: so many messages to so many people, counted as far as 10,000 messages."""

    messages: int
    people: int
    is_more: bool

    @property
    def words(self) -> str:
        """ "12 messages to 7 people wait now"; "Nothing waits now"."""
        if not self.messages:
            return "Nothing waits now"
        messages = f"{indian(self.messages)} {'message' if self.messages == 1 else 'messages'}"
        waits = "waits" if self.messages == 1 and not self.is_more else "wait"
        return f"{'Over ' if self.is_more else ''}{messages} to {self.whom} {waits} now"

    @property
    def leaves(self) -> str:
        """What letting go does with it."""
        if not self.messages:
            return "Nothing waits: nobody is written to by this."
        return f"{self.words}; what is not too late by then leaves at once."

    @property
    def whom(self) -> str:
        """ "7 people", "at least 9,000 people"."""
        return f"{'at least ' if self.is_more else ''}{indian(self.people)} {'person' if self.people == 1 else 'people'}"


def held_by(scope: str, name: str) -> Waiting:
    """What waits now of what this switch concerns, in one statement over the rows that wait."""
    rows = NotificationLog.objects.filter(status=Status.PENDING)
    if scope in HOLDS:
        rows = rows.filter(**{HOLDS[Switch.Scope(scope)]: name})
    found = rows.order_by()[: COUNTED + 1].aggregate(messages=Count("pk"), people=Count("recipient", distinct=True))
    return Waiting(min(found["messages"], COUNTED), found["people"], found["messages"] > COUNTED)


def throw(scope: str, name: str, *, paused: bool, reason: str, actor: User | None, now: datetime) -> tuple[Switch, bool]:
    """Pause everything, a campaign, a type or a method, or let it go. Returns the switch and whether that changed anything.

    Thrown where it stands already, it keeps who threw it first and why.
    """
    with transaction.atomic():
        locks.hold(f"switch:{scope}:{name}")
        switch = Switch.objects.select_related("changed_by").filter(scope=scope, name=name).first() or Switch(
            scope=scope, name=name, is_paused=False
        )
        if switch.is_paused == paused:
            return switch, False
        switch.is_paused, switch.reason, switch.changed_by, switch.changed_at = paused, reason, actor, now
        switch.save()
        if not paused:
            transaction.on_commit(wake.delivery)
    return switch, True

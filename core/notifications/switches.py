"""Pause switches: what is paused waits and is sent when it is let go, unless it has become too late by then."""

from datetime import datetime

from django.db import transaction

from core import locks
from core.models import Switch, User
from core.notifications import wake

LONGEST_REASON = 200


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

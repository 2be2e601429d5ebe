"""What an admin decides leaves an entry: who, what, before, after."""

from decimal import Decimal

import pytest
from auditlog.context import set_actor
from auditlog.models import LogEntry

from core.models import Switch, Threshold, User

pytestmark = pytest.mark.django_db


def test_a_changed_limit_is_entered_with_before_after_and_who(sara: User) -> None:
    limit = Threshold.objects.create(rule="high_demand", name="bookings_over", value=Decimal("5.00"))
    with set_actor(sara):
        limit.value = Decimal("6.00")
        limit.save()
    entry = LogEntry.objects.get_for_object(limit).first()
    assert entry is not None
    assert entry.changes_dict["value"] == ["5.00", "6.00"]
    assert entry.actor == sara


def test_a_pause_is_entered() -> None:
    switch = Switch.objects.create(scope="all")
    assert LogEntry.objects.get_for_object(switch).count() == 1


def test_a_password_never_comes_into_the_trail(omar: User) -> None:
    omar.set_password("another long password")
    omar.save()
    assert not any("password" in entry.changes_dict for entry in LogEntry.objects.get_for_object(omar))

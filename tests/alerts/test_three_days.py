"""Three days of the sample city, hour by hour, with people who sometimes act: what was said is what the policies imply, and no more.

Nothing below is worked out by the product: when new things get stuck was read off the city's rows (each counts from 24 hours on), and
who hears when follows from docs/rules.md, 5, by hand.
"""

from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.core.management import call_command

from core.alerts import steps
from core.alerts.check import checks
from core.alerts.lifecycle import reconcile
from core.alerts.policies import create_defaults
from core.models import Booking, BusinessAlert, NotificationLog, Payment, Role, Signature, User
from tests.alerts.minutes import HOUR, MINUTE, look
from tests.conftest import IST

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

EVERY = {"pending_signatures": 1, "payment_holds": 2, "booking_timeouts": 3}
TYPES = {"pending_signature": "signatures", "payment_hold": "holds", "booking_timeout": "overdue"}
DAYS = {"Mon": 16, "Tue": 17, "Wed": 18, "Thu": 19}
OPS, FINANCE, ADMINS = "ops", "finance", "admins"
ROLES = {OPS: Role.OPS_MANAGER, FINANCE: Role.FINANCE, ADMINS: Role.SUPER_ADMIN}

# Everything is older than 48 hours somewhere, so all three alerts are critical from the first: SMS too, super admins after 30
# minutes, again every four hours.
SAID = {
    # Nobody does anything. New ones at each run of a working day.
    "overdue": """
        Mon 9:00 opened: ops
        Mon 9:30 escalated: admins
        Mon 12:00 new items: ops admins
        Mon 15:00 new items: ops admins
        Mon 18:00 new items: ops admins
        Mon 21:00 new items: ops admins
        Tue 0:00 new items: ops admins
        Tue 4:00 still open: ops admins
        Tue 8:00 still open: ops admins
        Tue 9:00 new items: ops admins
        Tue 12:00 new items: ops admins
        Tue 15:00 new items: ops admins
        Tue 18:00 new items: ops admins
        Tue 21:00 new items: ops admins
        Wed 0:00 new items: ops admins
        Wed 4:00 still open: ops admins
        Wed 8:00 still open: ops admins
        Wed 9:00 new items: ops admins
        Wed 12:00 new items: ops admins
        Wed 15:00 new items: ops admins
        Wed 18:00 new items: ops admins
        Wed 21:00 new items: ops admins
        Thu 0:00 new items: ops admins
        Thu 4:00 still open: ops admins
        Thu 8:00 still open: ops admins
        Thu 9:00 new items: ops admins
    """,
    # Finance acknowledges twice, and each time forgets it; then resolves it while the payments are still held.
    "holds": """
        Mon 10:00 opened: ops finance
        Mon 11:20 acknowledgement expired: ops finance
        Mon 11:50 escalated: admins
        Mon 12:00 new items: ops finance admins
        Mon 14:00 new items: ops finance admins
        Mon 15:20 acknowledgement expired: ops finance
        Mon 15:50 escalated: admins
        Mon 16:00 new items: ops finance admins
        Mon 18:00 new items: ops finance admins
        Mon 20:00 new items: ops finance admins
        Mon 22:00 new items: ops finance admins
        Tue 0:00 new items: ops finance admins
        Tue 4:00 still open: ops finance admins
        Tue 8:00 still open: ops finance admins
        Wed 12:00 reopened: ops finance
        Wed 12:30 escalated: admins
        Wed 16:00 still open: ops finance admins
        Wed 20:00 still open: ops finance admins
        Thu 0:00 still open: ops finance admins
        Thu 4:00 still open: ops finance admins
        Thu 8:00 still open: ops finance admins
    """,
    # New ones each hour until Monday night, told every two. Ops snooze the night, acknowledge on Tuesday, and ignore it at last.
    "signatures": """
        Mon 9:00 opened: ops admins
        Mon 9:30 escalated: admins
        Mon 10:00 new items: ops admins
        Mon 12:00 new items: ops admins
        Mon 14:00 new items: ops admins
        Mon 16:00 new items: ops admins
        Mon 18:00 new items: ops admins
        Tue 8:00 new items: ops admins
        Tue 8:30 escalated: admins
        Tue 12:00 still open: ops admins
        Tue 13:10 acknowledgement expired: ops admins
        Tue 13:40 escalated: admins
        Tue 17:10 still open: ops admins
    """,
}


def at(words: str) -> datetime:
    """ "Mon 9:30", of the week of 16 November 2026, in India."""
    day, time = words.split()
    hour, minute = map(int, time.split(":"))
    return datetime(2026, 11, DAYS[day], hour, minute, tzinfo=IST)


def acts() -> dict[datetime, tuple[str, str, str, dict[str, object]]]:
    """What people do: when, who, what, to which alert."""
    return {
        at("Mon 10:20"): (FINANCE, "acknowledge", "payment_holds", {}),
        at("Mon 14:20"): (FINANCE, "acknowledge", "payment_holds", {}),
        at("Tue 10:05"): (FINANCE, "resolve", "payment_holds", {"notes": "Released, I think."}),
        at("Mon 18:20"): (OPS, "snooze", "pending_signatures", {"until": at("Tue 8:00")}),
        at("Tue 12:10"): (OPS, "acknowledge", "pending_signatures", {}),
        at("Tue 17:20"): (OPS, "ignore", "pending_signatures", {"reason": "Known; a new form is coming."}),
    }


def implied() -> Counter[tuple[str, datetime, str, str, str]]:
    """The table above, a message at a time: of what, when, to whom, by which method, why."""
    people = {role: list(User.objects.filter(role=ROLES[role], is_active=True).values_list("username", flat=True)) for role in ROLES}
    assert {role: len(them) for role, them in people.items()} == {OPS: 3, FINANCE: 2, ADMINS: 2}
    return Counter(
        (what, at(" ".join(line.split()[:2])), who, method, line.split(":")[1].split(maxsplit=1)[1])
        for what, lines in SAID.items()
        for line in lines.strip().splitlines()
        for role in line.rsplit(":", 1)[1].split()
        for who in people[role]
        for method in ("email", "sms", "websocket")
    )


def said() -> Counter[tuple[str, datetime, str, str, str]]:
    rows = NotificationLog.objects.values_list("notification_type", "created_at", "recipient__username", "method", "metadata")
    return Counter((TYPES[kind], when.astimezone(IST), who, method, metadata["reason"]) for kind, when, who, method, metadata in rows)


def stuck_since() -> dict[str, list[datetime]]:
    """Since when each thing is stuck, from the rows alone."""
    jobs = Booking.objects.filter(status__in=("confirmed", "in_progress")).select_related("service")
    return {
        "pending_signatures": list(Signature.objects.filter(status="pending").values_list("requested_at", flat=True)),
        "payment_holds": [payment.held_at or payment.created_at for payment in Payment.objects.filter(status="on_hold")],
        "booking_timeouts": [job.scheduled_date + timedelta(minutes=job.service.duration_minutes) for job in jobs],
    }


def test_three_days_of_the_sample_city(bengaluru_dir: Path):
    call_command("import_marketplace", str(bengaluru_dir), verbosity=0)
    create_defaults()
    since, to_do = stuck_since(), acts()
    actors = {role: User.objects.filter(role=ROLES[role]).order_by("pk")[0] for role in ROLES}
    now, end = at("Mon 9:00"), at("Thu 9:00")
    while now <= end:
        for name, hours in EVERY.items():
            if now.minute == 0 and now.hour % hours == 0:
                reconcile(checks.get(name), now=now)
                alert = BusinessAlert.objects.filter(fingerprint=name).get()
                if alert.status != "resolved":
                    ages = [now - moment for moment in since[name]]
                    assert alert.severity == "critical"
                    assert alert.item_count == sum(age > 24 * HOUR for age in ages)
                    assert alert.metadata["critical_items"] == sum(age >= 48 * HOUR for age in ages)
        look(now)
        for moment in [moment for moment in to_do if now <= moment < now + 10 * MINUTE]:
            role, step, name, given = to_do.pop(moment)
            getattr(steps, step)(BusinessAlert.objects.get(fingerprint=name).pk, actor=actors[role], now=moment, **given)
        now += 10 * MINUTE
    assert BusinessAlert.objects.count() == 3
    assert to_do == {}
    told, should = said(), implied()
    assert sorted(told - should) == []
    assert sorted(should - told) == []

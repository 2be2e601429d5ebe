"""What the demo's team does about its alerts while two days are replayed: some of it soon, some late, some never.

A pure function of the seed, the alert and the moment, through the same steps as a person's on a page.
"""

from datetime import datetime, timedelta
from random import Random

from django.utils import timezone

from core.alerts import steps
from core.models import BusinessAlert, User

# The team's hours, and when within them somebody looks at the alerts.
LOOKS_AT_HOURS = range(8, 19)
AFTER = timedelta(minutes=12)
ACTS, SAYS_SOMETHING, ASSIGNS = 0.3, 0.5, 0.1
SAID = {
    "payment_hold": (
        "The bank is checking the account behind three of these. They promised an answer this afternoon.",
        "Two released by hand; the others wait for the vendor's papers.",
    ),
    "booking_timeout": ("Calling the vendors one by one, the oldest first.", "Most of these are done and were never closed in the app."),
    "signature_pending": ("Customers were written to again this morning.", "Asked the vendors to bring the tablet along today."),
}
USUAL = ("On it.", "Spoke to the area's coordinator, who sends two people.")


def look(*, now: datetime, seed: int) -> int:
    """Acknowledge some of the alerts that nobody has, as of now. How many."""
    if timezone.localtime(now).hour not in LOOKS_AT_HOURS:
        return 0
    people = {person.username: person for person in User.objects.filter(username__in=("omar", "farah"))}
    waiting = BusinessAlert.objects.filter(status=BusinessAlert.Status.ACTIVE, last_notified_at__lte=now - AFTER).order_by("pk")
    return sum(_acts(alert, people, chance=Random(f"{seed}-{alert.fingerprint}-{now:%d%H}"), now=now) for alert in waiting)


def _acts(alert: BusinessAlert, people: dict[str, User], *, chance: Random, now: datetime) -> bool:
    actor = people.get("farah" if alert.alert_type == "payment_hold" else "omar")
    if actor is None or chance.random() > ACTS:
        return False
    steps.acknowledge(alert.pk, actor=actor, now=now)
    if chance.random() < SAYS_SOMETHING:
        steps.comment(alert.pk, actor=actor, text=chance.choice(SAID.get(alert.alert_type, USUAL)), now=now)
    if chance.random() < ASSIGNS and alert.assigned_to_id is None:
        steps.assign(alert.pk, actor=actor, to=actor, now=now)
    return True

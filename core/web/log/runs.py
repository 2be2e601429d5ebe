"""The runs that decide whom to write to, in words: whose, when, and to how many."""

from datetime import datetime, timedelta
from typing import Final

from core.alerts.check import checks
from core.formatting import indian
from core.messaging.campaign import campaigns
from core.models import MessagingRun
from core.notifications.kinds import kinds
from core.web.words import moment, plural, short_name

OWN: Final = {
    "otp": "sign-in codes", "template_trial": "a trial of a wording", "alert_digest": "several alerts at once",
    "test_system": "the test of every method",
}  # fmt: skip
# A run that began so much after its message was written is another's.
SAME: Final = timedelta(minutes=1)


def run_label(name: str) -> str:
    """What a run is called: the campaign, the check, the type, or what it did."""
    if name in OWN:
        return OWN[name]
    for known in (campaigns, checks):
        if name in known:
            return known.get(name).label.lower()
    return kinds.get(name).label.lower() if name in kinds else name.replace("_", " ")


def run_words(run: MessagingRun | None, *, now: datetime) -> str:
    """As " by the vendor bonus run of 10:00, for 14 people": what follows the word "decided"."""
    if run is None:
        return ""
    people = run.result.get("people")
    many = f", for {indian(people)} {plural(people, 'person', 'people')}" if isinstance(people, int) and people else ""
    if run.actor is not None:
        return f" by {short_name(run.actor)}, by hand: {run_label(run.name)}{many}"
    if run.rule.get("explicit"):
        return f" by a call from a program: {run_label(run.name)}{many}"
    return f" by the run of {moment(run.started_at, now=now).short}: {run_label(run.name)}{many}"

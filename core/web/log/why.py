"""Why a person got a message: the figures and the limits it was decided by, as they were then, and what it speaks of."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.urls import reverse

from core.alerts.check import checks
from core.formatting import indian
from core.messaging.campaign import campaigns
from core.models import BusinessAlert, MessagingRun, NotificationLog
from core.models.fields import is_pincode
from core.notifications.kinds import kinds
from core.web.log.runs import run_label
from core.web.words import plural

# A limit in words; what is not here is shown by its name.
LIMITS: Final = {
    "bookings_over": "more than {} bookings",
    "bookings_under": "fewer than {} bookings",
    "bookings_per_vendor_over": "more than {} for each free vendor",
    "vendors_under": "fewer than {} free vendors",
    "after_hours": "older than {} h",
    "critical_hours": "critical from {} h",
    "bookings_per_vendor": "{} bookings for each vendor",
    "vendors_short": "{} or more vendors short",
}
# How the limits of a campaign are joined; any of high demand's is enough.
JOINED: Final = {"high_demand": " or "}
STAGES: Final = {"due_soon": "due soon", "overdue": "overdue", "overdue_24h": "overdue for a day"}
# Whom a campaign tells, as far as the person's role and pincode do not say it.
HEARD_BY: Final = {
    "high_demand": "Those who take jobs hear of demand",
    "vendor_bonus": "All vendors of the pincode hear of a bonus, whether they take jobs now or not",
    "completion_reminders": "The vendor of each job",
}
SAID: Final = {
    "opened": "it had just been opened", "reopened": "it was back", "raised": "it had turned worse", "new items": "there were new items",
    "still open": "it was still open, and nobody had acknowledged it", "escalated": "nobody had acknowledged it",
    "keeps coming back": "it kept coming back", "acknowledgement expired": "its acknowledgement had run out",
    "many at once": "several alerts spoke at once",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fact:
    label: str
    words: str
    address: str = ""
    # The words of the way there, when they are not the whole.
    way: str = ""


def facts_of(row: NotificationLog, run: MessagingRun | None, alert: BusinessAlert | None) -> list[Fact]:
    """The reasons as they were kept with the message; what was not kept is not guessed."""
    why: Mapping[str, Any] = row.metadata if isinstance(row.metadata, dict) else {}
    return [
        *_figures(why),
        *_rule(why, run),
        *_jobs(why),
        *_alert(why, run, alert),
        *_person(row, why),
        *_wording(row),
    ]


def _figures(why: Mapping[str, Any]) -> Iterator[Fact]:
    if "total_bookings" not in why:
        return
    day = _day(why.get("date"))
    bookings, free = why["total_bookings"], why.get("available_vendors")
    words = f"{_place(why)} had {_number(bookings)} {plural(bookings, 'booking', 'bookings')}{f' on {day}' if day else ''}"
    if free is not None:
        words += f" and {_number(free) if free else 'no'} free {plural(free, 'vendor', 'vendors')}"
    yield Fact("Pincode", words)


def _rule(why: Mapping[str, Any], run: MessagingRun | None) -> Iterator[Fact]:
    rule: Mapping[str, Any] = run.rule if run and isinstance(run.rule, dict) else {}
    name = str(why.get("campaign") or rule.get("check") or (run.name if run else ""))
    if why.get("explicit") or rule.get("explicit"):
        yield Fact("Rule", "None: a program or a person asked for it, whatever the thresholds say")
    else:
        limits, everywhere = why.get("limits") or rule.get("limits") or {}, rule.get("limits") or {}
        words = _limits(limits, joined=JOINED.get(name, " and "))
        if words and "limits" in why:
            words += ", the limits everywhere" if why["limits"] == everywhere else ", the limits of this pincode or its region"
        if words:
            yield Fact("Rule", f"{run_label(name).capitalize()}: {words}")
    if name in campaigns:
        yield Fact("Campaign", campaigns.get(name).label, reverse("campaign", args=[name]))
    elif name in checks:
        yield Fact("Check", checks.get(name).label)
    if policy := rule.get("policy"):
        minutes = f", after {rule['minutes']} min" if rule.get("minutes") else ""
        yield Fact("Policy", f"{policy}{minutes}")


def _limits(limits: Mapping[str, Any], *, joined: str) -> str:
    if not isinstance(limits, dict):
        return ""
    return joined.join(
        LIMITS[name].format(_number(value)) if name in LIMITS else f"{name.replace('_', ' ')} {_number(value)}"
        for name, value in limits.items()
    )


def _jobs(why: Mapping[str, Any]) -> Iterator[Fact]:
    jobs = why.get("jobs")
    if not isinstance(jobs, list):
        return
    stages = [str(job.get("stage")) for job in jobs if isinstance(job, dict)]
    counts = ", ".join(f"{stages.count(stage)} {words}" for stage, words in STAGES.items() if stage in stages)
    yield Fact("Jobs", f"{len(jobs)} of this vendor's: {counts}" if counts else f"{len(jobs)} of this vendor's")


def _alert(why: Mapping[str, Any], run: MessagingRun | None, alert: BusinessAlert | None) -> Iterator[Fact]:
    if alert is not None:
        more = len(why["alert_ids"]) - 1 if isinstance(why.get("alert_ids"), list) else 0
        yield Fact("Alert", f" and {more} more" if more > 0 else "", reverse("alert", args=[alert.pk]), alert.title)
    reason = str(why.get("reason") or (run.rule.get("reason") if run and isinstance(run.rule, dict) else "") or "")
    if reason:
        yield Fact("Why then", f"{SAID.get(reason, reason)[:1].upper()}{SAID.get(reason, reason)[1:]}")


def _person(row: NotificationLog, why: Mapping[str, Any]) -> Iterator[Fact]:
    person = row.recipient
    if person is None:
        yield Fact("Person", "An address that was given, and no account")
        return
    active = "" if person.is_active else ", account closed since"
    of = f" of {person.pincode}" if person.pincode else ""
    role = person.get_role_display()
    heard_by = HEARD_BY.get(str(why.get("campaign")), "")
    yield Fact("Person", f"{role}{of}{active}. {heard_by}" if heard_by else f"{role}{of}{active}")
    if row.notification_type in kinds and kinds.get(row.notification_type).mandatory:
        yield Fact("Asked", "Always comes: the person asked for it, or cannot go on without it")


def _wording(row: NotificationLog) -> Iterator[Fact]:
    if row.content is not None:
        yield Fact("Wording", f"{row.content.template.replace('_', ' ').capitalize()}, {row.content.version}")
    if row.metadata and isinstance(row.metadata, dict) and row.metadata.get("test"):
        yield Fact("Trial", "Sent to try it, to whoever asked")


def _place(why: Mapping[str, Any]) -> str:
    place = str(why.get("pincode", ""))
    try:
        is_pincode(place)
    except ValidationError:
        return "The pincode"
    return place


def _day(text: Any) -> str:
    try:
        day = date.fromisoformat(str(text))
    except ValueError:
        return ""
    return f"{day:%a} {day.day} {day:%b}"


def _number(value: Any) -> str:
    """8 for "8.00"."""
    try:
        number = Decimal(str(value)).normalize()
    except InvalidOperation:
        return str(value)
    return indian(f"{number:f}") if number.is_finite() else str(value)

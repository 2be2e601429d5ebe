"""A campaign's rule and a job's times as people say them."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, Final

from core.analytics.thresholds import Values
from core.formatting import indian
from core.messaging.campaign import Campaign
from core.messaging.pincode_campaign import PincodeCampaign
from core.models import Role
from core.web.rules.limit_words import words_of
from core.web.words import plural, span

DAYS: Final = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat")
# Where one limit is enough; elsewhere all of them must be met.
ANY_OF: Final = frozenset({"high_demand"})
WHERE: Final = {"completion_reminders": "confirmed and running jobs that start before the next run, or are overdue"}
WHO: Final = {
    "high_demand": "vendors of these pincodes who are free",
    "vendor_bonus": "every vendor of these pincodes, free or not",
    "promotions": "customers who live there",
    "completion_reminders": "each job's vendor, in one message a run",
}
REASONS: Final = {
    "inactive": "account closed",
    "opted_out": "opted out",
    "no_address": "no address",
    "suppressed_address": "address set aside",
    "over_cap": "over the limit",
    "already_told": "already told",
}


def where(campaign: Campaign, limits: Values) -> str:
    """What it fires on, with these limits: "pincodes with under 3 bookings on the last full day"."""
    if campaign.name in WHERE:
        return WHERE[campaign.name]
    if not limits:
        return "what its own rule finds"
    joint = " or " if campaign.name in ANY_OF else " and "
    found = joint.join(words_of(name).phrase(value) for name, value in limits.items())
    if not isinstance(campaign, PincodeCampaign):
        return found
    when = "yesterday, or today so far" if campaign.looks_at_today else "on the last full day"
    return f"pincodes with {found}, {when}"


def who(campaign: Campaign) -> str:
    if campaign.name in WHO:
        return WHO[campaign.name]
    roles = [str(Role(role).label).lower() + "s" for role in campaign.kind.audience]
    return listed(roles) or "whom its own rule finds"


def cap(campaign: Campaign) -> str:
    """How often one person may be written to: "1 a day and 3 a week for each person"."""
    kind = campaign.kind
    caps = [f"{most} a {unit}" for most, unit in ((kind.daily_cap, "day"), (kind.weekly_cap, "week")) if most is not None]
    return f"{' and '.join(caps)} for each person" if caps else "once for each cause and person"


def late(minutes: int | None) -> str:
    if minutes is None:
        return "made up for whenever that is possible"
    return f"runs once if at most {span(timedelta(minutes=minutes))} late, else that run is missed"


def reason(name: str) -> str:
    return REASONS.get(name, name.replace("_", " "))


def left_out(suppressed: Mapping[str, int]) -> str:
    """ "18 opted out, 11 over the limit", the most frequent first; empty: nobody."""
    return ", ".join(f"{indian(count)} {reason(name)}" for name, count in ranked(suppressed))


def ranked(suppressed: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(((name, count) for name, count in suppressed.items() if count), key=lambda pair: (-pair[1], pair[0]))


def people(count: int) -> str:
    return f"{indian(count)} {plural(count, 'person', 'people')}"


def messages(count: int) -> str:
    return f"{indian(count)} {plural(count, 'message', 'messages')}"


def listed(words: Iterable[str]) -> str:
    """ "email", "email and app", "email, SMS and app"."""
    *first, last = [*words] or [""]
    return f"{', '.join(first)} and {last}" if first else last


# --- Times --------------------------------------------------------------------------------------------------------------


def times(fields: Mapping[str, Any]) -> str:
    """Cron fields as people say them: "Mon, Wed, Fri at 11:00", "every 2 hours"; what nobody says so, as cron has it."""
    minute, hour, days = (str(fields[name]) for name in ("minute", "hour", "day_of_week"))
    on = _days(days)
    if on is None or fields["day_of_month"] != "*" or fields["month_of_year"] != "*":
        return _cron(fields)
    at = _hours(minute, hour)
    if at is None:
        return _cron(fields)
    return f"{on} {at}".strip() if at.startswith("at ") or on != "daily" else at


def _days(field: str) -> str | None:
    if field == "*":
        return "daily"
    numbers = field.split(",")
    if all(number.isdigit() and int(number) < len(DAYS) for number in numbers):
        return ", ".join(DAYS[int(number)] for number in numbers)
    first, _, last = field.partition("-")
    if first.isdigit() and last.isdigit() and int(first) < len(DAYS) and int(last) < len(DAYS):
        return f"{DAYS[int(first)]} to {DAYS[int(last)]}"
    return None


def _hours(minute: str, hour: str) -> str | None:
    past = "" if minute == "0" else f" at {minute} past"
    if hour == "*" and minute == "*":
        return "every minute"
    if hour == "*" and minute.startswith("*/") and minute[2:].isdigit():
        return f"every {minute[2:]} minutes"
    if not minute.isdigit():
        return None
    if hour == "*":
        return f"every hour{past}"
    if hour.startswith("*/") and hour[2:].isdigit():
        return f"every {hour[2:]} hours{past}"
    first, _, last = hour.partition("-")
    if first.isdigit() and last.isdigit():
        return f"every hour from {int(first)}:{int(minute):02} to {int(last)}:{int(minute):02}"
    hours = hour.split(",")
    if all(one.isdigit() for one in hours):
        return f"at {listed(f'{int(one)}:{int(minute):02}' for one in hours)}"
    return None


def _cron(fields: Mapping[str, Any]) -> str:
    return "cron " + " ".join(str(fields[name]) for name in ("minute", "hour", "day_of_month", "month_of_year", "day_of_week"))

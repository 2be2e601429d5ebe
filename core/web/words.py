"""Moments, spans and people in the words of the pages: see "Wording" in the design."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from core import clock
from core.models import User

WEEK = timedelta(days=6)
# How a message comes, within a sentence.
BY = {"email": "by email", "sms": "by SMS", "websocket": "in the app"}


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment as it is shown, with the full time for machines and for whoever hovers."""

    short: str
    ago: str
    full: str
    iso: str


def moment(at: datetime, *, now: datetime) -> Moment:
    """Today: 9:05; within six days: Sat 9:05; older: 3 Nov 9:05; another year adds it."""
    local = timezone.localtime(at)
    time = f"{local.hour}:{local:%M}"
    today, day = clock.business_day(now), local.date()
    if day == today:
        short = time
    elif abs(day - today) <= WEEK:
        short = f"{local:%a} {time}"
    else:
        short = f"{day.day} {day:%b} {time}" if day.year == today.year else f"{day.day} {day:%b %Y} {time}"
    full = f"{local:%A} {local.day} {local:%B %Y}, {local.hour}:{local:%M:%S} {local:%Z}"
    return Moment(short, span(now - at), full, local.isoformat(timespec="seconds"))


def span(length: timedelta) -> str:
    """A span in at most two units: "2 d 2 h", "1 h 5 min", "26 min", "under 1 min"."""
    minutes = int(abs(length).total_seconds() // 60)
    days, hours = minutes // 1440, minutes // 60 % 24
    if days:
        return f"{days} d {hours} h" if hours else f"{days} d"
    if hours:
        return f"{hours} h {minutes % 60} min" if minutes % 60 else f"{hours} h"
    return f"{minutes} min" if minutes else "under 1 min"


def long_day(at: datetime) -> str:
    """Mon 23 Nov, 14:36."""
    local = timezone.localtime(at)
    return f"{local:%a} {local.day} {local:%b}, {local.hour}:{local:%M}"


def plural(count: int, one: str, many: str) -> str:
    return one if count == 1 else many


def short_name(person: User) -> str:
    """First name and initial; the username of one without a name."""
    if not person.first_name:
        return person.username
    return f"{person.first_name} {person.last_name[:1]}." if person.last_name else person.first_name


def initials(person: User) -> str:
    letters = (person.first_name[:1] + person.last_name[:1]) or person.username[:2]
    return letters.upper()

"""One pincode beside the map: its day, how it came there in four weeks, who was told, and the limits that hold there."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from django.db.models import Count
from django.db.models.functions import TruncDate
from django.urls import reverse

from core import access, audiences, clock
from core.analytics import thresholds
from core.analytics.thresholds import Limits
from core.dashboard.analytics import filtered
from core.formatting import indian
from core.geo.places import Place, places
from core.messaging.campaign import campaigns
from core.messaging.campaigns.high_demand import HighDemand
from core.messaging.campaigns.vendor_bonus import VendorBonus
from core.messaging.pincode_campaign import PincodeCampaign
from core.models import PincodeAnalytics, User
from core.web.map.days import WEEK, WORDS, day_words, judge, there, told
from core.web.map.forecast import AHEAD, WEEKS, days_ahead
from core.web.map.trend import Outlook, Trend, Weeks, bookings_trend, outlook, vendors_trend
from core.web.rules.limit_words import words_of
from core.web.words import plural, short_name

SENT_SHOWN: Final = 8
NAMED: Final = 6
ICONS: Final = {HighDemand.kind.name: "i-bolt", VendorBonus.kind.name: "i-rupee"}


@dataclass(frozen=True, slots=True)
class Fact:
    label: str
    number: str
    beside: str
    nobody: bool = False


@dataclass(frozen=True, slots=True)
class Sent:
    label: str
    icon: str
    words: str
    day: str


@dataclass(frozen=True, slots=True)
class Rule:
    label: str
    words: str
    scope: str


@dataclass(frozen=True, slots=True)
class Panel:
    pincode: str
    place: Place | None
    row: PincodeAnalytics | None
    over: tuple[str, ...]
    told: str
    main: list[Fact]
    facts: list[Fact]
    bookings: Trend | None
    vendors: Trend | None
    outlook: Outlook | None
    first_day: str
    last_day: str
    # Too little is known for a forecast, which the day is recent enough to have.
    is_too_early: bool
    # The end of the chart, where it goes on beyond that day.
    ahead_to: str
    # Under that day, and until when a line leads up from it.
    here: float
    sent: list[Sent]
    log: str
    rules: list[Rule]
    free_now: str


def panel_of(pincode: str, day: date, *, user: User, now: datetime) -> Panel:
    """Everything of one pincode up to a day, in four statements."""
    today = clock.business_day(now)
    every = {row.date: row for row in filtered({"pincode": pincode, "date_from": day - WEEKS * WEEK, "date_to": day})}
    row, before = every.get(day), every.get(day - WEEK)
    totals = {one.date: one.total_bookings for one in every.values() if one.is_final}
    # What an earlier day led to is known.
    is_recent = day >= today - timedelta(days=1)
    ahead = days_ahead(totals, day, is_over=row is None or row.is_final) if is_recent else []
    weeks, end = Weeks(day, bool(ahead)), day + timedelta(days=AHEAD)
    rows = {at: one for at, one in every.items() if at >= weeks.first}
    declared = [one for one in campaigns if isinstance(one, PincodeCampaign) and one.limits]
    in_force = thresholds.all_in_force({rule.name: rule.limits for rule in declared}, now=now)
    demand, bonus = in_force[HighDemand.name], in_force[VendorBonus.name]
    weekday = f"last {day:%a}"
    facts = [Fact(label, WORDS[name](row), beside(WORDS[name], before, weekday), row.total_bookings > 0 and not row.available_vendors)
             for name, label in (("bookings", "Bookings"), ("free", "Free vendors"), ("ratio", "Per vendor"), ("revenue", "Revenue"),
                                 ("satisfaction", "Rating"))] if row else []  # fmt: skip
    return Panel(
        pincode=pincode,
        place=places([pincode]).get(pincode),
        row=row,
        over=judge({name: there(one) for name, one in in_force.items()})(row) if row else (),
        told=told(row) if row else "",
        main=facts[:3],
        facts=facts[3:] + (further(row, before, weekday) if row else []),
        bookings=bookings_trend(rows, weeks, ahead, demand, bonus, pincode) if rows else None,
        vendors=vendors_trend(rows, weeks, bonus, pincode) if rows else None,
        outlook=outlook(ahead, row.available_vendors, float(demand.for_pincode(pincode)["bookings_per_vendor_over"]), after=day)
        if row
        else None,
        first_day=day_words(weeks.first, today=today),
        last_day="today" if day == today else day_words(day, today=today),
        is_too_early=is_recent and not ahead,
        ahead_to=f"{end.day} {end:%b}" if ahead else "",
        here=weeks.x(day),
        sent=sent(pincode, weeks.first, day, user=user, today=today),
        log=f"{reverse('log')}?pincode={pincode}",
        rules=[rule_words(one, in_force[one.name], pincode) for one in declared],
        free_now=free_now(pincode),
    )


def beside(words: Callable[[Any], str], before: PincodeAnalytics | None, weekday: str) -> str:
    return f"{words(before)} {weekday}" if before else f"not measured {weekday}"


def further(row: PincodeAnalytics, before: PincodeAnalytics | None, weekday: str) -> list[Fact]:
    """What the day's row says besides."""
    asked: tuple[tuple[str, Callable[[Any], str]], ...] = (
        ("Completed", lambda one: indian(one.completed_bookings)),
        ("Waiting", lambda one: indian(one.pending_bookings)),
        ("Cancelled", lambda one: indian(one.cancelled_bookings)),
        ("To a vendor in", lambda one: f"{one.avg_response_time_minutes:.0f} min" if one.avg_response_time_minutes is not None else "none"),
    )
    return [Fact(label, words(row), beside(words, before, weekday)) for label, words in asked]


# --- What was sent, and what holds ------------------------------------------------------------------------------------


def sent(pincode: str, first: date, day: date, *, user: User, today: date) -> list[Sent]:
    """The campaigns of each day that told anybody there, newest first, in one statement by the pincode's index."""
    start, end = clock.day_start(first), clock.day_bounds(day)[1]
    kinds = {one.kind.name: one.label for one in campaigns if isinstance(one, PincodeCampaign)}
    rows = access.logs_of(user).filter(pincode=pincode, created_at__gte=start, created_at__lt=end, notification_type__in=list(kinds))
    days = (
        rows.order_by()
        .annotate(on=TruncDate("created_at"))
        .values("on", "notification_type")
        .annotate(people=Count("recipient", distinct=True), opened=Count("read_at"), n=Count("pk"))
        .order_by("-on", "notification_type")[:SENT_SHOWN]
    )
    return [sent_line(dict(row), kinds[row["notification_type"]], today=today) for row in days]


def sent_line(row: dict[str, Any], label: str, *, today: date) -> Sent:
    people = f"{indian(row['people'])} {plural(row['people'], 'person', 'people')} told"
    messages = f"{indian(row['n'])} {plural(row['n'], 'message', 'messages')}"
    opened = f", {indian(row['opened'])} opened" if row["opened"] else ""
    when = "today" if row["on"] == today else day_words(row["on"], today=today)
    return Sent(label, ICONS.get(row["notification_type"], "i-camp"), f"{people}, {messages}{opened}", when)


def rule_words(campaign: PincodeCampaign, held: Limits, pincode: str) -> Rule:
    """A campaign's limits there, and whose they are."""
    values = held.for_pincode(pincode)
    scopes = sorted({scope for name in values if (scope := held.source(name, pincode))}, key=len)
    either = " or " if campaign.name == HighDemand.name else " and "
    return Rule(
        campaign.label, either.join(words_of(name).phrase(value) for name, value in values.items()), scopes[-1] if scopes else "default"
    )


def free_now(pincode: str) -> str:
    """Who takes jobs there at this moment, a few by name."""
    people: Sequence[User] = list(audiences.available_vendors([pincode]).filter(is_active=True).order_by("first_name", "pk")[: NAMED + 1])
    if not people:
        return "Nobody takes jobs there now."
    names = ", ".join(short_name(one) for one in people[:NAMED])
    return f"{names} and others" if len(people) > NAMED else names

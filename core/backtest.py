"""What a rule would have done, had other limits held: asked of what was measured and of what is stuck, before a limit is changed.

Nothing is written. The number of statements depends neither on pincodes nor on days.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Count

from core import audiences, clock
from core.alerts.check import Check, Severity
from core.analytics.thresholds import Limits, Values
from core.messaging.pincode_campaign import PincodeCampaign
from core.models import PincodeAnalytics

DAYS = 28


@dataclass
class Fired:
    """How often a campaign would have fired on the last weeks' days, at most once a pincode and day.

    `messages_to` counts a person once for each time, `people` once; both as people live there now, before anybody's own choices.
    """

    by_day: Counter[date] = field(default_factory=Counter)
    by_pincode: Counter[str] = field(default_factory=Counter)
    people: int = 0
    messages_to: int = 0
    # Times with nobody there to tell.
    gaps: int = 0

    @property
    def times(self) -> int:
        return self.by_pincode.total()


@dataclass
class Stuck:
    """What a check would find at this moment, and how many would hear of it."""

    items: int = 0
    critical: int = 0
    rupees: Decimal = Decimal(0)
    people: int = 0


def fired(campaign: PincodeCampaign, options: Sequence[Limits], *, now: datetime, days: int = DAYS) -> list[Fired]:
    """What each set of limits would have made of the last full days.

    A day counts when a run looks at it: on the next day, or on the day itself where the campaign looks at it.
    """
    today = clock.business_day(now)
    first = today - timedelta(days=days)
    looked_at = days_looked_at(campaign, first, today)
    found = [Fired() for _ in options]
    for pincode, day, verdicts in _judged(campaign, options, looked_at):
        for outcome, fires in zip(found, verdicts, strict=True):
            if fires:
                outcome.by_day[day] += 1
                outcome.by_pincode[pincode] += 1
    _count_people(campaign, found)
    return found


def _judged(campaign: PincodeCampaign, options: Sequence[Limits], days: Collection[date]) -> Iterator[tuple[str, date, list[bool]]]:
    """Each day of each pincode, and whether it fires by each set of limits."""
    known: dict[str, list[Values]] = {}

    def limits(pincode: str) -> list[Values]:
        if pincode not in known:
            known[pincode] = [option.for_pincode(pincode) for option in options]
        return known[pincode]

    rows = PincodeAnalytics.objects.filter(date__in=days).order_by()
    if not campaign.reads:
        for row in rows.iterator(chunk_size=5_000):
            yield row.pincode, row.date, [campaign.matches(row, here) for here in limits(row.pincode)]
        return
    # Days that read the same, by the same limits, are judged once.
    judged: dict[tuple[Any, ...], bool] = {}
    for pincode, day, *read in rows.values_list("pincode", "date", *campaign.reads).iterator(chunk_size=5_000):
        verdicts = []
        for here in limits(pincode):
            key = (*here.values(), *read)
            if key not in judged:
                row = PincodeAnalytics(pincode=pincode, date=day, **dict(zip(campaign.reads, read, strict=True)))
                judged[key] = campaign.matches(row, here)
            verdicts.append(judged[key])
        yield pincode, day, verdicts


def days_looked_at(campaign: PincodeCampaign, first: date, today: date) -> list[date]:
    """The full days from `first` on that a run of the campaign's own schedule looks at."""
    runs = {clock.business_day(slot) for slot in campaign.times.slots(clock.day_start(first), clock.day_bounds(today)[1])}
    days = [first + timedelta(days=number) for number in range((today - first).days)]
    return [day for day in days if day + timedelta(days=1) in runs or (campaign.looks_at_today and day in runs)]


def _count_people(campaign: PincodeCampaign, found: list[Fired]) -> None:
    pincodes = sorted({pincode for outcome in found for pincode in outcome.by_pincode})
    if not pincodes:
        return
    counted = campaign.audience(pincodes).filter(is_active=True).order_by().values_list("pincode").annotate(n=Count("pk"))
    living: dict[str, int] = dict(counted)
    for outcome in found:
        for pincode, times in outcome.by_pincode.items():
            here = living.get(pincode, 0)
            outcome.people += here
            outcome.messages_to += here * times
            outcome.gaps += 0 if here else times


def stuck(check: Check, limits: Values, *, now: datetime) -> Stuck:
    """What the check would find now by these limits."""
    found = Stuck(people=audiences.staff(check.roles).filter(is_active=True).count())
    for finding in check.find(now=now, limits=limits):
        found.items += 1
        found.critical += finding.severity == Severity.CRITICAL
        found.rupees += finding.rupees or 0
    if not found.items:
        found.people = 0
    return found

"""Campaigns that fire on a pincode's day: which days match, who is told, and the flags that keep it to once."""

from abc import abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar

from django.db import transaction
from django.db.models import Count, Q, QuerySet, Sum

from core import clock, locks
from core.analytics import thresholds
from core.analytics.generate import generate, measure
from core.analytics.thresholds import Limits, Values
from core.messaging.campaign import Campaign
from core.models import MessagingRun, PincodeAnalytics, User
from core.notifications.outbox import Notice, Tally, enqueue_by_pincode

# People a transaction. A pincode is never split: its flag and its messages are committed together.
PEOPLE_AT_ONCE = 5_000
# Over how many days a pincode's usual job is averaged.
USUAL_DAYS = 28


class PincodeCampaign(Campaign):
    """A campaign that fires on a pincode's day, and tells that pincode's people of it once."""

    # The flag on PincodeAnalytics; empty: kept by name in `other_alerts_sent`.
    flag: ClassVar[str] = ""
    limits: ClassVar[Mapping[str, Decimal]] = {}
    # A day that has just begun is always quiet: who looks for quiet looks at the last full day only.
    looks_at_today: ClassVar[bool] = True
    # The fields of a day that `matches` looks at, where it says so: weeks of days are then weighed in a fraction of the time.
    reads: ClassVar[tuple[str, ...]] = ()
    # Nobody to tell is a gap that ops must hear of, not a silence.
    gap_matters: ClassVar[bool] = False

    @abstractmethod
    def matches(self, day: PincodeAnalytics, limits: Values) -> bool:
        """Whether this pincode's day fires, by the limits that hold there."""

    @abstractmethod
    def audience(self, pincodes: Collection[str]) -> QuerySet[User]:
        """Who hears of it in these pincodes."""

    @abstractmethod
    def context(self, day: PincodeAnalytics, *, usual_value: Decimal | None, now: datetime) -> dict[str, Any]:
        """The wording's variables. `usual_value` is what a completed job there brought on average lately."""

    def link_url(self, day: PincodeAnalytics) -> str:
        """Where the message leads: a web address, or a path of our own."""
        return "/inbox/"

    def run(self, *, now: datetime, actor: User | None = None, dry_run: bool = False) -> dict[str, Any]:
        """Tell the people of every pincode whose day matches and was not told about yet."""
        if not dry_run:
            return self._fire(now=now, actor=actor, dry_run=False)
        with transaction.atomic():
            result = self._fire(now=now, actor=actor, dry_run=True)
            transaction.set_rollback(True)
        return {**result, "dry_run": True}

    def _fire(self, *, now: datetime, actor: User | None, dry_run: bool) -> dict[str, Any]:
        measured = bring_up_to_date(now=now)
        limits = thresholds.in_force(self.name, self.limits, now=now)
        matches = find_matches(self, limits, now=now)
        rule = {name: str(value) for name, value in limits.everywhere().items()}
        run = MessagingRun.objects.create(name=self.name, started_at=now, actor=actor, rule={"limits": rule})
        tally, gaps = Tally(), list[str]()
        for batch in _batches(self, matches):
            with transaction.atomic():
                told, missed = _tell(self, batch, run=run, now=now, dry_run=dry_run)
            tally.add(told)
            gaps += missed
        run.result = {"pincodes": measured, "matched": len(matches), **tally.as_dict(), "by_method": dict(sorted(tally.by_method.items()))}
        if self.gap_matters:
            run.result |= {"coverage_gaps": len(gaps), "gap_pincodes": sorted(gaps)}
        run.save(update_fields=["result"])
        return run.result


@dataclass
class Match:
    """A pincode that fires: the busier of its matching days, and every matching day's row."""

    day: PincodeAnalytics
    limits: Values
    rows: list[PincodeAnalytics] = field(default_factory=list)


def bring_up_to_date(*, now: datetime) -> int:
    """Refresh today's rows; close yesterday first if the night's run did not. Returns the number of pincodes.

    A decision is never made from a day that was last measured before it was over.
    """
    today = clock.business_day(now)
    yesterday = PincodeAnalytics.objects.filter(date=today - timedelta(days=1))
    if not yesterday.exists() or yesterday.filter(is_final=False, measured_at__lt=clock.day_start(today)).exists():
        return int(generate(now=now)["pincodes"])
    return measure([today], now=now)


def find_matches(campaign: PincodeCampaign, limits: Limits, *, now: datetime) -> dict[str, Match]:
    """The pincodes that fire, each with the rows that match and have not fired yet."""
    today = clock.business_day(now)
    days = [today - timedelta(days=1)] + ([today] if campaign.looks_at_today else [])
    matches: dict[str, Match] = {}
    for row in PincodeAnalytics.objects.filter(date__in=days).exclude(_fired(campaign)).order_by("pincode", "date").iterator():
        here = limits.for_pincode(row.pincode)
        if not campaign.matches(row, here):
            continue
        match = matches.setdefault(row.pincode, Match(row, here))
        match.rows.append(row)
        if row.total_bookings >= match.day.total_bookings:
            match.day = row
    return matches


def _fired(campaign: PincodeCampaign) -> Q:
    if campaign.flag:
        return Q(**{campaign.flag: True})
    # With has_key, so that a row which has never heard of the campaign is not fired rather than neither.
    return Q(other_alerts_sent__has_key=campaign.name) & Q(**{f"other_alerts_sent__{campaign.name}": True})


def _batches(campaign: PincodeCampaign, matches: dict[str, Match]) -> Iterator[dict[str, Match]]:
    """The matches in groups of so many people, so that no transaction grows with the country."""
    counted = campaign.audience(list(matches)).order_by().values_list("pincode").annotate(n=Count("pk"))
    sizes: dict[str, int] = dict(counted) if matches else {}
    batch: dict[str, Match] = {}
    people = 0
    for pincode, match in matches.items():
        size = sizes.get(pincode, 0)
        if batch and people + size > PEOPLE_AT_ONCE:
            yield batch
            batch, people = {}, 0
        batch[pincode] = match
        people += size
    if batch:
        yield batch


def _tell(
    campaign: PincodeCampaign, batch: dict[str, Match], *, run: MessagingRun, now: datetime, dry_run: bool
) -> tuple[Tally, list[str]]:
    """Queue one batch's messages and raise its flags, in the caller's transaction. Returns what was queued and the gaps."""
    locks.hold(f"kind:{campaign.kind.name}")
    # Another process may have fired some of these since we looked.
    ids = [row.pk for match in batch.values() for row in match.rows]
    fresh = set(PincodeAnalytics.objects.filter(pk__in=ids).exclude(_fired(campaign)).values_list("pk", flat=True))
    due = {pincode: match for pincode, match in batch.items() if any(row.pk in fresh for row in match.rows)}
    if not due:
        return Tally(), []
    day = clock.business_day(now)
    usual = usual_values(list(due), now=now)
    notices = {
        pincode: Notice(
            kind=campaign.kind,
            key=f"{campaign.name}:{pincode}:{day.isoformat()}",
            context=campaign.context(match.day, usual_value=usual.get(pincode), now=now),
            pincode=pincode,
            link_url=campaign.link_url(match.day),
            metadata=_why(campaign, match),
        )
        for pincode, match in due.items()
    }
    tally = enqueue_by_pincode(notices, campaign.audience(list(due)), run=run, now=now, write=not dry_run)
    told = [pincode for pincode, notice in notices.items() if notice.key in tally.fresh]
    if not dry_run:
        _raise_flags(campaign, [row for pincode in told for row in due[pincode].rows])
    gaps = [pincode for pincode, notice in notices.items() if notice.key not in tally.told]
    return tally, gaps


def _why(campaign: PincodeCampaign, match: Match) -> dict[str, Any]:
    """What a person asking 'why me?' is shown: the figures and the limits they were held against."""
    day = match.day
    return {
        "campaign": campaign.name,
        "pincode": day.pincode,
        "date": day.date.isoformat(),
        "total_bookings": day.total_bookings,
        "available_vendors": day.available_vendors,
        "measured_at": day.measured_at.isoformat(),
        "limits": {name: str(value) for name, value in match.limits.items()},
    }


def _raise_flags(campaign: PincodeCampaign, rows: Sequence[PincodeAnalytics]) -> None:
    fired = PincodeAnalytics.objects.filter(pk__in=[row.pk for row in rows])
    if campaign.flag:
        fired.update(**{campaign.flag: True})
        return
    # Read again and held: a campaign of another kind may have put its own flag there since.
    held = list(fired.select_for_update().order_by("pk"))
    for row in held:
        row.other_alerts_sent = {**row.other_alerts_sent, campaign.name: True}
    PincodeAnalytics.objects.bulk_update(held, ["other_alerts_sent"], batch_size=1_000)


def usual_values(pincodes: Sequence[str], *, now: datetime) -> dict[str, Decimal]:
    """What a completed job brought on average in each of these pincodes over the last weeks, where there was one."""
    since = clock.business_day(now) - timedelta(days=USUAL_DAYS)
    sums = (
        PincodeAnalytics.objects.filter(pincode__in=pincodes, date__gte=since)
        .order_by()
        .values_list("pincode")
        .annotate(revenue=Sum("total_revenue"), jobs=Sum("completed_bookings"))
    )
    return {pincode: (revenue / jobs).quantize(Decimal("0.01")) for pincode, revenue, jobs in sums if jobs}

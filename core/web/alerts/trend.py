"""The rupees at risk of one alert since it opened, as a staircase that the server draws."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import accumulate

from django.db.models import Count, Sum

from core.formatting import indian, rupees
from core.models import BusinessAlert
from core.web.charts import Tick, ticks, top_of
from core.web.words import moment, plural

WIDTH, HEIGHT = 386, 92
# More steps than these are not seen.
MOST_STEPS = 200
DAY = timedelta(days=1)
NEAR_THE_EDGE = 110


@dataclass(frozen=True, slots=True)
class Trend:
    """The chart, in words and in the coordinates of its SVG; and how the sum stands against a day ago."""

    path: str
    area: str
    last_y: float
    ticks: Sequence[Tick]
    began: str
    ended: str
    label: str
    # Where it turned critical, and on which side of that line there is room for words.
    critical_x: float | None
    critical_at: str
    critical_after: bool
    change: str
    is_more: bool
    since: str


@dataclass(frozen=True, slots=True)
class History:
    """When the items of an alert came and went: moment, rupees and how many, of each moment."""

    came: Sequence[tuple[datetime, Decimal | None, int]]
    gone: Sequence[tuple[datetime, Decimal | None, int]]

    @classmethod
    def of(cls, alert: BusinessAlert) -> "History":
        """Two statements; as many rows as there were evaluations that changed something."""
        items = alert.items.order_by()
        return cls(
            list(items.values_list("first_seen_at").annotate(rupees=Sum("rupees"), count=Count("pk"))),
            list(items.filter(cleared_at__isnull=False).values_list("cleared_at").annotate(rupees=Sum("rupees"), count=Count("pk"))),
        )

    @property
    def cleared(self) -> int:
        return sum(count for _, _, count in self.gone)

    @property
    def left(self) -> int:
        return sum(count for _, _, count in self.came) - self.cleared

    def changes(self) -> tuple[bool, dict[datetime, float]]:
        """By how much the sum changed, and when: of rupees, or, where nothing has a price, of items."""
        priced = any(amount for _, amount, _ in self.came)
        changes: dict[datetime, float] = defaultdict(float)
        for sign, rows in ((1, self.came), (-1, self.gone)):
            for at, amount, count in rows:
                changes[at] += sign * float((amount or 0) if priced else count)
        return priced, changes


def trend(alert: BusinessAlert, history: History, *, critical_at: datetime | None, now: datetime) -> Trend | None:
    """From its items' own times. None for an alert that never had any, or that has just been opened."""
    began, ended = alert.created_at, alert.resolved_at if alert.resolved_at and not alert.is_open else now
    priced, changes = history.changes()
    times = sorted(at for at in changes if at <= ended)
    if not times or ended - began < timedelta(minutes=1):
        return None
    sums = list(accumulate(changes[at] for at in times))

    def at_moment(moment: datetime) -> float:
        place = bisect_right(times, moment)
        return max(sums[place - 1], 0.0) if place else 0.0

    shown = [began, *(at for at in _thinned(times) if began < at < ended), ended]
    values = [at_moment(at) for at in shown]
    top = top_of(max(values))
    whole = (ended - began).total_seconds()

    def across(at: datetime) -> float:
        return round((at - began).total_seconds() / whole * WIDTH, 1)

    def down(value: float) -> float:
        return round(HEIGHT - value / top * HEIGHT, 1)

    steps = zip(shown[1:], values[1:], strict=True)
    path = f"M0 {down(values[0]):g}" + "".join(f"H{across(at):g}V{down(value):g}" for at, value in steps)
    turned = critical_at if critical_at and began < critical_at <= ended else None
    what, said = ("Rupees at risk", rupees) if priced else ("Items", _counted)
    before = max(ended - DAY, began)
    change = round(values[-1] - at_moment(before))
    return Trend(
        path=path,
        area=f"{path}V{HEIGHT}H0Z",
        last_y=down(values[-1]),
        ticks=ticks(top, height=HEIGHT, money=priced),
        began=moment(began, now=now).short,
        ended="now" if alert.is_open else moment(ended, now=now).short,
        label=f"{what} since the alert opened, from {said(round(values[0]))} to {said(round(values[-1]))}, most {said(round(max(values)))}",
        critical_x=across(turned) if turned else None,
        critical_at=moment(turned, now=now).short if turned else "",
        critical_after=turned is not None and across(turned) < NEAR_THE_EDGE,
        change=said(abs(change)) if change else "",
        is_more=change > 0,
        since="since this time yesterday" if before > began else "since it opened",
    )


def _thinned(times: Sequence[datetime]) -> Sequence[datetime]:
    return times[:: -(-len(times) // MOST_STEPS)]


def _counted(count: int) -> str:
    return f"{indian(count)} {plural(count, 'item', 'items')}"

"""What other limits would have done, as a page shows it: figures beside one another, a sentence, and a bar for each day."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from core import backtest, clock
from core.alerts.check import Check
from core.analytics.thresholds import Limits
from core.formatting import indian, rupees
from core.limits import Rule
from core.messaging.pincode_campaign import PincodeCampaign
from core.web.charts import Tick, ticks, top_of
from core.web.words import plural

WIDTH: Final = 392.0
HEIGHT: Final = 96.0


@dataclass(frozen=True, slots=True)
class Line:
    """A figure by the limits in force, and by the proposed ones."""

    label: str
    now: str
    proposed: str


@dataclass(frozen=True, slots=True)
class Bar:
    """A day: how high by the proposed limits, and where the mark of the present ones stands."""

    x: float
    width: float
    y: float
    height: float
    mark: float
    day: str
    now: int
    proposed: int
    is_looked_at: bool


@dataclass(frozen=True, slots=True)
class Days:
    bars: list[Bar]
    ticks: list[Tick]
    # Where a day is named under the axis.
    names: list[tuple[float, str]]
    says: str


@dataclass(frozen=True, slots=True)
class Effect:
    """`sentence` is of the last weeks, or of what is stuck now; `last` of the last day alone, as one is asked before saving."""

    sentence: str
    last: str
    lines: list[Line]
    days: Days | None = None


def effect_of(rule: Rule, held: Limits, proposed: Limits, *, now: datetime) -> Effect | None:
    """None for a rule that nothing can be asked of beforehand."""
    if isinstance(rule.declared, PincodeCampaign):
        present, other = backtest.fired(rule.declared, [held, proposed], now=now)
        return _fired(rule.declared, present, other, now=now)
    if isinstance(rule.declared, Check):
        found = [backtest.stuck(rule.declared, limits.everywhere(), now=now) for limits in (held, proposed)]
        return _stuck(rule.declared, *found)
    return None


def _fired(campaign: PincodeCampaign, present: backtest.Fired, other: backtest.Fired, *, now: datetime) -> Effect:
    today = clock.business_day(now)
    first = today - timedelta(days=backtest.DAYS)
    looked_at = backtest.days_looked_at(campaign, first, today)
    lines = [
        Line("Times fired", indian(present.times), indian(other.times)),
        Line("Pincodes", indian(len(present.by_pincode)), indian(len(other.by_pincode))),
        Line("People told", indian(present.people), indian(other.people)),
        Line("Each as often as told", indian(present.messages_to), indian(other.messages_to)),
        Line("Times with nobody to tell", indian(present.gaps), indian(other.gaps)),
    ]
    sentence = (
        f"In the last {backtest.DAYS} days this would have fired {_times(other.times)} and told {_people(other.people)}; "
        f"the limits in force {_times(present.times)} and {_people(present.people)}."
    )
    return Effect(sentence, _last_day(present, other, looked_at, today=today), lines, _days(present, other, looked_at, first))


def _last_day(present: backtest.Fired, other: backtest.Fired, looked_at: list[date], *, today: date) -> str:
    """What is asked before it is saved. Of a campaign that does not run daily, the last day that it looked at."""
    if not looked_at:
        return ""
    day = looked_at[-1]
    which = "Yesterday" if day == today - timedelta(days=1) else f"On {day:%a} {day.day} {day:%b}"
    proposed, then = other.by_day[day], present.by_day[day]
    instead = "as now" if then == proposed else f"instead of {indian(then)}"
    return f"{which} this would have fired for {indian(proposed)} {plural(proposed, 'pincode', 'pincodes')} {instead}."


def _days(present: backtest.Fired, other: backtest.Fired, looked_at: list[date], first: date) -> Days:
    top = top_of(max([*present.by_day.values(), *other.by_day.values()], default=0))
    gap = WIDTH / backtest.DAYS
    known, bars = set(looked_at), []
    for number in range(backtest.DAYS):
        day = first + timedelta(days=number)
        height = round(other.by_day[day] / top * HEIGHT, 1)
        bars.append(
            Bar(
                x=round(number * gap + 2, 1),
                width=round(gap - 4, 1),
                y=round(HEIGHT - height, 1),
                height=height,
                mark=round(HEIGHT - present.by_day[day] / top * HEIGHT, 1),
                day=f"{day:%a} {day.day} {day:%b}",
                now=present.by_day[day],
                proposed=other.by_day[day],
                is_looked_at=day in known,
            )
        )
    names = [(round((number + 0.5) * gap, 1), bars[number].day) for number in (0, backtest.DAYS // 2, backtest.DAYS - 1)]
    by = f"{indian(other.times)} times by the proposed limits in {backtest.DAYS} days, {indian(present.times)} by those in force"
    says = f"Pincodes a day: {by}."
    return Days(bars, ticks(top, height=HEIGHT), names, says)


def _stuck(check: Check, present: backtest.Stuck, other: backtest.Stuck) -> Effect:
    lines = [
        Line("Stuck", indian(present.items), indian(other.items)),
        Line("Of them critical", indian(present.critical), indian(other.critical)),
        Line("At risk", rupees(present.rupees), rupees(other.rupees)),
        Line("People told", indian(present.people), indian(other.people)),
    ]
    instead = "as now" if present.items == other.items else f"instead of {indian(present.items)}"
    last = f"Now this would find {indian(other.items)} {check.nouns.of(other.items)} {instead}, {indian(other.critical)} of them critical."
    return Effect(last, last, lines)


def _times(count: int) -> str:
    return f"{indian(count)} {plural(count, 'time', 'times')}"


def _people(count: int) -> str:
    return f"{indian(count)} {plural(count, 'person', 'people')}"

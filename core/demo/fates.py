"""What becomes of a booking in the demo city: the odds, in one place.

Most go well. A few get stuck in each of the ways that the product is there to notice, and most of those come loose
after some days by themselves, so that there are always some tens of them and never thousands.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from math import log
from random import Random
from typing import NamedTuple

from core.models.marketplace import BookingStatus, PaymentStatus, SignatureStatus


class Step(NamedTuple):
    """From this moment on, this status."""

    at: datetime
    status: str


Steps = list[Step]

CANCELLED_BY_CUSTOMER = 0.07
NOBODY_TAKES_IT = {"prompt": 0.01, "slow": 0.03, "late": 0.25, "none": 1.0}
VENDOR_NEVER_CAME = 0.008
CLOSED_DAYS_LATE = 0.016
CLOSED_HOURS_LATE = 0.04
SIGNED_DAYS_LATE = 0.032
NEVER_SIGNED = 0.005
DISPUTED = 0.008
PAYMENT_HELD = 0.042
PAYMENT_FAILED = 0.025


class Answer(StrEnum):
    """How soon a vendor takes a job."""

    PROMPT = "prompt"
    SLOW = "slow"
    LATE = "late"
    NONE = "none"


MINUTES_TO_ANSWER = {Answer.PROMPT: 9.0, Answer.SLOW: 26.0, Answer.LATE: 48.0, Answer.NONE: 60.0}


@dataclass(slots=True)
class Fate:
    booking: Steps
    signature: Steps = field(default_factory=list)
    payment: Steps = field(default_factory=list)
    assigned_at: datetime | None = None
    finished_at: datetime | None = None
    rating: int | None = None


def decide(rng: Random, *, created: datetime, scheduled: datetime, minutes: int, answer: Answer) -> Fate:
    """The life of a booking made at `created`, for work of so many minutes that is to start at `scheduled`."""
    fate = Fate(booking=[Step(created, BookingStatus.PENDING)])
    assigned = min(created + _time_to_answer(rng, scheduled - created, answer), scheduled - timedelta(minutes=10))
    if rng.random() < CANCELLED_BY_CUSTOMER:
        cancelled = created + (scheduled - created) * rng.uniform(0.03, 0.97)
        if assigned < cancelled:
            _assign(fate, assigned)
        fate.booking.append(Step(cancelled, BookingStatus.CANCELLED))
        return fate
    if rng.random() < NOBODY_TAKES_IT[answer]:
        fate.booking.append(Step(scheduled + timedelta(minutes=rng.uniform(5, 120)), BookingStatus.CANCELLED))
        return fate
    _assign(fate, assigned)
    _work(rng, fate, scheduled, timedelta(minutes=minutes))
    return fate


def _time_to_answer(rng: Random, notice: timedelta, answer: Answer) -> timedelta:
    minutes = rng.lognormvariate(log(MINUTES_TO_ANSWER[answer]), 0.7)
    # Who books for tomorrow gets an answer less urgently.
    return timedelta(minutes=minutes * (1.6 if notice > timedelta(hours=12) else 1))


def _assign(fate: Fate, moment: datetime) -> None:
    fate.assigned_at = moment
    fate.booking.append(Step(moment, BookingStatus.CONFIRMED))


def _work(rng: Random, fate: Fate, scheduled: datetime, length: timedelta) -> None:
    """The vendor comes, works and closes the job; or does not come; or forgets to close it."""
    end = scheduled + length
    if rng.random() < VENDOR_NEVER_CAME:
        fate.booking.append(Step(end + timedelta(hours=rng.uniform(20, 96)), BookingStatus.CANCELLED))
        return
    lateness = max(-8.0, rng.gauss(6, 13))
    started = scheduled + timedelta(minutes=lateness)
    fate.booking.append(Step(started, BookingStatus.IN_PROGRESS))
    finished = closed = started + length * rng.triangular(0.6, 1.6, 0.95)
    chance = rng.random()
    if chance < CLOSED_DAYS_LATE:
        closed = end + timedelta(hours=rng.uniform(20, 90))
    elif chance < CLOSED_DAYS_LATE + CLOSED_HOURS_LATE:
        closed = finished + timedelta(hours=rng.uniform(1, 9))
    fate.finished_at = finished
    fate.booking.append(Step(closed, BookingStatus.COMPLETED))
    disputed_at = _sign(rng, fate, closed, satisfied=lateness < 25 and closed == finished)
    _pay(rng, fate, closed, disputed_at=disputed_at)


def _sign(rng: Random, fate: Fate, asked: datetime, *, satisfied: bool) -> datetime | None:
    """The customer signs, sooner or later or never; or disputes the work, and then the moment is returned."""
    fate.signature.append(Step(asked, SignatureStatus.PENDING))
    chance = rng.random()
    if chance < DISPUTED:
        moment = asked + timedelta(hours=rng.uniform(0.5, 20))
        fate.signature.append(Step(moment, SignatureStatus.DISPUTED))
        fate.booking.append(Step(moment, BookingStatus.DISPUTED))
        return moment
    if chance < DISPUTED + NEVER_SIGNED:
        fate.signature.append(Step(asked + timedelta(days=7), SignatureStatus.EXPIRED))
        return None
    if chance < DISPUTED + NEVER_SIGNED + SIGNED_DAYS_LATE:
        moment = asked + timedelta(hours=rng.uniform(20, 80))
    else:
        moment = asked + timedelta(minutes=min(rng.lognormvariate(log(40), 1.2), 20 * 60))
    fate.signature.append(Step(moment, SignatureStatus.SIGNED))
    fate.booking.append(Step(moment, BookingStatus.SIGNED))
    if rng.random() >= 0.08:
        fate.rating = rng.choices((1, 2, 3, 4, 5), weights=(2, 3, 9, 34, 52) if satisfied else (9, 14, 27, 32, 18))[0]
    return None


def _pay(rng: Random, fate: Fate, billed: datetime, *, disputed_at: datetime | None) -> None:
    """Paid within the hour, as a rule; held for a review or by a dispute; or failed and tried again."""
    pay = fate.payment
    pay.append(Step(billed, PaymentStatus.PENDING))
    if disputed_at:
        pay.append(Step(disputed_at, PaymentStatus.ON_HOLD))
        decided = disputed_at + timedelta(hours=rng.uniform(12, 120))
        pay.append(Step(decided, PaymentStatus.REFUNDED if rng.random() < 0.6 else PaymentStatus.COMPLETED))
        return
    tried = billed + timedelta(minutes=rng.uniform(1, 15))
    pay.append(Step(tried, PaymentStatus.PROCESSING))
    settled = tried + timedelta(minutes=min(rng.lognormvariate(log(15), 0.9), 180))
    chance = rng.random()
    if chance < PAYMENT_HELD:
        pay.append(Step(settled, PaymentStatus.ON_HOLD))
        released = settled + timedelta(hours=min(rng.lognormvariate(log(28), 0.8), 130))
        pay.append(Step(released, PaymentStatus.REFUNDED if rng.random() < 0.07 else PaymentStatus.COMPLETED))
        return
    if chance < PAYMENT_HELD + PAYMENT_FAILED:
        pay.append(Step(settled, PaymentStatus.FAILED))
        if rng.random() < 0.25:
            return
        again = settled + timedelta(hours=rng.uniform(2, 30))
        pay.append(Step(again, PaymentStatus.PROCESSING))
        settled = again + timedelta(minutes=rng.uniform(2, 40))
    pay.append(Step(settled, PaymentStatus.COMPLETED))

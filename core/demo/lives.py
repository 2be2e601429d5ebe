"""The bookings of the demo city. A booking's whole life is decided when it is made, from the seed, its pincode and its day.

So the city can be shown at any moment by asking each life what it looks like then, in whatever steps time went by.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import accumulate
from random import Random
from uuid import UUID

from core import clock
from core.demo import fates
from core.demo.areas import AREAS, Area, Trade, nearest
from core.demo.duty import on_duty
from core.demo.fates import Step
from core.demo.people import KIRANS_PINCODE, VERAS_PINCODE, Person, by_pincode
from core.demo.services import OFFERS
from core.models import Role

# No life goes on for longer after its booking was made.
LONGEST = timedelta(days=17)

# Bookings on an ordinary day.
MEAN = {Trade.HOT: 13.0, Trade.SHORT: 12.5, Trade.UNSERVED: 4.0, Trade.STEADY: 3.65, Trade.QUIET: 1.3}
# Monday to Sunday.
WEEK = (0.93, 0.91, 0.93, 0.96, 1.01, 1.14, 1.12)
# By hour, from midnight: mornings and evenings when people work, all day at weekends.
WORKDAY_HOURS = (0.3, 0.2, 0.1, 0.1, 0.1, 0.3, 1.2, 3, 5, 7.5, 9, 8.5, 7, 5.5, 5, 5.5, 6.5, 8, 9, 8, 5.5, 3, 1.6, 0.8)
WEEKEND_HOURS = (0.4, 0.3, 0.1, 0.1, 0.1, 0.2, 0.6, 1.5, 4, 7.5, 10.5, 11, 9.5, 7.5, 6.5, 6.5, 7, 7.5, 7.5, 6.5, 4.5, 3, 1.8, 1)
SHARES = tuple(accumulate(offer.share for offer in OFFERS))

Course = tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Life:
    """One booking with its signature and payment: who, what, where, and every change of state with its moment."""

    id: UUID
    pincode: str
    customer: str
    vendor: str
    service: int
    price: Decimal
    created_at: datetime
    scheduled: datetime
    assigned_at: datetime | None
    finished_at: datetime | None
    booking: Course
    signature_id: UUID
    signature: Course
    rating: int | None
    payment_id: UUID
    payment: Course
    ends: datetime

    def changes(self, since: datetime, until: datetime) -> bool:
        """Whether anything happens in (since, until]."""
        return any(since < step.at <= until for course in (self.booking, self.signature, self.payment) for step in course)


def status_at(course: Course, moment: datetime) -> str:
    """The status at a moment; empty before the first."""
    current = ""
    for step in course:
        if step.at > moment:
            break
        current = step.status
    return current


def moment_of(course: Course, status: str, *, until: datetime) -> datetime | None:
    """When the status was first taken, if it was by `until`."""
    return next((step.at for step in course if step.status == status and step.at <= until), None)


_unfinished: dict[tuple[int, date], tuple[datetime, tuple[Life, ...]]] = {}


def unfinished(day: date, *, since: datetime, seed: int) -> tuple[Life, ...]:
    """The bookings made on a day that are not over at `since`.

    They are kept in memory and fewer as time goes by, so that a server which asks every other second does next to nothing.
    """
    kept = _unfinished.get((seed, day))
    known = kept[1] if kept and kept[0] <= since else made_on(day, seed=seed)
    lives = tuple(life for life in known if life.ends > since)
    _unfinished[seed, day] = since, lives
    return lives


def made_on(day: date, *, seed: int) -> tuple[Life, ...]:
    """The bookings made on a business day in the whole city, in the order of their making."""
    lives = [life for area in AREAS for life in _made_in(area, day, seed=seed)]
    return tuple(sorted(lives, key=lambda life: life.created_at))


def _made_in(area: Area, day: date, *, seed: int) -> list[Life]:
    rng = Random(f"{seed}:{area.pincode}:{day}")
    mood = Random(f"{seed}:{day}").gauss(1, 0.05)  # rain and festivals: the whole city's day is a little better or worse
    mean = MEAN[area.trade] * WEEK[day.weekday()] * mood
    number = max(0, round(rng.gauss(mean, 0.75 * mean**0.5)))
    start = clock.day_start(day)
    hours = rng.choices(range(24), weights=WEEKEND_HOURS if day.weekday() >= 5 else WORKDAY_HOURS, k=number)
    created = sorted(start + timedelta(hours=hour + rng.random()) for hour in hours)
    return [_life(rng, area, start, moment, seed=seed) for moment in created]


def _life(rng: Random, area: Area, day_start: datetime, created: datetime, *, seed: int) -> Life:
    service = rng.choices(range(len(OFFERS)), cum_weights=SHARES)[0]
    offer = OFFERS[service]
    price = Decimal(round(float(offer.base_price) * rng.uniform(0.95, 1.7) / 10) * 10).quantize(Decimal("0.01"))
    scheduled = _wanted_for(rng, day_start, created)
    vendor, answer = _vendor(rng, area, created, seed=seed)
    fate = fates.decide(rng, created=created, scheduled=scheduled, minutes=offer.duration_minutes, answer=answer)
    booking, signature, payment = tuple(fate.booking), tuple(fate.signature), tuple(fate.payment)
    return Life(
        id=_id(rng, created),
        pincode=area.pincode,
        customer=_customer(rng, area, seed=seed).username,
        vendor=vendor.username if vendor and fate.assigned_at else "",
        service=service,
        price=price,
        created_at=created,
        scheduled=scheduled,
        assigned_at=fate.assigned_at,
        finished_at=fate.finished_at,
        booking=booking,
        signature_id=_id(rng, signature[0].at if signature else created),
        signature=signature,
        rating=fate.rating,
        payment_id=_id(rng, payment[0].at if payment else created),
        payment=payment,
        ends=max(step.at for step in (*booking, *signature, *payment)),
    )


def _wanted_for(rng: Random, day_start: datetime, created: datetime) -> datetime:
    """When the work is to start, on a full or half hour from 8:00 to 18:30: today if there is time, tomorrow, or within five days."""
    chance = rng.random()
    if chance < 0.42:
        hours = (created - day_start).total_seconds() / 3600 + rng.uniform(2, 5)
        if hours <= 18.5:
            return day_start + timedelta(hours=max(8.0, (int(hours * 2) + 1) / 2))
    days = 1 if chance < 0.78 else rng.randint(2, 5)
    return day_start + timedelta(days=days, hours=rng.randrange(16, 38) / 2)


def _vendor(rng: Random, area: Area, created: datetime, *, seed: int) -> tuple[Person | None, fates.Answer]:
    """Who takes the job, and how promptly an answer comes: a vendor of the pincode, else of one near by, else nobody."""
    everyone = by_pincode(seed, Role.VENDOR)
    own = on_duty(everyone[area.pincode], created, seed=seed)
    crowded = area.trade == Trade.SHORT
    elsewhere = 0.15 if area.pincode == VERAS_PINCODE else 0.4  # Vera is to have jobs every day.
    if own and not (crowded and rng.random() < elsewhere):
        return own[int(rng.random() ** 1.2 * len(own))], fates.Answer.SLOW if crowded else fates.Answer.PROMPT
    near = on_duty((vendor for other in nearest(area.pincode)[:4] for vendor in everyone[other.pincode]), created, seed=seed)
    if near:
        return rng.choice(near), fates.Answer.LATE
    return None, fates.Answer.NONE


def _customer(rng: Random, area: Area, *, seed: int) -> Person:
    """Some book often, most seldom. Kiran is the best customer of a quiet place, so that there is something to see."""
    customers = by_pincode(seed, Role.CUSTOMER)[area.pincode]
    keenness = 2.0 if area.pincode == KIRANS_PINCODE else 1.5
    return customers[int(rng.random() ** keenness * len(customers))]


def _id(rng: Random, moment: datetime) -> UUID:
    """As the product's own ids, a UUID of version 7 in the order of time, but the same for the same seed."""
    value = int(moment.timestamp() * 1000) << 80 | rng.getrandbits(80)
    value = value & ~(0xF << 76) | 0x7 << 76
    return UUID(int=value & ~(0x3 << 62) | 0x2 << 62)

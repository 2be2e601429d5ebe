"""A living city to show the product with: Bengaluru, its people, a month of bookings behind it and new ones every minute.

Everything follows from a seed. `load` builds the city in an empty database, `advance` brings it on, `remove` takes it away;
what people do to it by hand in between stays done.
"""

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Max, QuerySet

from core import bulk, clock
from core.demo import citizens, record, removal, writing
from core.demo.lives import LONGEST, Life, unfinished
from core.demo.people import CAST, DOMAIN, DemoPerson
from core.demo.record import Reached
from core.models import Booking, User

PASSWORD = "homeserve-demo"


class NotEmptyError(Exception):
    """The database holds people or bookings already: the city is only built in an empty one."""


def is_empty() -> bool:
    """Whether there is nobody and nothing: no user, no booking."""
    return not User.objects.exists() and not Booking.objects.exists()


def exists() -> bool:
    """Whether the demo city lives in this database."""
    return citizens.demo_users().exists()


def is_of_it(user: User) -> bool:
    """Whether this is one of the city's people."""
    return user.email.endswith(DOMAIN)


def demo_users() -> QuerySet[User]:
    """Everybody who lives in the city."""
    return citizens.demo_users()


def demo_people() -> list[DemoPerson]:
    """Whom to log in as, with PASSWORD, and what each of them sees."""
    return list(CAST)


def load(*, now: datetime, days: int = 30, seed: int, progress: Callable[[str], None] | None = None) -> dict[str, int]:
    """Build the city with the last `days` days, and today until `now`, in one transaction. Raises NotEmptyError."""
    if not is_empty():
        raise NotEmptyError("The database already holds people or bookings; the demo city is only loaded into an empty one.")
    say = progress or (lambda _line: None)
    start = clock.day_start(clock.business_day(now) - timedelta(days=days))
    with transaction.atomic():
        counts = {"people": citizens.settle(start=start, now=now, seed=seed, password=PASSWORD), "services": writing.open_services()}
        say(f"{counts['people']} people and {counts['services']} services.")
        totals = writing.Written()
        for week in bulk.batches(_days(start, now), 7):
            lives = [life for day in week for life in unfinished(day, since=start, seed=seed) if life.created_at <= now]
            written = writing.insert(lives, now=now)
            totals.bookings += written.bookings
            totals.signatures += written.signatures
            totals.payments += written.payments
            for day in week:
                unfinished(day, since=now, seed=seed)  # The rest need not stay in memory.
            say(f"{totals.bookings} bookings until {week[-1]:%d %B}.")
    record.write(Reached(seed, loaded_at=now, advanced_to=now))
    return {**counts, "bookings": totals.bookings, "signatures": totals.signatures, "payments": totals.payments}


def advance(*, since: datetime, now: datetime, seed: int) -> dict[str, int]:
    """Bring the city from `since` to `now`: what was booked, answered, done, signed, paid, held and released in between.

    In whatever steps it is called, and however they overlap, the rows are the same. A row that a person has changed is
    left as it is. Where there is no city, nothing happens. When nothing is due, nothing is written to the database.
    """
    counts = {"bookings": 0, "signatures": 0, "payments": 0, "moved": 0, "vendors": 0}
    if now <= since:
        return counts
    vendors = citizens.vendors()
    if not vendors:
        return counts
    switches = citizens.switches(vendors, now=now, seed=seed)
    fresh, been = _not_yet_there(list(_lives(made_since=since, since=since, now=now, seed=seed)), since=since, now=now)
    earlier = _lives(made_since=been - LONGEST, since=been, now=now, seed=seed)
    older = [life for life in earlier if life.created_at <= been and life.changes(been, now)]
    if fresh or older or switches:
        with transaction.atomic():
            moved = writing.move(older, since=been, now=now)
            new = writing.insert(fresh, now=now)
            counts = {
                "bookings": new.bookings,
                "signatures": new.signatures + moved.signatures,
                "payments": new.payments + moved.payments,
                "moved": moved.moved,
                "vendors": citizens.switch(switches, now=now),
            }
    kept = record.read()
    if kept is None or now > kept.advanced_to:
        record.write(Reached(seed, loaded_at=kept.loaded_at if kept else since, advanced_to=now))
    return counts


def reached() -> Reached | None:
    """How far the city has come: as recorded; else as its newest booking tells, and DEMO_SEED. None where there is no city."""
    if not exists():
        return None
    kept = record.read()
    if kept is not None:
        return kept
    newest = Booking.objects.filter(customer__in=citizens.demo_users()).aggregate(newest=Max("created_at"))["newest"]
    return Reached(settings.DEMO_SEED, newest, newest, is_certain=False) if newest else None


def remove() -> dict[str, int]:
    """Take the city away, with everything that belongs to its people, and nothing else."""
    counts = removal.remove()
    record.forget()
    return counts


def _lives(*, made_since: datetime, since: datetime, now: datetime, seed: int) -> Iterator[Life]:
    """Bookings made in (made_since, now] that are not over at `since`."""
    for day in _days(made_since, now):
        for life in unfinished(day, since=since, seed=seed):
            if made_since < life.created_at <= now:
                yield life


def _days(since: datetime, until: datetime) -> Iterator[date]:
    day = clock.business_day(since)
    while day <= clock.business_day(until):
        yield day
        day += timedelta(days=1)


def _not_yet_there(made: list[Life], *, since: datetime, now: datetime) -> tuple[list[Life], datetime]:
    """The bookings to add, and up to when the city has been here before.

    Bookings are added in the order of their making, all that are due at once. So where one is there, every earlier one
    has been: it is missing only if a person deleted it, and does not come back.
    """
    if not made:
        return [], since
    there = set(Booking.objects.filter(created_at__gt=since, created_at__lte=now).values_list("id", flat=True))
    been = max((life.created_at for life in made if life.id in there), default=since)
    return [life for life in made if life.created_at > been], been

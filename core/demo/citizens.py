"""The city's people in the database: how they move in, how they are known, and when vendors take jobs."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from random import Random
from typing import NamedTuple

from django.contrib.auth.hashers import make_password
from django.db.models import F, QuerySet

from core import bulk
from core.demo.duty import on_duty
from core.demo.people import DOMAIN, by_pincode, people
from core.models import Booking, Role, User

# A vendor's joining date carries it while the city has the vendor take jobs. So the row itself tells what the city said
# last; where the switch says something else, a person moved it.
ON_DUTY_MARK = timedelta(microseconds=1)

FIELDS = (
    "username",
    "first_name",
    "last_name",
    "email",
    "role",
    "phone",
    "pincode",
    "language",
    "is_active",
    "is_available",
    "date_joined",
    "password",
    "is_staff",
    "is_superuser",
)


class Vendor(NamedTuple):
    pk: int
    username: str
    is_available: bool
    date_joined: datetime

    @property
    def left_on(self) -> bool:
        """What the city said last."""
        return self.date_joined.microsecond == ON_DUTY_MARK.microseconds


class Switches(NamedTuple):
    """Vendors whom the city now has take jobs, and those who stop."""

    on: list[int]
    off: list[int]


def demo_users() -> QuerySet[User]:
    """The city's people: known by the domain of their address."""
    return User.objects.filter(email__endswith=DOMAIN)


def vendors() -> list[Vendor]:
    """The city's vendors as they are."""
    found = demo_users().filter(role=Role.VENDOR)
    return [Vendor(*row) for row in found.values_list("pk", "username", "is_available", "date_joined")]


def settle(*, start: datetime, now: datetime, seed: int, password: str) -> int:
    """Everyone moves in, some time before `start`."""
    hashed = make_password(password)  # Once: one hash takes longer than all the people together.
    working = _working(now, seed)
    rng = Random(f"{seed}:joined")
    rows = []
    for person in people(seed):
        joined = start - timedelta(seconds=rng.randrange(86_400, 86_400 * 500))
        works = person.username in working
        row = {
            "username": person.username,
            "first_name": person.first_name,
            "last_name": person.last_name,
            "email": person.email,
            "role": person.role,
            "phone": person.phone,
            "pincode": person.pincode,
            "language": person.language,
            "is_active": person.is_active,
            "is_available": works,
            "date_joined": joined + ON_DUTY_MARK if works else joined,
            "password": hashed,
            "is_staff": person.role == Role.SUPER_ADMIN,
            "is_superuser": person.role == Role.SUPER_ADMIN,
        }
        rows.append(tuple(row[name] for name in FIELDS))
    return bulk.written(User, FIELDS, rows, conflict="NOTHING")


def switches(present: Iterable[Vendor], *, now: datetime, seed: int) -> Switches | None:
    """Whose switch the city moves now; None when nobody's. A switch that a person moved stays until it is moved back."""
    working = _working(now, seed)
    untouched = [vendor for vendor in present if vendor.is_available == vendor.left_on]
    on = [vendor.pk for vendor in untouched if vendor.username in working and not vendor.is_available]
    off = [vendor.pk for vendor in untouched if vendor.username not in working and vendor.is_available]
    return Switches(on, off) if on or off else None


def switch(due: Switches | None, *, now: datetime) -> int:
    """Move the switches, unless the city has been brought beyond `now` before: nobody goes back to an earlier hour."""
    if due is None or Booking.objects.filter(created_at__gt=now, customer__in=demo_users()).exists():
        return 0
    on = User.objects.filter(pk__in=due.on, is_available=False)
    off = User.objects.filter(pk__in=due.off, is_available=True)
    return on.update(is_available=True, date_joined=F("date_joined") + ON_DUTY_MARK) + off.update(
        is_available=False, date_joined=F("date_joined") - ON_DUTY_MARK
    )


def _working(now: datetime, seed: int) -> set[str]:
    return {vendor.username for some in by_pincode(seed, Role.VENDOR).values() for vendor in on_duty(some, now, seed=seed)}

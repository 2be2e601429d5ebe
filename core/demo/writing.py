"""How the demo city's rows are written: new ones in bulk, later changes only where a row is still as the city left it."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import models

from core import bulk
from core.demo.lives import Course, Life, moment_of, status_at
from core.demo.services import OFFERS
from core.models import Booking, Payment, Service, Signature, User
from core.models.marketplace import BookingStatus, PaymentStatus, SignatureStatus


@dataclass(frozen=True, slots=True)
class Table:
    """A model, how its rows are found for a booking, what is written once, and what changes later."""

    model: type[models.Model]
    key: str
    fixed: tuple[str, ...]
    changing: tuple[str, ...]

    @property
    def fields(self) -> tuple[str, ...]:
        return self.fixed + self.changing


BOOKINGS = Table(
    Booking,
    "id",
    ("id", "customer_id", "service_id", "total_price", "pincode", "scheduled_date", "created_at"),
    ("status", "vendor_id", "assigned_at", "completion_date"),
)
SIGNATURES = Table(Signature, "booking_id", ("id", "booking_id", "requested_at"), ("status", "signed_at", "satisfaction_rating"))
PAYMENTS = Table(Payment, "booking_id", ("id", "booking_id", "amount", "created_at"), ("status", "held_at"))

# Work that was done has a signature and a payment; so has work that is disputed.
WORK_DONE = (BookingStatus.COMPLETED, BookingStatus.SIGNED, BookingStatus.DISPUTED)

Row = Sequence[Any]


@dataclass(slots=True)
class Written:
    bookings: int = 0
    signatures: int = 0
    payments: int = 0
    moved: int = 0


@dataclass(slots=True)
class Directory:
    """The database's ids of the city's people and services; who or what a person removed is simply not there."""

    people: dict[str, int] = field(default_factory=dict)
    services: dict[int, int] = field(default_factory=dict)

    @classmethod
    def of(cls, lives: Collection[Life]) -> "Directory":
        usernames = {life.customer for life in lives} | {life.vendor for life in lives if life.vendor}
        found = cls()
        for some in bulk.batches(usernames, 500):
            found.people.update(User.objects.filter(username__in=some).values_list("username", "pk"))
        known = {(name, category): pk for pk, name, category in Service.objects.order_by("-pk").values_list("pk", "name", "category")}
        found.services = {
            number: known[offer.name, offer.category] for number, offer in enumerate(OFFERS) if (offer.name, offer.category) in known
        }
        return found


def open_services() -> int:
    """Offer what the city sells; how much of it was not there yet."""
    known = set(Service.objects.values_list("name", "category"))
    missing = [offer for offer in OFFERS if (offer.name, offer.category) not in known]
    Service.objects.bulk_create(
        Service(name=offer.name, category=offer.category, base_price=offer.base_price, duration_minutes=offer.duration_minutes)
        for offer in missing
    )
    return len(missing)


def insert(lives: Iterable[Life], *, now: datetime) -> Written:
    """Write bookings that are not there yet, with their signatures and payments, as they are at `now`."""
    lives = list(lives)
    directory = Directory.of(lives)
    lives = [life for life in lives if life.customer in directory.people and life.service in directory.services]
    return Written(
        bookings=_insert(BOOKINGS, [_booking_row(life, directory, now) for life in lives]),
        signatures=_insert_signatures(lives, now),
        payments=_insert_payments(lives, now),
    )


def move(lives: Collection[Life], *, since: datetime, now: datetime) -> Written:
    """Bring bookings that are there from `since` to `now`. What a person changed by hand is left as it is: a row moves
    only from a status that the city itself gave last, and a date or a vendor is filled in only where there is none."""
    directory = Directory.of(lives)
    by_id = {life.id: life for life in lives}

    def move_booking(row: dict[str, Any]) -> None:
        life = by_id[row["id"]]
        if row["status"] == BookingStatus.PENDING and life.assigned_at and life.assigned_at <= now and row["vendor_id"] is None:
            row["vendor_id"], row["assigned_at"] = directory.people.get(life.vendor), life.assigned_at
        row["completion_date"] = row["completion_date"] or _by(life.finished_at, now, only=status_at(life.booking, now) in WORK_DONE)

    def move_signature(row: dict[str, Any]) -> None:
        life = by_id[row["booking_id"]]
        signed_at = moment_of(life.signature, SignatureStatus.SIGNED, until=now)
        if signed_at and row["signed_at"] is None:
            row["signed_at"], row["satisfaction_rating"] = signed_at, row["satisfaction_rating"] or life.rating

    def move_payment(row: dict[str, Any]) -> None:
        life = by_id[row["booking_id"]]
        row["held_at"] = row["held_at"] or moment_of(life.payment, PaymentStatus.ON_HOLD, until=now)

    standing, moved = _move(BOOKINGS, {life.id: life.booking for life in lives}, move_booking, since=since, now=now)
    done = [life for life in lives if standing.get(life.id) in WORK_DONE and _agrees(standing[life.id], life, now)]
    signatures = {life.id: life.signature for life in done if life.signature}
    payments = {life.id: life.payment for life in done if life.payment}
    moved += _move(SIGNATURES, signatures, move_signature, since=since, now=now)[1]
    moved += _move(PAYMENTS, payments, move_payment, since=since, now=now)[1]
    return Written(
        signatures=_insert_signatures([life for life in done if _begins(life.signature, since, now)], now),
        payments=_insert_payments([life for life in done if _begins(life.payment, since, now)], now),
        moved=moved,
    )


def _agrees(standing: str, life: Life, now: datetime) -> bool:
    """A dispute that a person opened stops the city's own ideas about signature and payment."""
    return standing != BookingStatus.DISPUTED or status_at(life.booking, now) == BookingStatus.DISPUTED


def _begins(course: Course, since: datetime, now: datetime) -> bool:
    return bool(course) and since < course[0].at <= now


def _move(
    table: Table, courses: Mapping[UUID, Course], change: Callable[[dict[str, Any]], None], *, since: datetime, now: datetime
) -> tuple[dict[UUID, str], int]:
    """Lock the rows, move those whose status the city gave; the status that every row then has, and how many moved."""
    standing: dict[UUID, str] = {}
    rows: list[Row] = []
    for some in bulk.batches(courses, 500):
        found = table.model._default_manager.select_for_update().order_by("pk").filter(**{f"{table.key}__in": some})
        for values in found.values_list(*table.fields):
            row = dict(zip(table.fields, values, strict=True))
            course = courses[row[table.key]]
            target = status_at(course, now)
            if row["status"] != target and row["status"] in _given(course, since, now):
                change(row)
                row["status"] = target
                rows.append(tuple(row.values()))
            standing[row[table.key]] = row["status"]
    return standing, bulk.written(table.model, table.fields, rows, conflict=bulk.update_on("(id)", table.changing))


def _insert(table: Table, rows: list[Row]) -> int:
    return bulk.written(table.model, table.fields, rows, conflict="NOTHING")


def _given(course: Course, since: datetime, now: datetime) -> set[str]:
    """The statuses that the city may have left behind: the one at `since`, and those in between where it was run twice."""
    return {status_at(course, since)} | {step.status for step in course if since < step.at <= now}


def _by(moment: datetime | None, now: datetime, *, only: bool) -> datetime | None:
    return moment if only and moment and moment <= now else None


def _booking_row(life: Life, directory: Directory, now: datetime) -> Row:
    assigned_at = _by(life.assigned_at, now, only=True)
    status = status_at(life.booking, now)
    return (
        life.id,
        directory.people[life.customer],
        directory.services[life.service],
        life.price,
        life.pincode,
        life.scheduled,
        life.created_at,
        status,
        directory.people.get(life.vendor) if assigned_at else None,
        assigned_at,
        _by(life.finished_at, now, only=status in WORK_DONE),
    )


def _insert_signatures(lives: Iterable[Life], now: datetime) -> int:
    rows: list[Row] = []
    for life in lives:
        if status := status_at(life.signature, now):
            signed_at = moment_of(life.signature, SignatureStatus.SIGNED, until=now)
            rows.append((life.signature_id, life.id, life.signature[0].at, status, signed_at, life.rating if signed_at else None))
    return _insert(SIGNATURES, rows)


def _insert_payments(lives: Iterable[Life], now: datetime) -> int:
    rows: list[Row] = []
    for life in lives:
        if status := status_at(life.payment, now):
            held_at = moment_of(life.payment, PaymentStatus.ON_HOLD, until=now)
            rows.append((life.payment_id, life.id, life.price, life.payment[0].at, status, held_at))
    return _insert(PAYMENTS, rows)

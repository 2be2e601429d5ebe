"""What gets stuck, made in one line; and what was said of it, as tests compare it."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from core.models import AlertEvent, Booking, BusinessAlert, NotificationLog, Payment, Service, Signature
from core.models.fields import new_id
from tests.people import HOME, meet


def service(minutes: int = 60) -> Service:
    return Service.objects.get_or_create(
        name=f"Cleaning of {minutes} minutes", defaults={"category": "cleaning", "base_price": Decimal(999), "duration_minutes": minutes}
    )[0]


def booking(now: datetime, **fields: Any) -> Booking:
    """A completed job of Vera's for Kiran, worth ₹1,000, unless told otherwise."""
    defaults: dict[str, Any] = {
        "customer": meet("kiran"),
        "vendor": meet("vera"),
        "service": fields.pop("service", None) or service(),
        "status": "completed",
        "total_price": Decimal(1000),
        "pincode": HOME,
        "scheduled_date": now - timedelta(days=5),
        "created_at": now - timedelta(days=6),
    }
    return Booking.objects.create(**{**defaults, **fields})


def held(now: datetime, hours: float, amount: str = "1000.00", **fields: Any) -> Payment:
    """A payment on hold for so many hours."""
    since = {"held_at": now - timedelta(hours=hours), "created_at": now - timedelta(days=9)}
    return Payment.objects.create(booking=booking(now), amount=Decimal(amount), status="on_hold", **{**since, **fields})


def unsigned(now: datetime, hours: float, **fields: Any) -> Signature:
    """A signature asked for so many hours ago."""
    return Signature.objects.create(booking=booking(now), status="pending", requested_at=now - timedelta(hours=hours), **fields)


def overdue(now: datetime, hours: float, *, minutes: int = 60, **fields: Any) -> Booking:
    """A job in progress whose end was due so many hours ago."""
    start = now - timedelta(hours=hours, minutes=minutes)
    return booking(now, service=service(minutes), **{"status": "in_progress", "scheduled_date": start, **fields})


def many_held(now: datetime, how_many: int, *, hours: float = 30) -> None:
    """Payments of one rupee each, held one second apart, in two statements."""
    customer, work = meet("kiran"), service()
    bookings = Booking.objects.bulk_create(
        Booking(id=new_id(), customer=customer, service=work, status="completed", total_price=1, pincode=HOME, scheduled_date=now)
        for _ in range(how_many)
    )
    Payment.objects.bulk_create(
        Payment(booking=job, amount=1, status="on_hold", held_at=now - timedelta(hours=hours, seconds=number))
        for number, job in enumerate(bookings)
    )


def many_settled(now: datetime, how_many: int) -> None:
    """Jobs that are done, signed and paid for, as nearly all jobs are, in three statements."""
    customer, work = meet("kiran"), service()
    bookings = Booking.objects.bulk_create(
        Booking(id=new_id(), customer=customer, service=work, status="completed", total_price=1, pincode=HOME, scheduled_date=now)
        for _ in range(how_many)
    )
    Payment.objects.bulk_create(Payment(booking=job, amount=1, status="completed") for job in bookings)
    Signature.objects.bulk_create(Signature(booking=job, status="signed", requested_at=now, signed_at=now) for job in bookings)


def only_alert() -> BusinessAlert:
    return BusinessAlert.objects.get()


def said() -> list[str]:
    """Why the alerts spoke, in order."""
    return list(AlertEvent.objects.filter(kind="told").order_by("at", "id").values_list("reason", flat=True))


def steps(alert: BusinessAlert) -> list[str]:
    """What happened to an alert, in order."""
    return list(alert.events.order_by("at", "id").values_list("kind", flat=True))


def messages(**which: Any) -> list[tuple[str, str]]:
    """Who was written to, and by which method."""
    return sorted(NotificationLog.objects.filter(**which).values_list("recipient__username", "method"))

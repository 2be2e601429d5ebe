"""A market to send messages about: days made in one line, the campaigns' tasks by name, and what was said, as tests compare it."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from core import tasks
from core.models import Booking, LeftOut, NotificationLog, PincodeAnalytics, Role, Service, User
from core.models.fields import new_id
from tests.people import HOME, meet, people

IST = ZoneInfo("Asia/Kolkata")
MONDAY = date(2026, 11, 16)
SUNDAY = date(2026, 11, 15)


def ist(day: date, hour: int = 12, minute: int = 0, second: int = 0) -> datetime:
    """A time of day in India."""
    return datetime(day.year, day.month, day.day, hour, minute, second, tzinfo=IST)


def service(minutes: int = 60) -> Service:
    return Service.objects.get_or_create(
        name=f"Plumbing of {minutes} minutes", defaults={"category": "plumbing", "base_price": Decimal(500), "duration_minutes": minutes}
    )[0]


def booked(how_many: int, *, at: datetime, pincode: str = HOME, **fields: Any) -> list[Booking]:
    """So many bookings of Kiran's made at a moment, for the day after, without a vendor unless told otherwise."""
    defaults: dict[str, Any] = {
        "customer": fields.pop("customer", None) or meet("kiran"),
        "service": fields.pop("service", None) or service(),
        "total_price": Decimal(800),
        "scheduled_date": at + timedelta(days=1),
    }
    return Booking.objects.bulk_create(
        Booking(id=new_id(), pincode=pincode, created_at=at, **{**defaults, **fields}) for _ in range(how_many)
    )


def vendors(how_many: int, *, pincode: str = HOME) -> list[User]:
    """So many available vendors."""
    return people(how_many, Role.VENDOR, pincode=pincode)


def row(day: date, pincode: str = HOME) -> PincodeAnalytics:
    return PincodeAnalytics.objects.get(pincode=pincode, date=day)


def demand(**how: Any) -> dict[str, Any]:
    return tasks.send_pincode_demand_alerts(**how)


def bonus(**how: Any) -> dict[str, Any]:
    return tasks.send_vendor_bonus_alerts(**how)


def promote(**how: Any) -> dict[str, Any]:
    return tasks.send_promotional_campaigns(**how)


def remind(**how: Any) -> dict[str, Any]:
    return tasks.send_vendor_completion_reminders(**how)


def told(kind: str = "", **which: Any) -> list[str]:
    """Who was written to, each once, by username."""
    rows = NotificationLog.objects.filter(**({"notification_type": kind} if kind else {}), **which)
    return sorted(set(rows.values_list("recipient__username", flat=True)))


def messages(**which: Any) -> list[tuple[str, str]]:
    """Each message as its reader and its method."""
    return sorted(NotificationLog.objects.filter(**which).values_list("recipient__username", "method"))


def left_out(**which: Any) -> list[tuple[str, str, str]]:
    """Who was left out, why, and by which methods, as the table keeps it."""
    return sorted(LeftOut.objects.filter(**which).values_list("person__username", "reason", "methods"))

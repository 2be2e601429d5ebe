"""The demo city for tests: loaded once a test, with as few days as the claim needs."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.demo import city
from core.models import Booking, Payment, Signature, User

SEED = 560001
DAYS = 5
# A Thursday, half past three in the afternoon in India.
NOW = datetime(2026, 11, 19, 10, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def var_dir(settings, tmp_path) -> Path:
    """Where the city keeps how far it came."""
    settings.VAR_DIR = tmp_path
    return tmp_path


@pytest.fixture
def small_city(db) -> datetime:
    """A city with five days behind it; the moment it has reached."""
    city.load(now=NOW, days=DAYS, seed=SEED)
    return NOW


def rows() -> dict[str, list[tuple]]:
    """Everything of the city that may not depend on how time was advanced. Passwords are salted, ids of people are the database's."""
    return {
        "people": list(
            User.objects.order_by("username").values_list(
                "username", "email", "first_name", "last_name", "role", "phone", "pincode", "language", "is_available", "date_joined"
            )
        ),
        "bookings": list(
            Booking.objects.order_by("pk").values_list(
                "pk",
                "customer__username",
                "vendor__username",
                "service__name",
                "status",
                "total_price",
                "pincode",
                "scheduled_date",
                "assigned_at",
                "completion_date",
                "created_at",
            )
        ),
        "signatures": list(
            Signature.objects.order_by("pk").values_list("pk", "booking", "status", "requested_at", "signed_at", "satisfaction_rating")
        ),
        "payments": list(Payment.objects.order_by("pk").values_list("pk", "booking", "amount", "status", "created_at", "held_at")),
    }

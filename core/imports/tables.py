"""The files of an export, in the order in which they are loaded: who is named by another file comes first."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX, UNUSABLE_PASSWORD_SUFFIX_LENGTH
from django.db import models

from core.models import Booking, Payment, Service, Signature, User


@dataclass(frozen=True, kw_only=True)
class Table:
    """One file: its columns are the model's fields. What a cell may hold is the field's word; see `cells`."""

    name: str
    model: type[models.Model]
    # What names a row, here and in the files that refer to it. A row with a known key is an update.
    key: str
    # A file without these is refused: nothing can stand in for them, or only a guess on which people would be written to.
    required: tuple[str, ...]
    # Without these a new row gets the model's default, and a known one keeps what it has.
    optional: tuple[str, ...]
    # Values of a new row that are not in the file and differ from the model's default. Updates never touch them.
    fresh: Mapping[str, Callable[[], Any]] = field(default_factory=dict)

    def field(self, name: str) -> Any:
        return self.model._meta.get_field(name)


def unusable_password() -> str:
    """As Django's own `make_password(None)`, without its 40 draws: nobody logs in until a password is set."""
    return UNUSABLE_PASSWORD_PREFIX + secrets.token_hex(UNUSABLE_PASSWORD_SUFFIX_LENGTH // 2)


TABLES = (
    Table(
        name="users",
        model=User,
        key="username",
        required=("username", "role"),
        optional=("email", "first_name", "last_name", "phone", "pincode", "is_available", "is_active", "language", "date_joined"),
        fresh={"password": unusable_password},
    ),
    Table(
        name="services",
        model=Service,
        key="id",
        required=("id", "name", "category", "base_price"),
        optional=("duration_minutes", "is_active"),
    ),
    Table(
        name="bookings",
        model=Booking,
        key="id",
        required=("id", "customer", "service", "status", "total_price", "pincode", "scheduled_date"),
        optional=("vendor", "assigned_at", "completion_date", "created_at"),
    ),
    Table(
        name="signatures",
        model=Signature,
        key="id",
        required=("id", "booking", "status"),
        optional=("requested_at", "signed_at", "satisfaction_rating"),
    ),
    Table(
        name="payments",
        model=Payment,
        key="id",
        required=("id", "booking", "amount", "status"),
        optional=("created_at", "held_at"),
    ),
)
BY_MODEL = {table.model: table for table in TABLES}

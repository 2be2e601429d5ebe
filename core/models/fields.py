"""What several tables share: identifiers in the order of their making, pincodes, and the checks that hold them."""

import os
import re
import time
import uuid
from typing import Any

from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Length
from django.db.models.lookups import Exact

PINCODE = re.compile(r"[1-9][0-9]{5}")
E164 = re.compile(r"\+[1-9][0-9]{6,14}")

is_pincode = RegexValidator(rf"\A{PINCODE.pattern}\Z", "A pincode is six digits, the first not 0.")
is_pincode_prefix = RegexValidator(r"\A([1-9][0-9]{0,5})?\Z", "A region is the first digits of its pincodes, or empty for everywhere.")
is_e164 = RegexValidator(rf"\A{E164.pattern}\Z", "A phone number is written as +919876543210.")


def new_id() -> uuid.UUID:
    """A UUID of version 7 (RFC 9562, 6.2, method 3): random, but in the order of its making to a quarter of a microsecond, so that
    indexes grow at their end."""
    milliseconds, nanoseconds = divmod(time.time_ns(), 1_000_000)
    fraction = (nanoseconds << 12) // 1_000_000
    chance = int.from_bytes(os.urandom(8), "big") & ~(0x3 << 62) | 0x2 << 62
    return uuid.UUID(int=milliseconds << 80 | 0x7 << 76 | fraction << 64 | chance)


class PincodeField(models.CharField):  # type: ignore[type-arg]  # takes no type arguments at run time
    """Six digits, the first not 0. The validators say so; `pincode_check` holds the shape in the database."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["max_length"] = 6
        kwargs["validators"] = [is_pincode]
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        kwargs.pop("max_length", None)
        kwargs.pop("validators", None)
        return name, path, args, kwargs


def pincode_check(table: str, *, blank: bool = False) -> models.CheckConstraint:
    """Six characters from '1' on: cheap enough for every insert. Digits are the validators' part."""
    rule = models.Q(pincode__gte="100000", pincode__lte="999999") & models.Q(LengthOf("pincode", 6))
    if blank:
        rule = models.Q(pincode="") | rule
    return models.CheckConstraint(condition=rule, name=f"{table}_pincode_is_six_digits")


def LengthOf(field: str, length: int) -> Any:  # noqa: N802  (reads as the expression it makes)
    """An expression that is true when a text has so many characters."""
    return Exact(Length(field), length)


def one_of(field: str, values: Any, table: str) -> models.CheckConstraint:
    """The field holds one of the values, whoever writes it."""
    return models.CheckConstraint(condition=models.Q(**{f"{field}__in": [str(v) for v in values]}), name=f"{table}_{field}_is_known")

"""Cells to values. What a cell may hold follows from the model's field, so that the file is held to what the table holds."""

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

Reader = Callable[[str], Any]

YES = {"1", "true", "yes", "on"}
NO = {"0", "false", "no", "off"}
WHOLE = re.compile(r"-?[0-9]{1,30}")
NUMBER = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?")
UUID_TEXT = re.compile(r"[0-9a-fA-F]{8}(-?)[0-9a-fA-F]{4}\1[0-9a-fA-F]{4}\1[0-9a-fA-F]{4}\1[0-9a-fA-F]{12}")
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# Outside of these a time is a slip of a tool, and near the calendar's ends it cannot be turned into another zone.
EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
# The same on both databases: SQLite would take more than PostgreSQL's integer holds. A year of work is more than any.
LONGEST_MINUTES = 366 * 24 * 60
LARGEST_ID = 2**63 - 1
# Values that repeat from row to row are read once: states, prices, pincodes, times of the day's slots.
REMEMBERED = 8_192


class BadCell(ValueError):
    """What is wrong with a cell, without the column's name."""


def reader(field: Any, *, required: bool, target: Any = None) -> Reader:
    """A function from a cell's text to the field's value; it raises BadCell. Times come out in UTC, UUIDs as 32 digits.

    `target` is the field by which the file names the row that a foreign key refers to; whether there is such a row is
    asked for many at once, elsewhere. An empty cell is null where the column may be null, empty where it may be blank,
    and otherwise refused.
    """
    read = _reference(target) if target else _reader(field)
    if field.null:
        empty: Any = None
    elif field.blank and not required and isinstance(field, models.CharField):
        empty = ""
    else:
        empty = BadCell("is empty")

    def value_of(cell: str) -> Any:
        if cell:
            return read(cell)
        if isinstance(empty, BadCell):
            raise empty
        return empty

    return value_of if field.primary_key or field.unique else lru_cache(maxsize=REMEMBERED)(value_of)


def _reference(target: Any) -> Reader:
    # A name need only be one the database can be asked for: an odd one is unknown, and that says more than its form.
    return _text(target.max_length, ()) if isinstance(target, models.CharField) else _reader(target)


def _reader(field: Any) -> Reader:
    if field.choices:
        return _choice(dict(field.choices))
    if isinstance(field, models.BooleanField):
        return yes_or_no
    if isinstance(field, models.UUIDField):
        return uuid_digits
    if isinstance(field, models.DateTimeField):
        return moment
    if isinstance(field, models.DecimalField):
        return _amount(field.max_digits or 0, field.decimal_places or 0)
    if isinstance(field, models.IntegerField):
        return _whole(field)
    if isinstance(field, models.CharField):
        # A reason may end in a log: it names neither a person's address nor number.
        return _text(field.max_length, field.validators, quote=field.name not in ("email", "phone"))
    raise TypeError(f"{field} has no form in a file.")


def shown(cell: str) -> str:
    """A cell as a reason quotes it: short, on one line."""
    return repr(cell if len(cell) <= 40 else cell[:40] + "…")


def yes_or_no(cell: str) -> bool:
    word = cell.strip().lower()
    if word in YES:
        return True
    if word in NO:
        return False
    raise BadCell(f"{shown(cell)} is neither yes nor no; write 1 or 0")


def uuid_digits(cell: str) -> str:
    if not UUID_TEXT.fullmatch(cell):
        raise BadCell(f"{shown(cell)} is not a UUID")
    return cell.replace("-", "").lower()


def moment(cell: str) -> datetime:
    """An ISO 8601 time. One without an offset is refused: a guess would shift every day and every deadline by hours."""
    try:
        value = datetime.fromisoformat(cell)
    except ValueError:
        raise BadCell(f"{shown(cell)} is not an ISO 8601 time, as 2026-11-16T09:00:00+05:30") from None
    # Python's reader takes any character between date and time.
    if "T" not in cell and cell[10:11] not in (" ", "t", ""):
        raise BadCell(f"{shown(cell)} is not an ISO 8601 time, as 2026-11-16T09:00:00+05:30")
    if value.tzinfo is None:
        raise BadCell(f"{shown(cell)} has no UTC offset, as +05:30 or Z")
    if not EARLIEST <= value < LATEST:
        raise BadCell(f"{shown(cell)} is not between the years {EARLIEST.year} and {LATEST.year}")
    return value.astimezone(UTC)


def _choice(known: dict[str, Any]) -> Reader:
    def value_of(cell: str) -> str:
        if cell not in known:
            raise BadCell(f"{shown(cell)} is not one of {', '.join(known)}")
        return cell

    return value_of


def _amount(digits: int, places: int) -> Reader:
    def value_of(cell: str) -> Decimal:
        match = NUMBER.fullmatch(cell)
        if not match:
            raise BadCell(f"{shown(cell)} is not a number")
        sign, whole, fraction = match.groups()
        if sign:
            raise BadCell(f"{shown(cell)} is negative")
        if fraction and len(fraction) > places:
            raise BadCell(f"{shown(cell)} has more than {places} decimals")
        if len(whole.lstrip("0")) > digits - places:
            raise BadCell(f"{shown(cell)} has more than {digits - places} digits before the point")
        return Decimal(cell)

    return value_of


def _whole(field: Any) -> Reader:
    least, most = _bounds(field)

    def value_of(cell: str) -> int:
        if not WHOLE.fullmatch(cell):
            raise BadCell(f"{shown(cell)} is not a whole number")
        value = int(cell)
        if not least <= value <= most:
            raise BadCell(f"{shown(cell)} is not from {least} to {most}")
        return value

    return value_of


def _bounds(field: Any) -> tuple[int, int]:
    if field.primary_key:
        return 1, LARGEST_ID
    lows = [v.limit_value for v in field.validators if isinstance(v, MinValueValidator)]
    highs = [v.limit_value for v in field.validators if isinstance(v, MaxValueValidator)]
    return max([0, *lows]), min([LONGEST_MINUTES, *highs])


def _text(most: int | None, rules: Iterable[Callable[[str], None]], *, quote: bool = True) -> Reader:
    def value_of(cell: str) -> str:
        if most and len(cell) > most:
            raise BadCell(f"is longer than {most} characters")
        if CONTROL.search(cell):
            raise BadCell("holds a control character")
        try:
            for rule in rules:
                rule(cell)
        except ValidationError as error:
            raise BadCell((f"{shown(cell)}: " if quote else "") + " ".join(error.messages).removesuffix(".")) from None
        return cell

    return value_of

"""All that a wording may say beside its variables: two tags and a few filters. There is no other tag and no other filter."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from django.template import Library
from django.template.defaulttags import do_for, do_if
from django.utils import timezone

from core import formatting

register = Library()
register.tag("if", do_if)
register.tag("for", do_for)

Value = Any
# Before or after the point; what arithmetic to the paisa can hold is a little more.
MOST_DIGITS = 24


def _number(value: Value) -> Decimal | None:
    """A filter never fails while a message is written: what is no number is shown as it is."""
    if isinstance(value, bool):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    # Thirty characters spell a number of a thousand million digits; written out it would fill the memory.
    return number if number.is_finite() and abs(number.adjusted()) < MOST_DIGITS else None


def _moment(value: Value) -> datetime | None:
    """Times reach a wording as ISO 8601 text; one without a zone is the business zone's."""
    try:
        moment = datetime.fromisoformat(str(value))
        # In no zone does the calendar's first or last day have a neighbour.
        return timezone.localtime(moment) if timezone.is_aware(moment) else timezone.make_aware(moment)
    except (ValueError, OverflowError):
        return None


@register.filter
def rupees(value: Value) -> str:
    """₹1,23,456."""
    number = _number(value)
    return str(value) if number is None else formatting.rupees(number)


@register.filter
def indian(value: Value) -> str:
    """1,23,456."""
    number = _number(value)
    return str(value) if number is None else formatting.indian(number)


@register.filter
def clock(value: Value) -> str:
    """9:00, in the business time zone."""
    moment = _moment(value)
    return str(value) if moment is None else f"{moment.hour}:{moment:%M}"


@register.filter
def day(value: Value) -> str:
    """Mon 23 Nov, in the business time zone."""
    moment = _moment(value)
    return str(value) if moment is None else f"{moment:%a} {moment.day} {moment:%b}"


@register.filter
def last_day(value: Value) -> str:
    """The last day before a limit: for Tuesday 0:00, Monday; for Monday 23:59, Monday too."""
    moment = _moment(value)
    try:
        return str(value) if moment is None else day((moment - timedelta(microseconds=1)).isoformat())
    except OverflowError:
        return str(value)


@register.filter
def plural(value: Value, forms: str) -> str:
    """`{{ count|plural:"job,jobs" }}`: the first form for exactly one, else the second."""
    one, _, many = str(forms).partition(",")
    return one if _number(value) == 1 else many


@register.filter
def default(value: Value, instead: Value) -> Value:
    """The value, or this one where it is empty."""
    return value or instead


@register.filter
def upfirst(value: Value) -> str:
    """With a capital first letter."""
    text = str(value)
    return text[:1].upper() + text[1:]


@register.filter
def short(value: Value, length: Value) -> str:
    """At most so many characters of whole words, the last of them a mark of what was cut off."""
    text, most = str(value), _number(length)
    if most is None or len(text) <= most:
        return text
    room = max(int(most) - 1, 0)
    words = text[: room + 1].rpartition(" ")[0]
    # A single word that is longer than all the room is cut where it must be.
    return (words or text[:room]).rstrip(" ,;:") + "…"


TAGS = ("if", "for")
# What may stand within a tag's own block.
BRANCHES = ("elif", "else", "endif", "empty", "endfor")
FILTERS: dict[str, Callable[..., Value]] = register.filters
# Of these, one is needed to say a time.
TIME_FILTERS = frozenset({"clock", "day", "last_day"})

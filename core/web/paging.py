"""Pages of a long list by where the last one ended: the thousandth costs what the first one does."""

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import Model, Q, QuerySet
from django.http import QueryDict
from django.utils.dateparse import parse_datetime

M = TypeVar("M", bound=Model)


@dataclass(frozen=True, slots=True)
class Stretch(Generic[M]):
    """Some rows, newest first, and the ends of the addresses of the stretches beside them (empty: there is none)."""

    rows: list[M]
    newer: str
    older: str


def stretch(rows: QuerySet[M], asked: QueryDict, *, size: int) -> Stretch[M]:
    """The rows before or after a mark in the address, newest first; a mark that is none of ours is passed over.

    The rows have `created_at` and `id`, and an index on them; a bound on `created_at` alone is what lets a database use it.
    """
    before, after = _mark(asked.get("before", "")), _mark(asked.get("after", ""))
    if after:
        at, row = after
        found = list(rows.filter(Q(created_at__gt=at) | Q(id__gt=row), created_at__gte=at).order_by("created_at", "id")[: size + 1])
        more_newer, more_older = len(found) > size, True
        found = found[:size][::-1]
    else:
        if before:
            at, row = before
            rows = rows.filter(Q(created_at__lt=at) | Q(id__lt=row), created_at__lte=at)
        found = list(rows.order_by("-created_at", "-id")[: size + 1])
        more_newer, more_older = before is not None, len(found) > size
        found = found[:size]
    kept = [(name, str(value)) for name, value in asked.items() if name not in ("before", "after")]
    newer = _address([*kept, ("after", mark(found[0]))]) if found and more_newer else ""
    older = _address([*kept, ("before", mark(found[-1]))]) if found and more_older else ""
    return Stretch(found, newer, older)


def mark(row: Model) -> str:
    """Where a row stands in the list."""
    return f"{row.created_at.isoformat()}_{row.pk}"  # type: ignore[attr-defined]


def _mark(text: str) -> tuple[datetime, UUID] | None:
    at, _, row = text.partition("_")
    try:
        moment = parse_datetime(at)
        return (moment, UUID(row)) if moment is not None and moment.tzinfo is not None else None
    except ValueError:
        return None


def _address(pairs: list[tuple[str, str]]) -> str:
    return "?" + urlencode(pairs)

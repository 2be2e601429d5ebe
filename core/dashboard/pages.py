"""Lists in pages: by number, as people turn them, and by cursor, as machines read all of it.

A page costs the same wherever it lies near: rows are found from whichever end of the list is closer, by an index, ids first.
Up to 1,000 rows are counted at each call. A longer count, or one that took long, is remembered for a minute, and what is newer is added:
a total may then miss for a minute that an older row came, went or changed. See docs/api.md.
"""

import hashlib
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, Generic, TypeVar

from django.core.cache import cache
from django.core.exceptions import EmptyResultSet
from django.db.models import Model, Q, QuerySet

from core.dashboard.errors import wrong

M = TypeVar("M", bound=Model)
T = TypeVar("T")

COUNTED_EACH_TIME: Final = 1_000
LONG: Final = 0.2
REMEMBERED: Final = 60

WITH_CURSOR: Final = "With `cursor` alone; null: that was the last part."


@dataclass(frozen=True, slots=True)
class Part(Generic[M]):
    """Some rows of a list, where they stand in it, and how to go on."""

    rows: list[M]
    page: int
    per_page: int
    total: int
    next_cursor: str | None

    @property
    def pagination(self) -> dict[str, int]:
        return pagination({"page": self.page, "per_page": self.per_page}, self.total)

    def how_to_go_on(self, asked: dict[str, Any]) -> dict[str, str | None]:
        """Of an answer whose keys are promised: the cursor goes beside them for those who read by cursor."""
        return {"next_cursor": self.next_cursor} if "cursor" in asked else {}


def pagination(asked: dict[str, Any], total: int) -> dict[str, int]:
    """What an answer says of its part of a list."""
    return {"page": asked["page"], "per_page": asked["per_page"], "total": total, "total_pages": -(-total // asked["per_page"])}


@dataclass(frozen=True, slots=True)
class Order:
    """The order of a list: fields with an index, as `order_by` has them; the last one tells any two rows apart.

    `newest` is the first field, when new rows come at the top of the list and it is a moment.
    """

    fields: tuple[str, ...]
    parse: tuple[Callable[[str], Any], ...]
    newest: str = ""

    @property
    def backwards(self) -> tuple[str, ...]:
        return tuple(field[1:] if field.startswith("-") else f"-{field}" for field in self.fields)

    def of(self, row: Model) -> tuple[Any, ...]:
        return tuple(getattr(row, field.lstrip("-")) for field in self.fields)

    def after(self, place: Sequence[Any]) -> Q:
        """The rows that follow a place. The bound on the first field alone is what lets a database use its index."""
        found, same = Q(), Q()
        for field, value in zip(self.fields, place, strict=True):
            name, beyond = field.lstrip("-"), "lt" if field.startswith("-") else "gt"
            found |= same & Q(**{f"{name}__{beyond}": value})
            same &= Q(**{name: value})
        first = self.fields[0]
        return Q(**{f"{first.lstrip('-')}__{'lte' if first.startswith('-') else 'gte'}": place[0]}) & found


def part_of(
    rows: QuerySet[M],
    order: Order,
    asked: dict[str, Any],
    *,
    loaded: Callable[[QuerySet[M]], QuerySet[M]] | None = None,
    top: QuerySet[M] | None = None,
) -> Part[M]:
    """The part that `page`, `per_page` and `cursor` ask for. A page after the last one is empty.

    `loaded` adds what the rows are shown with (related rows, columns): it is asked for the part's rows alone.
    `top` are the first of the rows, as far as somebody knows how to find them more quickly; where they do not reach, all are asked.
    """
    page, size = asked["page"], asked["per_page"]
    total = total_of(rows, order)
    if asked.get("cursor"):
        place = _read(asked["cursor"], order)
        found = list(rows.filter(order.after(place)).order_by(*order.fields).values_list("pk", flat=True)[:size])
    else:
        start = (page - 1) * size
        found = _first(top, order, start=start, size=size) if top is not None else []
        found = found or _numbered(rows, order, total=total, start=start, size=size)
        if start == 0 and len(found) < min(size, total):
            # Many went since they were counted, as a demo city does: here is all there is.
            total = len(found)
            cache.delete(_name("total", rows))
    plain: QuerySet[M] = rows.model._default_manager.filter(pk__in=found)
    shown = {row.pk: row for row in (loaded(plain) if loaded else plain)}
    part = [shown[pk] for pk in found if pk in shown]
    more = len(found) == size and (asked.get("cursor") or page * size < total)
    return Part(part, page, size, total, _written(order.of(part[-1])) if part and more else None)


def _first(top: QuerySet[M], order: Order, *, start: int, size: int) -> list[Any]:
    """The ids from a number on; none when there are not enough."""
    found = list(top.order_by(*order.fields).values_list("pk", flat=True)[start : start + size])
    return found if len(found) == size else []


def _numbered(rows: QuerySet[M], order: Order, *, total: int, start: int, size: int) -> list[Any]:
    """The ids from a number on, found from the nearer end."""
    size = min(size, total - start)
    if size <= 0:
        return []
    if start <= total // 2:
        return list(rows.order_by(*order.fields).values_list("pk", flat=True)[start : start + size])
    from_end = total - start - size
    return list(rows.order_by(*order.backwards).values_list("pk", flat=True)[from_end : from_end + size])[::-1]


# --- How many -----------------------------------------------------------------------------------------------------------


def total_of(rows: QuerySet[M], order: Order) -> int:
    """How many rows there are, as said above."""
    name, now = _name("total", rows), time.time()
    kept: tuple[int, Any, float] | None = cache.get(name)
    if kept is not None and kept[2] > now:
        count, mark, until = kept
        newer = _newer(rows, order, mark).count() if mark is not None else 0
        if newer > COUNTED_EACH_TIME:
            # Counted once and not again at each call; the old part grows no younger by it.
            _keep(name, count + newer, _mark(rows, order), until)
        return count + newer
    began = time.perf_counter()
    count = rows.order_by().count()
    if _is_long(count, began):
        _keep(name, count, _mark(rows, order), now + REMEMBERED)
    return count


def _newer(rows: QuerySet[M], order: Order, mark: Any) -> QuerySet[M]:
    """The mark comes first: of two lower bounds, the list's own and this, SQLite uses the one it meets first."""
    newer: QuerySet[M] = rows.model._default_manager.filter(**{f"{order.newest}__gt": mark}) & rows.order_by()
    return newer.order_by()


def _mark(rows: QuerySet[M], order: Order) -> Any:
    return rows.order_by(f"-{order.newest}").values_list(order.newest, flat=True).first() if order.newest else None


def _keep(name: str, count: int, mark: Any, until: float) -> None:
    cache.set(name, (count, mark, until), REMEMBERED)


def remembered(what: str, rows: QuerySet[M], ask: Callable[[], T], *, size: int, seconds: int = REMEMBERED) -> T:
    """What is asked about these rows: anew each time, unless they are more than 1,000 or it took long."""
    name = _name(what, rows)
    kept: T | None = cache.get(name)
    if kept is not None:
        return kept
    began = time.perf_counter()
    found = ask()
    if _is_long(size, began):
        cache.set(name, found, seconds)
    return found


def _is_long(count: int, began: float) -> bool:
    return count > COUNTED_EACH_TIME or time.perf_counter() - began > LONG


def _name(what: str, rows: QuerySet[M]) -> str:
    """The statement names the list: the same filters, and the same person's part, are the same list."""
    try:
        statement, values = rows.order_by().query.sql_with_params()
    except EmptyResultSet:
        # The filters exclude one another: there is nothing to ask the database.
        statement, values = "", ()
    return f"{what}:{hashlib.sha256(f'{statement}{values!r}'.encode()).hexdigest()}"


# --- Cursors ------------------------------------------------------------------------------------------------------------


def _written(place: Sequence[Any]) -> str:
    text = "\n".join(value.isoformat() if isinstance(value, date | datetime) else str(value) for value in place)
    return urlsafe_b64encode(text.encode()).decode("ascii").rstrip("=")


def _read(cursor: str, order: Order) -> list[Any]:
    try:
        parts = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4)).decode().split("\n")
        return [parse(part) for parse, part in zip(order.parse, parts, strict=True)]
    except (ValueError, OverflowError):
        raise wrong("cursor", "Not one that this list gave.") from None


def moment(text: str) -> datetime:
    """For an order's `parse`: a moment with its zone."""
    found = datetime.fromisoformat(text)
    if found.tzinfo is None or not 2000 <= found.year <= 2200:
        raise ValueError(text)
    return found

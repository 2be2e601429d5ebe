"""How the messages of a filter fared: one bar of four parts, and each part a way to its messages."""

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from django.db.models import Count, Q, QuerySet

from core.dashboard.figures import success_rate
from core.dashboard.logs import NEWEST_FIRST
from core.dashboard.pages import total_of
from core.formatting import indian
from core.models import NotificationLog, Status

# Of more messages than these, the newest are looked at: the bar costs the same over a million.
NEWEST: Final = 10_000
ORDER: Final = (Status.DELIVERED, Status.SENT, Status.PENDING, Status.FAILED)
WIDTH, GAP, LEAST = 600.0, 3.0, 6.0


@dataclass(frozen=True, slots=True)
class Part:
    """One status: how many, where it stands in the bar, and the address of its messages."""

    status: str
    label: str
    count: str
    x: float
    width: float
    address: str
    here: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    rate: str
    of: str
    words: str
    parts: list[Part]
    width: float = WIDTH


def outcome_of(rows: QuerySet[NotificationLog], asked: dict[str, Any], *, status: str) -> Outcome:
    """Of the rows of a filter, whatever status it names; `asked` is the filter as its address says it."""
    # In order, few rows among a million would be looked for one after another: only what is many is cut.
    is_cut = total_of(rows, NEWEST_FIRST) > NEWEST
    counted = rows.order_by(*NEWEST_FIRST.fields).values("status")[:NEWEST] if is_cut else rows.order_by()
    counts = counted.aggregate(**{one.value: Count("status", filter=Q(status=one)) for one in ORDER})
    rest = {name: value for name, value in asked.items() if name not in ("status", "page")}
    total, parts, x = sum(counts.values()), list[Part](), 0.0
    some = [one for one in ORDER if counts[one]]
    room = WIDTH - GAP * max(len(some) - 1, 0)
    # What is few keeps a width that can be seen, at the cost of what is many.
    wide = {one: max(LEAST, room * counts[one] / total) for one in some}
    shrink = room / sum(wide.values()) if wide else 1.0
    for one in ORDER:
        width = round(wide.get(one, 0.0) * shrink, 1)
        address = "?" + urlencode(rest if one == status else {**rest, "status": one.value})
        parts.append(Part(one.value, str(one.label), indian(counts[one]), round(x, 1), width, address, one == status))
        x += width + GAP if width else 0.0
    rate = success_rate(counts)
    said = ", ".join(f"{indian(counts[one])} {one.label.lower()}" for one in ORDER)
    return Outcome(
        rate=f"{rate:.1f} % went out" if rate is not None else "Nothing was sent yet" if total else "",
        of=f"of the newest {indian(NEWEST)}" if is_cut else f"of {indian(total)}" if total else "",
        words=said,
        parts=parts,
    )

"""Judges a run by two accounts of it that know nothing of each other: the providers' ledger and the product's table."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tests.faults.ledger import ACCEPTED, Entry

SENT = ("sent", "delivered")
UNDECIDED = ("uncertain", "unknown_outcome")
# What may wait at the end, given a reason: nobody knows its end yet, or it was refused for now.
IN_HAND = ("sending",)
MANY = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One message as the table has it at the end."""

    id: str  # 32 hex digits.
    status: str
    phase: str
    address: str
    provider_id: str = ""
    dup_risk: bool = False
    repeatable: bool = True
    reason: str = ""  # Its error's code or words.


@dataclass(frozen=True, slots=True)
class Verdict:
    """Ids of messages, by what is the matter with them; and how many were judged."""

    messages: int
    lost: list[str] = field(default_factory=list)  # Never accepted, and neither failed nor waiting with a reason; or gone.
    untrue: list[str] = field(default_factory=list)  # Called sent and never accepted.
    denied: list[str] = field(default_factory=list)  # Accepted, and called failed as if that were certain.
    duplicates: int = 0  # Acceptances beyond the first.
    duplicated: list[str] = field(default_factory=list)
    unmarked: list[str] = field(default_factory=list)  # Accepted twice without dup_risk.
    undecided: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)  # Pending, with a reason.
    strangers: int = 0  # Accepted, and in no row.

    @property
    def worst(self) -> dict[str, int]:
        """How many of what must never be, at any fault: all zero, or the product lied or forgot."""
        return {
            "lost": len(self.lost),
            "untrue": len(self.untrue),
            "denied": len(self.denied),
            "unmarked": len(self.unmarked),
            "strangers": self.strangers,
        }

    @property
    def in_question(self) -> list[str]:
        """The messages with which something may be the matter, the worst first."""
        return list(dict.fromkeys([*self.lost, *self.untrue, *self.denied, *self.unmarked, *self.duplicated, *self.waiting]))


def judge(rows: Sequence[Row], entries: Iterable[Entry], *, promised: Iterable[str] = ()) -> Verdict:
    """Compare the accounts. `promised`: ids that were committed at some time, so that a row that is gone is noticed."""
    accepts, strangers = _by_row(rows, entries)
    present = {row.id for row in rows}
    twice = [row for row in rows if accepts[row.id] > 1]
    return Verdict(
        messages=len(present | set(promised)),
        lost=[row.id for row in rows if not accepts[row.id] and row.status not in SENT and not row.reason]
        + [key for key in promised if key not in present],
        untrue=[row.id for row in rows if row.status in SENT and not accepts[row.id]],
        denied=[row.id for row in rows if accepts[row.id] and row.status == "failed" and row.phase not in UNDECIDED],
        duplicates=sum(accepts[row.id] - 1 for row in twice),
        duplicated=[row.id for row in twice],
        unmarked=[row.id for row in twice if not row.dup_risk],
        undecided=[row.id for row in rows if row.phase in UNDECIDED],
        waiting=[row.id for row in rows if row.status == "pending" and row.reason],
        strangers=strangers,
    )


def _by_row(rows: Sequence[Row], entries: Iterable[Entry]) -> tuple[Counter[str], int]:
    """How often each row's message was accepted: by our id, else by the provider's, else by a recipient that only one row has."""
    ids = {row.id for row in rows}
    by_provider = {row.provider_id: row.id for row in rows if row.provider_id}
    how_many = Counter(row.address for row in rows)
    by_address = {row.address: row.id for row in rows if how_many[row.address] == 1}
    accepts: Counter[str] = Counter()
    strangers = 0
    for entry in entries:
        if entry.what != ACCEPTED:
            continue
        found = entry.message if entry.message in ids else by_provider.get(entry.provider_id) or by_address.get(entry.to)
        if found is None:
            strangers += 1
        else:
            accepts[found] += 1
    return accepts, strangers


def quantile(values: Sequence[float], share: float) -> float:
    """The value that `share` of all do not exceed; 0.0 of nothing."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def typical(times: Sequence[float]) -> float:
    """The p99 of many; of a few the median, since one that was held up by something else on this machine would be their p99."""
    return quantile(times, 0.99) if len(times) >= MANY else quantile(times, 0.5)


def most_within(moments: Sequence[float], seconds: float) -> int:
    """The largest number of moments in any window of so many seconds, half open."""
    ordered, most, first = sorted(moments), 0, 0
    for last, moment in enumerate(ordered):
        while moment - ordered[first] >= seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


def over_the_bucket(moments: Sequence[float], *, per_second: float, burst: float, slack: float = 0.0) -> int:
    """By how many messages the worst of all windows exceeds `burst + per_second × its length`; 0: never."""
    ordered = sorted(moments)
    worst = 0.0
    level, before = 0.0, ordered[0] if ordered else 0.0
    # What a bucket that was full at the start would have given out: its fill level, seen from outside.
    for moment in ordered:
        level = max(0.0, level - (moment - before) * per_second) + 1
        before = moment
        worst = max(worst, level - burst - slack)
    return max(0, int(worst + 0.999999))

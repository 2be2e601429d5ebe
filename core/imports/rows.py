"""Rows of another system, handed over as JSON: read, checked and written by the rules of a file's rows."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import models, transaction

from core import audit, locks
from core.imports.load import Batch, Fault, Loader
from core.imports.tables import TABLES, Table

MOST_ROWS: Final = 1_000
TABLE: Final = {table.name: table for table in TABLES}


@dataclass
class Upserted:
    """What became of the rows. Rows with errors are left out whole; the others are written."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    # (place in the list, what is wrong with it)
    errors: list[tuple[int, Fault]] = field(default_factory=list)

    @property
    def skipped(self) -> int:
        return len({place for place, _ in self.errors})


def upsert(table: Table, rows: Sequence[Any], *, now: datetime) -> Upserted:
    """Write rows by their id: again is an update, the same again changes nothing, and what a row does not name it keeps.

    Each change is entered in the audit trail. The number of statements does not depend on how many rows there are, but on how many
    different sets of columns they have, which are few.
    """
    outcome = Upserted()
    groups: dict[tuple[str, ...], list[tuple[int, list[str] | str]]] = {}
    seen: dict[str, int] = {}
    for place, row in enumerate(rows):
        faults = _faults(table, row, place, seen)
        if faults:
            outcome.errors += [(place, fault) for fault in faults]
        else:
            names = tuple(name for name in (*table.required, *table.optional) if name in row)
            groups.setdefault(names, []).append((place, [_cell(row[name]) or "" for name in names]))
    with transaction.atomic():
        # One after the other, so that what the trail says was before was before.
        locks.hold(f"import:{table.name}")
        for names in sorted(groups):
            _write(table, names, groups[names], outcome, now=now)
    outcome.errors.sort()
    return outcome


def _faults(table: Table, row: Any, place: int, seen: dict[str, int]) -> list[Fault]:
    """What can be said of a row before it is read."""
    if not isinstance(row, dict):
        return [Fault("", "is no object")]
    known = (*table.required, *table.optional)
    faults = [Fault(str(name)[:60], f"unknown; there are {', '.join(known)}") for name in row if name not in known]
    faults += [Fault(name, "is missing") for name in table.required if name not in row]
    faults += [Fault(name, "is neither a text nor a number") for name in known if name in row and _cell(row[name]) is None]
    key = _cell(row.get(table.key))
    if not faults and key:
        first = seen.setdefault(key.replace("-", "").lower(), place)
        faults += [Fault(table.key, f"the same as in row {first}")] if first != place else []
    return faults


def _cell(value: Any) -> str | None:
    """A value as a file would have it; None for what no file can hold."""
    match value:
        case None:
            return ""
        case bool() | dict() | list():
            return None
        case int():
            # Longer ones Python does not write out.
            return str(value) if abs(value) < 10**30 else "9" * 31
        case _:
            return str(value)


def _write(table: Table, names: tuple[str, ...], lines: list[tuple[int, list[str] | str]], outcome: Upserted, *, now: datetime) -> None:
    loader = Loader(table, [(name, position) for position, name in enumerate(names)], len(names), now=now)
    try:
        batch = loader.checked(lines)
        keys = [UUID(values[loader.key]) for _, values in batch.rows]
        rows = table.model._default_manager.filter(pk__in=keys).order_by("pk")
        before = {row.pk: row for row in rows.select_for_update()}
        loader.write(batch)
        _enter(table, names, before, list(rows.all()) if keys else [], now=now)
    finally:
        loader.close()
    _count(batch, before, outcome)


def _count(batch: Batch, before: dict[Any, models.Model], outcome: Upserted) -> None:
    created = len(batch.rows) - len(before)
    outcome.created += created
    outcome.updated += batch.written - created
    outcome.unchanged += len(batch.rows) - batch.written
    outcome.errors += [(place, fault) for place, faults in batch.refused for fault in faults]


def _enter(table: Table, names: tuple[str, ...], before: dict[Any, models.Model], after: list[models.Model], *, now: datetime) -> None:
    columns = [table.field(name).attname for name in names]
    changes = []
    for row in after:
        old = before.get(row.pk)
        pairs = {name: (getattr(old, name, None), getattr(row, name)) for name in columns}
        changes.append((row, {name: pair for name, pair in pairs.items() if old is None or pair[0] != pair[1]}))
    audit.enter_all([(row, pairs) for row, pairs in changes if pairs], now=now)

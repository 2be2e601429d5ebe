"""Rows into tables: in batches that are read, checked, resolved against what is there and written by one statement each."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings
from django.core.management.color import no_style
from django.db import connection, models, reset_queries, transaction

from core import bulk
from core.imports.cells import UUID_TEXT, BadCell, Reader, reader, shown
from core.imports.files import ImportFailed, Progress, Source, sources
from core.imports.seen import Seen
from core.imports.tables import BY_MODEL, TABLES, Table

Tell = Callable[[str], None]
# A row that can be read: its line and its values, which the steps of a batch complete in place.
Row = tuple[int, list[Any]]


class Fault(NamedTuple):
    """What is wrong with a row: in which field, none for the row as a whole."""

    field: str
    why: str

    def __str__(self) -> str:
        return f"{self.field}: {self.why}" if self.field else self.why


# Batches a transaction. On SQLite every commit waits for the disk, and after a large one its log is folded back into the
# database: ten at once took a third off the time. Its other writers wait for less than a second.
BATCHES_A_COMMIT = 10


@dataclass
class Outcome:
    """What became of one file's rows. `written` are those new or changed, the other loaded ones were as the file has them."""

    file: str
    loaded: int = 0
    written: int = 0
    refused: int = 0


def load(found: Iterable[Source], *, now: datetime, tell: Tell, progress: Progress, strict: bool = False) -> list[Outcome]:
    """Load an export; loaded again, it changes nothing, and what differs is updated.

    `tell` hears of each refused row by file, line and reason. Batches are committed as they go, so that a run that died
    is continued by running it again. With `strict` it is one transaction instead: what is checked is then exactly what
    would be loaded, references between the files included, and of it all nothing stays when a row was refused, for
    which ImportFailed is raised. (SQLite's other loaders wait for it.)
    """
    if strict:
        with transaction.atomic():
            outcomes = [_load(source, now=now, tell=tell, progress=progress) for source in found]
            refused = sum(outcome.refused for outcome in outcomes)
            if refused:
                raise ImportFailed(f"Nothing was loaded: --strict takes all or nothing, and of bad rows there {_are(refused)}.")
    else:
        outcomes = [_load(source, now=now, tell=tell, progress=progress) for source in found]
    _refresh_statistics()
    return outcomes


def load_directory(
    directory: Path, *, now: datetime, tell: Tell, progress: Progress = lambda _: None, strict: bool = False
) -> list[Outcome]:
    """`load` what the directory holds. Raises ImportFailed before anything is loaded when a file cannot be used."""
    return load(sources(directory), now=now, tell=tell, progress=progress, strict=strict)


@dataclass
class Batch:
    """The rows of a batch that are still good, and what was said of the others."""

    rows: list[Row] = field(default_factory=list)
    refused: list[tuple[int, list[Fault]]] = field(default_factory=list)
    written: int = 0

    def refuse(self, reasons: dict[int, list[Fault]]) -> None:
        """Take out the rows of these lines."""
        if reasons:
            self.refused += [(line, reasons[line]) for line in sorted(reasons)]
            self.rows = [row for row in self.rows if row[0] not in reasons]


def _load(source: Source, *, now: datetime, tell: Tell, progress: Progress) -> Outcome:
    outcome = Outcome(source.path.name)
    loader = Loader(source.table, source.columns, source.width, now=now)
    try:
        found = bulk.batches(source.rows(progress))
        while first := next(found, None):
            with transaction.atomic():
                for lines in chain([first], islice(found, BATCHES_A_COMMIT - 1)):
                    batch = loader.load(lines)
                    outcome.written += batch.written
                    outcome.loaded += len(batch.rows)
                    outcome.refused += len(batch.refused)
                    for line, faults in sorted(batch.refused):
                        tell(f"{outcome.file}, line {line}: {'; '.join(map(str, faults))}.")
            if settings.DEBUG:
                reset_queries()  # with DEBUG on, Django keeps every statement it was given, rows and all
    finally:
        loader.close()
    return outcome


class Loader:
    """The steps of a batch of rows with the same columns, prepared once. `columns` are names and where they stand in a row."""

    def __init__(self, table: Table, columns: Sequence[tuple[str, int]], width: int, *, now: datetime) -> None:
        self.table = table
        self.width = width
        self.names = [name for name, _ in columns]
        self.positions = [position for _, position in columns]
        self.all_in_place = self.positions == list(range(width))
        self.fields = [table.field(name) for name in self.names]
        self.readers: list[Reader] = [
            reader(one, required=one.name in table.required, target=_target(one).field(_target(one).key) if one.is_relation else None)
            for one in self.fields
        ]
        self.key = self.names.index(table.key)
        self.seen = Seen()

        absent = [one for one in table.model._meta.concrete_fields if one.name not in self.names and not one.primary_key]
        defaults = [one for one in absent if one.name not in table.fresh]
        self.constants = [now if isinstance(one, models.DateTimeField) and one.has_default() else one.get_default() for one in defaults]
        self.fresh = list(table.fresh.values())
        self.written_fields = [*self.names, *(one.name for one in defaults), *table.fresh]
        updated = [str(one.column) for one in self.fields if one.name != table.key]
        key = f'("{table.field(table.key).column}")'
        # A row that is as the file has it is left alone: a repeated import costs reading, not writing.
        self.conflict = bulk.update_on(key, updated, where=bulk.differs(table.model._meta.db_table, updated))

    def close(self) -> None:
        self.seen.close()

    def load(self, lines: Sequence[tuple[int, list[str] | str]]) -> Batch:
        batch = self.checked(lines)
        self.write(batch)
        return batch

    def checked(self, lines: Sequence[tuple[int, list[str] | str]]) -> Batch:
        """The rows as they can be written, those that cannot taken out."""
        batch = self.read(lines)
        for step in (self.resolve, self.keep_apart, self.refuse_repeated):
            step(batch)
        return batch

    def read(self, lines: Sequence[tuple[int, list[str] | str]]) -> Batch:
        """Cells to values."""
        batch = Batch()
        readers, width, positions, all_in_place = self.readers, self.width, self.positions, self.all_in_place
        for line, cells in lines:
            if isinstance(cells, str):
                batch.refused.append((line, [Fault("", cells)]))
            elif len(cells) != width:
                batch.refused.append((line, [Fault("", f"has {len(cells)} fields instead of {width}")]))
            else:
                if not all_in_place:
                    cells = [cells[position] for position in positions]
                try:
                    batch.rows.append((line, [read(cell) for read, cell in zip(readers, cells, strict=True)]))
                except BadCell:
                    batch.refused.append((line, self._faults(cells)))
        return batch

    def _faults(self, cells: list[str]) -> list[Fault]:
        faults = []
        for name, read, cell in zip(self.names, self.readers, cells, strict=True):
            try:
                read(cell)
            except BadCell as bad:
                faults.append(Fault(name, str(bad)))
        return faults

    def resolve(self, batch: Batch) -> None:
        """Names of other tables' rows to their ids, by one statement per table."""
        reasons: dict[int, list[Fault]] = {}
        targets: dict[str, list[int]] = {}
        for position, one in enumerate(self.fields):
            if one.is_relation:
                targets.setdefault(_target(one).name, []).append(position)
        for positions in targets.values():
            target = _target(self.fields[positions[0]])
            wanted = {values[position] for _, values in batch.rows for position in positions} - {None}
            ids = dict(bulk.lookup(target.model, target.key, wanted, "id")) if wanted else {}
            what = target.model._meta.verbose_name
            for line, values in batch.rows:
                for position in positions:
                    name = values[position]
                    if name is not None and (found := ids.get(name)) is not None:
                        values[position] = found
                    elif name is not None:
                        reasons.setdefault(line, []).append(Fault(self.names[position], f"there is no {what} {_name(name)}"))
        batch.refuse(reasons)

    def keep_apart(self, batch: Batch) -> None:
        """Of what may stand in one row only (a booking's signature), the first row has it, in the table or in the file."""
        for position, one in enumerate(self.fields):
            if not one.unique or position == self.key or not batch.rows:
                continue
            reasons: dict[int, list[Fault]] = {}
            holders = dict(bulk.lookup(self.table.model, one.name, {values[position] for _, values in batch.rows}, self.table.key))
            for line, values in batch.rows:
                value, key = values[position], values[self.key]
                holder = holders.setdefault(value, key)
                if holder != key:
                    what = self.table.model._meta.verbose_name
                    reasons[line] = [Fault(one.name, f"{_name(value)} has the {what} {_name(holder)} already")]
            batch.refuse(reasons)

    def refuse_repeated(self, batch: Batch) -> None:
        """A key may be in a file once; the first of two counts."""
        repeated = self.seen.repeated([(values[self.key], line) for line, values in batch.rows])
        batch.refuse({line: [Fault(self.table.key, f"the same as on line {first}")] for line, first in repeated.items()})

    def write(self, batch: Batch) -> None:
        rows = [[*values, *self.constants, *[make() for make in self.fresh]] for _, values in batch.rows]
        batch.written = bulk.written(self.table.model, self.written_fields, rows, conflict=self.conflict)
        if self.table.field(self.table.key).primary_key and self.table.model._meta.auto_field:
            # The ids came from the file: the next one made here must not be one of them.
            with connection.cursor() as cursor:
                for statement in connection.ops.sequence_reset_sql(no_style(), [self.table.model]):
                    cursor.execute(statement)


def _name(key: Any) -> str:
    """A key as the file writes it."""
    return str(UUID(key)) if isinstance(key, str) and UUID_TEXT.fullmatch(key) else shown(str(key))


def _are(count: int) -> str:
    return f"{'is' if count == 1 else 'are'} {count:,}"


def _target(one: Any) -> Table:
    return BY_MODEL[one.related_model]


def _refresh_statistics() -> None:
    """Let the database's planner know how large the tables are now, rather than whenever it looks next."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA analysis_limit = 1000")
        for table in TABLES:
            cursor.execute(f'ANALYZE "{table.model._meta.db_table}"')

"""The files themselves: found, plain or gzipped, proved readable before anything is loaded, and read row by row."""

import codecs
import csv
import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from core.imports.tables import TABLES, Table

BLOCK = 1 << 20

Progress = Callable[[int], None]


class ImportFailed(Exception):
    """The import cannot be done, and why. Raised before anything is loaded, or after it was taken back."""


@dataclass(frozen=True)
class Source:
    """A file that can be read to its end, with the columns that its first line names."""

    table: Table
    path: Path
    size: int
    # Known columns and where they stand; how wide a row is; names that nothing is known of.
    columns: tuple[tuple[str, int], ...]
    width: int
    unknown: tuple[str, ...]

    def rows(self, progress: Progress) -> Iterator[tuple[int, list[str] | str]]:
        """(line, cells) of each row, or (line, why it is no row); blank lines are passed over.

        A line is a row: no column may hold a line break, so a quote that is never closed spoils its own line and no more.
        `progress` is told now and then how many bytes of the file have been read since it was told last.
        """
        told = 0
        with _readable(self.path), _opened(self.path) as (raw, stream), io.TextIOWrapper(stream, "utf-8-sig", newline="") as lines:
            for line, text in enumerate(lines, start=1):
                if line % 1_000 == 0:
                    at = raw.tell()
                    progress(at - told)
                    told = at
                text = text.rstrip("\r\n")
                if line == 1 or not text:
                    continue
                try:
                    yield line, split(text)
                except csv.Error as error:
                    yield line, f"is not CSV ({error})"
            progress(self.size - told)


def split(text: str) -> list[str]:
    """The cells of a line. Raises csv.Error."""
    return next(csv.reader((text,), strict=True)) if '"' in text else text.split(",")


def sources(directory: Path) -> list[Source]:
    """The export's files, each read once to its end. Raises ImportFailed when one is missing, unreadable or lacks a column."""
    if not directory.is_dir():
        raise ImportFailed(f"{directory} is not a directory.")
    return [_source(directory, table) for table in TABLES]


def _source(directory: Path, table: Table) -> Source:
    plain = directory / f"{table.name}.csv"
    packed = directory / f"{table.name}.csv.gz"
    if plain.exists() and packed.exists():
        raise ImportFailed(f"There are both {plain.name} and {packed.name} in {directory}: which one counts? Remove the other.")
    path = packed if packed.exists() else plain
    if not path.exists():
        raise ImportFailed(f"There is no {plain.name} (or {packed.name}) in {directory}.")
    with _readable(path):
        _prove(path)
        header = _header(path)
    known = {*table.required, *table.optional}
    twice = sorted({name for name in header if name and header.count(name) > 1})
    if twice:
        raise ImportFailed(f"{path.name}: the column {twice[0]} is there twice.")
    missing = [name for name in table.required if name not in header]
    if missing:
        raise ImportFailed(f"{path.name}: the first line must name the columns, and lacks {', '.join(missing)}.")
    return Source(
        table=table,
        path=path,
        size=path.stat().st_size,
        columns=tuple((name, position) for position, name in enumerate(header) if name in known),
        width=len(header),
        unknown=tuple(name for name in header if name not in known),
    )


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, EOFError, zlib.error) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error) or "it ends too early"
        raise ImportFailed(f"{path.name} cannot be read: {reason}.") from error
    except UnicodeDecodeError as error:
        raise ImportFailed(f"{path.name} is not UTF-8 ({error.reason}).") from error


@contextmanager
def _opened(path: Path) -> Iterator[tuple[BinaryIO, BinaryIO]]:
    """The file as it lies on the disk, whose position says how far one is, and its content, unpacked."""
    with path.open("rb") as raw:
        if path.suffix == ".gz":
            with gzip.GzipFile(fileobj=raw) as unpacked:
                yield raw, cast(BinaryIO, unpacked)
        else:
            yield raw, raw


def _prove(path: Path) -> None:
    """Read it all, so that a broken archive or another encoding is known before the first row is loaded."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    line = 1
    with _opened(path) as (_, stream):
        try:
            while block := stream.read(BLOCK):
                # Such a line would have to be held in memory whole.
                if len(block) == BLOCK and b"\n" not in block and b"\r" not in block:
                    raise ImportFailed(f"{path.name} is not CSV: line {line:,} is longer than {BLOCK:,} bytes.")
                decoder.decode(block)
                line += block.count(b"\n")
            decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            line += error.object[: error.start].count(b"\n")
            raise ImportFailed(f"{path.name} is not UTF-8: line {line:,} ({error.reason}).") from error


def _header(path: Path) -> list[str]:
    with _opened(path) as (_, stream), io.TextIOWrapper(stream, "utf-8-sig", newline="") as lines:
        try:
            return [name.strip() for name in split(lines.readline().rstrip("\r\n"))]
        except csv.Error as error:
            raise ImportFailed(f"{path.name}: the first line is not CSV ({error}).") from error

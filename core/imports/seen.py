"""The keys a file has named so far: on disk, so that memory stays flat however long the file is."""

import sqlite3
from collections.abc import Sequence
from typing import Any


class Seen:
    """Keys and the lines that named them first, in a private SQLite database that goes away with this object."""

    def __init__(self) -> None:
        # An empty name is a temporary file of SQLite's own; nothing in it outlives the import, so nothing is journalled.
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.execute("PRAGMA journal_mode = OFF")
        self._db.execute("PRAGMA synchronous = OFF")
        self._db.execute("PRAGMA cache_size = -16384")
        self._db.execute("CREATE TABLE seen (key PRIMARY KEY, line INTEGER NOT NULL) WITHOUT ROWID")
        self._db.execute("BEGIN")

    def repeated(self, rows: Sequence[tuple[Any, int]]) -> dict[int, int]:
        """Of rows of (key, line), the lines whose key was named before, and the line that did."""
        before = self._db.total_changes
        self._db.executemany("INSERT OR IGNORE INTO seen VALUES (?, ?)", rows)
        if self._db.total_changes - before == len(rows):
            return {}
        firsts = ((line, self._db.execute("SELECT line FROM seen WHERE key = ?", (key,)).fetchone()[0]) for key, line in rows)
        return {line: first for line, first in firsts if first != line}

    def close(self) -> None:
        self._db.close()

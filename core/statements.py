"""The few statements that run for every message: on PostgreSQL they are planned once for each connection.

Planning the statement that begins a message takes longer than running it. Django's own cursors put the values into the text, so that each
is a new statement to the database; these travel beside it.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.utils import CursorWrapper


def run(statement: str, values: Sequence[Any] | Mapping[str, Any]) -> CursorWrapper:
    """Execute a statement on the default database. Returns the cursor; errors, logs and wrappers are Django's as ever.

    Give the same text each time: what differs belongs into the values.
    """
    connection = connections[DEFAULT_DB_ALIAS]
    if connection.vendor != "postgresql":
        cursor = connection.cursor()
    else:
        connection.ensure_connection()
        beside: Any = psycopg.Cursor(connection.connection)
        cursor = connection.make_debug_cursor(beside) if connection.queries_logged else connection.make_cursor(beside)
    cursor.execute(statement, values)
    return cursor


@contextmanager
def together() -> Iterator[None]:
    """Statements in this block need not wait for one another's answers: PostgreSQL is sent the next before it answered the last.

    Whoever fetches waits for all so far; a cursor's `rowcount` is known after a fetch or the block's end, and so is an error.
    Open the transaction outside of it.
    """
    connection = connections[DEFAULT_DB_ALIAS]
    if connection.vendor != "postgresql":
        yield
        return
    connection.ensure_connection()
    # What went wrong with one may come to light only here.
    with connection.wrap_database_errors, connection.connection.pipeline():
        yield

"""A named lock for the length of a transaction, so that of eight processes that decide the same thing one decides."""

from hashlib import blake2b

from django.db import connection


def hold(name: str) -> None:
    """Wait for and hold the lock until the transaction ends. Call it first in the transaction.

    On SQLite nothing is needed: BEGIN IMMEDIATE lets one writer in at a time.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("A lock is held by a transaction; there is none.")
    if connection.vendor == "postgresql":
        number = int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big", signed=True)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [number])

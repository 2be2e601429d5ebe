"""How often something may be tried: guessing a password or a code, asking for a code. Counted in the database, by all processes together.

A try is counted before it is judged, in one statement, so that twenty at once are twenty tries and not one.
"""

import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from django.conf import settings
from django.db import connection
from django.db.models import F

from core.models import Tries


@dataclass(frozen=True, slots=True)
class Limit:
    """So many tries within a window that begins with the first of them."""

    name: str
    most: int
    within: timedelta


Counted = tuple[Limit, str]


def spend(tries: Iterable[Counted], *, now: datetime) -> datetime | None:
    """Count a try for each of these. None: it is within every limit. Otherwise when it will be again.

    A try of an empty key, as of a client whose address is not known, is counted by the other limits alone.
    """
    found = sorted(((limit.name, keyed(limit.name, key), limit) for limit, key in tries if key), key=lambda one: one[:2])
    if not found:
        return None
    adapt = connection.ops.adapt_datetimefield_value
    # In one order everywhere, so that no two wait for each other.
    rows = [value for name, key, limit in found for value in (name, key, 1, adapt(now + limit.within))]
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO core_tries ("limit", key_hash, count, until) VALUES {", ".join(["(%s, %s, %s, %s)"] * len(found))}
            ON CONFLICT ("limit", key_hash) DO UPDATE SET
                count = CASE WHEN core_tries.until <= %s THEN 1 ELSE core_tries.count + 1 END,
                until = CASE WHEN core_tries.until <= %s THEN excluded.until ELSE core_tries.until END
            RETURNING "limit", key_hash, count, until
            """,  # noqa: S608  (marks, and no value, are put together)
            [*rows, adapt(now), adapt(now)],
        )
        # What this very statement counted: read afterwards, it would hold the tries of others as well.
        counted = cursor.fetchall()
    most = {(name, key): limit.most for name, key, limit in found}
    return max((_moment(until) for name, key, count, until in counted if count > most[name, key]), default=None)


def _moment(until: datetime | str) -> datetime:
    """SQLite knows no moments: Django keeps them there as text in UTC, which its driver may or may not have read."""
    moment = until if isinstance(until, datetime) else datetime.fromisoformat(until)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def give_back(tries: Iterable[Counted], *, now: datetime) -> None:
    """Uncount one try of each: it was none, after all."""
    for limit, key in tries:
        if key:
            mine = Tries.objects.filter(limit=limit.name, key_hash=keyed(limit.name, key), until__gt=now, count__gt=0)
            mine.update(count=F("count") - 1)


def forget(tries: Iterable[Counted]) -> None:
    """Begin anew with these."""
    for limit, key in tries:
        Tries.objects.filter(limit=limit.name, key_hash=keyed(limit.name, key)).delete()


def keyed(purpose: str, text: str) -> str:
    """A hash that tells nobody without the key whose it is."""
    return hmac.new(settings.SECRET_KEY.encode(), f"{purpose}\0{text}".encode(), sha256).hexdigest()

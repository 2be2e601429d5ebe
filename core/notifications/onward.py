"""One statement, one commit and one wait for the database a message, where messages leave one at a time. See docs/adr/0011.

What was accepted is written down and the next begins, if nothing at all stands in its way: no pause, no doubt about its provider, no
choice of its person. `delivery` goes the careful way about everything else, and on SQLite, which has no such statement.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from uuid import UUID

from django.conf import settings
from django.db import connection

from core import statements
from core.models import Lane, NotificationLog
from core.notifications import claims
from core.notifications.transport import Transport

# Of a row and what its provider answered.
AS_ACCEPTED = """
    phase = 'accepted', status = 'sent', sent_at = %(at)s, provider = %(by)s, provider_message_id = {name},
    lease_token = NULL, lease_until = NULL, error_message = '', error_code = ''"""

# A CASE, so that the planner does not look through the index of what is being sent: it is tiny, and full of what no longer is.
ONWARD = """
WITH recorded AS (
    UPDATE core_notificationlog SET {as_accepted}
    WHERE id = %(answered)s::uuid AND lease_token = %(sent_under)s::uuid AND CASE WHEN phase = 'sending' THEN true END
    RETURNING id
), due AS MATERIALIZED ({due}
), begun AS (
    UPDATE core_notificationlog AS row SET
        phase = 'sending', tries = tries + 1, error_code = '', error_message = '',
        lease_token = %(token)s::uuid, lease_until = {lease_end}
    FROM due
    WHERE id = due.due_id AND due.why = ''
    RETURNING {needed}
)
SELECT EXISTS (SELECT FROM recorded), begun.* FROM (SELECT) AS always LEFT JOIN begun ON true"""

# Nothing is paused, and the provider is well and takes whatever comes: asked once, not of each row.
NOTHING_STANDS_IN_THE_WAY = """
        AND NOT EXISTS (SELECT FROM core_switch WHERE is_paused)
        AND NOT EXISTS (
            SELECT FROM core_providerstate
            WHERE provider = %(provider)s
              AND (breaker <> 'closed' OR failures > 0 OR per_second IS NOT NULL OR paused_until > %(now)s))"""


@dataclass(frozen=True, slots=True)
class Answered:
    """A message that its provider accepted, and the lease it was sent under."""

    id: UUID
    token: UUID
    provider: str
    provider_id: str


@dataclass(frozen=True, slots=True)
class Step:
    """Whether the message before was written down as accepted (if it was not: its lease was lost), and the one that begins."""

    recorded: bool
    begun: NotificationLog | None


@lru_cache(maxsize=16)
def _onward(first: int, last: int, shape: claims.Shape) -> str:
    return ONWARD.format(
        as_accepted=AS_ACCEPTED.format(name="%(name)s"),
        due=claims.due_sql(f"n.lane BETWEEN {first} AND {last} {NOTHING_STANDS_IN_THE_WAY}", 1, shape),
        lease_end=claims.lease_end(shape),
        needed=", ".join(claims.NEEDED),
    )


def is_possible(transport: Transport, lanes: Collection[Lane] | None) -> bool:
    """Whether messages may go this way: one at a time, to a provider without a rate, by a method without hours."""
    return (
        connection.vendor == "postgresql"
        and not transport.regulated
        and transport.provider not in settings.PROVIDER_RATES
        and (lanes is None or any(lane != Lane.BULK for lane in lanes))
    )


def step(answered: Answered | None, method: str, token: UUID, *, provider: str, lanes: Collection[Lane] | None, now: datetime) -> Step:
    """Write down what was accepted and begin the next message, by itself committed when this returns.

    None begun: nothing is due in these lanes, or what is due has to go the careful way.
    """
    single = [lane for lane in (Lane if lanes is None else lanes) if lane != Lane.BULK]
    due = claims.Due(method, token, now=now)
    values = due.values | {"provider": provider, "at": due.values["now"], "answered": None, "sent_under": None, "by": "", "name": ""}
    if answered is not None:
        values |= {"answered": answered.id, "sent_under": answered.token, "by": answered.provider, "name": answered.provider_id}
    with statements.run(_onward(min(single), max(single), due.shape), values) as cursor:
        recorded, *row = cursor.fetchone()
    return Step(recorded, None if row[0] is None else claims.read(row))

"""Takes messages out of the outbox and puts them back: every change of phase before the provider is called, and after a death.

Taking a message commits that it is about to be handed to its provider: from then on it may have arrived. It is a lease by the
database's clock and a token; whoever lost the lease finds his token gone and changes nothing. What must not leave any more is
ended in the very statement that starts the others, so that no decision committed before it is overlooked.
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import F, QuerySet
from django.db.models.functions import Least, Now

from core import bulk, statements
from core.models import DeliveryEvent, Lane, NotificationLog, Phase, Status
from core.notifications import limits

MAX_TRIES = 8
# With a lease's token: its holder has it, or is the last who had it and has not said what came of it.
IN_ITS_HANDS = (Phase.SENDING, Phase.UNCERTAIN)
# Who got enough for an hour is looked at again after so long.
LATER = timedelta(minutes=10)
# As many are looked through at once for what must not leave.
MOST_SWEPT = 512
_NEEDED = frozenset(
    "id recipient_id notification_type method subject message metadata created_at key alert_id address personal content_id lane "
    "repeatable due_at expires_at tries phase".split()
)
# What delivering a message takes, in the model's order; other fields are read when somebody asks for them.
NEEDED = tuple(field.attname for field in NotificationLog._meta.concrete_fields if field.attname in _NEEDED)


def take(
    method: str,
    token: UUID,
    *,
    at_once: int,
    now: datetime,
    ids: Sequence[UUID] | None = None,
    lanes: Collection[Lane] | None = None,
    switches: CursorWrapper | None = None,
) -> list[NotificationLog]:
    """Begin the most urgent messages that are due by a method: one of what may be repeated, or up to `at_once` of what must not be.

    Call it in a short transaction: its commit is the moment from which they may have arrived. They are this caller's, by the
    token, until the lease ends; none when nothing is due. Of `ids` and `lanes` only, when given. `switches` are those of
    `limits.ask_switches`, if they were asked for before.
    """
    wanted = sorted(Lane if lanes is None else lanes)
    single = [lane for lane in wanted if lane != Lane.BULK]
    steps = [(f"n.lane BETWEEN {min(single)} AND {max(single)}", 1)] if single else []
    if Lane.BULK in wanted:
        steps += [(f"n.lane = {Lane.BULK:d} AND NOT n.repeatable", at_once), (f"n.lane = {Lane.BULK:d} AND n.repeatable", 1)]
    due = Due(method, token, now=now)
    due.only(ids)
    due.leave_out_held(now, switches)
    for which, limit in steps:
        if taken := due.begin(which, limit):
            return taken
    return []


# Why a message does not leave now, of a row `n` of the outbox; empty: it leaves. What a person cannot decline is not `optional`.
WHY_NOT = """
CASE WHEN n.expires_at <= %(now)s THEN 'expired'
     WHEN {optional} AND EXISTS (
         SELECT 1 FROM core_preference p
         WHERE p.person_id = n.recipient_id AND p.category = n.notification_type AND p.method = n.method AND NOT p.allowed)
     THEN 'opted_out'
     WHEN EXISTS (
         SELECT 1 FROM core_suppression s
         WHERE s.method = n.method AND s.address = lower(n.address) AND (s.expires_at IS NULL OR s.expires_at > %(now)s))
     THEN 'suppressed_address'
     {over_caps}
     {over_rate}
     ELSE '' END"""

# Two campaigns that decided about a person at the same moment did not see each other: the earlier one goes.
OVER_CAP = """
     WHEN n.notification_type = {kind} AND (
         SELECT count(DISTINCT o.key) FROM core_notificationlog o
         WHERE o.recipient_id = n.recipient_id AND o.notification_type = n.notification_type AND o.created_at >= {since}
           AND o.key <> n.key
           AND (o.phase IN ('sending', 'uncertain', 'accepted', 'delivered', 'undelivered', 'unknown_outcome')
                OR (o.phase = 'queued' AND o.id < n.id))) >= {most}
     THEN 'over_cap'"""

# Offers have their caps, and what is urgent never waits.
OVER_RATE = """
     WHEN n.lane = 1 AND {optional} AND (
         SELECT count(*) FROM core_notificationlog o
         WHERE o.recipient_id = n.recipient_id AND o.method = n.method AND o.lane > 0 AND {optional_of_others}
           AND o.created_at > %(days_ago)s AND (o.sent_at > %(hour_ago)s OR o.phase = 'sending')) >= %(rate)s
     THEN 'over_rate'"""

DUE = """
    SELECT n.id AS due_id, {why_not} AS why FROM core_notificationlog n
    WHERE n.phase = 'queued' AND n.method = %(method)s AND n.due_at <= %(now)s AND {which}
    ORDER BY n.lane, n.due_at LIMIT {limit:d} {lock}"""

# MATERIALIZED: looked for once, and so never more than the limit. As a plain subquery PostgreSQL may look anew for each row of a
# small table, and each time find, and take, the next.
BEGIN = """
WITH due AS MATERIALIZED ({due})
UPDATE core_notificationlog AS row SET
    phase = CASE due.why WHEN '' THEN 'sending' WHEN 'over_rate' THEN 'queued' WHEN 'expired' THEN 'expired'
                         WHEN 'suppressed_address' THEN 'suppressed' ELSE 'cancelled' END,
    status = CASE WHEN due.why IN ('', 'over_rate') THEN 'pending' ELSE 'failed' END,
    error_code = due.why,
    error_message = replace(due.why, '_', ' '),
    due_at = CASE due.why WHEN 'over_rate' THEN %(later)s ELSE due_at END,
    tries = tries + CASE due.why WHEN '' THEN 1 ELSE 0 END,
    lease_token = CASE due.why WHEN '' THEN {token} END,
    lease_until = CASE due.why WHEN '' THEN {lease_end} END
FROM due
WHERE id = due.due_id {only}
RETURNING {needed}"""

# What must not leave any more, and nothing else.
ENDED = "AND due.why <> ''"


@lru_cache(maxsize=64)
def _begin(which: str, limit: int, shape: "Shape", *, only: str = "") -> str:
    return BEGIN.format(
        token="%(token)s::uuid" if shape.postgresql else "%(token)s",
        lease_end=lease_end(shape),
        due=due_sql(which, limit, shape),
        only=only,
        needed=", ".join(NEEDED),
    )


def lease_end(shape: "Shape") -> str:
    """When a lease that begins now ends, by the database's clock."""
    if shape.postgresql:
        return f"now() + interval '{shape.lease} seconds'"
    return f"strftime('%%Y-%%m-%%d %%H:%%M:%%f', 'now', '+{shape.lease} seconds')"


def due_sql(which: str, limit: int, shape: "Shape") -> str:
    """The query that finds what is due, as `due_id`, and `why` it does not leave; with the values of a `Due`."""
    names = ", ".join(f"%(mandatory_{number})s" for number in range(shape.mandatory))
    optional, optional_of_others = (f"{which_one}.notification_type NOT IN ({names})" for which_one in "no")
    over_rate = OVER_RATE.format(optional=optional, optional_of_others=optional_of_others)
    return DUE.format(
        why_not=WHY_NOT.format(
            optional=optional,
            over_caps="".join(
                OVER_CAP.format(kind=f"%(cap_{number})s", since=f"%(since_{number})s", most=f"%(most_{number})s")
                for number in range(shape.caps)
            ),
            over_rate=over_rate if shape.has_rate else "",
        ),
        which=which + shape.unless,
        limit=limit,
        lock="FOR UPDATE SKIP LOCKED" if shape.postgresql else "",
    )


@dataclass(frozen=True, slots=True)
class Shape:
    """What a statement's text depends on: of caps and kinds only the number, so that it stays the same from minute to minute."""

    caps: int
    has_rate: bool
    mandatory: int
    lease: float
    postgresql: bool
    unless: str = ""


class Due:
    """What is due by a method at a moment: the values of the statements that look for it, and their shape."""

    def __init__(self, method: str, token: UUID, *, now: datetime) -> None:
        self.postgresql = connection.vendor == "postgresql"
        mandatory, caps = limits.unlimited_kinds(), limits.caps(now=now)
        rate = limits.person_rate()
        moment = connection.ops.adapt_datetimefield_value
        self.values: dict[str, Any] = {
            "token": token if self.postgresql else token.hex,
            "method": method,
            "now": moment(now),
            "later": moment(now + LATER),
            **{f"mandatory_{number}": name for number, name in enumerate(mandatory)},
        }
        for number, (kind, since, most) in enumerate(caps):
            self.values |= {f"cap_{number}": kind, f"since_{number}": moment(since), f"most_{number}": most}
        if rate:
            # As old as anything may be that left within the hour.
            self.values |= {"rate": rate, "hour_ago": moment(now - timedelta(hours=1)), "days_ago": moment(now - timedelta(days=3))}
        self.shape = Shape(len(caps), bool(rate), len(mandatory), settings.DELIVERY_LEASE.total_seconds(), self.postgresql)

    def begin(self, which: str, limit: int) -> list[NotificationLog]:
        """Begin up to so many. Where what is first must not leave, more of that is ended at once: there may be thousands."""
        swept = limit
        while touched := self._run(_begin(which, limit, self.shape)):
            going = [row for row in touched if row.phase == Phase.SENDING]
            if going:
                return sorted(going, key=lambda row: (row.lane, row.due_at))
            swept = min(8 * swept, MOST_SWEPT)
            self._run(_begin(which, swept, self.shape, only=ENDED))
        return []

    def _run(self, statement: str) -> list[NotificationLog]:
        if not self.postgresql:
            return list(NotificationLog.objects.raw(statement, self.values))
        with statements.run(statement, self.values) as cursor:
            return [read(row) for row in cursor.fetchall()]

    def only(self, ids: Sequence[UUID] | None) -> None:
        """These alone; None: all."""
        if ids is None:
            return
        self.values["ids"] = list(ids) if self.postgresql else bulk.json_text([one.hex for one in ids])
        self._unless(" AND n.id = ANY(%(ids)s::uuid[])" if self.postgresql else " AND n.id IN (SELECT value FROM json_each(%(ids)s))")

    def leave_out_held(self, now: datetime, switches: CursorWrapper | None) -> None:
        """What is paused, and offers by SMS outside their hours."""
        held = limits.held_sql(now=now, asked=switches)
        if held is None:
            return
        condition, given = held
        self.values |= {f"held_{number}": value for number, value in enumerate(given)}
        self._unless(f" AND NOT {condition % tuple(f'%(held_{number})s' for number in range(len(given)))}")

    def _unless(self, condition: str) -> None:
        self.shape = replace(self.shape, unless=self.shape.unless + condition)


JSON = frozenset(NEEDED.index(name) for name in ("metadata", "personal"))


def read(row: Sequence[Any]) -> NotificationLog:
    """A message of the NEEDED columns. Django has PostgreSQL's JSON come as text."""
    return NotificationLog.from_db("default", NEEDED, [json.loads(value) if at in JSON else value for at, value in enumerate(row)])


def put_back(token: UUID, *, now: datetime) -> int:
    """Of a lease whose messages were certainly not handed over: due again, no try used; also when the lease was found lost in the
    meantime. Returns how many."""
    return int(
        NotificationLog.objects.filter(lease_token=token, phase__in=IN_ITS_HANDS).update(
            phase=Phase.QUEUED,
            tries=F("tries") - 1,
            due_at=Least(F("due_at"), now),
            lease_token=None,
            lease_until=None,
            error_message="",
            error_code="",
        )
    )


def recover(*, now: datetime) -> dict[str, int]:
    """Sort out what a dead or stuck deliverer left, what nobody knows the end of, and what is too late to send."""
    rows = NotificationLog.objects
    counts = {
        "uncertain": _mark_uncertain(now=now),
        "repeated": rows.filter(phase=Phase.UNCERTAIN, due_at__lte=now, repeatable=True, tries__lt=MAX_TRIES)
        .exclude(expires_at__lte=now)
        .update(phase=Phase.QUEUED, dup_risk=True),
        "unknown": give_up(rows.filter(phase=Phase.UNCERTAIN, due_at__lte=now)),
        "expired": rows.filter(phase=Phase.QUEUED, due_at__lte=now, expires_at__lte=now).update(
            phase=Phase.EXPIRED, status=Status.FAILED, error_code="expired", error_message="Too late to send."
        ),
    }
    return {what: count for what, count in counts.items() if count}


def give_up(uncertain: "QuerySet[NotificationLog]") -> int:
    """Nobody will know whether these arrived, and they are not sent again. Returns how many."""
    return uncertain.update(
        phase=Phase.UNKNOWN_OUTCOME,
        status=Status.FAILED,
        error_code="unknown_outcome",
        error_message="Nobody knows whether it arrived.",
    )


def _mark_uncertain(*, now: datetime) -> int:
    """Messages whose deliverer died at the provider: they may have arrived."""
    with transaction.atomic():
        lost = list(
            NotificationLog.objects.select_for_update(skip_locked=True)
            .filter(phase=Phase.SENDING, lease_until__lt=Now())
            .values_list("pk", "repeatable")[:1_000]
        )
        if not lost:
            return 0
        for repeatable, wait in ((True, settings.DELIVERY_WAIT_TO_REPEAT), (False, settings.DELIVERY_WAIT_TO_GIVE_UP)):
            ids = [pk for pk, may_repeat in lost if may_repeat is repeatable]
            NotificationLog.objects.filter(pk__in=ids).update(
                phase=Phase.UNCERTAIN,
                due_at=now + wait,
                # Whoever lost it may still say for certain that it was not sent: the token stays.
                lease_until=None,
                error_message="The sender stopped before the answer.",
            )
        DeliveryEvent.objects.bulk_create(
            [DeliveryEvent(notification_id=pk, at=now, kind="uncertain", code="lease_lost", detail="The sender stopped.") for pk, _ in lost]
        )
    return len(lost)

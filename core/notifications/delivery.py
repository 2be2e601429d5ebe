"""Take, send, record. The one place that decides what a failure means.

A message's walk: `claims.take`, or `onward.step` when nothing is in its way, commits that it is about to leave, the transport is called
with no transaction open, and `record` writes what came of it, in the same transaction that takes the next. Dying before the call or
after the record loses nothing; dying between leaves a message whose outcome is uncertain, and `claims.recover` says what becomes of it.
"""

import random
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import structlog
from django.conf import settings
from django.db import DataError, Error, IntegrityError, connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import F

from core import bulk, statements
from core.models import DeliveryEvent, Lane, NotificationLog, Phase, Status
from core.notifications import choices, claims, composing, contents, journal, limits, onward, providers
from core.notifications.transport import Accepted, Message, Transport, TransportError, Verdict
from core.notifications.transports import transport_for

log = structlog.get_logger(__name__)

Clock = Callable[[], datetime]
Outcome = tuple[NotificationLog, Accepted | TransportError]

FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(hours=1)
# While an operator's fault is not mended, a message is tried again this often; no try is used up.
HOLD = timedelta(minutes=5)
# A deliverer comes up for air after so many messages.
AT_A_CALL = 1_000
LONGEST_PROVIDER_ID = 200
NOBODY = providers.Admission(0)


@dataclass(frozen=True, slots=True)
class Sent:
    """What was sent under one lease, and what came of each message."""

    token: UUID
    provider: str
    outcomes: Sequence[Outcome]
    admission: providers.Admission

    @property
    def accepted(self) -> list[tuple[NotificationLog, Accepted]]:
        return [(row, outcome) for row, outcome in self.outcomes if isinstance(outcome, Accepted)]

    @property
    def only_answer(self) -> onward.Answered | None:
        """The one message there was, if it was accepted by a provider of which there is nothing new to know."""
        match self.outcomes:
            case [(row, Accepted() as answer)] if self.admission.clear:
                return onward.Answered(row.pk, self.token, answer.provider, _name(answer))
        return None


def deliver_due(
    method: str,
    *,
    clock: Clock,
    limit: int = AT_A_CALL,
    ids: Sequence[UUID] | None = None,
    lanes: Collection[Lane] | None = None,
    should_stop: Callable[[], bool] = bool,
) -> int:
    """Send what is due by a method, the most urgent first, until nothing is, `should_stop` turns true, or `limit` were taken.

    Returns how many messages were taken; 0: nothing is due, or the provider takes nothing now. Of `ids` and `lanes` only,
    when given. Raises the database's errors; what providers answered before one is kept and recorded by the next call.
    """
    journal.replay(_record_entry)
    transport = transport_for(method)
    taken, sent = 0, None
    while True:
        wanted = 0 if taken >= limit or should_stop() else transport.window.size
        token, rows, admission = _turn(sent, method, transport, wanted, ids=ids, lanes=lanes, now=clock())
        if not rows:
            return taken
        taken += len(rows)
        began = time.monotonic()
        sent = _send(transport, rows, token, admission, clock=clock)
        if not rows[0].repeatable:
            transport.window.took(time.monotonic() - began, given=len(rows), accepted=len(sent.accepted))


def deliver(ids: Sequence[UUID], *, clock: Clock) -> None:
    """Send these messages now, in this process, if they are due and nobody else has them."""
    methods = NotificationLog.objects.filter(pk__in=ids, phase=Phase.QUEUED).order_by().values_list("method", flat=True).distinct()
    for method in list(methods):
        while deliver_due(method, clock=clock, ids=ids):
            pass


def _turn(
    sent: Sent | None,
    method: str,
    transport: Transport,
    wanted: int,
    *,
    ids: Sequence[UUID] | None,
    lanes: Collection[Lane] | None,
    now: datetime,
) -> tuple[UUID, list[NotificationLog], providers.Admission]:
    """Record what was sent and begin what is next, in one transaction: one commit for a message, not two."""
    token = uuid4()
    try:
        if wanted and ids is None and onward.is_possible(transport, lanes) and (sent is None or sent.only_answer is not None):
            row = _step_onward(sent, method, token, transport.provider, lanes=lanes, now=now)
            if row is not None:
                return token, [row], providers.Admission(1, clear=True)
            sent = None
        with transaction.atomic():
            with statements.together():
                accepted = _ask_to_record(sent, now=now) if sent is not None else None
                switches, state = limits.ask_switches(), providers.ask(transport.provider, now=now)
            if sent is not None and _record_the_rest(sent, accepted, now=now):
                state = providers.ask(transport.provider, now=now)
            admission = providers.admit(transport.provider, wanted, now=now, asked=state) if wanted else NOBODY
            if not admission.granted:
                return token, [], admission
            rows = claims.take(method, token, at_once=admission.granted, now=now, ids=ids, lanes=lanes, switches=switches)
            providers.give_back(transport.provider, admission.granted - len(rows), admission=admission, now=now)
            return token, rows, admission
    except BaseException:
        # Whether it was committed is not known. What was answered is kept; and under the new lease nothing has been sent.
        if sent is not None:
            journal.keep(_entry(sent, now=now))
        if wanted:
            journal.keep(_nothing_sent(token, transport.provider, now=now))
        raise


def _step_onward(
    sent: Sent | None, method: str, token: UUID, provider: str, *, lanes: Collection[Lane] | None, now: datetime
) -> NotificationLog | None:
    """The same for a message that leaves alone and with nothing in its way, by one statement. Afterwards what was sent is recorded."""
    answered = None if sent is None else sent.only_answer
    step = onward.step(answered, method, token, provider=provider, lanes=lanes, now=now)
    if sent is not None and not step.recorded:
        with transaction.atomic():
            _record_late(sent, now=now)
    return step.begun


def _send(transport: Transport, rows: Sequence[NotificationLog], token: UUID, admission: providers.Admission, *, clock: Clock) -> Sent:
    """Hand these over. Whatever ends the process in the middle, what is known of them is kept."""
    try:
        messages, outcomes = _composed(rows)
    except BaseException:  # The process's own end, too.
        journal.keep(_nothing_sent(token, transport.provider, now=clock()))
        raise
    sent = Sent(token, transport.provider, outcomes, admission)
    try:
        outcomes.extend(_answers(transport, messages, rows))
    except BaseException:  # The process's own end, too: providers have answered, and nobody else knows.
        if outcomes:
            journal.keep(_entry(sent, now=clock()))
        raise
    return sent


def _composed(rows: Sequence[NotificationLog]) -> tuple[list[Message], list[Outcome]]:
    """The messages as they leave, and what became of those that cannot. Raises the database's errors."""
    messages: list[Message] = []
    unsendable: list[Outcome] = []
    contents.attach(rows)
    for row in rows:
        try:
            messages.append(composing.compose(row))
        except composing.Unsendable as error:
            unsendable.append((row, TransportError(str(error), verdict=Verdict.REJECT, code=error.code)))
        except Error:
            raise
        except Exception as error:
            # Written by hand or by an import: it would stand in everybody's way for ever.
            log.exception("row_cannot_be_read", notification=str(row.pk))
            words = f"This row cannot be read ({type(error).__name__})."
            unsendable.append((row, TransportError(words, verdict=Verdict.REJECT, code="unreadable")))
    return messages, unsendable


def _answers(transport: Transport, messages: Sequence[Message], rows: Sequence[NotificationLog]) -> Iterator[Outcome]:
    by_id = {row.pk: row for row in rows}
    answered: set[UUID] = set()
    try:
        for message, outcome in transport.send_many(messages):
            answered.add(message.id)
            yield by_id[message.id], outcome
    except Exception as error:
        # A transport is anybody's file: what it lets through says nothing about whether the message left.
        log.exception("transport_failed", provider=transport.provider)
        for message in messages:
            if message.id not in answered:
                yield by_id[message.id], TransportError(type(error).__name__, verdict=Verdict.UNCERTAIN, code="transport_bug")


# --- Recording ---------------------------------------------------------------------------------------------------------


def record(outcomes: Sequence[Outcome], token: UUID, *, now: datetime, provider: str) -> None:
    """Write what came of a group, in one transaction. A result that comes after the lease was lost still counts if it is good."""
    with transaction.atomic():
        sent = Sent(token, provider, outcomes, NOBODY)
        _record_the_rest(sent, _ask_to_record(sent, now=now), now=now)


ACCEPTED = """
UPDATE core_notificationlog AS row SET {as_accepted}
FROM ({answers}) AS answer
WHERE id = answer.answered AND lease_token = %(token)s AND phase = 'sending'"""


def _ask_to_record(sent: Sent, *, now: datetime) -> CursorWrapper | None:
    """Have what was accepted written, by one statement; None: nothing was."""
    accepted = sent.accepted
    if not accepted:
        return None
    ids = [row.pk for row, _ in accepted]
    names = [_name(answer) for _, answer in accepted]
    values: dict[str, Any] = {"at": connection.ops.adapt_datetimefield_value(now), "by": accepted[0][1].provider}
    if connection.vendor == "postgresql":
        answers = "SELECT * FROM unnest(%(ids)s::uuid[], %(names)s::text[]) AS a (answered, name)"
        values |= {"ids": ids, "names": names, "token": sent.token}
    else:
        answers = "SELECT json_extract(value, '$[0]') AS answered, json_extract(value, '$[1]') AS name FROM json_each(%(rows)s)"
        values |= {"rows": bulk.json_text([[one.hex, name] for one, name in zip(ids, names, strict=True)]), "token": sent.token.hex}
    as_accepted = onward.AS_ACCEPTED.format(name="answer.name")
    return statements.run(ACCEPTED.format(as_accepted=as_accepted, answers=answers), values)


def _record_the_rest(sent: Sent, recorded: CursorWrapper | None, *, now: datetime) -> bool:
    """Write what failed, what came too late, and what all of it says of the provider. Returns whether it said anything new."""
    accepted = sent.accepted
    if recorded is not None and recorded.rowcount < len(accepted):
        _record_late(sent, now=now)
    failed = [(row, outcome) for row, outcome in sent.outcomes if isinstance(outcome, TransportError)]
    _draw_conclusions([(row, error) for row, error in failed if _record_failure(row, error, sent.token, now=now)], now=now)
    providers.learn(sent.provider, [outcome for _, outcome in sent.outcomes], admission=sent.admission, now=now)
    return len(accepted) < len(sent.outcomes) or not sent.admission.clear


def _name(answer: Accepted) -> str:
    return answer.provider_id.replace("\0", "")[:LONGEST_PROVIDER_ID]


def _record_late(sent: Sent, *, now: datetime) -> None:
    """Of what was accepted: a receipt was faster than we, or the lease was lost on the way and somebody wrote it off too early."""
    for one, answer in sent.accepted:
        row, provider, name = NotificationLog.objects.filter(pk=one.pk), answer.provider, _name(answer)
        if row.filter(phase=Phase.DELIVERED, sent_at__isnull=True).update(sent_at=now, provider=provider, provider_message_id=name):
            continue
        # Somebody else has it in hand again: it is going out twice, and what comes of the second time takes nothing back.
        row.filter(phase=Phase.SENDING).update(dup_risk=True)
        row.exclude(phase__in=(Phase.ACCEPTED, Phase.DELIVERED, Phase.UNDELIVERED)).update(
            phase=Phase.ACCEPTED, status=Status.SENT, sent_at=now, provider=provider, provider_message_id=name,
            lease_token=None, lease_until=None, error_message="", error_code="",
        )  # fmt: skip


def _record_failure(row: NotificationLog, error: TransportError, token: UUID, *, now: datetime) -> bool:
    """Write what a failure means for the message; false: it was somebody else's by now, or was not begun."""
    mine = NotificationLog.objects.filter(pk=row.pk, lease_token=token, phase__in=claims.IN_ITS_HANDS)
    code, detail = error.code[:40].replace("\0", ""), error.detail.replace("\0", "")
    changes: dict[str, Any] = {"lease_token": None, "lease_until": None, "error_code": code, "error_message": detail}
    if not error.begun:
        # The provider has seen nothing of it: no try is used up.
        mine.update(**changes, phase=Phase.QUEUED, tries=F("tries") - 1, due_at=now + wait_after(1))
        return False
    match error.verdict:
        case Verdict.RETRY:
            changes |= _after_retry(row, error, now=now)
        case Verdict.HOLD:
            changes |= {"phase": Phase.QUEUED, "tries": F("tries") - 1, "due_at": now + HOLD}
        case Verdict.UNCERTAIN:
            wait = settings.DELIVERY_WAIT_TO_REPEAT if row.repeatable else settings.DELIVERY_WAIT_TO_GIVE_UP
            changes |= {"phase": Phase.UNCERTAIN, "due_at": now + wait}
        case _:
            changes |= {"phase": Phase.REJECTED, "status": Status.FAILED}
    if not mine.update(**changes):
        return False
    DeliveryEvent.objects.create(notification_id=row.pk, at=now, kind=error.verdict.value, code=code, detail=detail)
    return True


def _draw_conclusions(failed: Sequence[tuple[NotificationLog, TransportError]], *, now: datetime) -> None:
    """What failures mean for addresses and people: all of a group at once, so that two senders never wait for each other."""
    reasons = {Verdict.SUPPRESS: "refused", Verdict.STOPPED: "stopped"}
    dead = [
        choices.Aside(row.method, row.address, reasons[error.verdict], f"{error.code[:40]} {error.detail}".strip().replace("\0", ""))
        for row, error in failed
        if error.verdict in reasons and row.address.strip()
    ]
    choices.set_aside_all(dead, now=now)
    stopped: dict[str, set[int]] = {}
    for row, error in failed:
        if error.verdict is Verdict.STOPPED and row.recipient_id:
            stopped.setdefault(row.method, set()).add(row.recipient_id)
    for method, people in stopped.items():
        choices.stop_all_offers(people, source=method, now=now)


def _after_retry(row: NotificationLog, error: TransportError, *, now: datetime) -> dict[str, object]:
    asked = error.retry_after is not None
    due = now + (providers.pause_of(error) if asked else wait_after(row.tries))
    if (row.tries >= claims.MAX_TRIES and not asked) or (row.expires_at is not None and due >= row.expires_at):
        return {"phase": Phase.DEAD, "status": Status.FAILED}
    # "Not now" is no word on the message: it uses up no try.
    return {"phase": Phase.QUEUED, "due_at": due, **({"tries": F("tries") - 1} if asked else {})}


def wait_after(tries: int) -> timedelta:
    """How long to wait after so many tries: doubling from 30 s to an hour, and up to a fifth more by chance."""
    wait = min(FIRST_WAIT * 2 ** max(0, tries - 1), LONGEST_WAIT)
    return wait + wait * random.uniform(0, 0.2)


# --- While the database is away -------------------------------------------------------------------------------------------


def _nothing_sent(token: UUID, provider: str, *, now: datetime) -> journal.Entry:
    return journal.Entry(token.hex, provider, now.isoformat(), ())


def _entry(sent: Sent, *, now: datetime) -> journal.Entry:
    answers = tuple(
        journal.Answer(row.pk.hex, accepted=True, provider_id=outcome.provider_id)
        if isinstance(outcome, Accepted)
        else journal.Answer(
            row.pk.hex,
            accepted=False,
            detail=outcome.detail,
            verdict=outcome.verdict.value,
            code=outcome.code,
            retry_after=outcome.retry_after,
            begun=outcome.begun,
        )
        for row, outcome in sent.outcomes
    )
    return journal.Entry(sent.token.hex, sent.provider, now.isoformat(), answers)


def _record_entry(entry: journal.Entry) -> None:
    """Record what the journal kept. Raises ValueError when the database will never take it."""
    if not entry.answers:
        claims.put_back(entry.lease, now=entry.when)
        return
    rows = NotificationLog.objects.in_bulk([UUID(answer.id) for answer in entry.answers])
    outcomes: list[Outcome] = []
    for answer in entry.answers:
        row = rows.get(UUID(answer.id))
        if row is None:  # Deleted in the meantime, as with its person.
            continue
        if answer.accepted:
            outcomes.append((row, Accepted(entry.provider, answer.provider_id)))
        else:
            verdict = Verdict(answer.verdict)
            failure = TransportError(answer.detail, verdict=verdict, code=answer.code, retry_after=answer.retry_after, begun=answer.begun)
            outcomes.append((row, failure))
    try:
        record(outcomes, entry.lease, now=entry.when, provider=entry.provider)
    except (DataError, IntegrityError) as error:
        raise ValueError(f"cannot be recorded: {error}") from error


def replay() -> int:
    """Record what providers answered while the database was away, whoever heard it on this machine. Returns how many groups."""
    return journal.replay(_record_entry)

"""Deciding and sending are apart: here a decision becomes pending rows. Nothing is sent here."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from core import bulk
from core.models import LeftOut, MessageContent, MessagingRun, NotificationLog, Phase, Status, TypeSetting, User
from core.models.fields import new_id
from core.models.notifications import Lane
from core.notifications import limits, rendering, wake
from core.notifications.kinds import Kind
from core.notifications.screening import Screening, Target, Verdicts, targets
from core.notifications.transport import Transport
from core.notifications.transports import methods as carried

ROW = (
    "id", "recipient", "notification_type", "method", "status", "subject", "message", "metadata", "created_at", "error_message",
    "dup_risk", "key", "pincode", "run", "alert", "content", "personal", "phase", "address", "lane", "repeatable", "due_at",
    "expires_at", "tries", "provider", "provider_message_id", "error_code",
)  # fmt: skip
CONTENT = ("id", "template", "version", "subject", "body", "html", "sms", "link_url", "created_at")
LEFT_OUT = ("run", "person", "reason", "methods", "cause", "pincode")
METHOD = ROW.index("method")


@dataclass(frozen=True, kw_only=True)
class Notice:
    """One cause to write about: what it is, why, and by which words."""

    kind: Kind
    # The cause. One message per key, person and method, ever.
    key: str
    # The template's variables: plain values.
    context: Mapping[str, Any]
    # Empty: those of the kind.
    methods: tuple[str, ...] = ()
    pincode: str = ""
    link_url: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    alert_id: UUID | None = None
    urgent: bool = False


@dataclass
class Tally:
    """What came of it: messages queued, people they go to, people left out by reason, and what is worth a warning."""

    queued: int = 0
    people: int = 0
    suppressed: dict[str, int] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    # Of the messages queued, how many by each method.
    by_method: Counter[str] = field(default_factory=Counter)
    # The causes somebody was told of, now or before.
    told: set[str] = field(default_factory=set)
    # Those queued just now.
    fresh: set[str] = field(default_factory=set)

    def as_dict(self) -> dict[str, Any]:
        """The counts, as a person reads them."""
        counts: dict[str, Any] = {"queued": self.queued, "people": self.people, "suppressed": dict(sorted(self.suppressed.items()))}
        return {**counts, "warnings": self.warnings} if self.warnings else counts

    def add(self, other: "Tally") -> None:
        self.queued += other.queued
        self.people += other.people
        for reason, count in other.suppressed.items():
            self.suppressed[reason] = self.suppressed.get(reason, 0) + count
        self.by_method += other.by_method
        self.warnings += [warning for warning in other.warnings if warning not in self.warnings]
        self.told |= other.told
        self.fresh |= other.fresh


def methods_of(kind: Kind) -> tuple[str, ...]:
    """By which methods a kind goes: what an admin chose, else what its declaration says."""
    chosen = TypeSetting.objects.filter(notification_type=kind.name).values_list("methods", flat=True).first()
    return kind.methods if chosen is None else tuple(chosen)


def enqueue(notice: Notice, people: QuerySet[User], *, run: MessagingRun, now: datetime, write: bool = True) -> Tally:
    """Write the pending rows of one notice to these people, inside the caller's transaction.

    Each person gets it once, by each method that is theirs; whoever is left out is counted and kept by reason. With
    `write=False` the same is counted and nothing is written.
    """
    return _Writer([notice], people, lambda _: notice, run=run, now=now, write=write).run()


def enqueue_by_pincode(
    notices: Mapping[str, Notice], people: QuerySet[User], *, run: MessagingRun, now: datetime, write: bool = True
) -> Tally:
    """A notice for each pincode, to its own people, in as many statements as for one. All notices are of one kind."""
    return _Writer(list(notices.values()), people, lambda person: notices[person.pincode], run=run, now=now, write=write).run()


def enqueue_by_person(
    notices: Mapping[int, Notice], people: QuerySet[User], *, run: MessagingRun, now: datetime, write: bool = True
) -> Tally:
    """A notice for each person, by the person's primary key. All notices are of one kind."""
    return _Writer(list(notices.values()), people, lambda person: notices[person.pk], run=run, now=now, write=write).run()


def enqueue_address(
    notice: Notice,
    method: str,
    address: str,
    *,
    name: str = "",
    language: str = "en",
    recipient: User | None,
    run: MessagingRun,
    now: datetime,
    wordings: rendering.Wordings | None = None,
) -> NotificationLog:
    """Write one message to an address that was given, whoever it belongs to: for what a person asked for just now.

    Screens nothing: only for mandatory kinds and trials. With `wordings` it says what these say, and not what is published.
    """
    notice = replace(notice, methods=(method,))
    writer = _Writer([notice], User.objects.none(), lambda _: notice, run=run, now=now, write=True)
    writer.wordings = wordings or writer.wordings
    person = Target(recipient.pk if recipient else 0, address, address, "", language, name, "", True)
    prepared = _Prepared(notice, language, writer)
    (row,) = prepared.rows_for(person, {method: address}, writer)
    row[ROW.index("recipient")] = recipient.pk if recipient else None
    bulk.insert(MessageContent, CONTENT, [prepared.row])
    bulk.insert(NotificationLog, ROW, [row])
    transaction.on_commit(wake.delivery)
    return NotificationLog.objects.get(pk=row[0])


class _Writer:
    """Writes the rows of notices of one kind, chunk by chunk of people."""

    def __init__(
        self,
        notices: list[Notice],
        people: QuerySet[User],
        notice_of: Callable[[Target], Notice],
        *,
        run: MessagingRun,
        now: datetime,
        write: bool,
    ) -> None:
        self.notice_of = notice_of
        self.people = people
        self.messaging_run = run
        self.now = now
        self.write = write
        self.tally = Tally()
        if notices:
            self.kind = notices[0].kind
            wanted = notices[0].methods or methods_of(self.kind)
            self.methods = tuple(method for method in wanted if method in carried())
            self.tally.warnings += [f"{method}: left out, nothing carries it." for method in wanted if method not in self.methods]
            self.screening = Screening(self.kind, self.methods, people, [notice.key for notice in notices], now=now)
            self.wordings = rendering.published()
        self.notices = notices
        self.prepared: dict[tuple[int, str], _Prepared] = {}

    def run(self) -> Tally:
        if not self.notices:
            return self.tally
        for chunk in bulk.batches(targets(self.people)):
            self._write(chunk)
        if self.tally.queued and self.write:
            transaction.on_commit(wake.delivery)
        return self.tally

    def _write(self, chunk: list[Target]) -> None:
        self.screening.look_up(chunk)
        rows: dict[UUID, list[Any]] = {}
        left_out: list[list[Any]] = []
        contents: list[_Prepared] = []
        reached: dict[UUID, tuple[int, str]] = {}
        for person in chunk:
            notice = self.notice_of(person)
            verdicts = self.screening.decide(person, notice.key)
            self._count_left_out(person, notice, verdicts, left_out)
            if not verdicts.addresses:
                continue
            prepared = self._prepare(notice, person.language, contents)
            for row in prepared.rows_for(person, verdicts.addresses, self):
                rows[row[0]] = row
                reached[row[0]] = (person.pk, notice.key)
        written = self._store(contents, rows.values(), left_out) if self.write else list(rows)
        if len(written) < len(rows):
            # Another process told them between our look and our write; the constraint kept it to one message.
            lost = {reached[row][0] for row in rows.keys() - set(written)} - {reached[row][0] for row in written}
            self.tally.suppressed["already_told"] = self.tally.suppressed.get("already_told", 0) + len(lost)
            self.tally.told |= {key for _, key in reached.values()}
        keys = {reached[row][1] for row in written}
        self.tally.queued += len(written)
        self.tally.by_method.update(rows[row][METHOD] for row in written)
        self.tally.people += len({reached[row][0] for row in written})
        self.tally.told |= keys
        self.tally.fresh |= keys

    def _count_left_out(self, person: Target, notice: Notice, verdicts: Verdicts, left_out: list[list[Any]]) -> None:
        for reason, methods in ((str(reason), methods) for reason, methods in verdicts.reasons.items()):
            self.tally.suppressed[reason] = self.tally.suppressed.get(reason, 0) + 1
            if reason == "already_told":
                self.tally.told.add(notice.key)
            left_out.append([self.messaging_run.pk, person.pk, reason, ",".join(methods), notice.key, person.pincode])

    def _prepare(self, notice: Notice, language: str, contents: "list[_Prepared]") -> "_Prepared":
        known = self.prepared.get((id(notice), language))
        if known is None:
            known = self.prepared[id(notice), language] = _Prepared(notice, language, self)
            contents.append(known)
            self.tally.warnings += [warning for warning in known.warnings if warning not in self.tally.warnings]
        return known

    def _store(self, contents: "list[_Prepared]", rows: Iterable[list[Any]], left_out: list[list[Any]]) -> list[UUID]:
        bulk.insert(MessageContent, CONTENT, [content.row for content in contents])
        bulk.insert(LeftOut, LEFT_OUT, left_out)
        written: list[UUID] = bulk.insert(NotificationLog, ROW, rows, returning="id")
        return written


class _Prepared:
    """One notice in one language: rendered once, ready to have people spliced in."""

    def __init__(self, notice: Notice, language: str, writer: _Writer) -> None:
        self.notice = notice
        self.common = rendering.render(
            notice.kind.wording, notice.context, region=notice.pincode, language=language, wordings=writer.wordings
        )
        self.id = new_id()
        common, now = self.common, writer.now
        self.row = [self.id, common.template, common.version, common.subject, common.body, common.html, common.sms, notice.link_url, now]
        self.lane = int(Lane.URGENT if notice.urgent else notice.kind.lane)
        metadata = dict(notice.metadata)
        if notice.alert_id:
            metadata["alert_id"] = str(notice.alert_id)
        if notice.kind.marketing and common.is_service:
            metadata[limits.ANY_HOUR] = True
        self.metadata = bulk.json_text(metadata)
        self.due: dict[str, datetime | None] = {}
        self.warnings: list[str] = []
        for method, transport in writer.screening.classes.items():
            self.due[method] = self._due(transport, now)
            if self.due[method] is None:
                self.warnings.append(f"{method}: left out, its wording has no DLT template id (DLT_REQUIRED).")

    def _due(self, transport: type[Transport], now: datetime) -> datetime | None:
        """When this may leave by this method; None: not at all."""
        if not (self.notice.kind.marketing and transport.regulated) or self.common.is_service:
            return now
        if transport.needs_registration() and not self.common.dlt_template_id:
            return None
        return limits.next_allowed_hour(now)

    def rows_for(self, person: Target, addresses: Mapping[str, str], writer: _Writer) -> Iterable[list[Any]]:
        notice, kind, common, now = self.notice, self.notice.kind, self.common, writer.now
        # The links of an alert act for whoever still has the role they were written to with.
        personal = bulk.json_text({"name": person.name, **({"role": person.role} if notice.alert_id else {})})
        for method, address in addresses.items():
            due = self.due[method]
            if due is None:
                continue
            row = new_id()
            own = rendering.Personal(row, person.name)
            sms = writer.screening.classes[method].part == "sms"
            yield [
                row, person.pk, kind.name, method, Status.PENDING.value,
                rendering.splice(common.subject, own),
                rendering.splice(common.sms if sms else common.body, own),
                self.metadata, now, "", False, notice.key, notice.pincode or person.pincode, writer.messaging_run.pk, notice.alert_id,
                self.id, personal, Phase.QUEUED.value, address, self.lane, kind.repeatable, due,
                due + kind.life, 0, "", "", "",
            ]  # fmt: skip

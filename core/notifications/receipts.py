"""What is heard back about a message. A receipt moves a row forwards only, once, in any order; late or repeated, it changes nothing.

A provider's word is stored first, as it came, and then applied to its message. A word that is faster than our own note of the
message's name waits, and `apply_waiting` applies it when the name is known. Forwards is: whatever we believed, accepted,
undelivered, delivered. What a receipt belongs to has been accepted, however uncertain we were: it is not sent again.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import models, transaction
from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, Value, When
from django.db.models.functions import Coalesce, Concat

from core import bulk
from core.models import DeliveryEvent, NotificationLog, Phase, ProviderReceipt, Status
from core.models.fields import new_id
from core.models.notifications import STATUS_OF
from core.notifications import choices
from core.notifications.kinds import kinds
from core.notifications.receipt import MEANING, Heard, Receipt, Stops
from core.notifications.transports.websocket import PROVIDER

# How far along a message is, of the phases that a receipt proves. Whatever is not named here is only what we believed.
FORWARDS = {Phase.ACCEPTED: 1, Phase.UNDELIVERED: 2, Phase.DELIVERED: 3}
# Receipts a transaction.
AT_ONCE = 500
# A receipt whose message was not known in this time is somebody else's.
GIVE_UP = timedelta(days=3)
# How a person's word came that a provider passed on.
SOURCE = "provider"

# An acknowledgement proves arrival, whatever we believe: it may come before our own note that the frame was handed over,
# and long after a sender died with it. A row that waits to be sent again has then arrived already.
MAY_HAVE_ARRIVED = Q(phase__in=(Phase.SENDING, Phase.UNCERTAIN, Phase.ACCEPTED, Phase.UNKNOWN_OUTCOME)) | Q(
    dup_risk=True, phase__in=(Phase.QUEUED, Phase.DEAD, Phase.EXPIRED, Phase.CANCELLED)
)
# What was decided and has not left yet, or never will, is not in the inbox.
NOT_IN_INBOX = (Phase.QUEUED, Phase.CANCELLED, Phase.SUPPRESSED, Phase.EXPIRED)

Pair = tuple[ProviderReceipt, NotificationLog]

# --- What providers say -----------------------------------------------------------------------------------------------


def apply(receipts: Iterable[Receipt], *, now: datetime) -> int:
    """Keep these receipts, and apply those that are new and whose messages are known. Returns how many were applied.

    A message that somebody else is just writing to is not waited for: its receipts wait instead, for `apply_waiting`. The number
    of statements does not depend on the number of receipts, up to 500; only who unsubscribes from one kind costs some of his own.
    """
    applied = 0
    # In one order, so that two who bring the same batch at once do not wait for each other in a circle.
    for batch in bulk.batches(sorted(receipts, key=lambda one: (one.provider, one.event_id)), AT_ONCE):
        with transaction.atomic():
            applied += _settle(_keep(batch), now=now)
    return applied


def apply_waiting(*, now: datetime) -> int:
    """Apply the receipts that came before their messages were known, 500 at most; give up those that have waited for 3 days.

    To be called again and again, by any number of processes at once. Returns how many were applied.
    """
    waiting = ProviderReceipt.objects.filter(applied_at__isnull=True, given_up_at__isnull=True)
    name = OuterRef("provider_message_id")
    named = NotificationLog.objects.exclude(provider_message_id="").filter(
        provider_message_id__in=(name, Concat(Value("<"), name, Value(">")))
    )
    known = Exists(NotificationLog.objects.filter(pk=OuterRef("named_id"))) | Exists(named)
    with transaction.atomic():
        found = waiting.filter(known).select_for_update(skip_locked=True, of=("self",)).order_by("received_at")[:AT_ONCE]
        applied = _settle(list(found), now=now)
    waiting.filter(received_at__lte=now - GIVE_UP).update(given_up_at=now)
    return applied


def _keep(receipts: Sequence[Receipt]) -> list[ProviderReceipt]:
    """Store the receipts. Returns the rows of those that were not known yet."""
    rows = [
        ProviderReceipt(
            id=new_id(),
            provider=one.provider[:40],
            event_id=one.event_id[:200],
            provider_message_id=one.provider_message_id.strip("<>")[:200],
            named_id=one.named_id,
            kind=one.heard.value,
            code=one.code[:40],
            detail=one.detail,
            payload=one.payload,
            received_at=one.received_at,
        )
        for one in receipts
    ]
    names = ("id", "provider", "event_id", "provider_message_id", "named_id", "kind", "code", "detail", "payload", "received_at")
    values = ([bulk.json_text(row.payload) if name == "payload" else getattr(row, name) for name in names] for row in rows)
    new = set(bulk.insert(ProviderReceipt, names, values, returning="id"))
    return [row for row in rows if row.pk in new]


def _settle(receipts: Sequence[ProviderReceipt], *, now: datetime) -> int:
    """Everything that follows from these receipts, for those whose messages are known and free."""
    pairs = _with_their_messages(receipts)
    if not pairs:
        return 0
    for phase in FORWARDS:
        _advance(phase, _proving(phase, pairs))
    _note_reading(pairs)
    _set_aside(pairs, now=now)
    _stop_offers(pairs, now=now)
    events = [(row.pk, receipt.received_at, receipt.kind, receipt.code, receipt.detail or "", receipt.pk) for receipt, row in pairs]
    bulk.insert(DeliveryEvent, ("notification", "at", "kind", "code", "detail", "receipt"), events)
    ProviderReceipt.objects.filter(pk__in=[receipt.pk for receipt, _ in pairs]).update(applied_at=now)
    return len(pairs)


def _with_their_messages(receipts: Sequence[ProviderReceipt]) -> list[Pair]:
    """Receipts and the messages they speak of, which are locked. Our own id goes before the provider's name."""
    own = {one.named_id for one in receipts if one.named_id is not None}
    names = {name for one in receipts if one.provider_message_id for name in (one.provider_message_id, f"<{one.provider_message_id}>")}
    if not own and not names:
        return []
    # The inequality is what the index on the name is made for.
    wanted = Q(pk__in=own) | (Q(provider_message_id__in=names) & ~Q(provider_message_id=""))
    rows = list(
        NotificationLog.objects.select_for_update(skip_locked=True)
        .filter(wanted)
        .order_by("pk")
        .only("provider_message_id", "method", "address", "recipient_id", "notification_type")
    )
    by_name = {row.provider_message_id.strip("<>"): row for row in rows if row.provider_message_id}
    by_id = {row.pk: row for row in rows}
    found = ((one, (by_id.get(one.named_id) if one.named_id else None) or by_name.get(one.provider_message_id)) for one in receipts)
    return [(receipt, row) for receipt, row in found if row is not None]


def _proving(phase: Phase, pairs: Sequence[Pair]) -> dict[UUID, Pair]:
    """Of each message, the receipt that proves this phase, where none of the others proves a later one."""
    furthest: dict[UUID, tuple[int, Pair]] = {}
    for receipt, row in pairs:
        proves = MEANING[Heard(receipt.kind)].phase
        if proves is not None and FORWARDS[proves] > furthest.get(row.pk, (0,))[0]:
            furthest[row.pk] = FORWARDS[proves], (receipt, row)
    return {pk: pair for pk, (rank, pair) in furthest.items() if rank == FORWARDS[phase]}


def _advance(phase: Phase, proven: Mapping[UUID, Pair]) -> None:
    """Move the messages to this phase, but for those that are there or further. Nobody holds a lease of them afterwards."""
    if not proven:
        return
    heard_at = _each({pk: receipt.received_at for pk, (receipt, _) in proven.items()}, models.DateTimeField())
    changes: dict[str, Any] = {
        "phase": phase, "status": STATUS_OF[phase], "sent_at": Coalesce(F("sent_at"), heard_at), "lease_token": None, "lease_until": None,
        "error_code": "", "error_message": "",
    }  # fmt: skip
    if phase is Phase.DELIVERED:
        changes["delivered_at"] = heard_at
    if phase is Phase.UNDELIVERED:
        changes["error_code"] = _each({pk: receipt.code for pk, (receipt, _) in proven.items()}, models.CharField())
        changes["error_message"] = _each({pk: receipt.detail or "" for pk, (receipt, _) in proven.items()}, models.TextField())
    nameless = {pk: receipt for pk, (receipt, row) in proven.items() if not row.provider_message_id and receipt.provider_message_id}
    if nameless:
        names = {pk: receipt.provider_message_id for pk, receipt in nameless.items()}
        providers = {pk: receipt.provider for pk, receipt in nameless.items()}
        changes["provider_message_id"] = _each(names, models.CharField(), otherwise=F("provider_message_id"))
        changes["provider"] = _each(providers, models.CharField(), otherwise=F("provider"))
    beyond = [other for other, rank in FORWARDS.items() if rank >= FORWARDS[phase]]
    NotificationLog.objects.filter(pk__in=proven).exclude(phase__in=beyond).update(**changes)


def _each(values: Mapping[UUID, Hashable], field: "models.Field[Any, Any]", *, otherwise: Any = None) -> Case:
    """Of each row its own value, in one statement."""
    rows: dict[Hashable, list[UUID]] = {}
    for pk, value in values.items():
        rows.setdefault(value, []).append(pk)
    whens = [When(pk__in=pks, then=Value(value)) for value, pks in rows.items()]
    return Case(*whens, default=otherwise, output_field=field)


def _note_reading(pairs: Sequence[Pair]) -> None:
    """The first click and, where mail may be tracked so, the first opening."""
    for heard, column in ((Heard.CLICKED, "clicked_at"), (Heard.OPENED, "read_at")):
        if heard is Heard.OPENED and not settings.TRACK_OPENS:
            continue
        first: dict[UUID, datetime] = {}
        for receipt, row in pairs:
            if receipt.kind == heard:
                first[row.pk] = min(receipt.received_at, first.get(row.pk, receipt.received_at))
        if first:
            unread = NotificationLog.objects.filter(pk__in=first, **{f"{column}__isnull": True})
            unread.update(**{column: _each(first, models.DateTimeField())})


def _set_aside(pairs: Sequence[Pair], *, now: datetime) -> None:
    """Write no more to addresses that are dead."""
    dead = [
        choices.Aside(row.method, row.address, receipt.kind, f"{receipt.code} {receipt.detail or ''}".strip())
        for receipt, row in pairs
        if row.address.strip() and MEANING[Heard(receipt.kind)].address_is_dead
    ]
    choices.set_aside_all(dead, now=now)


def _stop_offers(pairs: Sequence[Pair], *, now: datetime) -> None:
    """Write no more offers to those who complained, unsubscribed or answered STOP, by any method."""
    everything: set[int] = set()
    one_kind: set[tuple[int, str]] = set()
    offers = {kind.name for kind in choices.offers()}
    for receipt, row in pairs:
        stops = MEANING[Heard(receipt.kind)].stops
        if row.recipient_id is None or stops is Stops.NOTHING:
            continue
        if stops is Stops.CATEGORY and row.notification_type in offers:
            one_kind.add((row.recipient_id, row.notification_type))
        else:
            everything.add(row.recipient_id)
    if everything:
        choices.stop_all_offers(everything, source=SOURCE, now=now)
    for person, name in sorted(one_kind):
        choices.stop(person, kinds.get(name), source=SOURCE, now=now)


# --- What a person's own page says ------------------------------------------------------------------------------------


def acknowledge(notification_id: UUID, user_id: int, *, now: datetime) -> bool:
    """The person's page has shown it: delivered. False when there is no such row of theirs to acknowledge."""
    own = _own(notification_id, user_id).filter(method="websocket")
    moved = own.filter(MAY_HAVE_ARRIVED).update(
        phase=Phase.DELIVERED,
        status=Status.DELIVERED,
        delivered_at=now,
        sent_at=Coalesce(F("sent_at"), now),
        provider=PROVIDER,
        lease_token=None,
        lease_until=None,
        error_code="",
        error_message="",
    )
    return bool(moved) or own.filter(phase=Phase.DELIVERED).exists()


def mark_read(notification_id: UUID, user_id: int, *, now: datetime) -> bool:
    """The person has opened it. The first time counts; what was read on a page has also arrived there."""
    acknowledge(notification_id, user_id, now=now)
    own = _own(notification_id, user_id)
    return bool(own.filter(read_at__isnull=True).update(read_at=now)) or own.exists()


def unread_count(user_id: int) -> int:
    """How many of a person's notifications wait in the inbox, unopened."""
    rows: QuerySet[NotificationLog] = NotificationLog.objects.filter(recipient_id=user_id, method="websocket", read_at__isnull=True)
    return rows.exclude(phase__in=NOT_IN_INBOX).count()


def _own(notification_id: UUID, user_id: int) -> QuerySet[NotificationLog]:
    rows: QuerySet[NotificationLog] = NotificationLog.objects.filter(pk=notification_id, recipient_id=user_id)
    return rows

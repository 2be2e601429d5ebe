"""People's own word on what they want to hear of, and the addresses that are not written to any more.

Everything here is a promise that begins when the call returns: nothing of what was refused starts to leave afterwards
(docs/rules.md, 4). It takes two transactions. The first commits the word; from then on no sender's statement that starts
a send passes it. The second cancels what is queued, and so waits for every sender that took such a message before it could
see the word: what that one took had started before. Were both one transaction, a message could start in between.

Inside a caller's transaction the word counts from that transaction's commit; what is queued is cancelled at once, and once
more after the commit. A crash between the two costs nothing but tidiness: the senders look at the word themselves.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import product
from typing import Any, Final
from uuid import UUID

from auditlog.cid import get_cid
from auditlog.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.validators import validate_email
from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Lower
from django.db.models.lookups import In
from django.db.models.signals import pre_save

from core import bulk
from core.models import DeliveryEvent, NotificationLog, Phase, Preference, Status, Suppression, TypeSetting, User
from core.models.fields import is_e164
from core.notifications import claims
from core.notifications.kinds import Kind, kinds
from core.notifications.screening import suppression_address
from core.notifications.transports import methods

# How a refusal was said. What came by a link in a message can be taken back by the same link, and nothing else can.
ONE_CLICK: Final = "one click"
LINK: Final = "link"
PAGE: Final = "page"
BY_LINK: Final = (ONE_CLICK, LINK)

PEOPLE_AT_ONCE = 500
# What an address has to look like, where that is known.
SPELLING: Final[Mapping[str, Callable[[str], None]]] = {"email": validate_email, "sms": is_e164}

# Of a person: a category and a method.
Pair = tuple[str, str]
# Of each field, what it was and what it is.
Changes = dict[str, tuple[Any, Any]]


class NotToChoose(ValueError):
    """This is nothing a person decides: an unknown kind or method, or one that always comes."""


@dataclass(frozen=True, slots=True)
class Topic:
    """One kind as a person sees it: the methods it goes by, and whether it does. What is mandatory goes, whatever was said."""

    kind: Kind
    methods: Mapping[str, bool]


def topics(person: User) -> list[Topic]:
    """What may reach this person: what is for their role, and what they asked for. Offers follow what is about one's own
    work, and what always comes is last.

    A method that a kind does not go by is there only when the person asked for it. Two queries.
    """
    settings = dict(TypeSetting.objects.values_list("notification_type", "methods"))
    chosen: dict[str, dict[str, bool]] = {}
    for category, method, allowed in Preference.objects.filter(person=person).values_list("category", "method", "allowed"):
        chosen.setdefault(category, {})[method] = allowed
    found = []
    for kind in kinds:
        said = {} if kind.mandatory else chosen.get(kind.category, {})
        if not kind.audience or person.role in kind.audience or any(said.values()):
            usual = settings.get(kind.name, kind.methods)
            found.append(Topic(kind, {m: said.get(m, m in usual) for m in methods() if m in usual or said.get(m)}))
    return sorted(found, key=lambda topic: (topic.kind.mandatory, topic.kind.marketing, topic.kind.lane))


def offers() -> list[Kind]:
    """The kinds that are offers by law, each a category of its own."""
    return [kind for kind in kinds if kind.marketing and not kind.mandatory]


def has_stopped(person_id: int, kind: Kind, *, method: str | None = None) -> bool:
    """Whether nothing of this kind goes to this person any more; with `method`, nothing by that one."""
    refused = Preference.objects.filter(person=person_id, category=kind.category, allowed=False).values_list("method", flat=True)
    return ({method} if method else set(methods())) <= set(refused)


def stopped_by_link(person_id: int) -> bool:
    """Whether there is anything that `take_back` would take back."""
    return Preference.objects.filter(person=person_id, allowed=False, source__in=BY_LINK).exists()


# --- A person's word ----------------------------------------------------------------------------------------------------


def set_choice(person_id: int, category: str, method: str, allowed: bool, *, source: str, now: datetime) -> bool:
    """From now on this category comes, or does not come, by this method. Returns whether that is a change.

    Raises NotToChoose for what nobody decides.
    """
    return bool(set_choices(person_id, {(category, method): allowed}, source=source, now=now))


def set_choices(person_id: int, wanted: Mapping[Pair, bool], *, source: str, now: datetime) -> list[Pair]:
    """Several choices of one person, all or none. Returns those that changed something. Raises NotToChoose as `set_choice`."""
    for category, method in wanted:
        _check(category, method)
    changed = _write([person_id], wanted, source=source, now=now)
    _cancel_refused([person_id], [pair for pair, allowed in wanted.items() if not allowed], source=source, now=now)
    return [(category, method) for _, category, method in changed]


def stop(person_id: int, kind: Kind, *, source: str, now: datetime) -> None:
    """Write no more of this kind to this person, by any method. What is queued and has not left does not leave."""
    set_choices(person_id, dict.fromkeys(product([kind.category], methods()), False), source=source, now=now)


def stop_all_offers(person_ids: Iterable[int], *, source: str, now: datetime) -> int:
    """Write no more offers to these people, by any method: after a STOP by SMS, a complaint, or their own word on a page.

    Set-based: the number of statements grows by batches of rows, not by people. Returns how many people had not stopped them all before.
    """
    pairs = list(product([kind.category for kind in offers()], methods()))
    changed: set[int] = set()
    for people in bulk.batches(sorted(set(person_ids)), PEOPLE_AT_ONCE):
        changed |= {person for person, _, _ in _write(people, dict.fromkeys(pairs, False), source=source, now=now)}
        _cancel_refused(people, pairs, source=source, now=now)
    return len(changed)


def resume(person_id: int, kind: Kind, *, source: str) -> None:
    """Take back every refusal of this kind: the product's default holds again, by the methods it goes by."""
    _forget(Preference.objects.filter(person=person_id, category=kind.category, allowed=False), source=source)


def take_back(person_id: int, *, source: str) -> bool:
    """Take back what was refused by links in messages, and nothing that was said otherwise. False: there was nothing."""
    return bool(_forget(Preference.objects.filter(person=person_id, allowed=False, source__in=BY_LINK), source=source))


# --- Addresses ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Aside:
    """An address that is not written to by a method any more, and why."""

    method: str
    address: str
    reason: str
    detail: str = ""
    expires_at: datetime | None = None


def set_aside(method: str, address: str, *, reason: str, detail: str = "", now: datetime, expires_at: datetime | None = None) -> bool:
    """Write to this address by this method no more, whoever it belongs to and whatever it is, one-time passwords too.

    Until `expires_at`, or until somebody lifts it. Said again it changes nothing, unless it makes it last longer. Returns
    whether the address is newly set aside. Raises NotToChoose for a method that nothing carries, ValueError without an address.
    """
    if method not in methods():
        raise NotToChoose(f"Nothing carries {method!r}.")
    if not address.strip():
        raise ValueError("There is no address to set aside.")
    return bool(set_aside_all([Aside(method, address, reason, detail, expires_at)], now=now))


def spelt(method: str, address: str) -> str:
    """An address as it is set aside and compared. Raises ValidationError for one that is none of this method's."""
    plain = suppression_address(address.strip())
    if check := SPELLING.get(method):
        check(plain)
    return plain


def lift(pk: int, *, reason: str, now: datetime) -> tuple[Suppression, bool]:
    """Write to an address again from now on, and keep why. Returns its row, and False when it was written to already.

    Raises Suppression.DoesNotExist.
    """
    with transaction.atomic():
        row = Suppression.objects.select_for_update().get(pk=pk)
        if row.expires_at is not None and row.expires_at <= now:
            return row, False
        row.expires_at, row.detail = now, reason
        row.save(update_fields=["expires_at", "detail"])
    return row, True


def set_aside_all(found: Iterable[Aside], *, now: datetime) -> int:
    """As `set_aside`, of many addresses, in a number of statements that does not depend on how many. Returns how many are new."""
    wanted = {(one.method, suppression_address(one.address.strip())): one for one in reversed(list(found))}
    if not wanted:
        return 0
    # In one order everywhere, so that two at once wait for one another and never both.
    keys = sorted(wanted)
    rows = [(*key, wanted[key].reason[:40], wanted[key].detail, now, wanted[key].expires_at) for key in keys]
    table = Suppression._meta.db_table
    longer = f'"{table}".expires_at IS NOT NULL AND (excluded.expires_at IS NULL OR excluded.expires_at > "{table}".expires_at)'
    renew = bulk.update_on("(method, address)", ("reason", "detail", "created_at", "expires_at"), where=longer)
    with transaction.atomic():
        methods_, addresses = ({key[part] for key in keys} for part in (0, 1))
        locked = Suppression.objects.select_for_update().filter(method__in=methods_, address__in=addresses).order_by("method", "address")
        known = {row.pk: row for row in locked}
        names = ("method", "address", "reason", "detail", "created_at", "expires_at")
        written = Suppression.objects.in_bulk(bulk.insert(Suppression, names, rows, conflict=renew, returning="id"))
        _enter(
            (row, {name: (getattr(known.get(pk), name, None), getattr(row, name)) for name in names if name != "created_at"}, None)
            for pk, row in sorted(written.items())
        )
    for reason in sorted({one.reason for one in wanted.values()}):
        theirs = [key for key in keys if wanted[key].reason == reason]
        _now_and_after_commit(partial(_cancel, partial(_to_addresses, theirs), Phase.SUPPRESSED, "suppressed_address", reason, now=now))
    return sum(pk not in known or (known[pk].expires_at or now) <= now for pk in written)


# --- How it is written --------------------------------------------------------------------------------------------------


def _check(category: str, method: str) -> None:
    if category not in kinds:
        raise NotToChoose(f"There is no category {category!r}.")
    if kinds.get(category).mandatory:
        raise NotToChoose(f"{kinds.get(category).label} always comes.")
    if method not in methods():
        raise NotToChoose(f"Nothing carries {method!r}.")


def _write(people: Sequence[int], wanted: Mapping[Pair, bool], *, source: str, now: datetime) -> list[tuple[int, str, str]]:
    """Commit these choices of these people, with an entry in the trail for each that changes. Returns the changed ones."""
    categories, ways = {category for category, _ in wanted}, {method for _, method in wanted}
    with transaction.atomic():
        known = {
            (row.person_id, row.category, row.method): row
            for row in Preference.objects.select_for_update()
            .filter(person__in=people, category__in=categories, method__in=ways)
            .order_by("person", "category", "method")
        }
        before = {key: (row.allowed, row.source) for key, row in known.items()}
        # In one order everywhere, so that two at once wait for one another and never both.
        keys = sorted((person, *pair) for person in people for pair in wanted)
        rows = [
            Preference(person_id=person, category=category, method=method, allowed=allowed, source=source[:40], changed_at=now)
            for person, category, method in keys
            if (allowed := wanted[category, method]) is not before.get((person, category, method), (None, ""))[0]
        ]
        written = Preference.objects.bulk_create(
            rows,
            update_conflicts=True,
            unique_fields=["person", "category", "method"],
            update_fields=["allowed", "source", "changed_at"],
        )
        changed = [(row.person_id, row.category, row.method) for row in written]
        _enter(
            (row, _differences(row, *before.get(key, (None, None))), {"source": source}) for key, row in zip(changed, written, strict=True)
        )
    return changed


def _forget(rows: QuerySet[Preference], *, source: str) -> int:
    with transaction.atomic():
        gone = list(rows.select_for_update().order_by("person", "category", "method"))
        for row in gone:
            row.get_additional_data = lambda: {"source": source}  # type: ignore[attr-defined]  # Asked for by the audit trail.
            row.delete()
    return len(gone)


def _differences(row: Preference, allowed: bool | None, source: str | None) -> Changes:
    changes: Changes = {"allowed": (allowed, row.allowed), "source": (source, row.source)}
    return changes if allowed is not None else changes | {name: (None, getattr(row, name)) for name in ("person_id", "category", "method")}


def _enter(changes: Iterable[tuple[Preference | Suppression, Changes, dict[str, str] | None]]) -> None:
    """Entries of the audit trail for rows written in bulk, as saving each by itself would leave them."""
    entries = []
    for row, values, more in changes:
        is_new = all(old is None for old, _ in values.values())
        entry = LogEntry(
            content_type=ContentType.objects.get_for_model(type(row)),
            object_pk=str(row.pk),
            object_id=row.pk,
            object_repr=str(row),
            action=LogEntry.Action.CREATE if is_new else LogEntry.Action.UPDATE,
            changes={name: [str(old), str(new)] for name, (old, new) in values.items() if old != new},
            additional_data=more,
            cid=get_cid(),
        )
        # Who asked, and from where, is put in by those who listen for each entry: a bulk insert would not tell them.
        pre_save.send(sender=LogEntry, instance=entry, raw=False, using=connection.alias, update_fields=None)
        entries.append(entry)
    LogEntry.objects.bulk_create(entries)


# --- What is queued -----------------------------------------------------------------------------------------------------


def _cancel_refused(people: Sequence[int], pairs: Collection[Pair], *, source: str, now: datetime) -> None:
    if pairs:
        _now_and_after_commit(partial(_cancel, partial(_refused, people, pairs), Phase.CANCELLED, "opted_out", source, now=now))


def _now_and_after_commit(cancel: Callable[[], None]) -> None:
    cancel()
    if connection.in_atomic_block:
        transaction.on_commit(cancel)


def _refused(people: Sequence[int], pairs: Collection[Pair]) -> list[Q]:
    which = Q()
    for category, method in pairs:
        which |= Q(notification_type=category, method=method)
    return [which & Q(recipient__in=people) & (Q(phase=Phase.QUEUED) | Q(phase=Phase.UNCERTAIN, repeatable=True))]


def _to_addresses(keys: Sequence[tuple[str, str]]) -> list[Q]:
    to = Q()
    for method in sorted({method for method, _ in keys}):
        to |= Q(method=method) & Q(In(Lower("address"), [address for of, address in keys if of == method]))
    # One phase at a time: each has a partial index of its own, and an address has none.
    return [to & Q(phase=Phase.QUEUED), to & Q(phase=Phase.UNCERTAIN, repeatable=True)]


def _cancel(which: Callable[[], list[Q]], phase: Phase, code: str, detail: str, *, now: datetime) -> None:
    """End what is queued, in a transaction of its own. Waits for senders that are taking one of them at this moment, and
    leaves them what they have taken. What may have arrived is not repeated; nobody will know."""
    with transaction.atomic():
        waiting: list[tuple[UUID, str]] = []
        for condition in which():
            waiting += NotificationLog.objects.select_for_update().filter(condition).order_by("pk").values_list("pk", "phase")
        uncertain = [pk for pk, was in waiting if was == Phase.UNCERTAIN]
        NotificationLog.objects.filter(pk__in=[pk for pk, _ in waiting]).exclude(pk__in=uncertain).update(
            phase=phase,
            status=Status.FAILED,
            error_code=code,
            error_message=code.replace("_", " "),
            lease_token=None,
            lease_until=None,
        )
        claims.give_up(NotificationLog.objects.filter(pk__in=uncertain))
        DeliveryEvent.objects.bulk_create(
            [DeliveryEvent(notification_id=pk, at=now, kind=phase.value, code=code, detail=detail[:200]) for pk, _ in waiting]
        )

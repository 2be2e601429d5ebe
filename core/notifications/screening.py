"""Who is not written to, and why: each with a named reason that is counted and kept (docs/rules.md, 4, "Left out")."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from django.db.models import Q, QuerySet

from core.models import NotificationLog, Preference, Suppression, User
from core.notifications import limits
from core.notifications.kinds import Kind
from core.notifications.transports import methods as carried
from core.notifications.transports import transport_class


class Reason(StrEnum):
    INACTIVE = "inactive"
    ALREADY_TOLD = "already_told"
    OPTED_OUT = "opted_out"
    NO_ADDRESS = "no_address"
    SUPPRESSED_ADDRESS = "suppressed_address"
    OVER_CAP = "over_cap"


class Target(NamedTuple):
    """Of a person, what deciding and addressing need."""

    pk: int
    email: str
    phone: str
    pincode: str
    language: str
    first_name: str
    username: str
    is_active: bool
    role: str = ""

    @property
    def name(self) -> str:
        return self.first_name or self.username


def targets(people: QuerySet[User]) -> Iterable[Target]:
    """The people of an audience, read in chunks."""
    return (Target._make(row) for row in people.order_by("pk").values_list(*Target._fields).iterator(chunk_size=2_000))


@dataclass(frozen=True)
class Verdicts:
    """For one person: the methods to write by, and the reasons why not by the others."""

    addresses: Mapping[str, str]
    reasons: Mapping[Reason, Sequence[str]]


class Screening:
    """Decides for each person of an audience, from what was read for all of them at once.

    Reads the whole audience's choices, caps and earlier messages in a fixed number of statements; suppressed addresses
    in one more for each chunk of people (`look_up`).
    """

    def __init__(self, kind: Kind, methods: Sequence[str], people: QuerySet[User], keys: Sequence[str], *, now: datetime) -> None:
        self.methods = list(methods)
        self.mandatory = kind.mandatory
        ids = people.order_by().values("pk")
        self.told: set[tuple[str, int, str]] = set(
            NotificationLog.objects.filter(key__in=keys).order_by().values_list("key", "recipient_id", "method")
        )
        self.choices: dict[tuple[int, str], bool] = {}
        self.capped: set[int] = set()
        if not kind.mandatory:
            chosen = Preference.objects.filter(category=kind.category, person__in=ids).values_list("person_id", "method", "allowed")
            self.choices = {(person, method): allowed for person, method, allowed in chosen}
            self.capped = limits.over_cap(kind, people, besides=keys, now=now)
        # A choice outlives its method: what nothing carries any more is nobody's wish.
        wished = {method for (_, method), allowed in self.choices.items() if allowed} & set(carried())
        self.classes = {method: transport_class(method) for method in {*self.methods, *wished}}
        self.suppressed: set[tuple[str, str]] = set()
        self.now = now

    def look_up(self, chunk: Sequence[Target]) -> None:
        """Read which of these people's addresses are set aside."""
        wanted = Q()
        for method, transport in self.classes.items():
            addresses = {suppression_address(address) for person in chunk if (address := transport.address_of(person))}
            if addresses:
                wanted |= Q(method=method, address__in=addresses)
        if not wanted:
            self.suppressed = set()
            return
        rows = Suppression.objects.filter(wanted).exclude(expires_at__lte=self.now)
        self.suppressed = set(rows.values_list("method", "address"))

    def decide(self, person: Target, key: str) -> Verdicts:
        """By which methods this person hears of the cause `key`, and why not by the others."""
        methods = self.methods + [m for m in self.classes if m not in self.methods and self.choices.get((person.pk, m))]
        if not person.is_active:
            return Verdicts({}, {Reason.INACTIVE: methods})
        addresses: dict[str, str] = {}
        reasons: dict[Reason, list[str]] = {}
        for method in methods:
            address = self.classes[method].address_of(person)
            reason = self._why_not(person, key, method, address)
            if reason is None:
                addresses[method] = address
            else:
                reasons.setdefault(reason, []).append(method)
        if addresses and person.pk in self.capped:
            reasons.setdefault(Reason.OVER_CAP, []).extend(addresses)
            addresses = {}
        return Verdicts(addresses, reasons)

    def _why_not(self, person: Target, key: str, method: str, address: str) -> Reason | None:
        if self.told and (key, person.pk, method) in self.told:
            return Reason.ALREADY_TOLD
        if self.choices.get((person.pk, method)) is False:
            return Reason.OPTED_OUT
        if not address:
            return Reason.NO_ADDRESS
        if self.suppressed and (method, suppression_address(address)) in self.suppressed:
            return Reason.SUPPRESSED_ADDRESS
        return None


def suppression_address(address: str) -> str:
    """The form in which an address is set aside: mailboxes do not differ by case in practice."""
    return address.lower()

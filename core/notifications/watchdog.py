"""Whether messages leave, and how to tell people when they do not: straight through the transports, with no row and no queue."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from uuid import uuid4

import structlog
from django.conf import settings
from django.db.models import Count, Max, Min, Q, QuerySet
from django.db.models.functions import Now

from core.models import Lane, NotificationLog, Phase, ProviderState, Role, Switch, User
from core.notifications import limits
from core.notifications.kinds import kinds
from core.notifications.transport import Message, TransportError, Verdict
from core.notifications.transports import methods, transport_class, transport_for

log = structlog.get_logger(__name__)

# So many messages are worth a process of their own.
WORTH_A_DELIVERER = 20
# Of whom the direct path tells by which method. A method that is not named tells nobody.
TOLD_BY: Mapping[str, tuple[str, ...]] = {"email": (Role.SUPER_ADMIN, Role.OPS_MANAGER), "sms": (Role.SUPER_ADMIN,)}
# These say something about one address; any other failure says that the method does not work.
ABOUT_THE_ADDRESS = (Verdict.REJECT, Verdict.SUPPRESS)


@dataclass(frozen=True, slots=True)
class Waiting:
    """What could leave by a method and has not: how many messages, and for how long the oldest."""

    count: int
    oldest: timedelta


def is_due(method: str, *, now: datetime, lanes: Collection[Lane] | None = None) -> bool:
    """Whether something could leave by a method; with an earlier `now`, whether it could have left already then."""
    due = _due(now=now).filter(method=method)
    return (due if lanes is None else due.filter(lane__in=lanes)).exists()


def deliverers(method: str) -> int:
    """How many have messages of a method in hand. One that died is counted until its lease ends."""
    in_hand = NotificationLog.objects.filter(phase=Phase.SENDING, method=method, lease_until__gte=Now())
    return in_hand.order_by().aggregate(Count("lease_token", distinct=True))["lease_token__count"]


def more_deliverers(method: str, *, now: datetime) -> int:
    """How many more would have something to do, up to DELIVERERS_PER_METHOD with those at work: one may be held up by a slow provider."""
    most: int = settings.DELIVERERS_PER_METHOD
    due = _due(now=now).filter(method=method).order_by()[: most * WORTH_A_DELIVERER].count()
    return max(0, min(most, ceil(due / WORTH_A_DELIVERER)) - deliverers(method))


def waiting(*, now: datetime) -> dict[str, Waiting]:
    """By method, what could leave. What is paused or outside its hours could not.

    A message that is tried again and again by a provider that works for nobody has waited since the provider stopped working.
    """
    regulated = [method for method in methods() if transport_class(method).regulated]
    offers = Q(method__in=regulated, notification_type__in=[kind.name for kind in kinds if kind.marketing])
    due = _due(now=now).order_by().values("method")
    rows = due.annotate(count=Count("pk"), oldest=Min("due_at", filter=~offers), oldest_offer=Min("due_at", filter=offers))
    let_go = Switch.objects.filter(is_paused=False).aggregate(Max("changed_at"))["changed_at__max"]
    found = {}
    for row in rows:
        # It could not leave before its hours began, nor while it was paused.
        began = (row["oldest"], row["oldest_offer"] and max(row["oldest_offer"], limits.hours_began(now)))
        oldest = min(moment for moment in began if moment is not None)
        found[row["method"]] = Waiting(row["count"], now - min(now, max(oldest, let_go or oldest)))
    for method, since in _held_since().items():
        tried = NotificationLog.objects.filter(phase=Phase.QUEUED, method=method).exclude(error_code="", error_message="")
        held = limits.held_back(now=now)
        if (tried if held is None else tried.exclude(held)).exists():
            before = found.get(method, Waiting(0, timedelta(0)))
            found[method] = Waiting(before.count, max(before.oldest, now - since))
    return found


def _due(*, now: datetime) -> QuerySet[NotificationLog]:
    due: QuerySet[NotificationLog] = NotificationLog.objects.filter(phase=Phase.QUEUED, due_at__lte=now)
    held = limits.held_back(now=now)
    return due if held is None else due.exclude(held)


def _held_since() -> dict[str, datetime]:
    """The methods whose provider takes nothing, and since when."""
    states = ProviderState.objects.exclude(breaker=ProviderState.Breaker.CLOSED).exclude(opened_at=None)
    since = dict(states.values_list("provider", "opened_at"))
    by_method = {method: transport_for(method).provider for method in methods()} if since else {}
    return {method: opened for method, provider in by_method.items() if (opened := since.get(provider)) is not None}


def tell_directly(subject: str, text: str, *, stuck: Collection[str] = ()) -> dict[str, int]:
    """Tell super admins and ops managers by mail (or OPS_EMAILS, when set), and super admins by SMS: now, by every method that
    works. Returns how many were told, by method; the methods that are `stuck` come last and may take as long as a call may."""
    told = {}
    for method in sorted((m for m in methods() if m in TOLD_BY and transport_class(m).is_configured()), key=lambda m: m in stuck):
        told[method] = _tell(method, _addresses(method), subject, text)
    return told


def _addresses(method: str) -> list[str]:
    if method == "email" and settings.OPS_EMAILS:
        return list(settings.OPS_EMAILS)
    people = User.objects.filter(is_active=True, role__in=TOLD_BY[method]).order_by("pk")
    return sorted({address for person in people if (address := transport_class(method).address_of(person))})


def _tell(method: str, addresses: Sequence[str], subject: str, text: str) -> int:
    transport, told = transport_for(method), 0
    for address in addresses:
        try:
            transport.send(Message(id=uuid4(), to=address, subject=subject, text=text))
        except TransportError as error:
            log.error("not_told_directly", method=method, code=error.code, verdict=error.verdict.value)
            if error.verdict not in ABOUT_THE_ADDRESS:
                break
        else:
            told += 1
    return told

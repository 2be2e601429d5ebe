"""How each provider stands: what it took today, what waits for it and since when, whether it is held, and what it said last."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import BooleanField, Count, Max, Min, Q, Value
from django.db.models.expressions import RawSQL
from django.db.models.functions import Concat

from core import clock
from core.formatting import indian
from core.masking import mask_text
from core.models import NotificationLog, Phase, ProviderState, Status, Switch
from core.notifications.transports import methods, transport_for
from core.notifications.transports.console import OUTBOX
from core.web.outbox import ICONS, method_label
from core.web.words import Moment, moment, short_name

Breaker = ProviderState.Breaker
# What waits. Written out: SQLite uses the partial index of each only where the condition holds no parameters.
WAITS: Final = tuple(
    RawSQL(f"core_notificationlog.phase = '{phase}'", (), output_field=BooleanField())  # noqa: S611  (phases are names of our own)
    for phase in (Phase.QUEUED.value, Phase.SENDING.value, Phase.UNCERTAIN.value)
)
NAMES: Final = {"smtp": "SMTP", "twilio": "Twilio", "websocket": "our own server", OUTBOX: "the outbox page"}


@dataclass(frozen=True, slots=True)
class Paused:
    """A switch that was thrown: who, when and why."""

    who: str
    since: Moment
    reason: str


@dataclass(frozen=True, slots=True)
class ProviderLine:
    method: str
    label: str
    icon: str
    provider: str
    # "ok", "held", "slow" or "paused": which mark it wears.
    state: str
    state_label: str
    # Why it stands so, and what happens next by itself.
    why: str
    said: str
    accepted: str
    receipts: str
    failed: str
    last_accepted: Moment | None
    waiting: int
    waiting_words: str
    paused: Paused | None
    is_outbox: bool


@dataclass(frozen=True, slots=True)
class Providers:
    lines: list[ProviderLine]
    everything: Paused | None
    waiting: int


def providers(*, now: datetime) -> Providers:
    """Every method's provider. Four statements: today's messages, what waits, the breakers, the switches."""
    today = {row["method"]: row for row in _of_today(now=now)}
    waits = {row["method"]: row for row in _waiting(now=now)}
    states = {state.provider: state for state in ProviderState.objects.all()}
    thrown = Switch.objects.filter(is_paused=True, scope__in=(Switch.Scope.ALL, Switch.Scope.METHOD)).select_related("changed_by")
    switches = {(switch.scope, switch.name): _paused(switch, now=now) for switch in thrown}
    everything = switches.get((Switch.Scope.ALL, ""))
    lines = [
        _line(name, today.get(name, {}), waits.get(name, {}), states, everything, switches.get((Switch.Scope.METHOD, name)), now=now)
        for name in methods()
    ]
    return Providers(lines, everything, sum(line.waiting for line in lines))


def _of_today(*, now: datetime) -> Any:
    of_today = NotificationLog.objects.filter(created_at__gte=clock.day_start(clock.business_day(now)))
    accepted = Q(status__in=(Status.SENT, Status.DELIVERED)) | Q(phase=Phase.UNDELIVERED)
    return of_today.order_by().values("method").annotate(
        accepted=Count("pk", filter=accepted),
        receipts=Count("pk", filter=Q(status=Status.DELIVERED) | Q(phase=Phase.UNDELIVERED)),
        failed=Count("pk", filter=Q(status=Status.FAILED)),
        last=Max("sent_at"),
    )  # fmt: skip


def _waiting(*, now: datetime) -> Any:
    due = Q(due_at__lte=now)
    parts = [
        NotificationLog.objects.filter(waits)
        .order_by()
        # Grouped by the column itself, SQLite would read the whole log in its order instead of the few rows that wait.
        .annotate(way=Concat("method", Value("")))
        .values("way")
        .annotate(n=Count("pk"), due=Count("pk", filter=due), oldest=Min("due_at", filter=due))
        for waits in WAITS
    ]
    found: dict[str, dict[str, Any]] = {}
    for row in parts[0].union(*parts[1:], all=True):
        known = found.setdefault(row["way"], {"method": row["way"], "n": 0, "due": 0, "oldest": None})
        known["n"] += row["n"]
        known["due"] += row["due"]
        known["oldest"] = min((at for at in (known["oldest"], row["oldest"]) if at), default=None)
    return found.values()


def _paused(switch: Switch, *, now: datetime) -> Paused:
    who = short_name(switch.changed_by) if switch.changed_by else "somebody"
    return Paused(who, moment(switch.changed_at, now=now), switch.reason)


def _line(
    method: str,
    today: dict[str, Any],
    waits: dict[str, Any],
    states: dict[str, ProviderState],
    everything: Paused | None,
    paused: Paused | None,
    *,
    now: datetime,
) -> ProviderLine:
    provider = transport_for(method).provider
    found = states.get(provider)
    state, label, why = _standing(found, everything or paused, is_outbox=provider == OUTBOX, now=now)
    waiting, due, oldest = waits.get("n", 0), waits.get("due", 0), waits.get("oldest")
    words = "nothing waits"
    if waiting:
        since = f", the oldest since {moment(oldest, now=now).short}" if oldest else ", none of it due"
        words = f"{indian(waiting)} waiting" + (f", {indian(due)} due" if due and due != waiting else "") + since
    return ProviderLine(
        method=method,
        label=method_label(method),
        icon=ICONS.get(method, "i-send"),
        provider=NAMES.get(provider, provider),
        state=state,
        state_label=label,
        why=why,
        said=mask_text(found.last_error) if found else "",
        accepted=indian(today.get("accepted", 0)),
        receipts=indian(today.get("receipts", 0)),
        failed=indian(today.get("failed", 0)),
        last_accepted=moment(today["last"], now=now) if today.get("last") else None,
        waiting=waiting,
        waiting_words=words,
        paused=paused,
        is_outbox=provider == OUTBOX,
    )


def _standing(state: ProviderState | None, paused: Paused | None, *, is_outbox: bool, now: datetime) -> tuple[str, str, str]:
    if paused is not None:
        return "paused", "Paused", f"by {paused.who} since {paused.since.short}: {paused.reason}"
    if state is not None and state.breaker != Breaker.CLOSED:
        since = f"since {moment(state.opened_at, now=now).short}" if state.opened_at else ""
        what = "it does not answer" if state.is_outage else "it refuses us, which is ours to mend"
        again = "one message is trying it now" if state.breaker == Breaker.HALF_OPEN else "one message tries it"
        if state.breaker == Breaker.OPEN and state.retry_at:
            again += f" at {moment(state.retry_at, now=now).short}" if state.retry_at > now else " next"
        return "held", "Held", f"{what} {since}; {again}".replace("  ", " ").replace(" ;", ";")
    if state is not None and state.paused_until and state.paused_until > now:
        return "slow", "Asked to wait", f"it asked for a pause until {moment(state.paused_until, now=now).short}"
    if is_outbox:
        return "shown", "Shown, not sent", "no provider is set: messages are shown in the outbox"
    if state is not None and state.failures:
        return "slow", "Failing", f"{state.failures} failures in a row; at 5 it is held"
    return "ok", "Working", "the breaker is closed"

"""How much may leave to a provider now, as all processes know it: a circuit breaker and a token bucket, on one row each.

A breaker keeps a provider's outage from using up the messages' tries, and a bucket keeps the agreed rate (docs/rules.md, 6).
The row of a provider that was never in trouble and has no rate does not exist: asking costs one SELECT and no lock.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from itertools import groupby
from math import ceil, floor

from django.conf import settings
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import Q

from core import statements
from core.models import ProviderState
from core.notifications.transport import Accepted, TransportError, Verdict

Breaker = ProviderState.Breaker

# So many failures in a row open the breaker.
PATIENCE = 5
FIRST_WAIT = timedelta(seconds=30)
# Also the wait at once when a provider refuses us: that is mended by hand, not by waiting.
LONGEST_WAIT = timedelta(minutes=5)
# A provider that asks for a longer pause than this is not believed; nor is one that asks for none while it refuses.
LONGEST_PAUSE = timedelta(days=1)
SHORTEST_PAUSE = timedelta(seconds=1)

# What says that the provider itself is in trouble. 421: the service is closing the connection (RFC 5321, 3.8); 454: it
# cannot look up who we are for now (RFC 4954); x.3.2: the system accepts no messages (RFC 3463). Not 450, 451, 452 or
# 4.2.x, 4.7.x: these are said of one mailbox, as greylisting does, while others are taken.
OUTAGE_CODES = frozenset(
    {"not_connected", "connection_lost", "no_answer", "answer", "backend", "layer", "421", "454", "4.3.2", "429", "20429"}
)
# How a text begins whose enhanced code says less than the plain one.
OUTAGE_WORDS = ("421 ", "454 ")
# Ends of one connection, under every message that was on it.
LOST = frozenset({"connection_lost", "no_answer"})
# The operator's to mend, and yet of some messages only: the account may not write to this country. Others go on.
OF_SOME_MESSAGES = frozenset({"21408"})
# A bug of ours: it says nothing about the provider.
OUR_BUG = "transport_bug"

LOOK = """
    SELECT breaker, failures, per_second IS NOT NULL, retry_at > %s, paused_until > %s
    FROM core_providerstate WHERE provider = %s
"""


@dataclass(frozen=True, slots=True)
class Admission:
    """How many messages may be begun.

    `probe`: the one that tries whether the provider is back. `clear`: the breaker is closed and no failure is counted, so
    that a success needs no note. `metered`: what is granted was taken from a bucket.
    """

    granted: int
    probe: bool = False
    clear: bool = False
    metered: bool = False


class Sign(Enum):
    """What a failed message says of the provider."""

    REFUSES_US = auto()  # Credentials, configuration: the operator's fault.
    ASKS_FOR_A_PAUSE = auto()
    IN_TROUBLE = auto()
    ANSWERS = auto()  # It said no to one message: it is well.
    NONE = auto()  # It was not asked.


def ask(provider: str, *, now: datetime) -> CursorWrapper:
    """Ask how a provider stands, for `admit` to read; so that others may ask meanwhile."""
    moment = connection.ops.adapt_datetimefield_value(now)
    return statements.run(LOOK, [moment, moment, provider])


def admit(provider: str, wanted: int, *, now: datetime, asked: CursorWrapper | None = None) -> Admission:
    """How many messages may be begun at this provider now, at most `wanted`.

    Call it in the transaction that starts the send: what is granted is taken from the bucket with it, and given back with
    it. In a half-open breaker exactly one message is granted, to one caller; if that never comes back, another follows
    when a lease has passed.
    """
    rate = settings.PROVIDER_RATES.get(provider)
    with asked or ask(provider, now=now) as cursor:
        seen = cursor.fetchone()
    if seen is None:
        if rate is None:
            return Admission(wanted, clear=True)
        return _admit_by_row(provider, wanted, now=now)
    breaker, failures, has_rate, must_wait, paused = seen
    closed = breaker == Breaker.CLOSED
    if paused or (must_wait and not closed):
        return Admission(0)
    if closed and not has_rate and rate is None:
        return Admission(wanted, clear=not failures)
    return _admit_by_row(provider, wanted, now=now)


def _admit_by_row(provider: str, wanted: int, *, now: datetime) -> Admission:
    """The same with the row locked, because something on it changes."""
    if not connection.in_atomic_block:
        raise RuntimeError("What is admitted is taken from the bucket by the transaction that starts the send; there is none.")
    state = _locked(provider)
    if _paused(state, now) or (state.breaker != Breaker.CLOSED and state.retry_at is not None and state.retry_at > now):
        return Admission(0)
    probe = state.breaker != Breaker.CLOSED
    wanted = min(wanted, 1) if probe else wanted
    granted, changed = wanted, list[str]()
    rate = _rate(state)
    if rate is not None:
        _refill(state, *rate, now=now)
        granted = max(0, min(wanted, floor(state.tokens)))
        state.tokens -= granted
        changed += ["tokens", "tokens_at"]
    if probe and granted:
        # Until then the probe may be under way; whoever holds it may have died.
        state.breaker, state.retry_at = Breaker.HALF_OPEN, now + settings.DELIVERY_LEASE
        changed += ["breaker", "retry_at"]
    if granted and changed:
        state.save(update_fields=changed)
    return Admission(
        granted, probe=probe and granted > 0, clear=not probe and state.failures == 0, metered=rate is not None and granted > 0
    )


def give_back(provider: str, unused: int, *, admission: Admission, now: datetime) -> None:
    """Return what was granted and not begun, since fewer messages were due. Call it in the same transaction as `admit`."""
    if unused <= 0 or not (admission.metered or admission.probe):
        return
    with transaction.atomic():
        state = _locked(provider)
        rate = _rate(state)
        if rate is not None and admission.metered:
            state.tokens = min(rate[1], state.tokens + unused)
        if admission.probe and unused >= admission.granted and state.breaker == Breaker.HALF_OPEN:
            _let_another_try(state, now=now)
        state.save()


def worked(provider: str, *, now: datetime) -> None:  # noqa: ARG001  (as the others are told it)
    """A message was accepted: the breaker is closed and failures are forgotten. Needed only when the admission was not clear."""
    ProviderState.objects.filter(~Q(breaker=Breaker.CLOSED) | Q(failures__gt=0), provider=provider).update(
        breaker=Breaker.CLOSED, failures=0, is_outage=False, opened_at=None, retry_at=None
    )


def failed(provider: str, *, error: TransportError, now: datetime) -> None:
    """A message failed: what that says of the provider is noted, and its breaker opens when it is time.

    Any failure may be reported. One that is the provider's answer to the message alone closes a breaker: the provider is back.
    """
    sign = sign_of(error)
    if sign is Sign.ANSWERS:
        worked(provider, now=now)
        return
    if sign is Sign.NONE:
        return
    with transaction.atomic():
        state = _locked(provider)
        match sign:
            case Sign.ASKS_FOR_A_PAUSE:
                _pause(state, error, now=now)
            case Sign.REFUSES_US:
                _open(state, now=now, wait=LONGEST_WAIT, outage=False)
            case _:
                _count(state, now=now)
        state.last_error = f"{error.code} {error.detail}".strip()
        state.save()


def learn(provider: str, outcomes: Sequence[Accepted | TransportError], *, admission: Admission, now: datetime) -> None:
    """Note what the outcomes of one group say of its provider, in the order they came in.

    In the ordinary case, a clear admission and nothing but acceptances and refusals of single messages, this costs nothing.
    A connection that was lost under many messages counts once. A probe that never reached the provider leaves it to the next.
    """
    heard = [(sign_of(outcome), outcome) for outcome in outcomes]
    telling = [(sign, outcome) for sign, outcome in heard if sign is not Sign.NONE]
    if admission.probe and not telling:
        ProviderState.objects.filter(provider=provider, breaker=Breaker.HALF_OPEN).update(breaker=Breaker.OPEN, retry_at=now)
    if admission.clear and all(sign is Sign.ANSWERS for sign, _ in telling):
        return
    for (sign, lost), same in groupby(telling, key=lambda seen: (seen[0], _under_another(seen[1]))):
        if sign is Sign.ANSWERS:
            worked(provider, now=now)
            continue
        errors = [outcome for _, outcome in same if isinstance(outcome, TransportError)]
        for error in errors[: 1 if lost else PATIENCE]:
            failed(provider, error=error, now=now)


def retry_at(provider: str, *, now: datetime) -> datetime | None:
    """When `admit` may next grant anything; None: now."""
    state = ProviderState.objects.filter(provider=provider).first()
    if state is None:
        return None
    moments = [state.paused_until] if _paused(state, now) else []
    if state.breaker != Breaker.CLOSED:
        moments.append(state.retry_at)
    rate = _rate(state)
    if rate is not None:
        _refill(state, *rate, now=now)
        if state.tokens < 1:
            # Rounded up: a microsecond early there is nothing yet.
            moments.append(now + timedelta(microseconds=ceil((1 - state.tokens) / rate[0] * 1e6)))
    return max((moment for moment in moments if moment is not None and moment > now), default=None)


def sign_of(outcome: Accepted | TransportError) -> Sign:
    """What an outcome says of the provider: of a failure, by its verdict and code."""
    if isinstance(outcome, Accepted):
        return Sign.ANSWERS
    if outcome.verdict is Verdict.HOLD:
        return Sign.ANSWERS if outcome.code in OF_SOME_MESSAGES else Sign.REFUSES_US
    if outcome.verdict is Verdict.RETRY and outcome.retry_after is not None:
        return Sign.ASKS_FOR_A_PAUSE
    if outcome.verdict is Verdict.UNCERTAIN:
        return Sign.NONE if outcome.code == OUR_BUG else Sign.IN_TROUBLE
    if outcome.verdict is Verdict.RETRY and (outcome.code in OUTAGE_CODES or outcome.detail.startswith(OUTAGE_WORDS)):
        return Sign.IN_TROUBLE
    # A code in numbers is the provider's own; ours are words.
    return Sign.ANSWERS if outcome.code[:1].isdigit() or outcome.code == "recipient_refused" else Sign.NONE


def _under_another(outcome: Accepted | TransportError) -> bool:
    """Whether a failure came over many messages at once, with the connection they were on."""
    return isinstance(outcome, TransportError) and (outcome.code in LOST or not outcome.begun)


def _locked(provider: str) -> ProviderState:
    """The provider's row, made when it is missing, and nobody else's until the transaction ends."""
    locked = ProviderState.objects.select_for_update().filter(provider=provider)
    found = next(iter(locked), None)
    if found is None:
        ProviderState.objects.get_or_create(provider=provider)
        found = locked.get()
    return found


def _paused(state: ProviderState, now: datetime) -> bool:
    return state.paused_until is not None and state.paused_until > now


def _rate(state: ProviderState) -> tuple[float, float] | None:
    """Messages a second and at once: the row's own, else those of PROVIDER_RATES; None: no limit."""
    per_second, burst = settings.PROVIDER_RATES.get(state.provider, (None, None))
    if state.per_second is not None:
        per_second, burst = state.per_second, None
    if per_second is None:
        return None
    return per_second, max(1.0, state.burst or burst or per_second)


def _refill(state: ProviderState, per_second: float, burst: float, *, now: datetime) -> None:
    if state.tokens_at is None:
        state.tokens, state.tokens_at = burst, now
        return
    # Another machine's clock may be ahead of ours: its moment stands, and what it refilled is not refilled again.
    elapsed = (now - state.tokens_at).total_seconds()
    if elapsed > 0:
        state.tokens, state.tokens_at = min(burst, state.tokens + elapsed * per_second), now


def _count(state: ProviderState, *, now: datetime) -> None:
    # What was on its way when the breaker opened says nothing new.
    if state.breaker == Breaker.OPEN:
        return
    state.failures += 1
    if state.failures >= PATIENCE or state.breaker == Breaker.HALF_OPEN:
        probes = max(0, state.failures - PATIENCE)
        # A refusal that turned into an outage is still for the operator to look at.
        outage = state.is_outage or state.breaker == Breaker.CLOSED
        _open(state, now=now, wait=min(FIRST_WAIT * 2 ** min(probes, 10), LONGEST_WAIT), outage=outage, counted=True)


def _open(state: ProviderState, *, now: datetime, wait: timedelta, outage: bool, counted: bool = False) -> None:
    if not counted:
        state.failures += 1
    state.breaker = Breaker.OPEN
    state.is_outage = outage
    state.opened_at = state.opened_at or now
    state.retry_at = now + wait


def pause_of(error: TransportError) -> timedelta:
    """How long the provider asked us to wait, to the second; at most a day, and at least a second."""
    return max(SHORTEST_PAUSE, timedelta(seconds=min(error.retry_after or 0, LONGEST_PAUSE.total_seconds())))


def _pause(state: ProviderState, error: TransportError, *, now: datetime) -> None:
    """As long as it asks, to the second, for everybody; it counts as no failure."""
    until = now + pause_of(error)
    state.paused_until = until if state.paused_until is None else max(state.paused_until, until)
    if state.breaker == Breaker.HALF_OPEN:
        _let_another_try(state, now=now)


def _let_another_try(state: ProviderState, *, now: datetime) -> None:
    state.breaker, state.retry_at = Breaker.OPEN, now

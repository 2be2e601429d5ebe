"""What happened to a message on its way, in order: what we know, and what its provider said, quoted after it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from core.models import DeliveryEvent, MessagingRun, NotificationLog, Phase, Status, Suppression
from core.notifications.receipt import Heard
from core.notifications.transport import Verdict
from core.notifications.transports.console import OUTBOX
from core.web.log.lines import to_the_second, took
from core.web.log.reasons import quoted, why_failed
from core.web.log.runs import run_words
from core.web.words import Moment, moment

# Kind of an event: what it means in our words, its icon, and how bad it is.
EVENTS: Final[dict[str, tuple[str, str, str]]] = {
    Verdict.RETRY: ("Not taken yet, tried again", "i-send", "high"),
    Verdict.REJECT: ("Refused", "i-x", "critical"),
    Verdict.SUPPRESS: ("Refused: the address is dead", "i-x", "critical"),
    Verdict.STOPPED: ("Refused: the person said stop", "i-x", "critical"),
    Verdict.UNCERTAIN: ("Nobody knows whether it was taken", "i-send", "high"),
    Verdict.HOLD: ("Held: the provider refuses us", "i-pause", "high"),
    Phase.CANCELLED: ("Called back before it left", "g-left", ""),
    Phase.SUPPRESSED: ("Called back: the address was set aside", "i-flag", "high"),
    Heard.ACCEPTED: ("Receipt: the provider has it", "i-check", ""),
    Heard.DELIVERED: ("Receipt: delivered", "i-check", "ok"),
    Heard.UNDELIVERED: ("Receipt: not delivered", "i-x", "critical"),
    Heard.DEAD_ADDRESS: ("Receipt: not delivered, the address is dead", "i-x", "critical"),
    Heard.REFUSED: ("Receipt: not delivered, the person refuses our messages", "i-x", "critical"),
    Heard.COMPLAINED: ("Receipt: called spam", "i-flag", "high"),
    Heard.UNSUBSCRIBED: ("Receipt: unsubscribed at the provider", "i-flag", "high"),
    Heard.OPENED: ("Opened", "i-eye", ""),
    Heard.CLICKED: ("Link followed", "i-link", ""),
    Heard.NOTED: ("The provider said something more", "i-text", ""),
}
STOPPED_LATER: Final = ("Receipt: not delivered, the person said stop", "i-x", "critical")
# A try of ours that came to something, and not a later word.
TRIES: Final = (Verdict.RETRY, Verdict.REJECT, Verdict.SUPPRESS, Verdict.STOPPED, Verdict.UNCERTAIN)


@dataclass(frozen=True, slots=True)
class Step:
    at: Moment
    when: datetime
    icon: str
    tone: str
    words: str
    said: str = ""


def steps_of(
    row: NotificationLog, events: list[DeliveryEvent], run: MessagingRun | None, aside: Suppression | None, *, now: datetime
) -> list[Step]:
    """From the decision to the last that was heard, and what comes next."""
    found = [*_decided(row, run, now=now), *_events(events, now=now), *_marks(row, events, aside, now=now)]
    return [*sorted(found, key=lambda step: step.when), *_next(row, now=now)]


def _step(when: datetime, icon: str, tone: str, words: str, said: str = "", *, now: datetime) -> Step:
    return Step(to_the_second(when, now=now), when, icon, tone, words, said)


def _decided(row: NotificationLog, run: MessagingRun | None, *, now: datetime) -> Iterator[Step]:
    yield _step(row.created_at, "i-layers", "", f"Decided{run_words(run, now=now)}", now=now)


def _events(events: list[DeliveryEvent], *, now: datetime) -> Iterator[Step]:
    tries = 0
    for event in events:
        # Both a refusal at once and a later receipt may say stop.
        known = STOPPED_LATER if event.kind == Heard.STOPPED and event.receipt_id else EVENTS.get(event.kind)
        words, icon, tone = known or (event.kind.replace("_", " ").capitalize(), "i-text", "")
        if event.kind in TRIES and not event.receipt_id:
            tries += 1
            words = f"Try {tries}: {words[:1].lower()}{words[1:]}"
        yield _step(event.at, icon, tone, words, quoted(event.code, event.detail), now=now)


def _marks(row: NotificationLog, events: list[DeliveryEvent], aside: Suppression | None, *, now: datetime) -> Iterator[Step]:
    """What only the row tells: that it was taken, and what its person did with it."""
    heard = {event.kind for event in events}
    if row.sent_at:
        if row.provider == OUTBOX:
            yield _step(row.sent_at, "i-send", "", "Shown in the outbox, and sent nowhere: no provider is set", now=now)
        else:
            by = f" by {row.provider}" if row.provider else ""
            name = f" as {row.provider_message_id}" if row.provider_message_id else ""
            accepted = f"Try {row.tries}: accepted" if row.tries > 1 else "Accepted"
            yield _step(row.sent_at, "i-send", "", f"{accepted}{by}{name}, {took(row.created_at, row.sent_at)} after", now=now)
    if row.delivered_at and Heard.DELIVERED not in heard:
        yield _step(row.delivered_at, "i-check", "ok", "Delivered", now=now)
    if row.read_at and Heard.OPENED not in heard:
        yield _step(row.read_at, "i-eye", "", "Opened", now=now)
    if row.clicked_at and Heard.CLICKED not in heard:
        yield _step(row.clicked_at, "i-link", "", "Link followed", now=now)
    if aside is not None and aside.created_at >= row.created_at:
        words = "Address set aside: nothing more is written to it by this method"
        yield _step(aside.created_at, "i-flag", "high", words, quoted("", aside.detail), now=now)


def _next(row: NotificationLog, *, now: datetime) -> Iterator[Step]:
    if row.status == Status.FAILED:
        ended = {Phase.EXPIRED, Phase.CANCELLED, Phase.SUPPRESSED, Phase.DEAD, Phase.UNKNOWN_OUTCOME}
        if row.phase in ended:
            yield Step(Moment("", "", "", ""), now, "i-x", "critical", why_failed(row))
        return
    if row.status == Status.PENDING and row.phase == Phase.QUEUED:
        at = to_the_second(row.due_at, now=now)
        words = f"Next: {'try ' + str(row.tries + 1) if row.tries else 'it leaves'}" + ("" if row.due_at > now else " as soon as it may")
        until = f"at the latest {moment(row.expires_at, now=now).short}" if row.expires_at else ""
        yield Step(at, row.due_at, "i-clock", "next", words, until)
    elif row.status == Status.PENDING and row.phase == Phase.UNCERTAIN:
        again = "it is sent again" if row.repeatable else "it is given up, so that nobody gets it twice"
        yield Step(to_the_second(row.due_at, now=now), row.due_at, "i-clock", "next", f"Next: unless a receipt comes, {again}")

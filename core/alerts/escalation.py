"""Who is told when nobody answers: once a minute, every alert whose next moment has come is looked at (docs/rules.md, 5).

A look brings one alert up to date from its row and its policy alone, and stores when it is to be looked at next, in the
transaction that queues what it says. So nothing is skipped or said twice, wherever a process dies, however long none ran, and
however many look at once.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import QuerySet

from core import audiences, locks
from core.alerts import items, live, speech
from core.alerts.check import check_for, kind_for, roles_for
from core.alerts.digest import SINGLY, Telling
from core.alerts.items import News
from core.alerts.policies import Policy, Step
from core.alerts.priority import alerts_worst_first
from core.alerts.settle import acknowledged_for
from core.alerts.speech import Group, Saying
from core.alerts.wording import ESCALATED
from core.models import AlertEvent, BusinessAlert, User
from core.notifications.outbox import Tally

log = structlog.get_logger(__name__)
Status = BusinessAlert.Status

# A look attends to no more; what is left is the next minute's. So many may be told of in one message.
AT_MOST = 1_000
TOGETHER = 100
MINUTE = timedelta(minutes=1)
# What could not be attended to is out of the others' way for so long.
TRY_AGAIN = timedelta(minutes=5)

# What a look may change.
KEPT = (
    "status",
    "acknowledgement_expires_at",
    "snoozed_until",
    "version",
    "metadata",
    "last_notified_at",
    "notified_count",
    "next_step_at",
    "escalating_since",
    "escalated_minutes",
)


@dataclass
class Look:
    """What one look did."""

    looked: int = 0
    escalated: int = 0
    expired: int = 0
    woken: int = 0
    told: int = 0
    tally: Tally = field(default_factory=Tally)
    attended: set[UUID] = field(default_factory=set)
    failed: set[UUID] = field(default_factory=set)
    # Steps, by their policy's name, that reached somebody, and that reached nobody.
    reached: set[tuple[str, Step]] = field(default_factory=set)
    unreached: set[tuple[str, Step]] = field(default_factory=set)
    # What nobody was there to hear: of what, how that is called, and whose it is.
    unheard: set[tuple[str, str, tuple[str, ...]]] = field(default_factory=set)

    def as_dict(self) -> dict[str, Any]:
        counts = {name: getattr(self, name) for name in ("looked", "escalated", "expired", "woken", "told")}
        return {**counts, "failed": len(self.failed), "queued": self.tally.queued, "people": self.tally.people}

    def add(self, other: "Look") -> None:
        for name in ("looked", "escalated", "expired", "woken", "told"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.tally.add(other.tally)
        for name in ("attended", "reached", "unreached", "unheard"):
            getattr(self, name).update(getattr(other, name))


def escalate_due(*, now: datetime) -> Look:
    """Attend to every alert whose next moment has come. Any number of processes may do so at once.

    Few are attended to one by one; many together, so that a person hears of them in one message. What fails is put off,
    logged and counted, and keeps no other from its turn.
    """
    due = alerts_worst_first(BusinessAlert.objects.filter(next_step_at__lte=now), now=now)
    ids = list(due.values_list("pk", flat=True)[:AT_MOST])
    look = Look()
    for together in _batches(ids):
        _attempt(together, look, now=now)
    if look.looked:
        log.info("alerts.escalated", **look.as_dict())
    return look


def _batches(ids: Sequence[UUID]) -> Iterator[Sequence[UUID]]:
    size = TOGETHER if len(ids) > SINGLY else 1
    for start in range(0, len(ids), size):
        yield ids[start : start + size]


def _attempt(ids: Sequence[UUID], look: Look, *, now: datetime) -> None:
    try:
        with transaction.atomic():
            done = _attend(ids, now=now)
    except Exception:  # Whatever is the matter with one alert, the others have their turn.
        if len(ids) > 1:
            for one in ids:
                _attempt([one], look, now=now)
            return
        log.exception("alert.look_failed", alert=str(ids[0]))
        BusinessAlert.objects.filter(pk=ids[0], next_step_at__lte=now).update(next_step_at=now + TRY_AGAIN)
        look.failed.add(ids[0])
        return
    look.add(done)


def _attend(ids: Sequence[UUID], *, now: datetime) -> Look:
    if len(ids) > 1:
        # Two who share a storm would each tell a part of it.
        locks.hold("alerts:many_due")
    mine = BusinessAlert.objects.select_for_update(skip_locked=True, no_key=True).filter(pk__in=ids, next_step_at__lte=now)
    telling = Telling(now=now)
    turns = [Turn(alert, telling, now=now) for alert in mine]
    for turn in turns:
        turn.take()
    telling.tell()
    AlertEvent.objects.bulk_create(event for turn in turns for event in turn.events)
    BusinessAlert.objects.bulk_update([turn.alert for turn in turns], KEPT)
    for turn in turns:
        if turn.events or turn.sayings:
            live.hint(turn.alert)
    look = Look(looked=len(turns), tally=telling.tally)
    for turn in turns:
        turn.count(look)
    return look


class Turn:
    """One alert's turn: what has run out, who is told, and when it is looked at next. The alert is locked by the caller."""

    def __init__(self, alert: BusinessAlert, telling: Telling, *, now: datetime) -> None:
        self.alert = alert
        self.telling = telling
        self.policy = telling.policies.of(alert)
        self.now = now
        self.events: list[AlertEvent] = []
        self.steps: list[Step] = []
        self.sayings: list[Saying] = []
        self.expired = self.woken = self.unheard = False

    def take(self) -> None:
        alert, now = self.alert, self.now
        if alert.status in (Status.RESOLVED, Status.IGNORED):
            alert.next_step_at = None
            return
        self._end_acknowledgement()
        self._end_snooze()
        unheard = items.news(alert) if alert.item_count else News()
        self._climb(unheard)
        reason = speech.why_speak(alert, repeat=self.policy.repeat, now=now, expired=self.expired, unheard=unheard)
        if reason:
            self._say(reason, speech.listeners(alert, self.policy, kind_for(alert.alert_type), concerned(alert)), unheard)
        alert.next_step_at = next_look(alert, self.policy, now=now)

    def count(self, look: Look) -> None:
        look.attended.add(self.alert.pk)
        look.escalated += len(self.steps)
        look.expired += self.expired
        look.woken += self.woken
        look.told += len(self.sayings)
        if self.unheard and "people" not in self.alert.metadata:
            check = check_for(self.alert.alert_type)
            name, label = (check.name, check.label) if check else (self.alert.alert_type, self.alert.alert_type.replace("_", " "))
            look.unheard.add((name, label, roles_of(self.alert)))
        for step in self.steps:
            somebody = self.sayings[0].tally.people and step.people().filter(is_active=True).exists()
            (look.reached if somebody else look.unreached).add((self.policy.name, step))

    def _end_acknowledgement(self) -> None:
        """It ran out, and is no longer snoozed either: active again, with a new round from that moment on."""
        alert = self.alert
        if alert.status != Status.ACKNOWLEDGED:
            return
        alert.acknowledgement_expires_at = acknowledged_until(alert)
        over = max(alert.acknowledgement_expires_at, alert.snoozed_until or alert.acknowledgement_expires_at)
        if over > self.now:
            return
        self.expired = True
        alert.status, alert.acknowledgement_expires_at = Status.ACTIVE, None
        alert.version += 1
        alert.begin_round(over, now=self.now)
        self._note("expired", "The acknowledgement expired.", at=over)

    def _end_snooze(self) -> None:
        alert = self.alert
        if alert.snoozed_until is None or alert.snoozed_until > self.now:
            return
        self.woken = True
        if alert.status == Status.ACTIVE and not self.expired:
            alert.begin_round(alert.snoozed_until, now=self.now)
        self._note("woken", "The snooze is over.", at=alert.snoozed_until)
        alert.snoozed_until = None
        alert.version += 1

    def _climb(self, unheard: News) -> None:
        """Tell every step that is due, in order, in one message."""
        due = speech.whom_next(self.alert, self.policy, now=self.now)
        if not due:
            return
        self.steps = [step for _, step in due]
        for at, step in due:
            what = f"{step.who} after {step.minutes} minutes ({self.policy.name})"
            self._note("escalated", what, at=at, policy=self.policy.name, minutes=step.minutes, methods=list(step.methods))
        self.alert.escalated_minutes = self.steps[-1].minutes
        self._say(ESCALATED, speech.reached_by(self.steps), unheard)

    def _say(self, reason: str, groups: Sequence[Group], unheard: News) -> None:
        alert = self.alert
        if reason != ESCALATED and not speech.anybody(groups):
            # It counts as not told, and speaks once somebody is there.
            self.unheard = True
            log.warning("alert.nobody_to_tell", alert=str(alert.pk), alert_type=alert.alert_type)
            return
        check = check_for(alert.alert_type)
        saying = speech.say(
            alert,
            reason,
            kind=kind_for(alert.alert_type),
            groups=groups,
            name=check.name if check else alert.alert_type,
            rule={"policy": self.policy.name, "alert_type": alert.alert_type},
            unheard=unheard,
            now=self.now,
        )
        self.sayings.append(self.telling.add(saying))

    def _note(self, kind: str, reason: str, *, at: datetime, **detail: Any) -> None:
        self.events.append(AlertEvent(alert=self.alert, at=self.now, kind=kind, reason=reason, detail={"due": at.isoformat(), **detail}))


def concerned(alert: BusinessAlert) -> QuerySet[User]:
    """Those whom it concerns: whom the one who raised it named, else its type's roles."""
    if "people" in alert.metadata:
        return User.objects.filter(pk__in=alert.metadata["people"])
    return audiences.staff(roles_of(alert))


def roles_of(alert: BusinessAlert) -> tuple[str, ...]:
    return tuple(alert.metadata.get("roles") or roles_for(alert.alert_type))


def acknowledged_until(alert: BusinessAlert) -> datetime:
    """When the acknowledgement runs out. One given before the alert turned critical holds no longer than a critical one's."""
    taken = alert.acknowledged_at or alert.escalating_since or alert.created_at
    worse = max(taken, alert.escalating_since or taken)
    limit = worse + acknowledged_for(alert)
    return min(alert.acknowledgement_expires_at or limit, limit)


def next_look(alert: BusinessAlert, policy: Policy, *, now: datetime) -> datetime | None:
    """When something may happen to it next, by itself; None when nothing will."""
    if alert.status in (Status.RESOLVED, Status.IGNORED):
        return None
    if alert.snoozed_until is not None and speech.is_snoozed(alert, now):
        return alert.snoozed_until
    unheard = items.news(alert) if alert.item_count else News()
    moments = [speech.news_due(alert, now=now)] if speech.news_is_told(alert, unheard) else []
    if alert.status == Status.ACKNOWLEDGED:
        moments.append(acknowledged_until(alert))
    else:
        moments += [at for at, _ in speech.upcoming(alert, policy)]
        moments += [now] if alert.last_notified_at is None else []
    # What nobody was there to hear is tried again each minute.
    return max(min(moments, default=now), now + MINUTE)

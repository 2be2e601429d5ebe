"""What alerts say in one evaluation or one look, said together: a person to whom many speak at once gets one message, not many.

It is collected first and written at the end, in the transaction that decided it. Each alert's own events and rows say that
it was told, by whichever message.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from hashlib import blake2b
from typing import Any
from uuid import UUID

from core.alerts import items
from core.alerts.check import RANK
from core.alerts.policies import Policies
from core.alerts.priority import alert_priority
from core.alerts.speech import Saying
from core.alerts.wording import many_subject, subject, who_has_it, why_now
from core.models import AlertEvent, BusinessAlert, MessagingRun, User
from core.notifications.kinds import BUSINESS_ALERT, Kind
from core.notifications.outbox import Notice, Tally, enqueue

Severity = BusinessAlert.Severity

# Who hears of more alerts than this at once gets one message that lists them.
SINGLY = 3
# Of the run that makes it, and of its wording.
MANY = "alert_digest"
LISTED = 20

# Of each person: what they hear, and by which methods.
Hearing = Mapping[int, Mapping[int, tuple[str, ...]]]


class Telling:
    """Collects sayings, and tells them once. Needs a transaction: that of what made the alerts speak."""

    def __init__(self, *, now: datetime) -> None:
        self.now = now
        self.sayings: list[Saying] = []
        self.tally = Tally()

    @cached_property
    def policies(self) -> Policies:
        return Policies.in_force()

    def add(self, saying: Saying) -> Saying:
        """Of two sayings of one alert, a person who would hear both hears the one that was added first."""
        self.sayings.append(saying)
        return saying

    def tell(self) -> None:
        """Queue the messages, and write for each alert that there was somebody to hear the event that it has spoken."""
        singly: dict[int, dict[tuple[str, ...], list[int]]] = {number: {} for number in range(len(self.sayings))}
        together: dict[tuple[tuple[int, ...], tuple[str, ...]], list[int]] = {}
        for person, heard in self._hearing().items():
            if len(heard) > SINGLY:
                together.setdefault((tuple(heard), _union(heard.values())), []).append(person)
                continue
            for number, methods in heard.items():
                singly[number].setdefault(methods, []).append(person)
        runs = {number: self._one(self.sayings[number], groups) for number, groups in singly.items() if groups}
        for (numbers, methods), people in together.items():
            run = self._many([self.sayings[number] for number in numbers], methods, people)
            runs = dict.fromkeys(numbers, run) | runs
        AlertEvent.objects.bulk_create(_told(self.sayings[number], run, now=self.now) for number, run in runs.items())
        self.sayings.clear()

    def _hearing(self) -> Hearing:
        hearing: dict[int, dict[int, tuple[str, ...]]] = {}
        by_alert: dict[tuple[int, object], int] = {}
        for number, saying in enumerate(self.sayings):
            for people, methods in saying.groups:
                for person in people.order_by().values_list("pk", flat=True):
                    if by_alert.setdefault((person, saying.alert.pk), number) == number:
                        heard = hearing.setdefault(person, {})
                        heard[number] = _union([heard.get(number, ()), methods])
        return hearing

    def _one(self, saying: Saying, groups: Mapping[tuple[str, ...], list[int]]) -> MessagingRun:
        """The messages of one alert, to those who hear of few."""
        run = MessagingRun.objects.create(name=saying.name, started_at=self.now, rule={**saying.rule, "reason": saying.reason})
        alert = saying.alert
        notice = Notice(
            kind=saying.kind,
            key=saying.key,
            context=_context(saying, now=self.now),
            link_url=f"/dashboard/alerts/{alert.pk}/",
            metadata={"alert_id": str(alert.pk), "severity": saying.severity, "reason": saying.reason},
            alert_id=alert.pk,
            urgent=saying.severity == Severity.CRITICAL,
        )
        for methods, people in groups.items():
            saying.tally.add(enqueue(replace(notice, methods=methods), User.objects.filter(pk__in=people), run=run, now=self.now))
        self.tally.add(saying.tally)
        run.result = _counts(saying.tally)
        run.save(update_fields=["result"])
        return run

    def _many(self, sayings: Sequence[Saying], methods: tuple[str, ...], people: Collection[int]) -> MessagingRun:
        """One message that lists many alerts, worst first, to those who hear of all of them."""
        worst_first = sorted(sayings, key=lambda saying: -alert_priority(saying.alert, now=self.now))
        worst = worst_first[0]
        severity = max((saying.severity for saying in sayings), key=lambda severity: RANK[severity])
        run = MessagingRun.objects.create(
            name=MANY,
            started_at=self.now,
            rule={"more_than": SINGLY, "alerts": len(sayings), "reason": "many at once", "ids": [str(one.alert.pk) for one in worst_first]},
        )
        notice = Notice(
            kind=replace(_kind_of(sayings), template=MANY),
            key="alerts:" + blake2b(" ".join(sorted(saying.key for saying in sayings)).encode(), digest_size=16).hexdigest(),
            context=_context_of_many(worst_first),
            methods=methods,
            link_url=f"/dashboard/alerts/?told={run.pk}",
            metadata={
                "alert_id": str(worst.alert.pk),
                "alert_ids": [str(saying.alert.pk) for saying in worst_first],
                "severity": severity,
                "reason": worst.reason if len({saying.reason for saying in sayings}) == 1 else "many at once",
            },
            alert_id=worst.alert.pk,
            urgent=severity == Severity.CRITICAL,
        )
        tally = enqueue(notice, User.objects.filter(pk__in=people), run=run, now=self.now)
        run.result = _counts(tally)
        run.save(update_fields=["result"])
        self.tally.add(tally)
        for saying in sayings:
            saying.tally.add(tally)
        return run


def told_by(run_id: UUID) -> list[UUID]:
    """The alerts that one message listed, by the run that made it; none for another run."""
    rule = MessagingRun.objects.filter(pk=run_id, name=MANY).values_list("rule", flat=True).first() or {}
    return [UUID(one) for one in rule.get("ids", ())]


def _union(methods: Iterable[Iterable[str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(method for some in methods for method in some))


def _kind_of(sayings: Sequence[Saying]) -> Kind:
    """Their own when all are of one kind, as the regions of one check are."""
    kinds = {saying.kind.name: saying.kind for saying in sayings}
    return next(iter(kinds.values())) if len(kinds) == 1 else BUSINESS_ALERT


def _counts(tally: Tally) -> dict[str, Any]:
    return {"queued": tally.queued, "people": tally.people, "suppressed": tally.suppressed}


def _told(saying: Saying, run: MessagingRun, *, now: datetime) -> AlertEvent:
    detail = {"reason": saying.reason, **_counts(saying.tally), "run": str(run.pk)}
    return AlertEvent(alert=saying.alert, at=now, kind="told", reason=saying.reason, detail=detail)


def _context(saying: Saying, *, now: datetime) -> dict[str, Any]:
    """The variables of the wording `business_alert`."""
    alert = saying.alert
    listed = items.worst(alert, LISTED, now=now)
    return {
        "subject": subject(alert.title, severity=saying.severity, reason=saying.reason, unheard=saying.unheard),
        "title": alert.title,
        "description": alert.description,
        "severity": saying.severity,
        "count": alert.item_count,
        "rupees": alert.rupees_at_risk if any(item.rupees is not None for item in listed) else None,
        "oldest": alert.oldest_since,
        "items": [{"label": i.label, "since": i.since, "rupees": i.rupees, "severity": i.severity} for i in listed],
        "more": alert.item_count - len(listed),
        "reason": saying.reason,
        "why": why_now(alert, severity=saying.severity, reason=saying.reason, unheard=saying.unheard, now=now),
        "who": who_has_it(alert),
    }


def _context_of_many(worst_first: Sequence[Saying]) -> dict[str, Any]:
    """The variables of the wording `alert_digest`."""
    alerts = [saying.alert for saying in worst_first]
    critical = sum(saying.severity == Severity.CRITICAL for saying in worst_first)
    listed = worst_first[:LISTED]
    return {
        "subject": many_subject(len(alerts), critical=critical, worst=alerts[0].title),
        "count": len(alerts),
        "critical": critical,
        "rupees": sum((alert.rupees_at_risk for alert in alerts), start=Decimal(0)) or None,
        "alerts": [
            {
                "title": saying.alert.title,
                "severity": saying.severity,
                "reason": saying.reason,
                "since": saying.alert.created_at,
                "rupees": saying.alert.rupees_at_risk or None,
            }
            for saying in listed
        ],
        "more": len(alerts) - len(listed),
    }

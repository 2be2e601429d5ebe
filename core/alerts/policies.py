"""Which policy holds for an alert: whom it reaches next, when, and how often the alert repeats itself (docs/rules.md, 5)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

from django.conf import settings
from django.db.models import Q, QuerySet, Subquery
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from core.alerts.check import roles_for
from core.models import BusinessAlert, EscalationPolicy, EscalationStep, Role, User

Severity = BusinessAlert.Severity
EVERYWHERE = ("email", "websocket", "sms")
IN_WRITING = ("email", "websocket")
BY: Mapping[str, str] = MappingProxyType({"email": "mail", "websocket": "the app", "sms": "SMS"})
HOUR, DAY = 60, 24 * 60
# What reads them each minute. `setup_periodic_tasks` puts it on the schedule, and makes their rows with it.
TASK = "core.tasks.escalate_due_alerts"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """So many minutes after a round began, these people are told by these methods."""

    minutes: int
    roles: tuple[str, ...] = ()
    person_id: int | None = None
    person: str = ""
    methods: tuple[str, ...] = IN_WRITING
    business_hours_only: bool = False

    def people(self) -> QuerySet[User]:
        return User.objects.filter(Q(role__in=self.roles) | Q(pk=self.person_id))

    @property
    def who(self) -> str:
        """As in a sentence: "super admins and Omar"."""
        named = [_plural(role) for role in self.roles if role in Role.values]
        return _listed([*named, self.person] if self.person else named) or "nobody"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The steps of a round in their order, and how long an alert that nobody acknowledges is silent before it says the same again."""

    name: str
    repeat: timedelta
    steps: tuple[Step, ...] = ()

    def due_times(self, alert: BusinessAlert) -> list[tuple[datetime, Step]]:
        """When each step that is still to come is due in this round. None comes before the one in front of it."""
        since = alert.escalating_since or alert.created_at
        due: list[tuple[datetime, Step]] = []
        for step in self.steps:
            at = since + timedelta(minutes=step.minutes)
            at = opening(at) if step.business_hours_only else at
            due.append((max(at, due[-1][0]) if due else at, step))
        return [(at, step) for at, step in due if step.minutes > alert.escalated_minutes]

    def reached(self, alert: BusinessAlert) -> list[Step]:
        """The steps that were told in this round; those of minute 0 are told with the alert's first word."""
        return [step for step in self.steps if step.minutes <= alert.escalated_minutes]


# Where no policy's row says otherwise.
REPEAT: Mapping[str, timedelta] = MappingProxyType({Severity.CRITICAL: timedelta(hours=4)})
REPEAT_OTHERS = timedelta(hours=24)

# The rows an installation begins with: severity to policy. An admin changes or removes them.
DEFAULTS: Mapping[Severity, Policy] = MappingProxyType(
    {
        Severity.CRITICAL: Policy(
            name="Critical", repeat=timedelta(hours=4), steps=(Step(minutes=30, roles=(Role.SUPER_ADMIN,), methods=EVERYWHERE),)
        ),
        Severity.HIGH: Policy(name="High", repeat=timedelta(hours=24), steps=(Step(minutes=8 * HOUR, roles=(Role.SUPER_ADMIN,)),)),
        Severity.MEDIUM: Policy(
            name="Medium", repeat=timedelta(days=2), steps=(Step(minutes=DAY, roles=(Role.SUPER_ADMIN,), business_hours_only=True),)
        ),
        Severity.LOW: Policy(
            name="Low", repeat=timedelta(days=7), steps=(Step(minutes=3 * DAY, roles=(Role.SUPER_ADMIN,), business_hours_only=True),)
        ),
    }
)


class Policies:
    """The active policies as they were when read, in two statements; until `setup_periodic_tasks` has run, the default ones."""

    def __init__(self, by_scope: Mapping[tuple[str, str], Policy]) -> None:
        self._by_scope = by_scope

    @classmethod
    def in_force(cls) -> "Policies":
        rows = EscalationPolicy.objects.filter(is_active=True).prefetch_related("steps__person")
        by_scope = {(row.alert_type, row.severity): policy_of(row) for row in rows}
        if not by_scope and not PeriodicTask.objects.filter(task=TASK).exists() and not EscalationPolicy.objects.exists():
            by_scope = {("", severity): policy for severity, policy in DEFAULTS.items()}
        return cls(by_scope)

    def all(self) -> Iterable[Policy]:
        return self._by_scope.values()

    def of(self, alert: BusinessAlert) -> Policy:
        """The most exact one: of this type and severity, else of the type, else of the severity, else of any alert."""
        for scope in ((alert.alert_type, alert.severity), (alert.alert_type, ""), ("", alert.severity), ("", "")):
            if scope in self._by_scope:
                return self._by_scope[scope]
        return Policy(name="", repeat=REPEAT.get(alert.severity, REPEAT_OTHERS))


# Beside alerts in a query, as `shortest_repeat`: the minutes of the policy that repeats soonest; null when there is none.
SHORTEST = Subquery(EscalationPolicy.objects.filter(is_active=True).order_by("repeat_minutes").values("repeat_minutes")[:1])


def is_too_soon(alert: BusinessAlert, *, now: datetime) -> bool:
    """Whether no policy there is would have the alert repeat itself yet. False as well when its query did not ask for `SHORTEST`."""
    if not hasattr(alert, "shortest_repeat") or alert.last_notified_at is None:
        return False
    shortest = [timedelta(minutes=alert.shortest_repeat)] if alert.shortest_repeat is not None else []
    return now < alert.last_notified_at + min(*shortest, *REPEAT.values(), REPEAT_OTHERS)


def policy_of(row: EscalationPolicy) -> Policy:
    """A policy's row as a value."""
    steps = sorted(row.steps.all(), key=lambda step: step.after_minutes)
    return Policy(name=row.name, repeat=timedelta(minutes=row.repeat_minutes), steps=tuple(map(step_of, steps)))


def step_of(row: EscalationStep) -> Step:
    return Step(
        minutes=row.after_minutes,
        roles=tuple(row.roles),
        person_id=row.person_id,
        person=row.person.first_name or row.person.username if row.person else "",
        methods=tuple(row.methods),
        business_hours_only=row.business_hours_only,
    )


def in_words(policy: Policy, *, alert_type: str, severity: str) -> str:
    """What a policy means, in sentences for those who edit it."""
    what = f"{severity} alert".strip() + (f" of type {alert_type.replace('_', ' ')}" if alert_type else " of any type")
    concerned = [_plural(role) for role in roles_for(alert_type)] if alert_type else ["those whom it concerns"]
    at_once = [*concerned, *(f"{step.who} ({_by(step)})" for step in policy.steps if not step.minutes)]
    later = [
        f"after {exactly(step.minutes)}{', in business hours,' if step.business_hours_only else ''} {step.who} ({_by(step)})"
        for step in policy.steps
        if step.minutes
    ]
    repeat = exactly(int(policy.repeat.total_seconds() // 60)).removeprefix("1 ")
    return (
        f"{'An' if what[0] == 'a' else 'A'} {what} tells {_listed(at_once)} at once. While nobody acknowledges it, it tells "
        f"{'; '.join([*later, f'and all of them again every {repeat}'])}."
    )


def exactly(minutes: int) -> str:
    """A span in the largest unit that says it exactly: "30 minutes", "8 hours", "3 days"."""
    for unit, length in (("day", DAY), ("hour", HOUR)):
        if minutes and not minutes % length:
            return f"{minutes // length} {unit}{'' if minutes == length else 's'}"
    return f"{minutes} minute{'' if minutes == 1 else 's'}"


def _by(step: Step) -> str:
    return _listed([BY.get(method, method) for method in step.methods])


def _plural(role: str) -> str:
    return str(Role(role).label).lower() + ("" if role == Role.FINANCE else "s")


def _listed(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def create_defaults() -> int:
    """The first policies of an installation. None is added where there is any: what was removed stays so."""
    if EscalationPolicy.objects.exists():
        return 0
    for severity, policy in DEFAULTS.items():
        minutes = int(policy.repeat.total_seconds() // 60)
        row = EscalationPolicy.objects.create(name=policy.name, severity=severity, repeat_minutes=minutes)
        for step in policy.steps:
            EscalationStep.objects.create(
                policy=row,
                after_minutes=step.minutes,
                roles=list(step.roles),
                methods=list(step.methods),
                business_hours_only=step.business_hours_only,
            )
    return len(DEFAULTS)


def opening(at: datetime) -> datetime:
    """The moment itself within business hours (BUSINESS_HOURS), else the next one at which they begin."""
    days, opens, closes = settings.BUSINESS_HOURS
    local = timezone.localtime(at)
    for ahead in range(8):
        day = local.date() + timedelta(days=ahead)
        if day.weekday() not in days:
            continue
        begins, ends = (datetime.combine(day, time, tzinfo=local.tzinfo) for time in (opens, closes))
        if local < ends:
            return at if local >= begins else begins.astimezone(at.tzinfo)
    raise ValueError("BUSINESS_HOURS has no day.")

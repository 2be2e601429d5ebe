"""What the law, an admin's switch and a person's patience allow: quiet hours, pauses, frequency caps and how many an hour."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from django.conf import settings
from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.db.models import Q, QuerySet
from django.utils import timezone

from core import clock, statements
from core.models import NotificationLog, Phase, Switch, User
from core.notifications.kinds import Kind, kinds
from core.notifications.transports import methods, transport_class

# TRAI's hours for promotional SMS (docs/rules.md, 4): [10:00, 21:00) of the business day.
MARKETING_SMS_FROM = time(10)
MARKETING_SMS_UNTIL = time(21)
# The key in a message's metadata that says its wording is registered as a service message, for which there are no hours.
ANY_HOUR = "any_hour"

# Three promotions a week on the same three weekdays come exactly seven days apart: a few minutes' difference between
# two runs must not make the fourth of three.
JITTER = timedelta(minutes=30)

# What was decided and then never left counts for nobody's patience.
NEVER_LEFT = (Phase.CANCELLED, Phase.EXPIRED, Phase.SUPPRESSED)


def next_allowed_hour(now: datetime) -> datetime:
    """`now`, or the next moment at which marketing SMS may leave."""
    local = timezone.localtime(now)
    if MARKETING_SMS_FROM <= local.time() < MARKETING_SMS_UNTIL:
        return now
    day = local.date() if local.time() < MARKETING_SMS_FROM else local.date() + timedelta(days=1)
    return clock.day_start(day) + timedelta(hours=MARKETING_SMS_FROM.hour)


def hours_began(now: datetime) -> datetime:
    """When marketing SMS was last allowed to begin leaving."""
    began = clock.day_start(clock.business_day(now)) + timedelta(hours=MARKETING_SMS_FROM.hour)
    return began if began <= now else began - timedelta(days=1)


def over_cap(kind: Kind, people: QuerySet[User], *, besides: Collection[str], now: datetime) -> set[int]:
    """Those of these people who were already told as often as the kind allows.

    Causes are counted, not methods; those named in `besides` are the ones being decided and do not count against themselves.
    """
    if kind.daily_cap is None and kind.weekly_cap is None:
        return set()
    today = clock.day_start(clock.business_day(now))
    week = _week(now, today=today)
    causes: dict[int, set[str]] = {}
    causes_today: dict[int, set[str]] = {}
    told = (
        NotificationLog.objects.filter(notification_type=kind.name, created_at__gt=week, recipient__in=people.order_by().values("pk"))
        .exclude(phase__in=NEVER_LEFT)
        .values_list("recipient_id", "key", "created_at", "id")
    )
    own = set(besides)
    for person, key, at, row in told.iterator(chunk_size=5_000):
        if key in own:
            continue
        cause = key or str(row)
        causes.setdefault(person, set()).add(cause)
        if at >= today:
            causes_today.setdefault(person, set()).add(cause)
    daily = kind.daily_cap if kind.daily_cap is not None else float("inf")
    weekly = kind.weekly_cap if kind.weekly_cap is not None else float("inf")
    return {person for person, keys in causes.items() if len(keys) >= weekly or len(causes_today.get(person, ())) >= daily}


def person_rate() -> int:
    """How many messages an hour one person may get by one method; 0: no limit. See `unlimited_kinds` for what is not counted."""
    return int(settings.PERSON_RATE)


def unlimited_kinds() -> list[str]:
    """What neither counts for a person's rate nor waits for it, nor does anything of the urgent lane: it was asked for."""
    return [kind.name for kind in kinds if kind.mandatory]


@dataclass(frozen=True, slots=True)
class Held:
    """What must not leave now."""

    everything: bool = False
    methods: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    campaigns: tuple[str, ...] = ()
    # Offers by methods that the law gives hours, outside these: the methods, and which types are offers.
    silent_methods: tuple[str, ...] = ()
    offers: tuple[str, ...] = ()


def ask_switches() -> CursorWrapper:
    """Ask what is paused, for `held` to read; so that others may ask meanwhile."""
    return statements.run("SELECT scope, name FROM core_switch WHERE is_paused", [])


def held(*, now: datetime, asked: CursorWrapper | None = None) -> Held | None:
    """What is paused, and offers by SMS outside their hours; None: nothing. One statement, unless it was `asked` before."""
    switched_off: dict[str, list[str]] = {}
    with asked or ask_switches() as cursor:
        for scope, name in cursor.fetchall():
            switched_off.setdefault(scope, []).append(name)
    # What was due in time may come up late: after a failed try, or behind fifty thousand others.
    quiet = next_allowed_hour(now) > now
    if not switched_off and not quiet:
        return None
    return Held(
        everything=Switch.Scope.ALL in switched_off,
        methods=tuple(switched_off.get(Switch.Scope.METHOD, ())),
        types=tuple(switched_off.get(Switch.Scope.TYPE, ())),
        campaigns=tuple(switched_off.get(Switch.Scope.CAMPAIGN, ())),
        silent_methods=tuple(method for method in methods() if transport_class(method).regulated) if quiet else (),
        offers=tuple(kind.name for kind in kinds if kind.marketing) if quiet else (),
    )


def caps(*, now: datetime) -> list[tuple[str, datetime, int]]:
    """The frequency caps that hold now, as (kind, counted since, at most so many causes of it to one person)."""
    today = clock.day_start(clock.business_day(now))
    since = (today, _week(now, today=today))
    return [
        (kind.name, start, most)
        for kind in kinds
        for start, most in zip(since, (kind.daily_cap, kind.weekly_cap), strict=True)
        if most is not None
    ]


def _week(now: datetime, *, today: datetime) -> datetime:
    return min(today, now - timedelta(days=7) + JITTER)


def held_back(*, now: datetime) -> Q | None:
    """A condition that is true of messages that must not leave now: paused, or offers by SMS outside their hours. None: nothing."""
    what = held(now=now)
    if what is None:
        return None
    if what.everything:
        return Q(id__isnull=False)
    condition = Q(pk__in=())
    if what.methods:
        condition |= Q(method__in=what.methods)
    if what.types:
        condition |= Q(notification_type__in=what.types)
    for campaign in what.campaigns:
        # What belongs to no campaign would be neither in nor out without the first two: null is not false.
        condition |= Q(metadata__has_key="campaign") & ~Q(metadata__campaign=None) & Q(metadata__campaign=campaign)
    if what.silent_methods and what.offers:
        condition |= Q(method__in=what.silent_methods, notification_type__in=what.offers) & ~Q(metadata__has_key=ANY_HOUR)
    return condition


def held_sql(*, now: datetime, asked: CursorWrapper | None = None) -> tuple[str, list[str]] | None:
    """The same as `held_back` in SQL, of a row of core_notificationlog that goes by `n`: true or false, and never null."""
    what = held(now=now, asked=asked)
    if what is None:
        return None
    if what.everything:
        return "(1 = 1)", []
    postgresql = connection.vendor == "postgresql"
    either: list[str] = []
    values: list[str] = []
    for column, names in (("n.method", what.methods), ("n.notification_type", what.types)):
        if names:
            either.append(f"{column} IN ({_marks(names)})")
            values += names
    if what.campaigns:
        campaign = "n.metadata->'campaign'" if postgresql else "json_extract(n.metadata, '$.campaign')"
        one = "to_jsonb(%s::text)" if postgresql else "%s"
        either.append(f"COALESCE({campaign} IN ({_marks(what.campaigns, one)}), {'false' if postgresql else '0'})")
        values += what.campaigns
    if what.silent_methods and what.offers:
        any_hour = "jsonb_exists(n.metadata, %s)" if postgresql else "json_type(n.metadata, '$.' || %s) IS NOT NULL"
        either.append(
            f"(n.method IN ({_marks(what.silent_methods)}) AND n.notification_type IN ({_marks(what.offers)}) AND NOT ({any_hour}))"
        )
        values += [*what.silent_methods, *what.offers, ANY_HOUR]
    return (f"({' OR '.join(either)})" if either else "(1 = 0)"), values


def _marks(names: Collection[str], one: str = "%s") -> str:
    return ", ".join([one] * len(names))


def is_paused(scope: str, name: str) -> bool:
    """Whether a campaign, type or method is switched off, by itself or with everything."""
    return Switch.objects.filter(Q(scope=Switch.Scope.ALL) | Q(scope=scope, name=name), is_paused=True).exists()

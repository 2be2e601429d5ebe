"""How long alerts wait: from their opening until somebody acknowledges, and until they are resolved; by type, person and week.

It is read from the events. An alert that opens again is counted again: each opening begins an episode, which ends when it is
resolved. What is still open, and what nobody acknowledged, has no time yet: it is counted by itself, neither as 0 nor not at all.
One statement, whatever there is; the same on both databases.
"""

# ruff: noqa: S608  (the statement is put together from names of our own; every value is a parameter)

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models import QuerySet

from core import clock
from core.alerts.priority import alert_priority
from core.models import AlertEvent, BusinessAlert, User

BY = ("type", "person", "week")
WEEK = timedelta(days=7)
MOST_WEEKS = 54

# What is counted; the first two have times.
ACKNOWLEDGED, RESOLVED = "acknowledged", "resolved"
UNACKNOWLEDGED, OPEN, NEVER_ACKNOWLEDGED = "open and unacknowledged", "open", "resolved unacknowledged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Of one group: how many episodes, and of their times the median and the one that nine of ten keep within.

    `type`, `person` and `week` (its Monday) are empty where it is not grouped by them. `who` is "people" or "system",
    empty where nobody has done anything; what the system resolved has no person. `median` and `p90` are None without a time.
    """

    what: str
    who: str
    type: str
    person: str
    week: date | None
    count: int
    median: timedelta | None
    p90: timedelta | None


def response_times(
    since: date, until: date, *, by: Collection[str] = ("type",), types: Collection[str] | None = None, from_monday: bool = True
) -> list[Line]:
    """The episodes that began on these business days, both included, grouped by some of BY.

    Percentiles are interpolated, as PostgreSQL's percentile_cont. An episode belongs to the week it began in; a time to
    acknowledge to the person who first did, a time to resolve to the one who resolved. `types` leaves out all others. Weeks begin on
    Mondays; with `from_monday` False they are the seven days from `since` on, and so forth, each called by its first day.
    Raises ValueError for a range that is empty or longer than a year and a bit, and for an unknown group.
    """
    unknown = set(by) - set(BY)
    if unknown:
        raise ValueError(f"by: there is no {', '.join(sorted(unknown))}; there are {', '.join(BY)}.")
    weeks = list(_weeks(since, until, since - timedelta(days=since.weekday()) if from_monday else since))
    if not 0 < len(weeks) <= MOST_WEEKS:
        raise ValueError(f"until: the range must have 1 to {MOST_WEEKS} weeks, and this one has {len(weeks)}.")
    statement, values = _statement(weeks, by, types)
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return [_line(row) for row in cursor.fetchall()]


LINE_COLUMNS = ("what", "who", "type", "person", "week", "count", "median_minutes", "p90_minutes")
ALERT_COLUMNS = (
    "id", "type", "severity", "status", "title", "region", "items", "rupees_at_risk", "priority", "oldest_since", "created_at",
    "acknowledged_at", "acknowledged_by", "assigned_to", "resolved_at", "resolved_by", "resolution_notes", "times_reopened",
)  # fmt: skip


def lines_as_rows(lines: Sequence[Line]) -> Iterator[tuple[Any, ...]]:
    """For a file, with LINE_COLUMNS; times in minutes."""
    for line in lines:
        yield line.what, line.who, line.type, line.person, line.week, line.count, _minutes(line.median), _minutes(line.p90)


def alerts_as_rows(alerts: QuerySet[BusinessAlert], *, now: datetime) -> Iterator[tuple[Any, ...]]:
    """Alerts for a file, with ALERT_COLUMNS, read in chunks: a hundred thousand take no more memory than ten."""
    people = ("acknowledged_by", "assigned_to", "resolved_by")
    for alert in alerts.select_related(*people).iterator(chunk_size=1_000):
        acknowledged_by, assigned_to, resolved_by = (str(getattr(alert, name) or "") for name in people)
        yield (
            str(alert.pk), alert.alert_type, alert.severity, alert.status, alert.title, alert.region, alert.item_count,
            alert.rupees_at_risk, round(alert_priority(alert, now=now)) if alert.is_open else None, alert.oldest_since, alert.created_at,
            alert.acknowledged_at, acknowledged_by, assigned_to, alert.resolved_at, resolved_by, alert.resolution_notes,
            alert.reopened_count,
        )  # fmt: skip


def _minutes(time: timedelta | None) -> Decimal | None:
    return None if time is None else Decimal(str(round(time.total_seconds() / 60, 1)))


def last_two_weeks(today: date, *, by: Collection[str], types: Collection[str] | None = None) -> tuple[date, date, list[Line]]:
    """The last seven days, today among them, beside the seven before: the first day of each, and the lines of both, by week as well.

    A week by the calendar would have nothing to say on a Monday morning.
    """
    this = today - WEEK + timedelta(days=1)
    return this, this - WEEK, response_times(this - WEEK, today, by=(*by, "week"), types=types, from_monday=False)


def _weeks(since: date, until: date, first: date) -> Iterator[tuple[date, datetime, datetime]]:
    """The weeks of the range: first day, first moment and end, cut to the range. In the business time zone, which no database knows."""
    while first <= until:
        begins, ends = max(first, since), min(first + WEEK, until + timedelta(days=1))
        if begins < ends:
            yield first, clock.day_start(begins), clock.day_start(ends)
        first += WEEK


def _line(row: Sequence[Any]) -> Line:
    what, who, kind, username, first, last, week, count, median, p90 = row
    person = f"{first} {last}".strip() or username if username else ""
    return Line(
        what=what,
        who=who or "",
        type=kind or "",
        person=person,
        week=date.fromisoformat(week) if week else None,
        count=count,
        median=_time(median),
        p90=_time(p90),
    )


def _time(seconds: Any) -> timedelta | None:
    """To the millisecond, which is as exact as SQLite's days are."""
    return None if seconds is None else timedelta(seconds=round(float(seconds), 3))


# What happened to alerts, in order, but for what was undone, which is the last step before its undoing. One whose opening was
# never written down (made by hand, or imported) opened when it was created, and its columns say the rest.
_STEPS = """
happened AS (
    SELECT alert_id, at, place, kind, actor_id, LEAD(kind) OVER (PARTITION BY alert_id ORDER BY at, place) AS next_kind FROM (
        SELECT alert_id, at, kind, actor_id,
            CASE kind WHEN 'opened' THEN 0 WHEN 'acknowledged' THEN 1 WHEN 'resolved' THEN 2 WHEN 'undone' THEN 4 ELSE 3 END AS place
        FROM {event}
        WHERE kind IN ('opened', 'acknowledged', 'resolved', 'reopened', 'assigned', 'snoozed', 'ignored', 'undone')
    ) AS e
), steps (alert_id, at, place, step, actor_id) AS (
    SELECT alert_id, at, place, CASE kind WHEN 'reopened' THEN 'opened' ELSE kind END, actor_id FROM happened
    WHERE kind IN ('opened', 'acknowledged', 'resolved', 'reopened') AND COALESCE(next_kind, '') <> 'undone'
    UNION ALL SELECT id, created_at, 0, 'opened', CAST(NULL AS BIGINT) FROM {alert} a WHERE {unwritten}
    UNION ALL SELECT id, acknowledged_at, 1, 'acknowledged', acknowledged_by_id FROM {alert} a
        WHERE acknowledged_at IS NOT NULL AND {unwritten} AND {no_step}
    UNION ALL SELECT id, resolved_at, 2, 'resolved', resolved_by_id FROM {alert} a
        WHERE resolved_at IS NOT NULL AND {unwritten} AND {no_step}
)"""
# An episode ends with a resolution: its number is how many there were before. Of each step the first counts, so an alert that
# was reopened without having been resolved (it was ignored) goes on with its episode.
_EPISODES = """
numbered AS (
    SELECT alert_id, at, place, step, actor_id, COALESCE(SUM(CASE step WHEN 'resolved' THEN 1 ELSE 0 END) OVER (
        PARTITION BY alert_id ORDER BY at, place ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS episode
    FROM steps
), firsts AS (
    SELECT *, ROW_NUMBER() OVER (PARTITION BY alert_id, episode, step ORDER BY at, place) AS nth FROM numbered
), episodes AS (
    SELECT alert_id, MAX(CASE step WHEN 'opened' THEN at END) AS opened_at,
        MAX(CASE step WHEN 'acknowledged' THEN at END) AS acknowledged_at,
        MAX(CASE step WHEN 'acknowledged' THEN actor_id END) AS acknowledged_by,
        MAX(CASE step WHEN 'resolved' THEN at END) AS resolved_at, MAX(CASE step WHEN 'resolved' THEN actor_id END) AS resolved_by
    FROM firsts WHERE nth = 1 GROUP BY alert_id, episode
), dated AS (
    SELECT e.*, a.alert_type, w.week FROM episodes e JOIN {alert} a ON a.id = e.alert_id
    JOIN weeks w ON e.opened_at >= w.begins AND e.opened_at < w.ends{of_types}
)"""
_SAMPLES = """
samples (what, who, alert_type, person_id, week, seconds) AS (
    SELECT 'acknowledged', 'people', alert_type, acknowledged_by, week, {to_acknowledge} FROM dated WHERE acknowledged_at IS NOT NULL
    UNION ALL SELECT 'resolved', CASE WHEN resolved_by IS NULL THEN 'system' ELSE 'people' END, alert_type, resolved_by, week, {to_resolve}
        FROM dated WHERE resolved_at IS NOT NULL
    UNION ALL SELECT 'open', NULL, alert_type, CAST(NULL AS BIGINT), week, NULL FROM dated WHERE resolved_at IS NULL
    UNION ALL SELECT 'open and unacknowledged', NULL, alert_type, NULL, week, NULL FROM dated
        WHERE resolved_at IS NULL AND acknowledged_at IS NULL
    UNION ALL SELECT 'resolved unacknowledged', NULL, alert_type, NULL, week, NULL FROM dated
        WHERE resolved_at IS NOT NULL AND acknowledged_at IS NULL
)"""
# The share that each time has in a percentile p of n sorted ones: 1 at the place p × (n - 1), falling to 0 one place beside it.
_PERCENTILE = "SUM(CASE WHEN ABS(nth - 1 - {p} * (n - 1)) < 1 THEN seconds * (1 - ABS(nth - 1 - {p} * (n - 1))) END)"


def _statement(
    weeks: Sequence[tuple[date, datetime, datetime]], by: Collection[str], types: Collection[str] | None
) -> tuple[str, list[Any]]:
    is_postgresql = connection.vendor == "postgresql"
    alert, event, person = (model._meta.db_table for model in (BusinessAlert, AlertEvent, User))
    moment = AlertEvent._meta.get_field("at")
    week = "(%s, %s::timestamptz, %s::timestamptz)" if is_postgresql else "(%s, %s, %s)"
    values: list[Any] = []
    for monday, *bounds in weeks:
        values += [monday.isoformat(), *(moment.get_db_prep_value(bound, connection) for bound in bounds)]
    of_types = "" if types is None else f" WHERE a.alert_type IN ({', '.join(['%s'] * len(types)) or 'NULL'})"
    seconds = "EXTRACT(EPOCH FROM {later} - opened_at)" if is_postgresql else "((julianday({later}) - julianday(opened_at)) * 86400.0)"
    unwritten = f"NOT EXISTS (SELECT 1 FROM {event} o WHERE o.alert_id = a.id AND o.kind = 'opened')"
    # Nothing of its life was written down: then, and only then, the columns are all there is.
    no_step = f"NOT EXISTS (SELECT 1 FROM {event} o WHERE o.alert_id = a.id AND o.kind IN ('acknowledged', 'resolved'))"
    keys = [
        column if name in by else f"{empty} AS {column}"
        for name, column, empty in (
            ("type", "alert_type", "CAST(NULL AS VARCHAR(40))"),
            ("person", "person_id", "CAST(NULL AS BIGINT)"),
            ("week", "week", "CAST(NULL AS VARCHAR(10))"),
        )
    ]
    group = ", ".join(["what", "who", *(c for n, c in (("type", "alert_type"), ("person", "person_id"), ("week", "week")) if n in by)])
    chosen = ", ".join(keys)
    median, p90 = (_PERCENTILE.format(p=p) for p in ("0.5", "0.9"))
    statement = (
        f"WITH weeks (week, begins, ends) AS (VALUES {', '.join([week] * len(weeks))}),"
        + _STEPS.format(event=event, alert=alert, unwritten=unwritten, no_step=no_step)
        + ","
        + _EPISODES.format(alert=alert, of_types=of_types)
        + ","
        + _SAMPLES.format(to_acknowledge=seconds.format(later="acknowledged_at"), to_resolve=seconds.format(later="resolved_at"))
        + f", ranked AS (SELECT what, who, {chosen}, seconds, ROW_NUMBER() OVER (PARTITION BY {group} ORDER BY seconds) AS nth, "
        f"COUNT(*) OVER (PARTITION BY {group}) AS n FROM samples), "
        f"lines AS (SELECT what, who, alert_type, person_id, week, COUNT(*) AS n, {median} AS median, {p90} AS p90 "
        "FROM ranked GROUP BY what, who, alert_type, person_id, week) "
        "SELECT l.what, l.who, l.alert_type, u.username, u.first_name, u.last_name, l.week, l.n, l.median, l.p90 "
        f"FROM lines l LEFT JOIN {person} u ON u.id = l.person_id "
        "ORDER BY COALESCE(l.week, ''), COALESCE(l.alert_type, ''), l.what, COALESCE(l.who, ''), COALESCE(u.username, '')"
    )
    return statement, [*values, *(types or ())]

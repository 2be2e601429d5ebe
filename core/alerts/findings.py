"""What a check finds, as a relation that the database can read: the check's own SELECT, or a temporary table of it.

A SELECT is first only compared with what is open: an unchanged problem of a hundred thousand items is one statement, and
nothing is written. When something has changed it is kept in the temporary table, so that what is counted and what is written are
the same. What Python finds is streamed into that table, one statement for each 2,000.
"""

# ruff: noqa: S608  (the statements are put together from names of our own; every value is a parameter)

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models import QuerySet

from core import bulk
from core.alerts.check import RANK, Finding, Row
from core.models import AlertItem
from core.models.fields import new_id

STAGED = "alert_findings"
FIELDS = ("object_type", "object_id", "label", "since", "severity", "rupees", "pincode")
COLUMNS = ("id", *FIELDS)
ITEMS = AlertItem._meta.db_table
# What makes an open item another one than what was found of it.
DIFFERS = (
    "i.severity <> f.severity OR i.since <> f.since OR i.label <> f.label OR i.pincode <> f.pincode "
    "OR COALESCE(i.rupees, -1) <> COALESCE(f.rupees, -1)"
)


@dataclass(frozen=True, slots=True)
class Standing:
    """An open alert that findings are compared with, and how many of its items are open."""

    alert_id: Any
    heard_at: datetime | None
    open_items: int


@dataclass(frozen=True, slots=True)
class Compared:
    """What was found, beside the open items of one alert: how many are new, otherwise than before, or gone, and how
    many of the known ones nobody has been told of yet."""

    alert_id: Any
    new: int
    new_critical: int
    changed: int
    gone: int
    unheard: int
    unheard_critical: int


@dataclass(frozen=True, slots=True)
class Found:
    """What was found, in sum. `rupees` is None when nothing found has a price."""

    count: int
    critical: int
    rupees: Decimal | None
    oldest: datetime | None
    severity: str
    compared: Compared | None = None

    @property
    def is_known(self) -> bool:
        """Whether the open items of a standing alert are exactly these."""
        return self.compared is not None and not (self.compared.new or self.compared.changed or self.compared.gone)


@contextmanager
def staged(
    found: Iterable[Finding] | QuerySet[Any, Row], *, regions: Sequence[str] = (), standing: Mapping[str, Standing] | None = None
) -> Iterator[dict[str, Found]]:
    """What was found by region (the longest of `regions` that begins its pincode, else ""), while `items.merge` may be called.

    Compared with what stands by region. Needs a transaction, in which an error leaves nothing behind. A thing found twice
    counts once.
    """
    narrowest_first = sorted(regions, key=len, reverse=True)
    against = standing or {}
    if isinstance(found, QuerySet):
        source, values = _select(found, narrowest_first)
        if against:
            known = _compare(f"({source})", values, against)
            if all(each.is_known for each in known.values()):
                yield known
                return
        with connection.cursor() as cursor:
            cursor.execute(_table())
            new, new_values = _fresh_id()
            cursor.execute(
                f"INSERT INTO {STAGED} (id, {', '.join(FIELDS)}, region) SELECT {new}, f.* FROM ({source}) AS f "
                "WHERE true ON CONFLICT DO NOTHING",
                [*new_values, *values],
            )
    else:
        with connection.cursor() as cursor:
            cursor.execute(_table())
            for batch in bulk.batches(found):
                rows = [_row(each, next((r for r in narrowest_first if each.pincode.startswith(r)), "")) for each in batch]
                cursor.execute(_insert(), [json.dumps(rows, ensure_ascii=False, separators=(",", ":"))])
    yield _compare(STAGED, [], against)
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE {STAGED}")


def _select(found: QuerySet[Any, Row], narrowest_first: Sequence[str]) -> tuple[str, list[Any]]:
    """The check's SELECT with its columns named, and the region of each row."""
    sql, values = found.query.get_compiler(connection=connection, elide_empty=False).as_sql()
    cases = "".join(" WHEN pincode LIKE %s THEN %s" for _ in narrowest_first)
    region = f"CASE{cases} ELSE '' END" if cases else "''"
    regions = [part for region in narrowest_first for part in (f"{region}%", region)]
    names = ", ".join(FIELDS)
    return f"WITH s ({names}) AS ({sql}) SELECT {names}, {region} AS region FROM s", [*values, *regions]


def _compare(source: str, values: Sequence[Any], standing: Mapping[str, Standing]) -> dict[str, Found]:
    """By region. Money is summed in paise: SQLite keeps decimals as floating point, whose sums drift."""
    rank = "CASE f.severity " + " ".join(f"WHEN '{severity}' THEN {rank}" for severity, rank in RANK.items()) + " END"
    severities = {rank: severity for severity, rank in RANK.items()}
    is_critical = "CASE f.severity WHEN 'critical' THEN 1 ELSE 0 END"
    # Just after many rows were written, PostgreSQL takes an alert for a small one, and would compare every item with every
    # finding. A full join it can only do by hashing or sorting. SQLite goes by the constraint `one_open_item_per_object`.
    join = "FULL JOIN" if connection.vendor == "postgresql" else "LEFT JOIN"
    items, item_values = _open_items(standing)
    sql = (
        f"SELECT f.region, COUNT(*), SUM({is_critical}), SUM(CAST(ROUND(f.rupees * 100) AS BIGINT)), MIN(f.since), MAX({rank}), "
        f"SUM(CASE WHEN i.id IS NULL THEN 1 ELSE 0 END), SUM(CASE WHEN i.id IS NULL THEN {is_critical} ELSE 0 END), "
        f"SUM(CASE WHEN {DIFFERS} THEN 1 ELSE 0 END), SUM(COALESCE(i.unheard, 0)), SUM(COALESCE(i.unheard, 0) * ({is_critical})) "
        f"FROM {source} AS f {join} ({items}) AS i "
        "ON i.region = f.region AND i.object_type = f.object_type AND i.object_id = f.object_id GROUP BY f.region"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [*values, *item_values])
        rows = [row for row in cursor.fetchall() if row[0] is not None]
    return {
        region: Found(
            count=count,
            critical=critical,
            rupees=None if paise is None else Decimal(paise) / 100,
            oldest=_moment(oldest),
            severity=severities[worst],
            compared=_compared(standing.get(region), count, *known),
        )
        for region, count, critical, paise, oldest, worst, *known in rows
    }


def _compared(
    against: Standing | None, count: int, new: int, new_critical: int, changed: int, unheard: int, unheard_critical: int
) -> Compared | None:
    if against is None:
        return None
    gone = against.open_items - (count - new)
    return Compared(against.alert_id, new, new_critical, changed, gone, unheard, unheard_critical)


def _open_items(standing: Mapping[str, Standing]) -> tuple[str, list[Any]]:
    """The open items of what stands, each with its alert's region and whether nobody has been told of it yet."""
    key_type, moment_type = ("::uuid", "::timestamptz") if connection.vendor == "postgresql" else ("", "")
    regions, heard, values = "", "", []
    ids = [stored("alert", each.alert_id) for each in standing.values()]
    for pk, region in zip(ids, standing, strict=True):
        regions += f" WHEN %s{key_type} THEN %s"
        values += [pk, region]
    for pk, each in zip(ids, standing.values(), strict=True):
        heard += f" WHEN alert_id = %s{key_type} AND first_seen_at > %s{moment_type} THEN 1"
        values += [pk, stored("first_seen_at", each.heard_at)]
    listed = ", ".join([f"%s{key_type}"] * len(ids)) or "NULL"
    region, unheard = (f"CASE alert_id{regions} END", f"CASE{heard} ELSE 0 END") if ids else ("NULL", "0")
    sql = (
        f"SELECT {', '.join(COLUMNS)}, {region} AS region, {unheard} AS unheard "
        f"FROM {ITEMS} WHERE alert_id IN ({listed}) AND cleared_at IS NULL"
    )
    return sql, [*values, *ids]


def stored(field: str, value: Any) -> Any:
    """A value of an item as the database takes it from a statement of our own."""
    return AlertItem._meta.get_field(field).get_db_prep_value(value, connection)  # type: ignore[union-attr]


def _row(finding: Finding, region: str) -> list[Any]:
    since = str(finding.since if connection.vendor == "postgresql" else finding.since.astimezone(UTC).replace(tzinfo=None))
    rupees = None if finding.rupees is None else str(finding.rupees)
    label = finding.label[:200]
    return [new_id().hex, finding.object_type, finding.object_id, label, since, finding.severity, rupees, finding.pincode, region]


def _types() -> dict[str, str]:
    """The staged columns with the types of the items' own; `region` like `pincode`, of which it is a part."""
    types = {column: str(AlertItem._meta.get_field(column).db_type(connection)) for column in COLUMNS}
    return types | {"region": types["pincode"]}


def _table() -> str:
    columns = ", ".join(f"{column} {db_type}" for column, db_type in _types().items())
    tail = "" if connection.vendor == "postgresql" else " WITHOUT ROWID"
    return f"CREATE TEMPORARY TABLE {STAGED} ({columns}, PRIMARY KEY (object_type, object_id)){tail}"


def _insert() -> str:
    types = _types()
    if connection.vendor == "postgresql":
        values = ", ".join(f"(r->>{position})::{db_type}" for position, db_type in enumerate(types.values()))
        source = f"SELECT {values} FROM json_array_elements(%s::json) AS r"
    else:
        values = ", ".join(f"json_extract(r.value, '$[{position}]')" for position in range(len(types)))
        source = f"SELECT {values} FROM json_each(%s) AS r WHERE true"
    return f"INSERT INTO {STAGED} ({', '.join(types)}) {source} ON CONFLICT DO NOTHING"


def _fresh_id() -> tuple[str, list[str]]:
    """An expression for an identifier of version 7, as `new_id` makes them, so that rows made in the database lie in order too."""
    stamp = f"{time.time_ns() // 1_000_000:012x}"
    if connection.vendor == "postgresql":
        return "overlay(gen_random_uuid()::text placing %s from 1 for 15)::uuid", [f"{stamp[:8]}-{stamp[8:]}-7"]
    return "%s || substr(hex(randomblob(2)), 2) || '8' || substr(hex(randomblob(8)), 2)", [f"{stamp}7"]


def _moment(value: datetime | str) -> datetime:
    """A time as the database gives it: SQLite's is text, without its zone."""
    return datetime.fromisoformat(value).replace(tzinfo=UTC) if isinstance(value, str) else value

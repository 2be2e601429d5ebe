"""Many rows in one statement, with a word on conflicts: what `bulk_create` cannot say on a partial unique constraint.

The statement's text does not depend on how many rows there are. On PostgreSQL each column travels as one array, and the
server reads the values as the column's type (half the time of JSON, and no slower than COPY into a temporary table). SQLite
has no way to send, so it is given the rows one after the other; where it is asked which rows it took, as one JSON text.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from itertools import islice
from typing import Any, TypeVar
from uuid import UUID

from django.db import connection, models

T = TypeVar("T")

# Rows a statement. Enough that the statement's own cost vanishes, few enough to hold in memory.
BATCH = 2_000


def batches(rows: Iterable[T], size: int = BATCH) -> Iterator[list[T]]:
    """The rows in lists of at most `size`, reading no further ahead than one list."""
    iterator = iter(rows)
    while batch := list(islice(iterator, size)):
        yield batch


def insert(
    model: type[models.Model], fields: Sequence[str], rows: Iterable[Sequence[Any]], *, conflict: str = "NOTHING", returning: str = ""
) -> list[Any]:
    """Insert the rows in statements of BATCH, each its own; the caller brings the transaction.

    `fields` are the model's field names, in the order of the values of each row; a value is of the field's type or its
    text (a UUID's hexadecimal digits), and a JSONField's is made by `json_text`. `conflict` is what follows ON CONFLICT
    (… DO is supplied where it is only NOTHING). `returning` is a field: its values in the rows that were really
    inserted or updated are returned. Model defaults are not applied.
    """
    answered: list[Any] = []
    with connection.cursor() as cursor:
        for batch in batches(rows):
            _execute(cursor, model, tuple(fields), batch, conflict, returning)
            if returning:
                answered.extend(row[0] for row in cursor.fetchall())
    if returning:
        from_db = model._meta.get_field(returning).to_python  # type: ignore[union-attr]
        return [from_db(value) for value in answered]
    return answered


def written(model: type[models.Model], fields: Sequence[str], rows: Iterable[Sequence[Any]], *, conflict: str) -> int:
    """As `insert`, but returns how many rows were really inserted or updated."""
    count = 0
    with connection.cursor() as cursor:
        for batch in batches(rows):
            _execute(cursor, model, tuple(fields), batch, conflict, "")
            count += cursor.rowcount
    return count


def update_on(target: str, columns: Iterable[str], *, where: str = "") -> str:
    """An ON CONFLICT clause that overwrites the columns with the new row's: `(id) DO UPDATE SET …`."""
    sets = ", ".join(f'"{column}" = excluded."{column}"' for column in columns)
    return f"{target} DO UPDATE SET {sets}" + (f" WHERE {where}" if where else "")


def differs(table: str, columns: Iterable[str]) -> str:
    """A condition for `update_on`: one of the columns has another value, so that an equal row is not written again."""
    unlike = "IS DISTINCT FROM" if connection.vendor == "postgresql" else "IS NOT"
    return " OR ".join(f'"{table}"."{column}" {unlike} excluded."{column}"' for column in columns)


def lookup(model: type[models.Model], field: str, keys: Iterable[Any], answer: str) -> list[tuple[Any, Any]]:
    """(`field`, `answer`) of the rows whose `field` is one of the keys, by one statement; UUIDs as their hexadecimal digits."""
    key, value = (str(model._meta.get_field(name).column) for name in (field, answer))  # type: ignore[union-attr]
    select = f'SELECT "{key}", "{value}" FROM "{model._meta.db_table}" WHERE "{key}" '
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"{select} = ANY(%s::{_db_type(model._meta.get_field(field))}[])", [_array(keys)])
        else:
            cursor.execute(f"{select} IN (SELECT value FROM json_each(%s))", [json.dumps(list(keys), default=_plain, ensure_ascii=False)])
        return [(_digits(known), _digits(found)) for known, found in cursor.fetchall()]


def _digits(value: Any) -> Any:
    return value.hex if type(value) is UUID else value


def json_text(value: Any) -> str:
    """The form in which a JSONField's value is handed to `insert`."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _execute(
    cursor: Any, model: type[models.Model], fields: tuple[str, ...], batch: list[Sequence[Any]], conflict: str, returning: str
) -> None:
    statement = _statement(model, fields, conflict, returning, connection.vendor)
    if connection.vendor == "postgresql":
        cursor.execute(statement, [_array(values) for values in zip(*batch, strict=True)])
    elif returning:
        cursor.execute(statement, [json.dumps(batch, default=_plain, ensure_ascii=False, separators=(",", ":"))])
    else:
        cursor.executemany(statement, [[_plain(value) if type(value) in _NOT_PLAIN else value for value in row] for row in batch])


@lru_cache(maxsize=64)
def _statement(model: type[models.Model], names: tuple[str, ...], conflict: str, returning: str, vendor: str) -> str:
    fields = [model._meta.get_field(name) for name in names]
    into = ", ".join(f'"{field.column}"' for field in fields)  # type: ignore[union-attr]
    clause = "DO NOTHING" if conflict == "NOTHING" else conflict
    tail = f' RETURNING "{model._meta.get_field(returning).column}"' if returning else ""  # type: ignore[union-attr]
    if vendor == "postgresql":
        arrays = ", ".join(f"%s::{_db_type(field)}[]" for field in fields)
        source = f"SELECT * FROM unnest({arrays})"
    elif returning:
        values = ", ".join(f"json_extract(r.value, '$[{position}]')" for position in range(len(fields)))
        source = f"SELECT {values} FROM json_each(%s) AS r WHERE true"
    else:
        source = f"VALUES ({', '.join(['%s'] * len(fields))})"
    return f'INSERT INTO "{model._meta.db_table}" ({into}) {source} ON CONFLICT {clause}{tail}'


def _db_type(field: Any) -> str:
    # The column's own length and precision are held when the row is inserted: as array types they would cut silently.
    return str(field.db_type(connection)).split("(")[0]


def _array(values: Iterable[Any]) -> str:
    """A PostgreSQL array in its text form."""
    return "{" + ",".join([_ELEMENT.get(type(value), _other)(value) for value in values]) + "}"


def _quoted(text: str) -> str:
    if "\\" in text or '"' in text:
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def _other(value: Any) -> str:
    if isinstance(value, str | int):  # an enumeration's member
        return _quoted(str(value.value if isinstance(value, Enum) else value))
    raise TypeError(f"{value!r} cannot be stored in bulk.")


_ELEMENT: dict[type, Callable[[Any], str]] = {
    type(None): lambda _: "NULL",
    str: _quoted,
    bool: lambda value: "t" if value else "f",
    int: str,
    float: repr,
    Decimal: str,
    datetime: datetime.isoformat,
    date: date.isoformat,
    UUID: lambda value: value.hex,
}

_NOT_PLAIN = {datetime, date, UUID, Decimal}


def _plain(value: Any) -> Any:
    """A value as SQLite keeps it; aware datetimes in UTC, as Django writes them."""
    if isinstance(value, datetime):
        return str(value.astimezone(UTC))[: -len("+00:00")] if value.tzinfo else str(value)
    if isinstance(value, UUID):
        return value.hex
    if isinstance(value, Decimal | date):
        return str(value)
    raise TypeError(f"{value!r} cannot be stored in bulk.")

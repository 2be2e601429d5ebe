"""Finding texts within texts: on PostgreSQL by trigram indexes, on SQLite by tables of its FTS5, which triggers keep true (docs/api.md)."""

from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from django.db import OperationalError, connection, models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.backends.ddl_references import Statement, Table


class TrigramIndex(models.Index):
    """Makes `icontains` and `istartswith` on these columns quick. Brings its extension along, which a database's owner may install.

    On other databases it is nothing: see `make`.
    """

    suffix = "trgm"

    def create_sql(self, model: type[models.Model], schema_editor: BaseDatabaseSchemaEditor, using: str = "", **kwargs: Any) -> Statement:
        table = Table(model._meta.db_table, schema_editor.quote_name)
        if schema_editor.connection.vendor != "postgresql":
            return Statement("SELECT 1", table=table)
        quote = schema_editor.quote_name
        # As Django writes those lookups; the operator class is what makes the index one of trigrams.
        names = [str(model._meta.get_field(name).column) for name in self.fields]  # type: ignore[union-attr]
        columns = ", ".join(f"UPPER({quote(name)}::text) gin_trgm_ops" for name in names)
        condition = self._get_condition_sql(model, schema_editor)  # type: ignore[attr-defined]
        return Statement(
            "CREATE EXTENSION IF NOT EXISTS pg_trgm; CREATE INDEX %(name)s ON %(table)s USING gin (%(columns)s)%(condition)s",
            name=quote(self.name),
            table=table,
            columns=columns,
            condition=f" WHERE {condition}" if condition else "",
        )

    def remove_sql(self, model: type[models.Model], schema_editor: BaseDatabaseSchemaEditor, **kwargs: Any) -> Any:
        if schema_editor.connection.vendor != "postgresql":
            return Statement("SELECT 1", table=Table(model._meta.db_table, schema_editor.quote_name))
        return super().remove_sql(model, schema_editor, **kwargs)


# --- SQLite -----------------------------------------------------------------------------------------------------------

# The shortest text that trigrams can find.
SHORTEST: Final = 3
# Table, the columns that are searched, and of which rows. What belongs to a cause is found by the cause's words.
SEARCHED: Final = (
    ("core_messagecontent", ("subject", "body"), ""),
    ("core_notificationlog", ("subject", "message"), "content_id IS NULL"),
)


def make(connection: BaseDatabaseWrapper) -> None:
    """On SQLite: give each searched table its words, afresh, and triggers that keep them true. A SQLite without FTS5's trigrams gets none.

    A migration that makes one of these tables anew, as Django does on SQLite to change a column, loses its triggers and calls this again.
    """
    unmake(connection)
    if connection.vendor != "sqlite":
        return
    with connection.cursor() as cursor:
        try:
            cursor.execute("CREATE VIRTUAL TABLE core_try_words USING fts5(text, tokenize='trigram')")
        except OperationalError:
            return
        cursor.execute("DROP TABLE core_try_words")
        for table, columns, of in SEARCHED:
            for statement in _statements(table, columns, of):
                cursor.execute(statement)


def unmake(connection: BaseDatabaseWrapper) -> None:
    """Take back what `make` made, if it did."""
    has_words.cache_clear()
    if connection.vendor != "sqlite":
        return
    with connection.cursor() as cursor:
        for table, _, _ in SEARCHED:
            for happening in ("insert", "update", "delete"):
                cursor.execute(f"DROP TRIGGER IF EXISTS {table}_words_{happening}")
            cursor.execute(f"DROP TABLE IF EXISTS {table}_words")
            cursor.execute(f"DROP TABLE IF EXISTS {table}_worded")


def _statements(table: str, columns: tuple[str, ...], of: str) -> list[str]:
    """SQLite's own row numbers may change when a file is packed (VACUUM), so the words have numbers of their own: `…_worded`."""
    names, new = ", ".join(columns), ", ".join(f"NEW.{name}" for name in columns)
    enter = f"INSERT INTO {table}_worded(id) SELECT NEW.id{f' WHERE NEW.{of}' if of else ''};"
    learn = f"INSERT INTO {table}_words(rowid, {names}) SELECT number, {new} FROM {table}_worded WHERE id = NEW.id;"
    forget = f"DELETE FROM {table}_words WHERE rowid = (SELECT number FROM {table}_worded WHERE id = OLD.id);"
    leave = f"DELETE FROM {table}_worded WHERE id = OLD.id;"
    fresh, old, changed = (f" WHEN NEW.{of}", f" WHEN OLD.{of}", f"{names}, content_id") if of else ("", "", names)
    trigger = f"CREATE TRIGGER {table}_words_"
    return [
        f"CREATE TABLE {table}_worded (number integer PRIMARY KEY, id char(32) NOT NULL UNIQUE)",
        f"CREATE VIRTUAL TABLE {table}_words USING fts5({names}, tokenize='trigram')",
        f"INSERT INTO {table}_worded(id) SELECT id FROM {table}{f' WHERE {of}' if of else ''} ORDER BY created_at",
        f"INSERT INTO {table}_words(rowid, {names}) SELECT number, {names} FROM {table}_worded JOIN {table} USING (id)",
        f"{trigger}insert AFTER INSERT ON {table}{fresh} BEGIN {enter} {learn} END",
        f"{trigger}delete AFTER DELETE ON {table}{old} BEGIN {forget} {leave} END",
        f"{trigger}update AFTER UPDATE OF {changed} ON {table} BEGIN {forget} {leave} {enter} {learn} END",
    ]


@lru_cache(maxsize=8)
def has_words(database: str) -> bool:  # noqa: ARG001  (each database has its own answer, asked for once)
    """Whether this SQLite database has tables of words."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM sqlite_master WHERE name = 'core_messagecontent_words'")
        return cursor.fetchone() is not None


def holding(model: type[models.Model], term: str, *, most: int) -> list[UUID] | None:
    """The ids of the rows whose words hold the term, those last entered first, one more than `most` at most.

    A term of one or two letters has no trigram: for it, the words are read, of rows that have some of their own.
    None: they cannot be looked up here, and have to be read where they are.
    """
    if connection.vendor != "sqlite" or not has_words(str(connection.settings_dict["NAME"])):
        return None
    table = model._meta.db_table
    if len(term) >= SHORTEST:
        found, asked = f"{table}_words MATCH %s", ['"' + term.replace('"', '""') + '"']
    else:
        columns = next(columns for name, columns, _ in SEARCHED if name == table)
        found = " OR ".join(f"{table}_words.{column} LIKE %s ESCAPE '\\'" for column in columns)
        asked = [f"%{connection.ops.prep_for_like_query(term)}%"] * len(columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT w.id FROM {table}_words JOIN {table}_worded w ON w.number = {table}_words.rowid WHERE {found}"
            f" ORDER BY {table}_words.rowid DESC LIMIT %s",
            [*asked, most + 1],
        )
        return [UUID(found) for (found,) in cursor.fetchall()]


# --- People -------------------------------------------------------------------------------------------------------------

NAMES: Final = ("username", "first_name", "last_name", "email", "phone")


def make_names(connection: BaseDatabaseWrapper) -> None:
    """On SQLite: an index for the beginning of each name. PostgreSQL has its trigrams (`User.Meta`)."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            for name in NAMES:
                cursor.execute(f"CREATE INDEX IF NOT EXISTS core_user_begins_{name} ON core_user ({name} COLLATE NOCASE)")


def unmake_names(connection: BaseDatabaseWrapper) -> None:
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            for name in NAMES:
                cursor.execute(f"DROP INDEX IF EXISTS core_user_begins_{name}")


def beginning(term: str, *, most: int) -> tuple[str, list[Any]]:
    """The statement, and its values, for the ids of people one of whose names begins with the term, in any case; `most` at most."""
    begins = f"{connection.ops.prep_for_like_query(term)}%"
    if connection.vendor == "sqlite":
        # Each by its own index, and no further than needed.
        each = (f"SELECT * FROM (SELECT id FROM core_user WHERE {name} LIKE %s ESCAPE '\\' LIMIT {most})" for name in NAMES)
        return f"{' UNION '.join(each)} LIMIT {most}", [begins] * len(NAMES)
    # As Django writes `istartswith`, which the index is made for.
    each = (f"UPPER({name}::text) LIKE UPPER(%s)" for name in NAMES)
    return f"SELECT id FROM core_user WHERE {' OR '.join(each)} LIMIT {most}", [begins] * len(NAMES)

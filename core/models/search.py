"""An index for finding texts within texts, on PostgreSQL. SQLite reads the rows: see docs/api.md."""

from typing import Any

from django.db import models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.backends.ddl_references import Statement, Table


class TrigramIndex(models.Index):
    """Makes `icontains` and `istartswith` on these columns quick. Brings its extension along, which a database's owner may install.

    On other databases it is nothing.
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

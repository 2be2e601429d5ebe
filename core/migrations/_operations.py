"""What several migrations do: an index on a table that may hold millions of rows."""

from django.db import migrations


class AddIndex(migrations.AddIndex):
    """Locks no writer out where the database can do without. Not within a transaction: the migration says `atomic = False`.

    A build that was broken off leaves an index behind that is not valid; it is built afresh when the migration runs again.
    """

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        if schema_editor.connection.vendor != "postgresql":
            super().database_forwards(app_label, schema_editor, from_state, to_state)
            return
        model = to_state.apps.get_model(app_label, self.model_name)
        if self.allow_migrate_model(schema_editor.connection.alias, model):
            schema_editor.execute(f'DROP INDEX CONCURRENTLY IF EXISTS "{self.index.name}"')
            schema_editor.add_index(model, self.index, concurrently=True)

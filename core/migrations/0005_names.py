"""On SQLite, people are found by the beginning of a name (core.models.search)."""

from django.db import migrations

from core.models import search


def find_names(apps, schema_editor):
    search.make_names(schema_editor.connection)


def find_no_names(apps, schema_editor):
    search.unmake_names(schema_editor.connection)


class Migration(migrations.Migration):
    dependencies = [("core", "0004_kept_totals")]

    operations = [migrations.RunPython(find_names, find_no_names, elidable=False)]

"""Each filter of the log gets an index in the log's own order; on SQLite, texts can be found by what they hold (core.models.search).

On PostgreSQL the indexes are built while the log is read and written: it may hold millions of rows.
"""

from django.db import migrations, models

from core.migrations._operations import AddIndex
from core.models import search


def _made(name, *fields, **more):
    return AddIndex(model_name="notificationlog", index=models.Index(fields=fields, name=name, **more))


def _gone(name):
    return migrations.RemoveIndex(model_name="notificationlog", name=name)


def find_texts(apps, schema_editor):
    search.make(schema_editor.connection)


def find_no_texts(apps, schema_editor):
    search.unmake(schema_editor.connection)


class Migration(migrations.Migration):
    # An index is not built concurrently within a transaction.
    atomic = False

    dependencies = [("core", "0001_initial")]

    operations = [
        _made("notification_kind", "notification_type", "created_at", "id", "status", "method"),
        _made("notification_method", "method", "created_at", "id"),
        _made("notification_status", "status", "created_at", "id"),
        _made(
            "notification_went_wrong", "status", "created_at", "id", "notification_type", "method", condition=models.Q(status="failed")
        ),
        _made("notification_person", "recipient", "created_at", "id"),
        _made("notification_area", "pincode", "created_at", "id"),
        *[_gone(f"notification_{name}") for name in ("type", "recipient", "pincode", "failed")],
        migrations.RunPython(find_texts, find_no_texts, elidable=False),
    ]

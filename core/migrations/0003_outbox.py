"""What was shown in place of being sent is found among messages that were sent."""

from django.db import migrations, models

from core.migrations._operations import AddIndex


class Migration(migrations.Migration):
    # An index is not built concurrently within a transaction.
    atomic = False

    dependencies = [("core", "0002_log_filters")]

    operations = [
        AddIndex(
            model_name="notificationlog",
            index=models.Index(fields=("provider", "created_at", "id"), name="notification_outbox", condition=models.Q(provider="outbox")),
        ),
    ]

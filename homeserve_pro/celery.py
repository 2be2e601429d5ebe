"""The Celery application: `celery -A homeserve_pro worker`, `celery -A homeserve_pro beat`."""

import os

from celery import Celery
from celery.signals import beat_init
from kombu.utils.imports import symbol_by_name

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "homeserve_pro.settings")

app = Celery("homeserve_pro")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

# By name: what they import needs Django's applications, which are not there yet.
app.steps["worker"].add("homeserve_pro.beside:SendersBeside")


@beat_init.connect
def watch_beside_beat(**_: object) -> None:
    symbol_by_name("homeserve_pro.beside:watch_beside_beat")()

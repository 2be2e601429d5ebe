"""How HomeServe Pro runs: settings, tasks, servers. What it does is in `core`."""

from homeserve_pro.celery import app as celery_app

__all__ = ("celery_app",)

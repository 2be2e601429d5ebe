"""The one application: what HomeServe Pro does."""

from importlib import import_module

from django.apps import AppConfig

from core.registry import discover


class CoreConfig(AppConfig):
    name = "core"
    label = "core"
    verbose_name = "HomeServe Pro"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register what is declared: campaigns and checks come in by the same door as an extension's."""
        discover("core.messaging.campaigns")
        discover("core.alerts.checks")
        # Models can be imported from here on, and not before.
        import_module("core.audit").watch()
        import_module("core.system_checks")
        # What a worker may be asked for beside the jobs.
        import_module("core.demo.going")

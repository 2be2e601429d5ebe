"""The tables of the admin in rooms, by what one comes to do there, and its colours."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from auditlog.models import LogEntry
from axes.models import AccessAttempt
from django.contrib.auth.models import Group
from django.db.models import Model
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule
from django_celery_results.models import TaskResult
from knox.models import AuthToken

from core import models as house

ROOMS: Final[Mapping[str, tuple[type[Model], ...]]] = MappingProxyType(
    {
        "Alerts": (house.BusinessAlert, house.EscalationPolicy, house.AlertItem, house.AlertEvent),
        "Messages": (
            house.NotificationLog,
            house.MessagingRun,
            house.LeftOut,
            house.DeliveryEvent,
            house.ProviderReceipt,
            house.MessageContent,
            house.OneTimePassword,
        ),
        "What may be sent": (house.Switch, house.TypeSetting, house.Preference, house.Suppression, house.ProviderState),
        "Rules": (house.Threshold, house.TemplateVersion),
        "Marketplace": (house.Booking, house.Signature, house.Payment, house.Service, house.PincodeAnalytics),
        "Schedule": (
            PeriodicTask,
            house.ScheduleRun,
            TaskResult,
            house.JobReminder,
            CrontabSchedule,
            IntervalSchedule,
            ClockedSchedule,
            SolarSchedule,
        ),
        "People": (house.User, Group, AuthToken, AccessAttempt, house.Tries),
        "Record": (LogEntry, house.IdempotencyKey),
    }
)
# What others call their tables says little here.
NAMES: Final[Mapping[type[Model], str]] = MappingProxyType(
    {
        LogEntry: "Audit trail",
        AuthToken: "API tokens",
        AccessAttempt: "Failed logins",
        house.Tries: "Counted tries",
        house.IdempotencyKey: "Repeated requests",
        ClockedSchedule: "Single times",
        SolarSchedule: "Sunrise and sunset",
    }
)

# The pages' own blue (tokens.css, --accent), from its tint to its shade.
BLUE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "50": "oklch(97% .014 264)",
        "100": "oklch(93.5% .03 264)",
        "200": "oklch(88% .058 264)",
        "300": "oklch(80% .1 264)",
        "400": "oklch(69% .14 264)",
        "500": "oklch(57% .17 264)",
        "600": "oklch(47% .17 264)",
        "700": "oklch(41% .15 264)",
        "800": "oklch(35% .12 264)",
        "900": "oklch(30% .09 264)",
        "950": "oklch(23% .06 264)",
    }
)


def in_rooms(apps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Django's list of applications and their tables, as far as this person may see them, by room. Empty rooms are not shown."""
    tables = {table["model"]: table for app in apps for table in app["models"]}
    rooms = []
    for title, models in ROOMS.items():
        shown = [{**tables[model], "name": NAMES.get(model, tables[model]["name"])} for model in models if model in tables]
        if shown:
            rooms.append({"name": title, "app_label": title, "app_url": "", "has_module_perms": True, "models": shown})
    return rooms

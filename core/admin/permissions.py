"""Who may do what in the admin: one table, by role. What is not in it is refused (docs/rules.md, 7)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from auditlog.models import LogEntry
from axes.models import AccessAttempt
from django.contrib.auth.models import AnonymousUser, Group
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule
from django_celery_results.models import TaskResult
from knox.models import AuthToken

from core import models as house
from core.models import Role, User

# Who may open the admin at all.
STAFF: Final = (Role.SUPER_ADMIN, Role.OPS_MANAGER, Role.FINANCE)


@dataclass(frozen=True, slots=True)
class Right:
    """What a role may do with a table: always look, `change` also add, change and, where a table allows it, delete.

    `only` narrows it to the rows that match.
    """

    change: bool = False
    only: Mapping[str, Any] = field(default_factory=dict)


VIEW: Final = Right()
EDIT: Final = Right(change=True)

# What people manage. Everything else that is listed below is written by the system and only read here.
OPS_MANAGES: Final[tuple[type[Model], ...]] = (
    house.Booking,
    house.BusinessAlert,
    house.EscalationPolicy,
    house.EscalationStep,
    house.Payment,
    house.Preference,
    house.ProviderState,
    house.Service,
    house.Signature,
    house.Suppression,
    house.Switch,
    house.TypeSetting,
    PeriodicTask,
    CrontabSchedule,
    IntervalSchedule,
    ClockedSchedule,
    SolarSchedule,
)
SUPER_ADMIN_MANAGES: Final[tuple[type[Model], ...]] = (
    User,
    Group,
    AuthToken,
    AccessAttempt,
    house.Tries,
    house.Threshold,
    house.TemplateVersion,
)
RECORDS: Final[tuple[type[Model], ...]] = (
    house.AlertEvent,
    house.AlertItem,
    house.DeliveryEvent,
    house.IdempotencyKey,
    house.JobReminder,
    house.LeftOut,
    house.MessageContent,
    house.MessagingRun,
    house.NotificationLog,
    house.OneTimePassword,
    house.PincodeAnalytics,
    house.ProviderReceipt,
    house.ScheduleRun,
    LogEntry,
    TaskResult,
)

RIGHTS: Final[Mapping[str, Mapping[type[Model], Right]]] = MappingProxyType(
    {
        Role.SUPER_ADMIN: dict.fromkeys(OPS_MANAGES + SUPER_ADMIN_MANAGES, EDIT) | dict.fromkeys(RECORDS, VIEW),
        Role.OPS_MANAGER: dict.fromkeys(OPS_MANAGES, EDIT) | dict.fromkeys(SUPER_ADMIN_MANAGES + RECORDS, VIEW),
        Role.FINANCE: {
            house.Payment: VIEW,
            house.BusinessAlert: Right(only={"alert_type": "payment_hold"}),
            house.AlertItem: Right(only={"alert__alert_type": "payment_hold"}),
            house.AlertEvent: Right(only={"alert__alert_type": "payment_hold"}),
            house.NotificationLog: Right(only={"notification_type": "payment_hold"}),
            house.DeliveryEvent: Right(only={"notification__notification_type": "payment_hold"}),
        },
    }
)


def right_of(user: User | AnonymousUser, model: type[Model]) -> Right | None:
    """What this person may do with a table; None: nothing."""
    if not isinstance(user, User) or not user.is_active:
        return None
    return RIGHTS.get(user.role, {}).get(model)


def may_enter(user: User | AnonymousUser) -> bool:
    """Whether this person may open the admin. The role decides, not Django's `is_staff`."""
    return isinstance(user, User) and user.is_active and user.role in STAFF


class ByRole:
    """Gives a model admin or an inline the rights of the table above in place of Django's permissions.

    `adding` and `deleting` say whether the table takes rows from people at all, and lets go of any.
    """

    model: type[Model]
    adding = True
    deleting = False

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self._right(request) is not None

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self._right(request) is not None

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.adding and self._may_change(request)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self._may_change(request)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.deleting and self._may_change(request)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Only what this person may see: the rest is as if it were not there."""
        rows: QuerySet[Any] = super().get_queryset(request)  # type: ignore[misc]
        right = self._right(request)
        return rows.filter(**right.only) if right else rows.none()

    def _right(self, request: HttpRequest) -> Right | None:
        return right_of(request.user, self.model)

    def _may_change(self, request: HttpRequest) -> bool:
        right = self._right(request)
        return right is not None and right.change

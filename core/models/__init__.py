"""The tables. Models hold fields, constraints, querysets and what one row can derive; what writes a second row is elsewhere."""

from core.models.alerts import AlertEvent, AlertItem, BusinessAlert, EscalationPolicy, EscalationStep
from core.models.analytics import PincodeAnalytics, Threshold
from core.models.api import IdempotencyKey
from core.models.guard import Tries
from core.models.marketplace import Booking, Payment, Service, Signature
from core.models.notifications import (
    DeliveryEvent,
    Lane,
    LeftOut,
    MessageContent,
    MessagingRun,
    NotificationLog,
    OneTimePassword,
    Phase,
    ProviderReceipt,
    Status,
)
from core.models.permissions import Preference, ProviderState, Suppression, Switch, TypeSetting
from core.models.schedule import JobReminder, ScheduleRun
from core.models.templates import TemplateVersion
from core.models.users import Role, User

__all__ = [
    "AlertEvent",
    "AlertItem",
    "Booking",
    "BusinessAlert",
    "DeliveryEvent",
    "EscalationPolicy",
    "EscalationStep",
    "IdempotencyKey",
    "JobReminder",
    "Lane",
    "LeftOut",
    "MessageContent",
    "MessagingRun",
    "NotificationLog",
    "OneTimePassword",
    "Payment",
    "Phase",
    "PincodeAnalytics",
    "Preference",
    "ProviderReceipt",
    "ProviderState",
    "Role",
    "ScheduleRun",
    "Service",
    "Signature",
    "Status",
    "Suppression",
    "Switch",
    "TemplateVersion",
    "Threshold",
    "Tries",
    "TypeSetting",
    "User",
]

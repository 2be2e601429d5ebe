"""Who may call what: one table of addresses, methods and roles (docs/rules.md, 7). What is not in it is refused.

The API's permission class reads it, and a test calls every address of the product as every role and holds the answers against it.
Which rows of what an address shows are a person's own is said beside the rows: `core.alerts.steps.visible_to`, `logs_of` here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet

from core.models import NotificationLog, Role, User

Roles = frozenset[Role]

EVERYONE: Final[Roles] = frozenset(Role)
STAFF: Final[Roles] = frozenset((Role.SUPER_ADMIN, Role.OPS_MANAGER, Role.FINANCE))
OPERATORS: Final[Roles] = frozenset((Role.SUPER_ADMIN, Role.OPS_MANAGER))
ADMINS: Final[Roles] = frozenset((Role.SUPER_ADMIN,))

# What finance is concerned with, of alerts and of messages.
FINANCE_TYPE: Final = "payment_hold"


@dataclass(frozen=True, slots=True)
class Open:
    """No login: why that is safe."""

    because: str


Rule = Mapping[str, Roles | Open]

TOLD_APART_BY_SIGNATURE = Open("the address or the call is signed")
SAYS_NOTHING_OF_ANYBODY = Open("it says nothing of anybody")
IS_THE_LOGIN = Open("it is how one logs in; guessing is slowed and locked out")


def reads(roles: Roles | Open) -> Rule:
    return {"GET": roles}


def writes(roles: Roles | Open) -> Rule:
    return {"POST": roles}


ALERT_STEPS: Final = ("acknowledge", "assign", "comment", "snooze", "ignore", "resolve", "reopen", "undo")

# What people set up: who reads it, and who changes it.
SETTINGS: Final[Mapping[str, Rule]] = {
    "admin-dashboard/thresholds/": {"GET": OPERATORS, "POST": ADMINS},
    "admin-dashboard/thresholds/in-force/": reads(OPERATORS),
    "admin-dashboard/thresholds/preview/": writes(OPERATORS),
    "admin-dashboard/thresholds/<int:threshold_id>/": {"DELETE": ADMINS},
    "admin-dashboard/campaigns/": reads(OPERATORS),
    "admin-dashboard/campaigns/<str:name>/preview/": writes(OPERATORS),
    "admin-dashboard/campaigns/<str:name>/pause/": writes(OPERATORS),
    "admin-dashboard/campaigns/<str:name>/resume/": writes(OPERATORS),
    "admin-dashboard/campaigns/<str:name>/results/": reads(OPERATORS),
    "admin-dashboard/schedule/": reads(OPERATORS),
    "admin-dashboard/schedule/runs/": reads(OPERATORS),
    "admin-dashboard/schedule/runs/<uuid:run_id>/": reads(OPERATORS),
    "admin-dashboard/schedule/<str:name>/": {"PATCH": OPERATORS},
    "admin-dashboard/templates/": reads(OPERATORS),
    "admin-dashboard/templates/versions/": {"GET": OPERATORS, "POST": ADMINS},
    "admin-dashboard/templates/versions/<int:version_id>/": {"GET": OPERATORS, "PATCH": ADMINS, "DELETE": ADMINS},
    "admin-dashboard/templates/versions/<int:version_id>/publish/": writes(ADMINS),
    "admin-dashboard/templates/versions/<int:version_id>/test-send/": writes(OPERATORS),
    "admin-dashboard/templates/preview/": writes(OPERATORS),
    "admin-dashboard/templates/roll-back/": writes(ADMINS),
    "admin-dashboard/templates/<str:template>/": reads(OPERATORS),
    "admin-dashboard/tokens/": {"GET": OPERATORS, "POST": ADMINS},
    "admin-dashboard/tokens/<str:token_id>/": {"DELETE": ADMINS},
    "admin-dashboard/users/": reads(OPERATORS),
    "admin-dashboard/users/<int:user_id>/": {"GET": OPERATORS, "PATCH": ADMINS},
    "admin-dashboard/import/bookings/": writes(OPERATORS),
    "admin-dashboard/import/signatures/": writes(OPERATORS),
    "admin-dashboard/import/payments/": writes(OPERATORS),
    "admin-dashboard/policies/": {"GET": OPERATORS, "POST": OPERATORS},
    "admin-dashboard/policies/<int:policy_id>/": {"PUT": OPERATORS, "DELETE": OPERATORS},
    "admin-dashboard/response-times/": reads(STAFF),
    "admin-dashboard/response-times/export/": reads(STAFF),
    "admin-dashboard/audit/": reads(OPERATORS),
    "admin-dashboard/switches/": {"GET": OPERATORS, "POST": OPERATORS},
    "admin-dashboard/suppressions/": {"GET": OPERATORS, "POST": OPERATORS},
    "admin-dashboard/suppressions/<int:suppression_id>/lift/": writes(OPERATORS),
}

API: Final[Mapping[str, Rule]] = {
    **SETTINGS,
    "api/auth/login/": writes(IS_THE_LOGIN),
    "api/auth/logout/": writes(EVERYONE),
    "api/schema/": reads(STAFF),
    "api/docs/": reads(STAFF),
    "api/inbox/": reads(EVERYONE),
    "api/inbox/read/": writes(EVERYONE),
    "api/inbox/<uuid:message_id>/": reads(EVERYONE),
    "api/inbox/<uuid:message_id>/read/": writes(EVERYONE),
    "api/preferences/": {"GET": EVERYONE, "PATCH": EVERYONE},
    "admin-dashboard/notifications/": {"GET": STAFF, "POST": OPERATORS},
    "admin-dashboard/tasks/<uuid:task_id>/": reads(OPERATORS),
    "admin-dashboard/notifications/logs/": reads(STAFF),
    "admin-dashboard/notifications/logs/export/": reads(STAFF),
    "admin-dashboard/notifications/logs/<uuid:notification_id>/": reads(STAFF),
    "admin-dashboard/notifications/alerts/": reads(STAFF),
    "admin-dashboard/notifications/alerts/export/": reads(STAFF),
    "admin-dashboard/notifications/alerts/<uuid:alert_id>/": reads(STAFF),
    "admin-dashboard/notifications/alerts/<uuid:alert_id>/items/export/": reads(STAFF),
    **{f"admin-dashboard/notifications/alerts/<uuid:alert_id>/{step}/": writes(STAFF) for step in ALERT_STEPS},
    "admin-dashboard/analytics/pincode/": reads(OPERATORS),
    "admin-dashboard/analytics/pincode/export/": reads(OPERATORS),
}

PAGES: Final[Mapping[str, Rule]] = {
    "": reads(SAYS_NOTHING_OF_ANYBODY),
    "healthz": reads(SAYS_NOTHING_OF_ANYBODY),
    "healthz/delivery": reads(SAYS_NOTHING_OF_ANYBODY),
    "accounts/login/": {"GET": IS_THE_LOGIN, "POST": IS_THE_LOGIN},
    "accounts/logout/": writes(SAYS_NOTHING_OF_ANYBODY),
    "accounts/second-factor/": {"GET": IS_THE_LOGIN, "POST": IS_THE_LOGIN},
    "accounts/": reads(EVERYONE),
    "accounts/password/": {"GET": EVERYONE, "POST": EVERYONE},
    "accounts/recovery-codes/": writes(EVERYONE),
    "dashboard/": reads(STAFF),
    "dashboard/alerts/": reads(STAFF),
    "dashboard/alerts/<uuid:alert_id>/": reads(STAFF),
    **{f"dashboard/alerts/<uuid:alert_id>/{step}/": writes(STAFF) for step in ALERT_STEPS},
    "dashboard/log/": reads(STAFF),
    "dashboard/log/rates/": reads(STAFF),
    "dashboard/log/<uuid:notification_id>/": reads(STAFF),
    "dashboard/log/<uuid:notification_id>/mail/": reads(STAFF),
    "dashboard/map/": reads(OPERATORS),
    "dashboard/providers/": reads(OPERATORS),
    "dashboard/providers/switch/": writes(OPERATORS),
    "dashboard/outbox/": reads(STAFF),
    "dashboard/outbox/<uuid:message_id>/": reads(STAFF),
    "dashboard/outbox/<uuid:message_id>/mail/": reads(STAFF),
    "dashboard/thresholds/": {"GET": OPERATORS, "POST": ADMINS},
    "dashboard/thresholds/<int:threshold_id>/take-back/": writes(ADMINS),
    "dashboard/wording/": reads(OPERATORS),
    "dashboard/wording/<str:template>/": reads(OPERATORS),
    "dashboard/wording/<str:template>/preview/": writes(OPERATORS),
    "dashboard/wording/<str:template>/mail/<str:look>/": reads(OPERATORS),
    "dashboard/wording/<str:template>/draft/": writes(ADMINS),
    "dashboard/wording/<str:template>/roll-back/": writes(ADMINS),
    "dashboard/wording/<str:template>/versions/<int:version_id>/publish/": writes(ADMINS),
    "dashboard/wording/<str:template>/versions/<int:version_id>/discard/": writes(ADMINS),
    "dashboard/wording/<str:template>/versions/<int:version_id>/test-send/": writes(OPERATORS),
    "dashboard/people/": reads(OPERATORS),
    "dashboard/people/remove-demo/": writes(ADMINS),
    "dashboard/people/tokens/<str:token_id>/revoke/": writes(ADMINS),
    "dashboard/people/suppressions/<int:suppression_id>/lift/": writes(OPERATORS),
    "dashboard/people/<int:user_id>/": reads(OPERATORS),
    "dashboard/people/<int:user_id>/change/": writes(ADMINS),
    "dashboard/people/<int:user_id>/tokens/": writes(ADMINS),
    "dashboard/campaigns/": reads(OPERATORS),
    "dashboard/campaigns/<str:name>/": reads(OPERATORS),
    "dashboard/campaigns/<str:name>/preview/": writes(OPERATORS),
    "dashboard/campaigns/<str:name>/mail/": reads(OPERATORS),
    "dashboard/campaigns/<str:name>/send/": writes(OPERATORS),
    "dashboard/campaigns/<str:name>/pause/": {"GET": OPERATORS, "POST": OPERATORS},
    "dashboard/campaigns/<str:name>/resume/": {"GET": OPERATORS, "POST": OPERATORS},
    "dashboard/schedule/": reads(OPERATORS),
    "dashboard/schedule/<str:name>/run/": writes(OPERATORS),
    "dashboard/schedule/<str:name>/switch/": {"GET": OPERATORS, "POST": OPERATORS},
    "dashboard/schedule/runs/<uuid:run_id>/": reads(OPERATORS),
    "dashboard/audit/": reads(OPERATORS),
    "r/<str:token>": reads(TOLD_APART_BY_SIGNATURE),
    "r/<str:token>/": reads(TOLD_APART_BY_SIGNATURE),
    "unsubscribe/<str:token>/": {"GET": TOLD_APART_BY_SIGNATURE, "POST": TOLD_APART_BY_SIGNATURE},
    "act/<str:token>/": {"GET": TOLD_APART_BY_SIGNATURE, "POST": TOLD_APART_BY_SIGNATURE},
    "preferences/": {"GET": EVERYONE, "POST": EVERYONE},
    "inbox/": reads(EVERYONE),
    "inbox/news/": reads(EVERYONE),
    "inbox/read/": writes(EVERYONE),
    "inbox/<uuid:message_id>/read/": writes(EVERYONE),
}

# Every address that begins so. What a role may do with each table of the admin is said in `core.admin.permissions`.
BELOW: Final[Mapping[str, Rule]] = {
    "admin/": {"GET": STAFF, "POST": STAFF},
    "webhooks/": {"GET": TOLD_APART_BY_SIGNATURE, "POST": TOLD_APART_BY_SIGNATURE},
}

TABLE: Final[Mapping[str, Rule]] = MappingProxyType({**API, **PAGES})


def rule_of(route: str) -> Rule | None:
    """The rule of an address, by its route as the URL configuration has it; None: it is in no table, and refused."""
    if route in TABLE:
        return TABLE[route]
    return next((rule for beginning, rule in BELOW.items() if route.startswith(beginning)), None)


def may(user: User | AnonymousUser, route: str, method: str) -> bool:
    """Whether this person may call this address by this method. HEAD is a GET that shows nothing."""
    allowed = (rule_of(route) or {}).get("GET" if method == "HEAD" else method)
    if isinstance(allowed, Open):
        return True
    return allowed is not None and isinstance(user, User) and user.is_active and user.role in allowed


def logs_of(user: User) -> QuerySet[NotificationLog]:
    """The messages whose log this person may read: finance those of payments, operators all, others none."""
    rows: QuerySet[NotificationLog] = NotificationLog.objects.all()
    if user.role in OPERATORS:
        return rows
    return rows.filter(notification_type=FINANCE_TYPE) if user.role == Role.FINANCE else rows.none()

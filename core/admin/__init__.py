"""The admin: every table, for those whose role lets them (`core.admin.permissions`). One module per room."""

from core.admin import alerts, audit, limits, marketplace, notifications, people, policies, schedule, suppressions, wording
from core.admin.site import site

__all__ = ["alerts", "audit", "limits", "marketplace", "notifications", "people", "policies", "schedule", "site", "suppressions", "wording"]

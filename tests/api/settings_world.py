"""What people set up, behind each address: one row of everything, and the smallest body that each change takes, or makes of the rows."""

from datetime import timedelta
from typing import Any

from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, PeriodicTask
from knox.models import AuthToken

from core.models import EscalationPolicy, ScheduleRun, Suppression, TemplateVersion, Threshold
from tests.people import person

WORDS = {"subject": "Your code", "body": "{{ code }} is your code."}

BODIES: dict[str, Any] = {
    "admin-dashboard/switches/": {"scope": "method", "name": "sms", "is_paused": True, "reason": "Test"},
    "admin-dashboard/suppressions/": {"method": "email", "address": "gone@homeserve.example", "reason": "by hand"},
    "admin-dashboard/thresholds/": {"rule": "high_demand", "name": "bookings_over", "value": "7"},
    "admin-dashboard/thresholds/preview/": {"rule": "high_demand", "name": "bookings_over", "value": "7"},
    "admin-dashboard/campaigns/<str:name>/pause/": {"reason": "Test"},
    "admin-dashboard/campaigns/<str:name>/resume/": {"reason": "Test"},
    "admin-dashboard/schedule/<str:name>/": {"enabled": True},
    "admin-dashboard/templates/versions/": {"name": "otp", **WORDS},
    "admin-dashboard/templates/versions/<int:version_id>/": {"note": "Test"},
    "admin-dashboard/templates/versions/<int:version_id>/test-send/": {"method": "websocket"},
    "admin-dashboard/templates/preview/": {"name": "otp", **WORDS},
    "admin-dashboard/templates/roll-back/": {"name": "otp", "region": "11", "to": 0},
    "admin-dashboard/tokens/": lambda named: {"user_id": named["user_id"]},
    **{f"admin-dashboard/import/{name}/": [] for name in ("bookings", "signatures", "payments")},
    "admin-dashboard/policies/": {"name": "Mine", "alert_type": "high_demand", "repeat_minutes": 60, "steps": []},
    "admin-dashboard/policies/<int:policy_id>/": {"name": "Mine", "repeat_minutes": 60, "steps": []},
    "admin-dashboard/users/<int:user_id>/": {"is_active": True},
    "admin-dashboard/suppressions/<int:suppression_id>/lift/": {"reason": "The mailbox is back."},
}


def furnish_settings() -> dict[str, Any]:
    """The rows, by the names that addresses give them."""
    somebody = person()
    in_a_year = timezone.now() + timedelta(days=365)
    TemplateVersion.objects.create(name="otp", region="11", status="published", **WORDS)
    PeriodicTask.objects.create(
        name="High demand", task="core.tasks.send_pincode_demand_alerts", crontab=CrontabSchedule.objects.create(hour="9")
    )
    return {
        "suppression_id": Suppression.objects.create(method="sms", address="+919845099999", reason="by hand").pk,
        "name": "high_demand",
        "run_id": ScheduleRun.objects.create(job="high_demand", status="done").pk,
        "template": "otp",
        "look": "0" * 32,
        "policy_id": EscalationPolicy.objects.create(name="For the test", is_active=False).pk,
        "user_id": somebody.pk,
        "token_id": AuthToken.objects.create(somebody)[0].token_key,
        "version_id": TemplateVersion.objects.create(name="otp", **WORDS).pk,
        "threshold_id": Threshold.objects.create(rule="promotions", name="bookings_under", value=4, effective_from=in_a_year).pk,
    }

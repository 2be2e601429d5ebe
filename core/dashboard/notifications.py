"""The first page's figures, and jobs begun by hand."""

import threading
from datetime import datetime
from functools import partial
from typing import Any, Final

import structlog
from celery import current_app
from drf_spectacular.utils import OpenApiResponse
from kombu.exceptions import OperationalError
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core import audit, by_hand, clock, jobs, tasks
from core.dashboard.figures import statistics
from core.dashboard.resource import Resource, Said, endpoint, plain
from core.dashboard.strict import OneOf, Strict, Truth
from core.models import ScheduleRun, User
from core.notifications import handover

log = structlog.get_logger(__name__)

# What a client asks for, and the job that does it.
ACTIONS: Final = {
    "generate_analytics": "analytics",
    "send_demand_alerts": "high_demand",
    "send_bonus_alerts": "vendor_bonus",
    "send_promotions": "promotions",
    "check_signatures": "pending_signatures",
    "check_payments": "payment_holds",
    "check_timeouts": "booking_timeouts",
    "send_reminders": "completion_reminders",
    "cleanup": "cleanup",
    "test_system": by_hand.TEST,
}


class MessageFigures(serializers.Serializer[Any]):
    total_sent_today = serializers.IntegerField(help_text="Accepted or delivered.")
    total_sent_week = serializers.IntegerField(help_text="Today and the six days before.")
    success_rate_today = serializers.FloatField(allow_null=True, help_text="Percent; null when nothing was sent.")
    failed_today = serializers.IntegerField()
    pending = serializers.IntegerField(help_text="Waiting now, whenever it was written.")
    by_type_today = serializers.DictField(child=serializers.IntegerField())
    by_method_today = serializers.DictField(child=serializers.IntegerField())
    by_status_today = serializers.DictField(child=serializers.IntegerField())


class AlertFigures(serializers.Serializer[Any]):
    active_alerts = serializers.IntegerField()
    critical_alerts = serializers.IntegerField(help_text="Of the active ones.")


class PincodeFigures(serializers.Serializer[Any]):
    date = serializers.DateField(allow_null=True, help_text="The last day that was measured.")
    total_pincodes_analyzed = serializers.IntegerField()
    high_demand_areas = serializers.IntegerField()
    low_vendor_areas = serializers.IntegerField()


class Statistics(serializers.Serializer[Any]):
    status = serializers.CharField()
    notification_stats = MessageFigures()
    business_alerts = AlertFigures()
    pincode_analytics = PincodeFigures(allow_null=True, help_text="Null for finance.")
    timestamp = serializers.DateTimeField()


class Trigger(Strict):
    action = OneOf(lambda: ACTIONS)
    dry_run = Truth(required=False, default=False, help_text="Count, and neither write nor send.")


class Begun(serializers.Serializer[Any]):
    status = serializers.CharField(help_text="success")
    message = serializers.CharField()
    task_id = serializers.UUIDField(help_text="See /admin-dashboard/tasks/{task_id}/.")


class Counted(serializers.Serializer[Any]):
    status = serializers.CharField(help_text="success")
    message = serializers.CharField()
    dry_run = serializers.BooleanField()
    result = serializers.JSONField(help_text="The counts.")


class Overview(Resource):
    throttle_scope = "jobs"

    @endpoint("Statistics", answers=Statistics)
    def get(self, request: Request, said: Said) -> Response:
        """Today, seven days, by type, method and status; open alerts; demand areas. Finance sees its own part."""
        return plain(statistics(self.user, now=clock.now()))

    @endpoint(
        "Begin a job",
        body=Trigger,
        answers=OpenApiResponse(Counted, description="A dry run: the counts."),
        also={202: OpenApiResponse(Begun, description="It is entered, and begins as soon as a worker is free.")},
        is_idempotent=True,
    )
    def post(self, request: Request, said: Said) -> Response:
        """The order is a row in the database: no broker is waited for, and none is needed for it not to be lost."""
        action, now = said["action"], clock.now()
        name = ACTIONS[action]
        if said["dry_run"]:
            audit.enter_act(f"begin {action}", actor=self.user, more={"dry_run": True}, now=now)
            result = tasks.test_notification_system(dry_run=True) if name == by_hand.TEST else jobs.perform(name, now=now, dry_run=True)
            return plain({"status": "success", "message": f"{action}: counted, nothing was done.", "dry_run": True, "result": result})
        run = begin(name, actor=self.user, now=now)
        self.afterwards.append(partial(hurry, run.task_id))
        return plain({"status": "success", "message": f"{action}: it has been asked for.", "task_id": run.task_id}, status=202)


def begin(name: str, *, actor: User, now: datetime) -> ScheduleRun:
    """Ask for a job in somebody's name, and enter that they did. Have it hurried when the transaction is over."""
    action = next((action for action, job in ACTIONS.items() if job == name), name)
    audit.enter_act(f"begin {action}", actor=actor, more={"dry_run": False}, now=now)
    return by_hand.ask(name, actor=actor, now=now)


def hurry(task_id: str, *, queue: str = "monitoring") -> None:
    """Have it begun soon. Returns at once, whatever the broker does; a hint that is lost is made up for within a minute."""
    if handover.serving:
        # The server's own thread looks for it.
        return
    if current_app.conf.task_always_eager:
        # Nobody else is there to do it: no server, no worker.
        tasks.run_asked.apply_async(args=(task_id,), task_id=task_id)
        return
    threading.Thread(target=_hint, args=(task_id, queue), name="hint", daemon=True).start()


def _hint(task_id: str, queue: str) -> None:
    try:
        current_app.send_task("core.tasks.run_asked", args=(task_id,), task_id=task_id, queue=queue, retry=False)
    except (OperationalError, OSError) as error:
        log.warning("job_not_hurried", error=str(error))

"""What became of a job that somebody began."""

import json
from typing import Any, Final
from uuid import UUID

from celery import states
from django.http import Http404
from django_celery_results.models import TaskResult
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core import by_hand
from core.dashboard.resource import Resource, Said, endpoint, plain
from core.masking import mask

# What Celery may have kept of a task; nothing else is shown.
OURS: Final = "core.tasks."


class TaskState(serializers.Serializer[Any]):
    task_id = serializers.UUIDField()
    status = serializers.ChoiceField(sorted(states.ALL_STATES), help_text="PENDING, STARTED, SUCCESS, FAILURE …")
    result = serializers.JSONField(allow_null=True, help_text="The counts; of a failure, why.")
    date_done = serializers.DateTimeField(allow_null=True)


class Task(Resource):
    @endpoint("What became of a job", answers=TaskState)
    def get(self, request: Request, said: Said, task_id: UUID) -> Response:
        """Of one begun here, or by the schedule or a shell as far as Celery kept its result."""
        asked = by_hand.asked(task_id)
        if asked is not None:
            return plain(_shown(task_id, asked.status, asked.result, asked.done_at))
        kept = TaskResult.objects.filter(task_id=str(task_id), task_name__startswith=OURS).first()
        if kept is None:
            raise Http404
        done = kept.date_done if kept.status in states.READY_STATES else None
        return plain(_shown(task_id, kept.status, _read(kept.result), done))


def _shown(task_id: UUID, status: str, result: Any, done: Any) -> dict[str, Any]:
    return {"task_id": task_id, "status": status, "result": mask(result), "date_done": done}


def _read(result: str | None) -> Any:
    try:
        return json.loads(result) if result else None
    except ValueError:
        return None

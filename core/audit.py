"""The audit trail: whose change to what, before and after. Kept by django-auditlog; the product never edits an entry.

Models that hold decisions are registered here; what is measured, sent or noticed has records of its own.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

import structlog
from auditlog.cid import get_cid
from auditlog.models import LogEntry
from auditlog.registry import auditlog
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.db.models import Model
from django.db.models.signals import pre_save

from core import bulk, models
from core.masking import mask
from core.models import User

AUDITED = (
    models.Booking,
    models.EscalationPolicy,
    models.EscalationStep,
    models.Payment,
    models.Preference,
    models.Service,
    models.Signature,
    models.Suppression,
    models.Switch,
    models.TemplateVersion,
    models.Threshold,
    models.TypeSetting,
)


def watch() -> None:
    """Have every change to what an admin decides entered. Rows written in bulk, as an import's, are not."""
    for model in AUDITED:
        auditlog.register(model)
    # Neither a secret nor each login belongs in the trail.
    auditlog.register(User, exclude_fields=["password", "last_login"])


def enter(
    row: Model,
    changes: Mapping[str, tuple[Any, Any]],
    *,
    actor: User | None,
    now: datetime,
    more: Mapping[str, Any] | None = None,
    action: int = LogEntry.Action.UPDATE,
) -> None:
    """An entry for a change that no watched row shows by itself: each field before and after, and `more` that explains it.

    From where it was asked is put in by auditlog's middleware, as with every entry.
    """
    LogEntry.objects.create(
        content_type=ContentType.objects.get_for_model(row),
        object_pk=str(row.pk),
        object_id=row.pk if isinstance(row.pk, int) else None,
        object_repr=str(row),
        action=action,
        changes={name: [_shown(old), _shown(new)] for name, (old, new) in changes.items()},
        additional_data=dict(more or {}),
        actor=actor,
        actor_email=actor.email if actor else None,
        cid=get_cid(),
        timestamp=now,
    )


def enter_act(what: str, *, actor: User, more: Mapping[str, Any], now: datetime) -> None:
    """An entry for what a person had done that changes no row by itself, as an export. It is kept with the person."""
    LogEntry.objects.create(
        content_type=ContentType.objects.get_for_model(User),
        object_pk=str(actor.pk),
        object_id=actor.pk,
        object_repr=what,
        action=LogEntry.Action.ACCESS,
        changes={},
        additional_data={"act": what, **more},
        actor=actor,
        actor_email=actor.email,
        cid=get_cid(),
        timestamp=now,
    )


ENTRY: Final = (
    "content_type_id", "object_pk", "object_id", "object_repr", "action", "changes_text", "actor_id", "actor_email", "cid", "remote_addr",
    "timestamp",
)  # fmt: skip


def enter_all(changed: Sequence[tuple[Model, Mapping[str, tuple[Any, Any]]]], *, now: datetime) -> None:
    """Entries for rows of one model that were written in bulk, in one statement for each batch of them. A row whose fields were all
    None before is new. Who asked, and from where, is asked of those who listen for each entry."""
    rows = []
    for row, changes in changed:
        is_new = all(old is None for old, _ in changes.values())
        entry = LogEntry(action=LogEntry.Action.CREATE if is_new else LogEntry.Action.UPDATE)
        pre_save.send(sender=LogEntry, instance=entry, raw=False, using=connection.alias, update_fields=None)
        entry.content_type_id, entry.object_pk = ContentType.objects.get_for_model(row).pk, str(row.pk)
        entry.object_id = row.pk if isinstance(row.pk, int) else None
        entry.object_repr, entry.timestamp, entry.cid = f"{row._meta.verbose_name} {row.pk}", now, get_cid()
        values = [getattr(entry, name) for name in ENTRY]
        rows.append([*values, bulk.json_text({name: [_shown(old), _shown(new)] for name, (old, new) in changes.items()})])
    bulk.insert(LogEntry, (*ENTRY, "changes"), rows)


def masked(value: Any, *, name: str = "") -> Any:
    """What an entry says, as it is shown to anybody: people and secrets masked, also within JSON that was kept as a text."""
    if isinstance(value, dict):
        return {key: masked(item, name=str(key)) for key, item in value.items()}
    if isinstance(value, list):
        return [masked(item, name=name) for item in value]
    if isinstance(value, str) and value[:1] in ("[", "{"):
        with suppress(ValueError, RecursionError):
            return json.dumps(masked(json.loads(value), name=name), ensure_ascii=False)
    return mask(value, name=name)


def _shown(value: Any) -> str | None:
    return None if value is None else str(value)


def request_id() -> str | None:
    """The id under which the log speaks of this request, or of this task."""
    known = structlog.contextvars.get_contextvars()
    found: str | None = known.get("request_id") or known.get("task_id")
    return found

"""Open problems, worst first; what each consists of; and the steps people take about them."""

from collections.abc import Iterator
from typing import Any, ClassVar, Final
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core import clock
from core.alerts import steps
from core.alerts.check import checks
from core.alerts.priority import alerts_worst_first, items_worst_first
from core.dashboard.csv_files import CSV, csv_file
from core.dashboard.errors import Refused, wrong
from core.dashboard.openapi import Pagination
from core.dashboard.pages import pagination
from core.dashboard.resource import Resource, Said, endpoint, plain
from core.dashboard.strict import Id, Moment, OneOf, Paged, Query, Strict, Text
from core.formatting import exact
from core.models import AlertItem, BusinessAlert, User

# What alerts are called that no check stands for.
OTHER_TYPES: Final = ("low_vendor_count", "high_demand", "service_completion_reminder", "system_error")
PEOPLE: Final = ("assigned_to", "acknowledged_by", "resolved_by")
EVENTS_SHOWN: Final = 200


def alert_types() -> list[str]:
    """Every type an alert may have."""
    return sorted({*OTHER_TYPES, *(check.alert_type for check in checks)})


class AlertFilter(Query):
    status = OneOf(lambda: BusinessAlert.Status.values, required=False)
    severity = OneOf(lambda: BusinessAlert.Severity.values, required=False)
    type = OneOf(alert_types, required=False, help_text="`alert_type`.")
    assigned_to = Id(required=False, help_text="The number of a person.")


class AlertQuery(AlertFilter):
    page = Paged._declared_fields["page"]
    per_page = Paged._declared_fields["per_page"]


class ItemQuery(Query):
    page = Paged._declared_fields["page"]
    per_page = Paged._declared_fields["per_page"]


class AlertRow(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    alert_type = serializers.CharField()
    severity = serializers.ChoiceField(BusinessAlert.Severity.choices)
    status = serializers.ChoiceField(BusinessAlert.Status.choices)
    title = serializers.CharField()
    description = serializers.CharField(allow_blank=True)
    metadata = serializers.JSONField()
    region = serializers.CharField(allow_blank=True)
    item_count = serializers.IntegerField()
    rupees_at_risk = serializers.DecimalField(max_digits=14, decimal_places=2)
    oldest_since = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    last_evaluated_at = serializers.DateTimeField(allow_null=True)
    last_notified_at = serializers.DateTimeField(allow_null=True)
    next_step_at = serializers.DateTimeField(allow_null=True, help_text="When it speaks next, or the next people are told.")
    assigned_to = serializers.IntegerField(allow_null=True)
    assigned_to_name = serializers.CharField(allow_null=True)
    acknowledged_by = serializers.IntegerField(allow_null=True)
    acknowledged_by_name = serializers.CharField(allow_null=True)
    acknowledged_at = serializers.DateTimeField(allow_null=True)
    acknowledgement_expires_at = serializers.DateTimeField(allow_null=True)
    snoozed_until = serializers.DateTimeField(allow_null=True)
    resolved_by = serializers.IntegerField(allow_null=True, help_text="Null when the system did.")
    resolved_by_name = serializers.CharField(allow_null=True)
    resolved_at = serializers.DateTimeField(allow_null=True)
    resolution_notes = serializers.CharField(allow_blank=True)
    reopened_count = serializers.IntegerField()
    version = serializers.IntegerField(help_text="Send it with a step to have the step refused when somebody was faster.")
    permitted = serializers.ListField(child=serializers.CharField(), help_text="The steps that may be taken now.")


class AlertPage(serializers.Serializer[Any]):
    alerts = AlertRow(many=True)
    pagination = Pagination()


class Item(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    object_type = serializers.CharField()
    object_id = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # A field, in place of what a form has of this name.
    severity = serializers.ChoiceField(BusinessAlert.Severity.choices)
    since = serializers.DateTimeField()
    rupees = serializers.DecimalField(max_digits=12, decimal_places=2, allow_null=True)
    pincode = serializers.CharField(allow_blank=True)
    first_seen_at = serializers.DateTimeField()
    cleared_at = serializers.DateTimeField(allow_null=True)


class Event(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    kind = serializers.CharField()
    actor = serializers.CharField(allow_null=True, help_text="Null: the system.")
    reason = serializers.CharField(allow_blank=True)
    detail = serializers.JSONField()


class AlertDetail(AlertRow):
    items = Item(many=True, help_text="What is still stuck, worst first.")
    pagination = Pagination(help_text="Of the items.")
    events = Event(many=True, help_text=f"The newest {EVENTS_SHOWN}, newest first.")


class Alerts(Resource):
    @endpoint("List alerts", query=AlertQuery, answers=AlertPage)
    def get(self, request: Request, said: Said) -> Response:
        """Those that are not resolved come first, by rupees × hours × severity; then the resolved ones, newest first."""
        rows, now = filtered(self.user, said), clock.now()
        start, size = (said["page"] - 1) * said["per_page"], said["per_page"]
        open_ones, over = rows.exclude(status=BusinessAlert.Status.RESOLVED), rows.filter(status=BusinessAlert.Status.RESOLVED)
        count = open_ones.order_by().count()
        found = list(_with_people(alerts_worst_first(open_ones, now=now))[start : start + size])
        if len(found) < size:
            later = max(start - count, 0)
            found += _with_people(over.order_by("-created_at", "-pk"))[later : later + size - len(found)]
        total = count + over.order_by().count()
        return plain({"alerts": [row_of(alert) for alert in found], "pagination": pagination(said, total)})


class AlertOne(Resource):
    @endpoint("One alert", query=ItemQuery, answers=AlertDetail)
    def get(self, request: Request, said: Said, alert_id: UUID) -> Response:
        """With what it consists of, a page of it, and what happened to it."""
        alert = found(self.user, alert_id)
        open_items = alert.items.filter(cleared_at=None)
        start = (said["page"] - 1) * said["per_page"]
        items = items_worst_first(open_items, now=clock.now())[start : start + said["per_page"]]
        events = alert.events.select_related("actor").order_by("-at", "-id")[:EVENTS_SHOWN]
        return plain(
            {
                **row_of(alert),
                "items": [item_of(item) for item in items],
                "pagination": pagination(said, open_items.order_by().count()),
                "events": [
                    {
                        "at": event.at,
                        "kind": event.kind,
                        "actor": str(event.actor) if event.actor else None,
                        "reason": event.reason,
                        "detail": event.detail,
                    }
                    for event in events
                ],
            }
        )


class AlertExport(Resource):
    @endpoint("Export alerts", query=AlertFilter, answers={(200, CSV): OpenApiTypes.BINARY})
    def get(self, request: Request, said: Said) -> StreamingHttpResponse:
        """CSV, newest first."""
        columns = [name for name in AlertRow._declared_fields if name not in ("metadata", "permitted", "version")]
        rows = _with_people(filtered(self.user, said).order_by("-created_at", "-pk"))

        def lines() -> Iterator[list[Any]]:
            for alert in rows.iterator(chunk_size=500):
                row = row_of(alert)
                yield [row[name] for name in columns]

        return csv_file("alerts", columns, lines(), user=self.user, asked=said, now=clock.now())


class ItemExportQuery(Query):
    state = OneOf(lambda: ("open", "cleared"), required=False, default="open")


class AlertItemExport(Resource):
    @endpoint("Export an alert's items", query=ItemExportQuery, answers={(200, CSV): OpenApiTypes.BINARY})
    def get(self, request: Request, said: Said, alert_id: UUID) -> StreamingHttpResponse:
        """CSV of what is still stuck, worst first; or of what cleared, the latest first."""
        alert, now, columns = found(self.user, alert_id), clock.now(), list(Item._declared_fields)
        rows = alert.items.filter(cleared_at__isnull=said["state"] == "open")
        ordered = items_worst_first(rows, now=now) if said["state"] == "open" else rows.order_by("-cleared_at", "pk")
        lines = ([row[name] for name in columns] for row in map(item_of, ordered.iterator(chunk_size=500)))
        return csv_file("alert-items", columns, lines, user=self.user, asked={"alert": alert.pk, **said}, now=now)


# --- Steps --------------------------------------------------------------------------------------------------------------


class Looked(Strict):
    """Which state of the alert the person looked at."""

    version = serializers.IntegerField(required=False, min_value=0, max_value=2**31 - 1)


class Acknowledge(Looked):
    pass


class Assign(Looked):
    user_id = Id(allow_null=True, help_text="Null: nobody's.")


class Comment(Strict):
    text = Text(max_length=steps.LONGEST_TEXT)


class Snooze(Looked):
    until = Moment(help_text="Within the next 30 days.")


class Ignore(Looked):
    reason = Text(max_length=steps.LONGEST_TEXT)


class Resolve(Looked):
    notes = Text(max_length=steps.LONGEST_TEXT, allow_blank=True, help_text="May be empty.")


class Reopen(Looked):
    reason = Text(max_length=steps.LONGEST_TEXT)


class Undo(Looked):
    pass


class Conflict(serializers.Serializer[Any]):
    """The step is refused; the alert is as it is shown."""

    status = serializers.CharField()
    code = serializers.CharField()
    message = serializers.CharField()
    errors = serializers.DictField()  # type: ignore[assignment]  # A field, in place of what a form has of this name.
    request_id = serializers.CharField(allow_blank=True)
    alert = AlertRow(required=False)


class Step(Resource):
    """One step about an alert. `take` is the function, `form` what it takes."""

    take: ClassVar[Any]

    def taken(self, said: Said, alert_id: UUID) -> Response:
        """The alert as it is afterwards; 409 with its present state when the step is not legal now, or somebody was faster."""
        found(self.user, alert_id)
        named = {"to" if name == "user_id" else name: value for name, value in said.items()}
        try:
            type(self).take(alert_id, actor=self.user, now=clock.now(), **named)
        except steps.IllegalStep as illegal:
            raise Refused(illegal.reason, code="illegal_step", alert=row_of(found(self.user, alert_id))) from illegal
        except steps.BadStep as bad:
            raise wrong(bad.field, bad.message) from bad
        return plain(row_of(found(self.user, alert_id)))


def _step(name: str, form: type[Strict], summary: str) -> type[Step]:
    """The view of a step."""

    @endpoint(summary, body=form, answers=AlertRow, also={409: Conflict}, is_idempotent=True)
    def post(self: Step, request: Request, said: Said, alert_id: UUID) -> Response:  # noqa: ARG001
        return self.taken(said, alert_id)

    return type(name.capitalize() + "Step", (Step,), {"take": staticmethod(getattr(steps, name)), "post": post})


STEPS: Final = {
    name: _step(name, form, summary)
    for name, form, summary in (
        ("acknowledge", Acknowledge, "I am on it"),
        ("assign", Assign, "Make it somebody's"),
        ("comment", Comment, "Say something about it"),
        ("snooze", Snooze, "Quiet until a moment"),
        ("ignore", Ignore, "Silence this episode"),
        ("resolve", Resolve, "It is over"),
        ("reopen", Reopen, "It is not over"),
        ("undo", Undo, "Take back one's own last step"),
    )
}


# --- Rows ---------------------------------------------------------------------------------------------------------------


def filtered(user: User, said: Said) -> QuerySet[BusinessAlert]:
    exact = {"type": "alert_type", "status": "status", "severity": "severity", "assigned_to": "assigned_to"}
    asked = {field: said[name] for name, field in exact.items() if name in said}
    return steps.visible_to(user, BusinessAlert.objects.filter(**asked))


def found(user: User, alert_id: UUID) -> BusinessAlert:
    """The alert, as far as this person may see it; 404 otherwise."""
    alert = _with_people(steps.visible_to(user, BusinessAlert.objects.all())).filter(pk=alert_id).first()
    if alert is None:
        raise Http404
    return alert


def _with_people(alerts: QuerySet[BusinessAlert]) -> QuerySet[BusinessAlert]:
    return alerts.select_related(*PEOPLE)


def item_of(item: AlertItem) -> dict[str, Any]:
    return {name: getattr(item, name) for name in Item._declared_fields} | {"rupees": exact(item.rupees)}


def row_of(alert: BusinessAlert) -> dict[str, Any]:
    row: dict[str, Any] = {
        name: getattr(alert, name)
        for name in AlertRow._declared_fields
        if name != "permitted" and name not in PEOPLE and not name.endswith("_name")
    }
    for name in PEOPLE:
        person = getattr(alert, name)
        row[name] = person.pk if person else None
        row[f"{name}_name"] = str(person) if person else None
    row["rupees_at_risk"] = exact(alert.rupees_at_risk)
    return row | {"permitted": list(steps.permitted(alert))}

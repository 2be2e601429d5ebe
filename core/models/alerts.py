"""Open problems, what they consist of, what happened to them, and who is told when nobody answers."""

from datetime import datetime

from django.db import models

from core import clock
from core.models.fields import new_id, one_of
from core.models.users import Role, User


class BusinessAlert(models.Model):
    """One open problem. A check keeps one row per fingerprint open; a hand-made alert has no fingerprint and stands for itself."""

    class Severity(models.TextChoices):
        LOW = "low", "Low"
        MEDIUM = "medium", "Medium"
        HIGH = "high", "High"
        CRITICAL = "critical", "Critical"

    class Status(models.TextChoices):
        ACTIVE = "active", "Active"
        ACKNOWLEDGED = "acknowledged", "Acknowledged"
        RESOLVED = "resolved", "Resolved"
        IGNORED = "ignored", "Ignored"

    UNRESOLVED = (Status.ACTIVE, Status.ACKNOWLEDGED, Status.IGNORED)

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    alert_type = models.CharField(max_length=40)
    severity = models.CharField(max_length=10, choices=Severity.choices, default=Severity.MEDIUM)
    status = models.CharField(max_length=14, choices=Status.choices, default=Status.ACTIVE)
    title = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    assigned_to = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="assigned_alerts")
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    resolved_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="resolved_alerts", help_text="Empty when the system did."
    )
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolution_notes = models.TextField(blank=True)
    created_at = models.DateTimeField(default=clock.now)

    # What a check keeps up to date.
    fingerprint = models.CharField(max_length=120, blank=True, help_text="The check and region it stands for; empty for a hand-made alert.")
    region = models.CharField(max_length=6, blank=True)
    item_count = models.PositiveIntegerField(default=0)
    rupees_at_risk = models.DecimalField(max_digits=14, decimal_places=2, default=0)
    oldest_since = models.DateTimeField(null=True, blank=True)
    last_evaluated_at = models.DateTimeField(null=True, blank=True)
    reopened_count = models.PositiveIntegerField(default=0)
    flapping_since = models.DateTimeField(null=True, blank=True, help_text="It closes and reopens so often that this is no news any more.")

    # When it speaks, and how far it has climbed.
    last_notified_at = models.DateTimeField(null=True, blank=True)
    notified_count = models.PositiveIntegerField(default=0)
    # A row that anybody writes is looked at within a minute, and planned from then on.
    next_step_at = models.DateTimeField("next looked at", default=clock.now, null=True, blank=True)
    escalating_since = models.DateTimeField(
        null=True, blank=True, help_text="From when the steps of its policy count; empty: its creation."
    )
    escalated_minutes = models.PositiveIntegerField(
        default=0, help_text="Minutes of the last step that was told; 0: only those told at once."
    )
    acknowledgement_expires_at = models.DateTimeField(null=True, blank=True)
    snoozed_until = models.DateTimeField(null=True, blank=True)
    quiet_until = models.DateTimeField(null=True, blank=True, help_text="Resolved by a person: not opened again before.")
    version = models.PositiveIntegerField(default=0, help_text="Counts the steps, so that of two at once one wins.")

    class Meta:
        verbose_name = "alert"
        ordering = ("-created_at",)
        constraints = (
            one_of("severity", ("low", "medium", "high", "critical"), "alert"),
            one_of("status", ("active", "acknowledged", "resolved", "ignored"), "alert"),
            models.UniqueConstraint(
                fields=("fingerprint",),
                name="one_open_alert_per_fingerprint",
                condition=~models.Q(fingerprint="") & ~models.Q(status="resolved"),
            ),
        )
        indexes = (
            models.Index(fields=("status", "severity"), name="alert_open", condition=~models.Q(status="resolved")),
            models.Index(fields=("next_step_at",), name="alert_next_step", condition=models.Q(next_step_at__isnull=False)),
            models.Index(fields=("-created_at",), name="alert_created"),
            models.Index(fields=("alert_type", "-created_at"), name="alert_type_created"),
            models.Index(fields=("fingerprint", "-resolved_at"), name="alert_fingerprint", condition=~models.Q(fingerprint="")),
        )

    def __str__(self) -> str:
        return self.title

    @property
    def is_open(self) -> bool:
        return self.status != self.Status.RESOLVED

    def begin_round(self, since: datetime, *, now: datetime) -> None:
        """Its policy begins anew at `since`, and is looked at as soon as the caller has saved."""
        self.escalating_since, self.escalated_minutes, self.next_step_at = since, 0, now


class AlertItem(models.Model):
    """One stuck thing of an alert: when it was first seen, since when it is stuck, and when it cleared."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    alert = models.ForeignKey(BusinessAlert, on_delete=models.CASCADE, related_name="items", db_index=False)
    object_type = models.CharField(max_length=20)
    object_id = models.CharField(max_length=40)
    label = models.CharField(max_length=200)
    since = models.DateTimeField()
    severity = models.CharField(max_length=10, choices=BusinessAlert.Severity.choices)
    rupees = models.DecimalField(max_digits=12, decimal_places=2, null=True, blank=True)
    pincode = models.CharField(max_length=6, blank=True)
    first_seen_at = models.DateTimeField(default=clock.now)
    cleared_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("since",)
        constraints = (
            models.UniqueConstraint(
                fields=("alert", "object_type", "object_id"), name="one_open_item_per_object", condition=models.Q(cleared_at__isnull=True)
            ),
        )
        indexes = (models.Index(fields=("alert", "cleared_at", "since"), name="item_alert"),)

    def __str__(self) -> str:
        return self.label


class AlertEvent(models.Model):
    """One step of an alert's life: who, what, when and why. The system's steps have no actor."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    alert = models.ForeignKey(BusinessAlert, on_delete=models.CASCADE, related_name="events", db_index=False)
    at = models.DateTimeField(default=clock.now)
    kind = models.CharField(max_length=20)
    actor = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    reason = models.TextField(blank=True)
    detail = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ("at", "id")
        indexes = (models.Index(fields=("alert", "at"), name="alert_event"),)

    def __str__(self) -> str:
        return f"{self.kind} at {self.at:%Y-%m-%d %H:%M}"


class EscalationPolicy(models.Model):
    """Who hears next of an alert that nobody acknowledges, and how often it repeats itself. Empty type or severity: any."""

    name = models.CharField(max_length=80, unique=True)
    alert_type = models.CharField(max_length=40, blank=True)
    severity = models.CharField(max_length=10, blank=True, choices=BusinessAlert.Severity.choices)
    repeat_minutes = models.PositiveIntegerField(default=24 * 60, help_text="How often it speaks again while nobody acknowledges.")
    is_active = models.BooleanField(default=True)

    class Meta:
        verbose_name_plural = "escalation policies"
        ordering = ("name",)
        constraints = (
            models.UniqueConstraint(
                fields=("alert_type", "severity"),
                name="one_policy_per_type_and_severity",
                condition=models.Q(is_active=True),
                violation_error_message="Another active policy is for the same type and severity: change that one, or switch it off.",
            ),
            models.CheckConstraint(condition=models.Q(repeat_minutes__gte=1), name="policy_repeats_after_a_while"),
        )

    def __str__(self) -> str:
        return self.name


class EscalationStep(models.Model):
    """So long after a round began, these roles and this person are told by these methods. A policy's steps are in the order of minutes."""

    policy = models.ForeignKey(EscalationPolicy, on_delete=models.CASCADE, related_name="steps", db_index=False)
    after_minutes = models.PositiveIntegerField(default=0, help_text="0: at once, with those whom the alert concerns.")
    roles = models.JSONField(default=list, blank=True, help_text=f"Some of {', '.join(Role.values)}.")
    person = models.ForeignKey(User, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    methods = models.JSONField(default=list)
    business_hours_only = models.BooleanField(default=False, help_text="Due outside them, it waits until they begin.")

    class Meta:
        ordering = ("policy", "after_minutes")
        constraints = (models.UniqueConstraint(fields=("policy", "after_minutes"), name="one_step_per_moment"),)

    def __str__(self) -> str:
        return f"{self.policy}, after {self.after_minutes} minutes"

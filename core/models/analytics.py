"""What a pincode's day looked like, and the limits that decide what is done about it."""

import math

from django.db import models

from core import clock
from core.models.fields import PincodeField, is_pincode_prefix, pincode_check
from core.models.users import User


class PincodeAnalytics(models.Model):
    """One pincode's business day. No samples: null, never 0. The flags say which campaign told people about this row."""

    pincode = PincodeField()
    date = models.DateField()
    total_bookings = models.PositiveIntegerField(default=0)
    pending_bookings = models.PositiveIntegerField(default=0)
    completed_bookings = models.PositiveIntegerField(default=0)
    cancelled_bookings = models.PositiveIntegerField(default=0)
    available_vendors = models.PositiveIntegerField(default=0)
    active_vendors = models.PositiveIntegerField(default=0)
    avg_response_time_minutes = models.FloatField(null=True, blank=True)
    avg_completion_time_hours = models.FloatField(null=True, blank=True)
    customer_satisfaction_avg = models.FloatField(null=True, blank=True)
    total_revenue = models.DecimalField(max_digits=14, decimal_places=2, default=0)
    avg_booking_value = models.DecimalField(max_digits=12, decimal_places=2, null=True, blank=True)
    high_demand_alert_sent = models.BooleanField(default=False)
    bonus_alert_sent = models.BooleanField(default=False)
    promotional_alert_sent = models.BooleanField(default=False)
    other_alerts_sent = models.JSONField(default=dict, blank=True, help_text="The flags of campaigns that have no column of their own.")
    is_final = models.BooleanField("final", default=False, help_text="The day was over when this was last measured.")
    measured_at = models.DateTimeField(default=clock.now, help_text="As of when the figures are.")

    class Meta:
        verbose_name = "pincode's day"
        verbose_name_plural = "pincode analytics"
        ordering = ("-date", "pincode")
        constraints = (
            models.UniqueConstraint(fields=("pincode", "date"), name="one_row_per_pincode_and_day"),
            pincode_check("analytics"),
        )
        indexes = (models.Index(fields=("date", "pincode"), name="analytics_date"),)

    def __str__(self) -> str:
        return f"{self.pincode} on {self.date}"

    @property
    def demand_ratio(self) -> float:
        """Bookings per available vendor; infinite with bookings and no vendor, 0 with neither."""
        if self.available_vendors:
            return self.total_bookings / self.available_vendors
        return math.inf if self.total_bookings else 0.0


class Threshold(models.Model):
    """A limit of a campaign or check, from a moment on, for a pincode, a region (pincode prefix) or everywhere.

    The longest matching scope wins; within it the latest row already in force. A row without a value ends its scope's
    own limit: from then on the wider scope's holds.
    """

    rule = models.CharField(max_length=60, help_text="The campaign or check.")
    name = models.CharField(max_length=60, help_text="Which of its limits.")
    scope = models.CharField(
        max_length=6,
        blank=True,
        default="",
        validators=[is_pincode_prefix],
        help_text="A pincode, its first digits, or empty for everywhere.",
    )
    value = models.DecimalField(max_digits=12, decimal_places=2, null=True, blank=True)
    effective_from = models.DateTimeField(default=clock.now)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, editable=False, related_name="+")
    note = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ("rule", "name", "scope", "-effective_from")
        constraints = (
            models.UniqueConstraint(fields=("rule", "name", "scope", "effective_from"), name="one_threshold_per_scope_and_moment"),
            models.CheckConstraint(condition=models.Q(value=None) | models.Q(value__gte=0), name="threshold_not_negative"),
        )

    def __str__(self) -> str:
        return f"{self.rule} {self.name} {self.value} in {self.scope or 'every pincode'}"

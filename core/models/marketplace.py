"""The marketplace: services, bookings, their signatures and payments."""

from datetime import datetime, timedelta

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Coalesce

from core import clock
from core.models.fields import PincodeField, new_id, one_of, pincode_check
from core.models.users import User


class Service(models.Model):
    name = models.CharField(max_length=120)
    category = models.CharField(max_length=60)
    base_price = models.DecimalField(max_digits=10, decimal_places=2)
    duration_minutes = models.PositiveIntegerField(default=60)
    is_active = models.BooleanField(default=True)

    class Meta:
        ordering = ("name",)
        constraints = (models.CheckConstraint(condition=models.Q(base_price__gte=0), name="service_price_not_negative"),)

    def __str__(self) -> str:
        return self.name


class BookingStatus(models.TextChoices):
    PENDING = "pending", "Pending"
    CONFIRMED = "confirmed", "Confirmed"
    IN_PROGRESS = "in_progress", "In progress"
    COMPLETED = "completed", "Completed"
    SIGNED = "signed", "Signed"
    CANCELLED = "cancelled", "Cancelled"
    DISPUTED = "disputed", "Disputed"


class Booking(models.Model):
    Status = BookingStatus
    DONE = (Status.COMPLETED, Status.SIGNED)
    UNDER_WAY = (Status.CONFIRMED, Status.IN_PROGRESS)

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    customer = models.ForeignKey(User, on_delete=models.PROTECT, related_name="bookings")
    vendor = models.ForeignKey(User, on_delete=models.PROTECT, related_name="jobs", null=True, blank=True)
    service = models.ForeignKey(Service, on_delete=models.PROTECT, related_name="bookings")
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.PENDING)
    total_price = models.DecimalField(max_digits=10, decimal_places=2)
    pincode = PincodeField()
    scheduled_date = models.DateTimeField(help_text="When the work starts.")
    assigned_at = models.DateTimeField(null=True, blank=True)
    completion_date = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ("-created_at",)
        constraints = (
            pincode_check("booking"),
            one_of("status", BookingStatus.values, "booking"),
            models.CheckConstraint(condition=models.Q(total_price__gte=0), name="booking_price_not_negative"),
        )
        indexes = (
            models.Index(fields=("created_at",), name="booking_created"),
            models.Index(fields=("pincode", "created_at"), name="booking_pincode_created"),
            models.Index(
                fields=("scheduled_date", "vendor"), name="booking_under_way", condition=models.Q(status__in=("confirmed", "in_progress"))
            ),
        )

    def __str__(self) -> str:
        return f"{self.service if self.service_id else 'Booking'} in {self.pincode}"

    @property
    def scheduled_end(self) -> datetime:
        """When the work should be over: its start and the service's duration."""
        return self.scheduled_date + timedelta(minutes=self.service.duration_minutes)


class SignatureStatus(models.TextChoices):
    PENDING = "pending", "Pending"
    SIGNED = "signed", "Signed"
    EXPIRED = "expired", "Expired"
    DISPUTED = "disputed", "Disputed"


class Signature(models.Model):
    """The customer's word that the job is done."""

    Status = SignatureStatus

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    booking = models.OneToOneField(Booking, on_delete=models.CASCADE, related_name="signature")
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.PENDING)
    requested_at = models.DateTimeField(default=clock.now)
    signed_at = models.DateTimeField(null=True, blank=True)
    satisfaction_rating = models.PositiveSmallIntegerField(null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(5)])

    class Meta:
        constraints = (
            one_of("status", SignatureStatus.values, "signature"),
            models.CheckConstraint(
                condition=models.Q(satisfaction_rating=None) | models.Q(satisfaction_rating__range=(1, 5)), name="signature_rating_1_to_5"
            ),
        )
        indexes = (models.Index(fields=("requested_at",), name="signature_pending", condition=models.Q(status="pending")),)

    def __str__(self) -> str:
        return f"Signature for {self.booking_id}"


class PaymentStatus(models.TextChoices):
    PENDING = "pending", "Pending"
    PROCESSING = "processing", "Processing"
    COMPLETED = "completed", "Completed"
    FAILED = "failed", "Failed"
    REFUNDED = "refunded", "Refunded"
    ON_HOLD = "on_hold", "On hold"


class Payment(models.Model):
    Status = PaymentStatus

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    booking = models.OneToOneField(Booking, on_delete=models.CASCADE, related_name="payment")
    amount = models.DecimalField(max_digits=10, decimal_places=2)
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.PENDING)
    created_at = models.DateTimeField(default=clock.now)
    held_at = models.DateTimeField(null=True, blank=True, help_text="Since when it is on hold; empty: since it was made.")

    class Meta:
        constraints = (
            one_of("status", PaymentStatus.values, "payment"),
            models.CheckConstraint(condition=models.Q(amount__gte=0), name="payment_amount_not_negative"),
        )
        indexes = (models.Index(Coalesce("held_at", "created_at"), name="payment_on_hold", condition=models.Q(status="on_hold")),)

    def __str__(self) -> str:
        return f"Payment of {self.amount} for {self.booking_id}"

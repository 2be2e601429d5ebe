"""Services, bookings, signatures and payments. None is deleted here: alerts and messages speak of them."""

from django.contrib import admin

from core.admin.base import Days, Exported, Found, House, Long, OneRow, choices_of
from core.admin.looks import money, state
from core.admin.site import site
from core.models import Booking, Payment, Service, Signature


@admin.register(Service, site=site)
class ServiceAdmin(Exported, House):
    list_display = ("name", "category", "price", "duration_minutes", "is_active")
    list_filter = ("is_active",)
    search_fields = ("name", "category")
    search_help_text = "Search by name or category"
    price = money("base_price", "from")
    fieldsets = (
        (None, {"fields": ("name", "category", "is_active"), "description": "A service that is no longer offered is made inactive."}),
        (
            "Price and time",
            {
                "fields": ("base_price", "duration_minutes"),
                "description": "A job counts as overdue once its start and this duration have passed.",
            },
        ),
    )


class SignatureOfBooking(OneRow):
    model = Signature
    fields = ("status", "requested_at", "signed_at", "satisfaction_rating")


class PaymentOfBooking(OneRow):
    model = Payment
    fields = ("status", "amount", "created_at", "held_at")


@admin.register(Booking, site=site)
class BookingAdmin(Found, Exported, Long, House):
    list_display = ("id", "service", "status_shown", "price", "pincode", "customer", "vendor", "scheduled_date", "created_at")
    list_select_related = ("service", "customer", "vendor")
    list_filter = (
        choices_of("status", "status", lambda: Booking.Status.choices),
        ("created_at", Days),
        ("scheduled_date", Days),
    )
    pincodes = ("pincode",)
    people = ("customer", "vendor")
    autocomplete_fields = ("customer", "vendor", "service")
    inlines = (SignatureOfBooking, PaymentOfBooking)
    status_shown = state("status", "status")
    price = money("total_price", "price")
    fieldsets = (
        (None, {"fields": ("service", "customer", "vendor", "status")}),
        ("Where and when", {"fields": ("pincode", "scheduled_date", "assigned_at", "completion_date", "created_at")}),
        ("Price", {"fields": ("total_price",)}),
    )


@admin.register(Signature, site=site)
class SignatureAdmin(Found, Exported, Long, House):
    list_display = ("booking_id", "booking", "status_shown", "requested_at", "signed_at", "satisfaction_rating")
    list_select_related = ("booking__service",)
    list_filter = (choices_of("status", "status", lambda: Signature.Status.choices), ("requested_at", Days))
    ordering = ("-requested_at",)
    ids = ("pk", "booking")
    pincodes = ("booking__pincode",)
    raw_id_fields = ("booking",)
    status_shown = state("status", "status")
    fieldsets = (
        (None, {"fields": ("booking", "status"), "description": "Pending for 24 hours, a signature is found by the hourly check."}),
        ("When", {"fields": ("requested_at", "signed_at")}),
        ("What the customer thought", {"fields": ("satisfaction_rating",)}),
    )


@admin.register(Payment, site=site)
class PaymentAdmin(Found, Exported, Long, House):
    list_display = ("booking_id", "booking", "money_shown", "status_shown", "created_at", "held_at")
    list_select_related = ("booking__service",)
    list_filter = (choices_of("status", "status", lambda: Payment.Status.choices), ("created_at", Days))
    ordering = ("-created_at",)
    ids = ("pk", "booking")
    pincodes = ("booking__pincode",)
    raw_id_fields = ("booking",)
    money_shown = money("amount", "amount")
    status_shown = state("status", "status")
    fieldsets = (
        (None, {"fields": ("booking", "amount", "status")}),
        (
            "When",
            {
                "fields": ("created_at", "held_at"),
                "description": "On hold for 24 hours, a payment is found by the check that runs every two hours.",
            },
        ),
    )

"""A few rows of every table, so that every page of the admin has something to show."""

from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

from auditlog.models import LogEntry
from axes.models import AccessAttempt
from django.contrib.auth.models import Group
from django.contrib.contenttypes.models import ContentType
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule
from django_celery_results.models import TaskResult
from knox.models import AuthToken

from core import clock
from core import models as house
from core.models import Role, User
from tests.people import people


def furnish(count: int, *, first: int = 0) -> None:
    """`count` more rows in every table; `first` keeps what must be unique apart from earlier calls."""
    now = clock.now()
    customers, vendors = people(count, Role.CUSTOMER), people(count, Role.VENDOR)
    users = ContentType.objects.get_for_model(User)
    for number, customer, vendor in zip(range(first, first + count), customers, vendors, strict=True):
        service = house.Service.objects.create(name=f"Service {number}", category="Cleaning", base_price=Decimal("499.00"))
        booking = house.Booking.objects.create(
            customer=customer, vendor=vendor, service=service, total_price=Decimal("123456.00"), pincode="560001", scheduled_date=now
        )
        house.Signature.objects.create(booking=booking)
        house.Payment.objects.create(booking=booking, amount=Decimal("123456.50"), status=house.Payment.Status.ON_HOLD)
        house.JobReminder.objects.create(booking=booking, stage="overdue", vendor=vendor)
        alert = house.BusinessAlert.objects.create(
            alert_type="payment_hold" if number % 2 else "booking_timeout",
            severity="high",
            title=f"Alert {number}",
            description="Something is stuck.",
            assigned_to=vendor,
            acknowledged_by=vendor,
            fingerprint=f"check:{number}",
        )
        house.AlertItem.objects.create(alert=alert, object_type="payment", object_id=str(number), label="Held", since=now, severity="high")
        house.AlertEvent.objects.create(alert=alert, kind="opened", actor=vendor)
        policy = house.EscalationPolicy.objects.create(name=f"Policy {number}", alert_type=f"type_{number}")
        house.EscalationStep.objects.create(policy=policy, after_minutes=30, roles=[Role.SUPER_ADMIN], methods=["email"], person=vendor)
        day = clock.business_day(now) - timedelta(days=number)
        house.PincodeAnalytics.objects.create(pincode="560001", date=day, total_bookings=7, total_revenue=Decimal("123456"))
        house.Threshold.objects.create(
            rule="high_demand", name="bookings_over", value=6, effective_from=now + timedelta(days=1, minutes=number), created_by=vendor
        )
        house.TemplateVersion.objects.create(
            name="promotional", version=number + 1, subject="Hello", created_by=vendor, published_by=vendor
        )
        content = house.MessageContent.objects.create(template="promotional", version="file", subject="Offer", body="25 % off")
        run = house.MessagingRun.objects.create(name="promotions", actor=vendor, result={"queued": 3, "suppressed": {"opted_out": 2}})
        receipt = house.ProviderReceipt.objects.create(
            provider="twilio", event_id=str(uuid4()), provider_message_id="SM1", kind="delivered"
        )
        for kind in ("payment_hold", "promotional"):
            row = house.NotificationLog.objects.create(
                recipient=customer,
                notification_type=kind,
                method="email",
                status="sent",
                run=run,
                alert=alert,
                content=content,
                subject="Offer",
            )
            house.DeliveryEvent.objects.create(notification=row, kind="receipt", receipt=receipt)
        house.LeftOut.objects.create(run=run, person=customer, reason="opted_out", methods="email")
        house.OneTimePassword.objects.create(
            identifier_hash=f"{number:064}", code_hash="c0ffee" * 10, expires_at=now, used_at=now if number % 2 else None
        )
        house.Preference.objects.create(person=customer, category="promotional", method="email", allowed=False)
        house.Suppression.objects.create(method="email", address=f"gone{number}@homeserve.example", reason="bounced")
        house.Switch.objects.create(scope="campaign", name=f"campaign_{number}", changed_by=vendor)
        house.TypeSetting.objects.create(notification_type=f"type_{number}", methods=["email"])
        house.ProviderState.objects.create(provider=f"provider-{number}")
        house.ScheduleRun.objects.create(
            job="analytics", slot=now - timedelta(days=number), status="done", actor=vendor, result={"pincodes": 3}
        )
        house.Tries.objects.create(limit="login_address", key_hash=f"{number:064}", count=3, until=now)
        house.IdempotencyKey.objects.create(user=customer, path="/x/", key=str(number), body_hash="0" * 64)
        Group.objects.create(name=f"Group {number}")
        AuthToken.objects.create(user=customer)
        AccessAttempt.objects.create(username=f"guess{number}", ip_address="127.0.0.1", failures_since_start=3)
        LogEntry.objects.create(
            content_type=users,
            object_pk=str(customer.pk),
            object_repr="A person",
            action=LogEntry.Action.UPDATE,
            actor=vendor,
            changes={"a": [1, 2]},
        )
        crontab = CrontabSchedule.objects.create(minute=str(number % 60), hour="9")
        PeriodicTask.objects.create(name=f"Job {number}", task="core.tasks.generate_pincode_analytics", crontab=crontab)
        IntervalSchedule.objects.create(every=number + 1, period="hours")
        SolarSchedule.objects.create(event="sunrise", latitude=Decimal(number), longitude=77)
        ClockedSchedule.objects.create(clocked_time=now + timedelta(days=number))
        TaskResult.objects.create(task_id=f"task-{number}", status="SUCCESS", task_name="core.tasks.generate_pincode_analytics")

"""Celery's way in: every task by its name, on its queue, with counts a person can read and nothing about any person."""

import json
from datetime import date, timedelta
from itertools import count
from typing import Any
from uuid import uuid4

import pytest
from django.apps import apps
from django.conf import settings as configured
from django.core import serializers
from django_celery_results.models import TaskResult

from core import tasks
from core.models import Booking, NotificationLog, Payment, PincodeAnalytics, Role, ScheduleRun, Service, Signature, User
from core.notification_service import NotificationService
from core.notifications import claims
from core.notifications.kinds import BUSINESS_ALERT
from core.notifications.transports import close_transports
from homeserve_pro.celery import app
from tests import people
from tests.notifications.post import end_lease, fresh, queued
from tests.servers import SmtpServer, TwilioServer
from tests.servers.twilio import Refusal

pytestmark = pytest.mark.django_db

QUEUE_OF = {
    "generate_pincode_analytics": "analytics",
    "send_pincode_demand_alerts": "messaging",
    "send_vendor_bonus_alerts": "messaging",
    "send_promotional_campaigns": "messaging",
    "send_vendor_completion_reminders": "messaging",
    "check_pending_signatures": "monitoring",
    "check_payment_holds": "monitoring",
    "check_booking_timeouts": "monitoring",
    "cleanup_old_notifications": "maintenance",
    "test_notification_system": "monitoring",
}
STAFF = (Role.SUPER_ADMIN, Role.OPS_MANAGER, Role.FINANCE)
# What a person would look for in each answer.
SAYS = {
    "generate_pincode_analytics": {"pincodes"},
    "send_pincode_demand_alerts": {"pincodes", "matched", "queued", "suppressed"},
    "send_vendor_bonus_alerts": {"pincodes", "matched", "queued", "suppressed"},
    "send_promotional_campaigns": {"pincodes", "matched", "queued", "suppressed"},
    "send_vendor_completion_reminders": {"matched", "queued", "suppressed"},
    "cleanup_old_notifications": {"notifications"},
    "test_notification_system": {"queued", "by_method"},
}


@pytest.fixture
def busy_street(now, frozen, vera, viren, kiran, omar, farah, sara):
    """Every task has something to do: nine bookings and one free vendor at 560001, a quiet 560002, and all sorts of stuck things."""
    people.meet("chitra")
    service = Service.objects.create(name="Tap repair", category="Plumbing", base_price=500, duration_minutes=60)
    ages = count(49)

    def book(**fields):
        usual = {"customer": kiran, "service": service, "total_price": 500, "pincode": people.HOME, "created_at": now - timedelta(hours=1)}
        return Booking.objects.create(**{**usual, "scheduled_date": now + timedelta(days=2), "status": "pending", **fields})

    for _ in range(9):
        book()
    book(vendor=vera, status="confirmed", scheduled_date=now + timedelta(hours=1))
    book(vendor=vera, status="in_progress", scheduled_date=now - timedelta(hours=next(ages)))
    stuck = book(vendor=viren, status="completed", completion_date=now - timedelta(hours=60))
    Signature.objects.create(booking=stuck, status="pending", requested_at=now - timedelta(hours=next(ages)))
    Payment.objects.create(booking=stuck, amount=500, status="on_hold", held_at=now - timedelta(hours=next(ages)))
    NotificationLog.objects.create(
        recipient=kiran, notification_type="promotional", method="email", status="sent", created_at=now - timedelta(days=100)
    )


def all_rows():
    """The whole of the product's own tables, as text."""
    models = apps.get_app_config("core").get_models()
    return {model._meta.label: serializers.serialize("json", model._default_manager.order_by("pk")) for model in models}


def queue_of(task: Any) -> str:
    return str(task.queue)


def ask(name, *arguments, **keywords):
    """The task's answer, through Celery."""
    result = getattr(tasks, name).delay(*arguments, **keywords)
    assert result.successful(), result.traceback
    return result.get()


@pytest.mark.parametrize("name", QUEUE_OF)
def test_every_task_is_known_by_its_name_and_has_its_queue(name):
    assert queue_of(app.tasks[f"core.tasks.{name}"]) == QUEUE_OF[name]
    assert QUEUE_OF[name] in configured.QUEUES
    assert app.tasks[f"core.tasks.{name}"].name == getattr(tasks, name).name


def test_every_task_of_the_product_names_a_queue_that_a_plain_worker_serves():
    ours = [task for name, task in app.tasks.items() if name.startswith("core.")]
    assert len(ours) >= len(QUEUE_OF) + 2
    served = {queue.name for queue in app.conf.task_queues}
    assert {queue_of(task) for task in ours} <= served == {"analytics", "messaging", "monitoring", "delivery", "maintenance"}
    assert app.conf.task_default_queue in served


@pytest.mark.parametrize("name", QUEUE_OF)
def test_every_task_answers_with_counts_that_json_can_hold(name, busy_street):
    answer = ask(name)
    assert isinstance(answer, dict)
    assert json.loads(json.dumps(answer)) == answer
    assert SAYS.get(name, set()) <= set(answer)
    assert "dry_run" not in answer


@pytest.mark.parametrize("name", QUEUE_OF)
def test_a_dry_run_counts_the_same_and_writes_nothing(name, busy_street):
    before = all_rows()
    dry = ask(name, dry_run=True)
    assert dry.pop("dry_run") is True
    assert all_rows() == before
    wet = ask(name)
    dry.pop("alert", None)  # One that is not there yet has no number.
    assert dry == {key: wet[key] for key in dry}
    assert any(dry.values()), "There was nothing to count: this says little."


@pytest.mark.parametrize("name", [name for name in QUEUE_OF if name != "test_notification_system"])
def test_a_run_by_hand_is_entered_with_its_answer(name, busy_street):
    answer = ask(name)
    run = ScheduleRun.objects.get()
    assert (run.slot, run.status, run.result) == (None, "done", answer)
    assert run.task_id


def test_an_answer_can_be_fetched_later_by_the_tasks_id(busy_street):
    result = tasks.check_payment_holds.delay()
    stored = TaskResult.objects.get(task_id=result.id)
    assert (stored.status, stored.task_name) == ("SUCCESS", "core.tasks.check_payment_holds")
    assert json.loads(stored.result) == result.get()


# --- Arguments ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("day", ["2026-11-14", date(2026, 11, 14)], ids=["text", "date"])
def test_analytics_can_be_told_a_day(day, busy_street):
    ask("generate_pincode_analytics", day)
    assert set(PincodeAnalytics.objects.values_list("date", flat=True)) == {date(2026, 11, 14)}


def test_a_day_that_is_none_is_named(busy_street):
    result = tasks.generate_pincode_analytics.delay("2026-11-31")
    assert result.failed()
    with pytest.raises(ValueError, match=r"date: '2026-11-31' is not a day"):
        result.get()
    assert not PincodeAnalytics.objects.exists()


def test_a_campaign_or_check_by_name_and_a_name_that_is_none(busy_street):
    assert ask("run_campaign", "high_demand")["matched"] == 1
    assert set(ask("run_check", "payment_holds")) == set(ask("check_payment_holds"))
    assert tasks.run_campaign.delay("no_such_campaign").failed()


# --- Delivery ----------------------------------------------------------------------------------------------------------


def test_the_deliverer_sends_what_is_due_by_every_method(omar, now, frozen):
    rows = [queued(omar, BUSINESS_ALERT, method, now=now) for method in ("email", "sms", "websocket")]
    later = queued(omar, BUSINESS_ALERT, now=now, due_at=now + timedelta(minutes=1))
    assert ask("deliver_outbox") == {"methods": ["email", "sms", "websocket"]}
    assert {fresh(row).status for row in rows} == {"sent"}
    assert fresh(later).status == "pending"
    assert ask("deliver_outbox") == {"methods": []}


def test_the_deliverer_recovers_what_a_dead_one_left(omar, now, frozen):
    row = queued(omar, BUSINESS_ALERT, now=now)
    claims.take("email", uuid4(), at_once=1, now=now)
    assert ask("deliver_outbox") == {"methods": []}
    end_lease(row)
    assert ask("deliver_outbox") == {"methods": []}
    assert fresh(row).phase == "uncertain", "Nobody waited for a late word."
    frozen.shift(timedelta(minutes=2))
    ask("deliver_outbox")
    assert (fresh(row).status, fresh(row).dup_risk) == ("sent", True)


def test_the_pulse_leaves_no_results_behind(frozen):
    ask("run_due_jobs")
    ask("deliver_outbox")
    assert not TaskResult.objects.filter(task_name__in=("core.tasks.run_due_jobs", "core.tasks.deliver_outbox")).exists()


# --- Nothing about anybody ---------------------------------------------------------------------------------------------


def test_nothing_about_a_person_is_in_any_tasks_arguments_or_result(busy_street, settings):
    with SmtpServer() as smtp, TwilioServer() as twilio:
        for name, value in {**smtp.settings, **twilio.settings}.items():
            setattr(settings, name, value)
        everyone = list(User.objects.all())
        for person in everyone:
            twilio.refused_numbers[person.phone] = Refusal(400, 21211, f"The 'To' number {person.phone} is not a valid phone number")
        smtp.answers["RCPT"].extend(f"550 5.1.1 <{person.email}> is unknown" for person in User.objects.filter(role__in=STAFF))
        for name in QUEUE_OF:
            ask(name)
        NotificationService.send_and_store_otp("kiran@homeserve.example", "email", "Kiran")
        ask("deliver_outbox")
        close_transports()
    assert TaskResult.objects.count() >= len(QUEUE_OF)
    kept = serializers.serialize("json", TaskResult.objects.all()) + serializers.serialize("json", ScheduleRun.objects.all())
    found = [text for person in everyone for text in (person.email, person.phone, person.phone[3:], person.first_name) if text in kept]
    assert found == []


def test_many_messages_are_sent_by_several_who_are_asked_at_once(now, frozen, settings, monkeypatch):
    """One of them may be held up by a slow provider."""
    settings.DELIVERERS_PER_METHOD = 3
    asked = []
    monkeypatch.setattr(tasks.deliver_outbox, "apply_async", lambda args, expires: asked.append(args))
    crowd = people.people(50)
    for person in crowd[:20]:
        queued(person, BUSINESS_ALERT, now=now)
    tasks.deliver_outbox()
    assert asked == [("email",)]
    for person in crowd[20:]:
        queued(person, BUSINESS_ALERT, now=now)
    asked.clear()
    tasks.deliver_outbox()
    assert asked == [("email",)] * 3
    claims.take("email", uuid4(), at_once=1, now=now)
    asked.clear()
    tasks.deliver_outbox()
    assert asked == [("email",)] * 2

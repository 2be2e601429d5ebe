"""What each check finds, to the second, and who hears of it."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from core.alerts.check import checks, declare, kind_for, roles_for
from core.alerts.checks.payment_holds import PaymentHolds
from core.alerts.lifecycle import reconcile
from core.models import Payment, Role, Signature, Threshold
from tests.alerts.stuck import held, many_settled, messages, only_alert, overdue, unsigned

pytestmark = pytest.mark.django_db

SECOND = 1 / 3600


def found(name: str, now: datetime) -> list[tuple[str, str]]:
    check = checks.get(name)
    return [(finding.object_id, finding.severity) for finding in check.find(now=now, limits=check.limits)]


def test_the_checks_of_the_product_are_declared_with_their_times():
    assert {check.name: (check.task, check.times.hour, check.times.minute, check.times.late) for check in checks} == {
        "booking_timeouts": ("core.tasks.check_booking_timeouts", "*/3", "0", None),
        "payment_holds": ("core.tasks.check_payment_holds", "*/2", "0", None),
        "pending_signatures": ("core.tasks.check_pending_signatures", "*", "0", None),
        "vendor_shortage": ("core.tasks.run_check", "9-18", "15", None),
    }


@pytest.mark.parametrize(("name", "make"), [("pending_signatures", unsigned), ("payment_holds", held), ("booking_timeouts", overdue)])
def test_exactly_24_hours_is_not_stuck_a_second_more_is_and_48_hours_are_critical(name, make, now):
    make(now, 24)
    day = make(now, 24 + SECOND)
    almost = make(now, 48 - SECOND)
    two_days = make(now, 48)
    assert sorted(found(name, now)) == sorted([(str(day.pk), "high"), (str(almost.pk), "high"), (str(two_days.pk), "critical")])


def test_what_is_signed_released_or_finished_is_not_found(now):
    unsigned(now, 30, signed_at=now)
    Signature.objects.update(status="signed")
    held(now, 30)
    Payment.objects.update(status="completed")
    for status in ("pending", "completed", "signed", "cancelled", "disputed"):
        overdue(now, 30, status=status)
    assert [found(name, now) for name in checks.names()] == [[], [], [], []]


def test_a_payment_without_held_at_is_held_since_it_was_made(now):
    payment = held(now, 0, held_at=None, created_at=now - timedelta(hours=50))
    assert found("payment_holds", now) == [(str(payment.pk), "critical")]


def test_a_confirmed_job_counts_from_its_end_not_from_its_start(now):
    long_job = overdue(now, 23, minutes=8 * 60, status="confirmed")
    assert long_job.scheduled_date < now - timedelta(hours=24)
    assert found("booking_timeouts", now) == []
    assert found("booking_timeouts", now + timedelta(hours=2)) == [(str(long_job.pk), "high")]


def test_an_admin_changes_the_hours_of_a_check(omar, now):
    held(now, 5)
    check = checks.get("payment_holds")
    assert reconcile(check, now=now)["found"] == 0
    for name, value in (("after_hours", 4), ("critical_hours", "4.5")):
        Threshold.objects.create(rule="payment_holds", name=name, value=Decimal(value), effective_from=now)
    assert reconcile(check, now=now)["critical"] == 1
    assert only_alert().severity == "critical"
    assert only_alert().metadata["limits"] == {"after_hours": "4", "critical_hours": "4.5"}
    assert "more than 4 hours; critical from 4.5 hours" in only_alert().description


def test_finance_hears_of_held_payments_and_not_of_overdue_bookings(omar, farah, sara, now):
    held(now, 30)
    overdue(now, 30)
    unsigned(now, 30)
    for check in checks:
        reconcile(check, now=now)

    def told(kind: str) -> set[str]:
        return {person for person, _ in messages(notification_type=kind)}

    assert told("payment_hold") == {"omar", "farah"}
    assert told("booking_timeout") == {"omar"}
    assert told("pending_signature") == {"omar", "sara"}


def test_a_type_without_a_check_is_told_to_ops_as_a_business_alert():
    assert roles_for("low_vendor_count") == (Role.OPS_MANAGER,)
    assert roles_for("system_error") == (Role.OPS_MANAGER, Role.SUPER_ADMIN)
    assert kind_for("system_error").name == "business_alert"
    assert kind_for("payment_hold").name == "payment_hold"


def test_two_checks_of_one_name_are_refused():
    class Impostor(PaymentHolds):
        """Another check under the same name."""

    with pytest.raises(ValueError, match="two checks named 'payment_holds'"):
        declare(Impostor)


@pytest.mark.parametrize(
    ("name", "index"),
    [("pending_signatures", "signature_pending"), ("payment_holds", "payment_on_hold"), ("booking_timeouts", "booking_under_way")],
)
def test_a_check_reads_by_its_partial_index(name, index, now):
    many_settled(now, 1_000)
    unsigned(now, 30)
    held(now, 30)
    overdue(now, 30)
    check = checks.get(name)
    asked: list[tuple[str, Any]] = []

    def listen(execute, sql, params, many, context):
        asked.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(listen):
        list(check.find(now=now, limits=check.limits))
    ((sql, params),) = asked
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # Its plans follow what it knows of the tables, which without this is whatever another test left behind.
            cursor.execute("ANALYZE core_booking, core_payment, core_signature, core_service")
            cursor.execute(f"EXPLAIN {sql}", params)
        else:
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}", params)
        assert index in " ".join(str(row) for row in cursor.fetchall())


def test_checks_keep_nothing_between_runs():
    assert not any(vars(check) for check in checks)

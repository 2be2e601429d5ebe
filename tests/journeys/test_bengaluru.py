"""A real day on a marketplace's own export: what it must come to was computed from the rows alone, by other means."""

import gzip
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.core.management import call_command
from django.db import transaction

from core import tasks
from core.models import BusinessAlert, LeftOut, NotificationLog, PincodeAnalytics, Role, Threshold

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def expected(bengaluru_dir: Path) -> dict[str, Any]:
    with gzip.open(bengaluru_dir / "expected.json.gz", "rt", encoding="utf-8") as file:
        read: dict[str, Any] = json.load(file)
    return read


@pytest.fixture
def nine(expected: dict[str, Any]) -> datetime:
    """The morning that the export stops at."""
    return datetime.fromisoformat(expected["now"])


@pytest.fixture(scope="module")
def refused(django_db_setup: None, django_db_blocker: Any, bengaluru_dir: Path) -> Iterator[str]:
    """The export is loaded, once for all these tests; what the import said of the rows it refused."""
    with django_db_blocker.unblock(), transaction.atomic():
        out, err = StringIO(), StringIO()
        call_command("import_marketplace", str(bengaluru_dir), stdout=out, stderr=err)
        yield out.getvalue() + err.getvalue()
        transaction.set_rollback(True)


@pytest.fixture
def at_nine(refused: str, nine: datetime) -> Iterator[time_machine.Traveller]:
    with time_machine.travel(nine, tick=False) as traveller:
        yield traveller


def people_told(kind: str) -> int:
    return NotificationLog.objects.filter(notification_type=kind).values("recipient").distinct().count()


def pincodes_told(kind: str) -> set[str]:
    return set(NotificationLog.objects.filter(notification_type=kind).values_list("pincode", flat=True))


def test_each_refused_row_is_named_by_file_and_line(refused: str, expected: dict[str, Any]) -> None:
    for file, count in expected["refused_rows"].items():
        assert refused.count(f"{file.removesuffix('.csv')}.csv") >= count or refused.count(file) >= count, refused


def test_every_figure_of_both_days_is_as_computed(at_nine: time_machine.Traveller, expected: dict[str, Any]) -> None:
    tasks.generate_pincode_analytics()
    rows = {f"{row.pincode} {row.date}": row for row in PincodeAnalytics.objects.all()}
    wrong = []
    for name, figures in expected["analytics"].items():
        for field, value in figures.items():
            found = getattr(rows[name], field)
            if found != (Decimal(value) if isinstance(value, str) else value):
                wrong.append((name, field, value, found))
    assert wrong == []
    assert len(expected["analytics"]) == 192


def test_high_demand_reaches_the_vendors_and_ops_hear_of_the_gaps(at_nine: time_machine.Traveller, expected: dict[str, Any]) -> None:
    result = tasks.send_pincode_demand_alerts()
    assert result["matched"] == len(expected["demand_pincodes"]) == 39
    assert pincodes_told("demand_notification") == set(expected["demand_pincodes"]) - set(expected["coverage_gaps"])
    assert people_told("demand_notification") == expected["demand_people"] == 96
    assert result["coverage_gaps"] == len(expected["coverage_gaps"]) == 8
    gap = BusinessAlert.objects.get(alert_type="low_vendor_count")
    assert set(gap.items.values_list("object_id", flat=True)) == set(expected["coverage_gaps"])
    told = NotificationLog.objects.filter(alert=gap, method="email")
    assert set(told.values_list("recipient__role", flat=True)) == {Role.OPS_MANAGER}


def test_the_bonus_goes_out_although_the_demand_message_did_an_hour_before(
    at_nine: time_machine.Traveller, expected: dict[str, Any]
) -> None:
    tasks.send_pincode_demand_alerts()
    at_nine.shift(timedelta(hours=1))
    result = tasks.send_vendor_bonus_alerts()
    assert result["matched"] == len(expected["bonus_pincodes"]) == 10
    assert people_told("bonus_alert") == expected["bonus_people"] == 27
    flagged = PincodeAnalytics.objects.filter(bonus_alert_sent=True, high_demand_alert_sent=True)
    assert flagged.exists()


def test_the_promotion_reaches_the_quiet_pincodes(at_nine: time_machine.Traveller, expected: dict[str, Any]) -> None:
    at_nine.shift(timedelta(hours=2))
    result = tasks.send_promotional_campaigns()
    assert result["matched"] == len(expected["promotion_pincodes"]) == 40
    assert pincodes_told("promotional") == set(expected["promotion_pincodes"])
    assert people_told("promotional") == expected["promotion_people"] == 1664
    assert LeftOut.objects.filter(reason="inactive").count() == result["suppressed"]["inactive"] == 26


@pytest.mark.parametrize(
    ("task", "found", "critical"),
    [
        (tasks.check_pending_signatures, "pending_signatures", "pending_signatures_critical"),
        (tasks.check_payment_holds, "payment_holds", "payment_holds_critical"),
        (tasks.check_booking_timeouts, "booking_timeouts", "booking_timeouts_critical"),
    ],
)
def test_the_checks_find_what_is_stuck(
    at_nine: time_machine.Traveller, expected: dict[str, Any], task: Any, found: str, critical: str
) -> None:
    result = task()
    assert (result["found"], result["critical"]) == (expected[found], expected[critical])
    alert = BusinessAlert.objects.get()
    assert alert.item_count == expected[found]
    if found == "payment_holds":
        assert alert.rupees_at_risk == Decimal(expected["payment_holds_amount"]) == Decimal("149887.00")
        assert "₹1,49,887" in alert.title


def test_the_whole_day_again_is_not_one_message_more(at_nine: time_machine.Traveller, nine: datetime) -> None:
    def whole_day() -> None:
        for hours, task in (
            (0, tasks.generate_pincode_analytics),
            (0, tasks.send_pincode_demand_alerts),
            (1, tasks.send_vendor_bonus_alerts),
            (2, tasks.send_promotional_campaigns),
            (2, tasks.send_vendor_completion_reminders),
            (2, tasks.check_pending_signatures),
            (2, tasks.check_payment_holds),
            (2, tasks.check_booking_timeouts),
        ):
            at_nine.move_to(nine + timedelta(hours=hours))
            task()

    whole_day()
    once = NotificationLog.objects.count()
    assert once > 4000
    whole_day()
    assert NotificationLog.objects.count() == once


def test_a_dry_run_counts_the_same_and_writes_nothing(at_nine: time_machine.Traveller) -> None:
    tables = (NotificationLog, LeftOut, PincodeAnalytics, BusinessAlert, Threshold)
    dry = {task.name: task(dry_run=True) for task in (tasks.send_pincode_demand_alerts, tasks.send_vendor_bonus_alerts)}
    assert [table.objects.count() for table in tables] == [0] * len(tables)
    for task in (tasks.send_pincode_demand_alerts, tasks.send_vendor_bonus_alerts):
        assert {**task(), "dry_run": True} == dry[task.name]

"""An alert's items at scale: the same few statements for ten findings and for thousands, and only differences are written."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from core.alerts.check import Check, Finding, Values, checks, declare
from core.alerts.checks.payment_holds import PaymentHolds
from core.alerts.lifecycle import reconcile
from core.alerts.policies import create_defaults
from core.models import AlertItem, Booking, BusinessAlert, EscalationPolicy, NotificationLog, Payment, Service
from tests.alerts.stuck import held, many_held, only_alert, overdue, unsigned

pytestmark = pytest.mark.django_db

HOLDS = checks.get("payment_holds")
HOUR = timedelta(hours=1)
POSTGRESQL = connection.vendor == "postgresql"


class InPython(PaymentHolds):
    """Finds the same as the check itself, but row by row."""

    def find(self, *, now: datetime, limits: Values) -> Iterator[Finding]:
        yield from super().find(now=now, limits=limits)


def asked(check: Check, now: datetime) -> list[str]:
    """The statements of one run, without those that begin and end transactions, and of a cursor only its opening."""
    with CaptureQueriesContext(connection) as captured:
        reconcile(check, now=now)
    passing = ("SAVEPOINT", "RELEASE", "BEGIN", "COMMIT", "FETCH", "CLOSE")
    return [query["sql"] for query in captured if not query["sql"].startswith(passing)]


def costs(check: Check, now: datetime) -> dict[str, int]:
    """Statements of a run that opens an alert, of one that finds the same again, and of one with another item."""
    opening = len(asked(check, now))
    same = len(asked(check, now + HOUR))
    held(now, 31)
    more = len(asked(check, now + HOUR))
    return {"opening": opening, "same": same, "more": more}


def test_ten_findings_and_five_thousand_cost_the_same_statements(omar, now):
    many_held(now, 10)
    few = costs(HOLDS, now)
    BusinessAlert.objects.all().delete()
    many_held(now, 4_989)
    assert costs(HOLDS, now) == few
    assert only_alert().item_count == AlertItem.objects.filter(cleared_at=None).count() == 5_001


@pytest.mark.parametrize("has_policies", [False, True])
def test_a_run_that_finds_the_same_again_is_four_statements_and_a_lock(omar, now, has_policies):
    if has_policies:
        create_defaults()
    many_held(now, 30)
    reconcile(HOLDS, now=now)
    limits, *lock, alerts, compared, saved = asked(HOLDS, now + HOUR)
    assert "core_threshold" in limits
    assert [statement.partition("(")[0] for statement in lock] == (["SELECT pg_advisory_xact_lock"] if POSTGRESQL else [])
    assert "core_businessalert" in alerts
    assert "core_payment" in compared
    assert "core_alertitem" in compared
    assert saved.startswith('UPDATE "core_businessalert"')


@pytest.mark.parametrize("minutes", [None, 90])
def test_it_asks_for_the_policies_when_one_of_them_may_repeat_by_now(omar, now, minutes):
    if minutes:
        EscalationPolicy.objects.create(name="Impatient", severity="high", repeat_minutes=minutes)
    soonest = timedelta(minutes=minutes or 4 * 60)
    many_held(now, 3)
    reconcile(HOLDS, now=now)
    assert not any(statement.startswith('SELECT "core_escalationpolicy"') for statement in asked(HOLDS, now + soonest - HOUR))
    reconcile(HOLDS, now=now + soonest)
    assert (NotificationLog.objects.filter(method="email").count() == 2) is bool(minutes)


def test_what_python_finds_costs_one_statement_more_for_each_two_thousand(omar, now):
    many_held(now, 10)
    few = len(asked(InPython(), now))
    BusinessAlert.objects.all().delete()
    many_held(now, 4_990)
    assert len(asked(InPython(), now)) == few + 2


def test_only_what_is_new_changed_or_gone_is_written(omar, now):
    stays, changes, goes = held(now, 30, "100"), held(now, 30, "200"), held(now, 30, "300")
    reconcile(HOLDS, now=now)
    Payment.objects.filter(pk=changes.pk).update(amount=Decimal("250.50"))
    Payment.objects.filter(pk=goes.pk).update(status="completed")
    comes = held(now, 50, "400")
    later = now + HOUR
    written = [
        statement for statement in asked(HOLDS, later) if "core_alertitem" in statement and not statement.startswith(("WITH", "SELECT"))
    ]
    items = {item.object_id: item for item in AlertItem.objects.all()}
    assert [(items[str(row.pk)].rupees, items[str(row.pk)].cleared_at) for row in (stays, changes, goes, comes)] == [
        (100, None), (Decimal("250.50"), None), (300, later), (400, None),
    ]  # fmt: skip
    assert items[str(changes.pk)].first_seen_at == items[str(stays.pk)].first_seen_at == now
    assert (items[str(comes.pk)].first_seen_at, items[str(comes.pk)].severity) == (later, "critical")
    assert only_alert().rupees_at_risk == Decimal("750.50")
    # Cleared, mended, added; and the worst of them read for the message.
    assert len([statement for statement in written if "core_alertitem" in statement.split("FROM")[0]]) == 3


def test_an_item_that_is_only_gone_is_noticed(omar, now):
    many_held(now, 5)
    reconcile(HOLDS, now=now)
    Payment.objects.filter(pk=Payment.objects.values_list("pk")[:1].get()[0]).update(status="completed")
    assert reconcile(HOLDS, now=now + HOUR)["cleared"] == 1
    assert only_alert().item_count == AlertItem.objects.filter(cleared_at=None).count() == 4


def test_the_select_of_a_check_says_what_its_rows_say(now):
    """The database's text and arithmetic, beside Python's."""
    odd = timedelta(microseconds=123_457)
    payment, signature = held(now, 30), unsigned(now, 60)
    Payment.objects.update(held_at=now - timedelta(hours=30) - odd)
    job = overdue(now, 30, minutes=90)
    Booking.objects.filter(pk=job.pk).update(scheduled_date=now - timedelta(hours=31, minutes=30) + odd)
    Service.objects.update(name="Ärger, 'Deep' 100 % clean")
    for check, row, since in (
        (HOLDS, payment, now - timedelta(hours=30) - odd),
        (checks.get("pending_signatures"), signature, now - timedelta(hours=60)),
        (checks.get("booking_timeouts"), job, now - timedelta(hours=30) + odd),
    ):
        (finding,) = check.find(now=now, limits=check.limits)
        assert (finding.object_id, finding.since) == (str(row.pk), since)
        assert finding.label == f"Ärger, 'Deep' 100 % clean, 560001, {str(row.pk)[:8].upper()}"
        assert finding.severity == ("critical" if row is signature else "high")
        reconcile(check, now=now)
        item = AlertItem.objects.get(object_id=str(row.pk))
        stored = (item.object_type, item.label, timezone.localtime(item.since), item.severity, item.rupees, item.pincode)
        assert stored == (finding.object_type, finding.label, since, finding.severity, finding.rupees, "560001")


def test_what_python_finds_becomes_the_same_items(omar, now):
    many_held(now, 40)
    held(now, 60)

    def kept() -> list[tuple[object, ...]]:
        return list(AlertItem.objects.order_by("object_id").values_list("object_id", "label", "since", "severity", "rupees", "pincode"))

    reconcile(HOLDS, now=now)
    by_select = kept()
    BusinessAlert.objects.all().delete()
    reconcile(InPython(), now=now)
    assert kept() == by_select
    assert len(by_select) == 41


def test_items_made_by_the_database_lie_in_the_order_of_their_making(omar, now):
    many_held(now, 3)
    reconcile(HOLDS, now=now)
    first = set(AlertItem.objects.values_list("pk", flat=True))
    held(now, 50)
    reconcile(HOLDS, now=now + HOUR)
    (late,) = set(AlertItem.objects.values_list("pk", flat=True)) - first
    assert {pk.version for pk in {*first, late}} == {7}
    assert late > max(first)


def test_a_check_that_finds_nothing_is_refused():
    class Idle(Check):
        """Has neither a select nor a find."""

        name = "idle"

    with pytest.raises(TypeError, match="neither"):
        declare(Idle)


def test_a_quiet_alert_is_compared_and_nothing_is_written(omar, now):
    many_held(now, 10)
    reconcile(HOLDS, now=now)
    alert = only_alert()
    alert.status, alert.resolved_by, alert.resolved_at, alert.quiet_until = "resolved", omar, now, now + 24 * HOUR
    alert.save()
    quiet = asked(HOLDS, now + HOUR)
    assert not [statement for statement in quiet if statement.startswith(("INSERT", "UPDATE", "CREATE"))]
    assert reconcile(HOLDS, now=now + 25 * HOUR)["reopened"] == 1
    assert only_alert().item_count == AlertItem.objects.filter(cleared_at=None).count() == 10

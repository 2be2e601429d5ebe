"""How an evaluation goes: as a whole or not at all, for a dry run, for nobody, for regions, for three thousand findings."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from core.alerts.check import Check, Finding, Nouns, Values, checks
from core.alerts.checks.payment_holds import PaymentHolds
from core.alerts.lifecycle import reconcile
from core.models import (
    AlertEvent,
    AlertItem,
    Booking,
    BusinessAlert,
    LeftOut,
    MessageContent,
    MessagingRun,
    NotificationLog,
    Payment,
    Role,
)
from tests.alerts.stuck import held, many_held, messages, only_alert, unsigned
from tests.people import person

pytestmark = pytest.mark.django_db

HOLDS = checks.get("payment_holds")
SIGNATURES = checks.get("pending_signatures")
HOUR = timedelta(hours=1)


class TornCheck(PaymentHolds):
    """Finds everything, and fails before it says that this was all."""

    def find(self, *, now: datetime, limits: Values) -> Iterator[Finding]:
        yield from super().find(now=now, limits=limits)
        raise ConnectionError("The connection was lost.")


class BlindCheck(PaymentHolds):
    """Fails before it finds anything."""

    def find(self, *, now: datetime, limits: Values) -> Iterator[Finding]:
        raise ConnectionError("The connection was lost.")


def everything() -> list[object]:
    kept = (BusinessAlert, AlertItem, AlertEvent, NotificationLog, MessagingRun, MessageContent, LeftOut)
    return [list(model.objects.order_by("pk").values()) for model in kept]


@pytest.mark.parametrize("torn", [TornCheck, BlindCheck])
def test_a_check_that_fails_half_way_changes_nothing(torn, omar, now):
    held(now, 40)
    with pytest.raises(ConnectionError):
        reconcile(torn(), now=now)
    assert not BusinessAlert.objects.exists()
    reconcile(HOLDS, now=now)
    before = everything()
    held(now, 50)
    Payment.objects.filter(held_at=now - 40 * HOUR).delete()
    with pytest.raises(ConnectionError):
        reconcile(torn(), now=now + 2 * HOUR)
    assert everything() == before
    assert reconcile(HOLDS, now=now + 2 * HOUR)["raised"] == 1


def test_a_dry_run_counts_the_same_and_writes_nothing(omar, farah, now):
    held(now, 60, "500")
    tried = reconcile(HOLDS, now=now, dry_run=True)
    assert not BusinessAlert.objects.exists()
    assert not MessagingRun.objects.exists()
    assert not NotificationLog.objects.exists()
    done = reconcile(HOLDS, now=now)
    assert tried == done | {"alert": None}
    before = everything()
    assert reconcile(HOLDS, now=now + 4 * HOUR, dry_run=True)["queued"] == 6
    assert everything() == before


def test_nobody_to_tell_is_an_alert_itself_and_the_first_to_come_is_told(sara, now):
    held(now, 30)
    person(Role.FINANCE, is_active=False)
    reconcile(HOLDS, now=now)
    reconcile(HOLDS, now=now + HOUR)
    unheard = BusinessAlert.objects.get(alert_type="system_error")
    assert unheard.title == "Nobody to tell: payments on hold"
    assert unheard.severity == "critical"
    assert {who for who, _ in messages()} == {"sara"}
    assert NotificationLog.objects.filter(notification_type="business_alert", method="email").count() == 1
    someone = person(Role.FINANCE)
    reconcile(HOLDS, now=now + 2 * HOUR)
    unheard.refresh_from_db()
    assert unheard.status == "resolved"
    assert messages(notification_type="payment_hold") == [(someone.username, "email"), (someone.username, "websocket")]


def test_where_not_even_a_super_admin_is_there_the_alert_waits_for_one(now):
    held(now, 30)
    reconcile(HOLDS, now=now)
    assert set(BusinessAlert.objects.values_list("alert_type", "last_notified_at")) == {("payment_hold", None), ("system_error", None)}
    admin = person(Role.SUPER_ADMIN)
    reconcile(HOLDS, now=now + HOUR)
    assert {who for who, _ in messages()} == {admin.username}


def test_with_regions_each_has_an_alert_of_its_own(omar, now, settings):
    settings.ALERT_REGIONS = ["56", "5600", "400"]
    held(now, 30, "100")
    mumbai = held(now, 60, "200")
    Booking.objects.filter(pk=mumbai.booking_id).update(pincode="400053")
    result = reconcile(HOLDS, now=now)
    assert (result["opened"], result["rupees"], len(result["alerts"])) == (2, "300.00", 2)
    assert list(
        BusinessAlert.objects.order_by("region").values_list("region", "fingerprint", "severity", "item_count", "rupees_at_risk")
    ) == [
        ("400", "payment_holds:400", "critical", 1, Decimal(200)),
        ("5600", "payment_holds:5600", "high", 1, Decimal(100)),
    ]
    settings.ALERT_REGIONS = []
    result = reconcile(HOLDS, now=now + HOUR)
    assert (result["opened"], result["resolved"]) == (1, 2)


def test_an_alert_lists_the_worst_twenty_and_counts_the_rest(omar, now):
    many_held(now, 30)
    worst = held(now, 70, "99")
    reconcile(HOLDS, now=now)
    text = NotificationLog.objects.get(method="email").message
    assert str(worst.pk)[:8].upper() in text
    assert "11 more" in text


def test_a_thing_found_twice_is_one_item(omar, now):
    class Twice(PaymentHolds):
        def find(self, *, now: datetime, limits: Values) -> Iterator[Finding]:
            for _ in range(2):
                yield from super().find(now=now, limits=limits)

    held(now, 30, "10")
    result = reconcile(Twice(), now=now)
    assert (result["found"], result["rupees"]) == (1, "10.00")


def test_a_new_check_is_one_declaration(omar, now):
    class LonelyCustomers(Check):
        name = "lonely_customers"
        label = "Lonely customers"
        alert_type = "lonely_customer"
        kind = HOLDS.kind
        roles = (Role.OPS_MANAGER,)
        nouns = Nouns("lonely customer", "lonely customers")
        rule = "Customers nobody visits."

        def find(self, *, now: datetime, limits: Values) -> Iterator[Finding]:
            yield Finding(object_type="user", object_id="1", label="Kiran", since=now - HOUR, severity="low")

    result = reconcile(LonelyCustomers(), now=now)
    assert (result["found"], result["rupees"]) == (1, None)
    assert UUID(result["alert"]) == only_alert().pk
    assert only_alert().title == "1 lonely customer, for 1 hour"


def test_signatures_bring_what_their_jobs_are_worth(omar, sara, now):
    unsigned(now, 30)
    assert reconcile(SIGNATURES, now=now)["rupees"] == "1000.00"

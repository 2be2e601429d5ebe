"""Many alerts at once are one message to each who would hear of them, and can be traced to each alert all the same."""

from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core.alerts.check import checks
from core.alerts.lifecycle import reconcile
from core.alerts.policies import create_defaults
from core.models import AlertEvent, BusinessAlert, NotificationLog, Role
from core.models.fields import new_id
from tests.alerts.minutes import MINUTE, an_alert, by, heard, look
from tests.alerts.stuck import held
from tests.people import person

pytestmark = pytest.mark.django_db

BOTH = "email websocket"
ALL = "email sms websocket"
HOLDS = checks.get("payment_holds")


def held_in(pincodes, now, settings, *, hours=30.0):
    settings.ALERT_REGIONS = list(pincodes)
    for number, pincode in enumerate(pincodes):
        payment = held(now, hours + number, str(100 * (number + 1)))
        payment.booking.pincode = pincode
        payment.booking.save()


def test_three_alerts_in_one_evaluation_are_three_messages(omar, now, settings):
    held_in(["560001", "560002", "560003"], now, settings)
    assert reconcile(HOLDS, now=now)["queued"] == 6
    assert heard() == sorted(by(BOTH, now, "omar", "opened") * 3)


def test_four_alerts_in_one_evaluation_are_one_message_of_their_type_that_lists_the_worst_first(omar, farah, now, settings):
    held_in(["560001", "560002", "560003", "560004"], now, settings)
    result = reconcile(HOLDS, now=now)
    assert (result["opened"], result["queued"], result["people"]) == (4, 4, 2)
    assert heard() == [*by(BOTH, now, "farah", "opened"), *by(BOTH, now, "omar", "opened")]
    message = NotificationLog.objects.filter(method="email", recipient=omar).get()
    worst_first = list(BusinessAlert.objects.order_by("-rupees_at_risk").values_list("pk", "title"))
    assert message.notification_type == "payment_hold"
    assert message.metadata["alert_ids"] == [str(pk) for pk, _ in worst_first]
    assert (message.metadata["alert_id"], message.alert_id) == (str(worst_first[0][0]), worst_first[0][0])
    assert message.subject == f"4 alerts: {worst_first[0][1]} and more"
    places = [message.message.index(title) for _, title in worst_first]
    assert places == sorted(places)
    assert "₹1,000 at risk" in message.message


def test_its_link_leads_to_the_list_of_those_alerts_as_far_as_its_reader_may_see_them(omar, farah, as_farah, frozen, now, settings):
    an_alert(now, title="Held elsewhere", alert_type="payment_hold")
    held_in(["560001", "560002", "560003", "560004"], now, settings)
    reconcile(HOLDS, now=now)
    link = NotificationLog.objects.get(method="email", recipient=farah).content.link_url
    BusinessAlert.objects.filter(region="560001").update(alert_type="booking_timeout")
    page = as_farah.get(link).content.decode()
    assert page.count('data-alert="') == 3
    assert "Held elsewhere" not in page
    for other in ("x", new_id()):
        assert 'data-alert="' not in as_farah.get(f"/dashboard/alerts/?told={other}").content.decode()


def test_each_alerts_own_history_says_that_it_was_told(omar, now, settings):
    held_in(["560001", "560002", "560003", "560004"], now, settings)
    reconcile(HOLDS, now=now)
    told = AlertEvent.objects.filter(kind="told")
    assert [(event.reason, event.detail["people"], event.detail["queued"]) for event in told] == [("opened", 1, 2)] * 4
    assert set(BusinessAlert.objects.values_list("last_notified_at", "notified_count")) == {(now, 1)}
    # It counts as told: nothing more is said until there is a reason.
    assert reconcile(HOLDS, now=now + 60 * MINUTE)["queued"] == 0


def test_a_dry_run_of_a_storm_counts_the_same(omar, now, settings):
    held_in(["560001", "560002", "560003", "560004"], now, settings)
    assert reconcile(HOLDS, now=now, dry_run=True)["queued"] == 2
    assert not NotificationLog.objects.exists()


def test_alerts_of_several_types_in_one_look_are_one_business_alert_and_whoever_hears_of_few_hears_of_each(omar, sara, farah, now):
    create_defaults()
    for number in range(4):
        an_alert(now, title=f"Overdue {number}", severity="high", alert_type="booking_timeout")
    an_alert(now, title="Held", alert_type="payment_hold", rupees_at_risk=Decimal(50_000))
    look(now)
    assert heard(recipient=farah) == by(ALL, now, "farah", "opened")
    digest = NotificationLog.objects.get(recipient=omar, method="sms")
    assert heard(recipient=omar) == by(ALL, now, "omar", "opened")
    assert (digest.notification_type, digest.metadata["severity"], len(digest.metadata["alert_ids"])) == ("business_alert", "critical", 5)
    assert digest.subject == "5 alerts, 1 critical: Held and more"
    assert digest.lane == digest.Lane.URGENT


def test_many_that_escalate_in_one_look_are_one_message(omar, sara, now):
    create_defaults()
    for number in range(10):
        an_alert(now, title=f"Alert {number}")
    look(now)
    assert heard() == by(ALL, now, "omar", "opened")
    late = now + 30 * MINUTE
    assert look(late)["escalated"] == 10
    assert heard(created_at=late) == by(ALL, late, "sara", "escalated")
    assert AlertEvent.objects.filter(kind="told", reason="escalated", at=late).count() == 10
    assert look(late) == look(late) | {"looked": 0}


def test_more_than_a_message_lists_are_counted(omar, now):
    for number in range(30):
        an_alert(now, title=f"Alert {number}.", severity="high")
    look(now)
    message = NotificationLog.objects.get(method="email")
    assert message.message.count("- High, opened: Alert") == 20
    assert "And 10 more." in message.message


def test_what_alerts_say_costs_no_more_statements_for_more_people(omar, now):
    def cost():
        BusinessAlert.objects.all().delete()
        alerts = [an_alert(now, id=new_id(), severity="high") for _ in range(5)]
        with CaptureQueriesContext(connection) as asked:
            look(now)
        assert AlertEvent.objects.filter(alert__in=alerts, kind="told").count() == 5
        return len(asked)

    person(Role.OPS_MANAGER)
    few = cost()
    for _ in range(27):
        person(Role.OPS_MANAGER)
    assert cost() == few

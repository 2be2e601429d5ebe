"""Who is not written to: each with a named reason, counted in the result and kept in a table of its own (docs/rules.md, 4 and 10)."""

from datetime import timedelta

import pytest

from core import tasks
from core.models import LeftOut, NotificationLog, Preference, Role, Suppression, User
from core.notification_service import NotificationService
from core.notifications import retention
from tests.messaging.market import MONDAY, SUNDAY, bonus, booked, demand, ist, left_out, messages, promote, told
from tests.people import HOME, person

pytestmark = pytest.mark.django_db

OFFER = {"title": "An offer"}


def say(person: User, category: str, method: str, *, allowed: bool) -> None:
    Preference.objects.create(person=person, category=category, method=method, allowed=allowed)


@pytest.fixture
def hot(frozen, vera):
    """A pincode in high demand, where Vera is the only vendor free."""
    booked(9, at=ist(SUNDAY))


def test_the_inactive_are_left_out_by_every_method(hot, vera):
    User.objects.filter(pk=vera.pk).update(is_active=False)
    assert demand()["suppressed"] == {"inactive": 1}
    assert (messages(), left_out()) == ([], [("vera", "inactive", "email,websocket")])


def test_an_opt_out_is_by_category_and_method(hot, vera):
    say(vera, "demand_notification", "email", allowed=False)
    assert demand()["suppressed"] == {"opted_out": 1}
    bonus()
    assert messages() == [("vera", "email"), ("vera", "sms"), ("vera", "websocket"), ("vera", "websocket")]
    assert left_out() == [("vera", "opted_out", "email")]


def test_opted_out_of_every_method_one_hears_nothing(hot, vera):
    for method in ("email", "websocket"):
        say(vera, "demand_notification", method, allowed=False)
    demand()
    assert (messages(), left_out()) == ([], [("vera", "opted_out", "email,websocket")])


def test_an_opt_out_between_deciding_and_sending_still_counts(hot, vera):
    demand()
    say(vera, "demand_notification", "email", allowed=False)
    NotificationService.send_bonus_alerts(HOME)
    tasks.deliver_outbox("email")
    assert NotificationLog.objects.get(notification_type="demand_notification", method="email").phase == "cancelled"
    assert NotificationLog.objects.get(notification_type="bonus_alert", method="email").status == "sent"


def test_without_an_address_one_is_reached_by_the_other_methods(hot, vera):
    User.objects.filter(pk=vera.pk).update(email="", phone="")
    assert bonus()["suppressed"] == {"no_address": 1}
    assert messages() == [("vera", "websocket")]
    assert left_out() == [("vera", "no_address", "email,sms")]


@pytest.mark.parametrize("written", ["vera@homeserve.example", "VERA@homeserve.example"])
def test_a_suppressed_address_is_left_out_however_it_is_written(hot, vera, written):
    User.objects.filter(pk=vera.pk).update(email=written)
    Suppression.objects.create(method="email", address="vera@homeserve.example", reason="bounced")
    assert demand()["suppressed"] == {"suppressed_address": 1}
    assert (messages(), left_out()) == ([("vera", "websocket")], [("vera", "suppressed_address", "email")])


def test_a_suppression_is_of_one_method_and_may_end(hot, vera, now):
    Suppression.objects.create(method="sms", address=vera.phone, reason="refused", expires_at=now)
    Suppression.objects.create(method="sms", address=vera.email, reason="refused")
    assert bonus()["suppressed"] == {}


def test_one_person_may_be_left_out_for_several_reasons(hot, vera):
    User.objects.filter(pk=vera.pk).update(phone="")
    say(vera, "bonus_alert", "websocket", allowed=False)
    assert bonus()["suppressed"] == {"no_address": 1, "opted_out": 1}
    assert left_out() == [("vera", "no_address", "sms"), ("vera", "opted_out", "websocket")]


def test_who_was_left_out_is_kept_with_run_cause_and_pincode_and_is_no_notification(hot, vera):
    User.objects.filter(pk=vera.pk).update(is_active=False)
    demand()
    kept = LeftOut.objects.select_related("run").get()
    assert (kept.run.name, kept.cause, kept.pincode) == ("high_demand", "high_demand:560001:2026-11-16", HOME)
    assert kept.run.result["suppressed"] == {"inactive": 1}
    assert not NotificationLog.objects.exists()


def test_a_dry_run_counts_who_would_be_left_out_and_keeps_nothing(hot, vera):
    User.objects.filter(pk=vera.pk).update(is_active=False)
    assert demand(dry_run=True)["suppressed"] == {"inactive": 1}
    assert left_out() == []


# --- How often: one promotion a day, three in seven days -----------------------------------------------------------------


def test_a_second_promotion_on_the_same_day_is_over_the_cap(frozen, now, kiran):
    assert NotificationService.location_based_promotions(HOME, OFFER).queued == 2
    frozen.move_to(ist(MONDAY, 23, 59))
    again = NotificationService.location_based_promotions(HOME, {"title": "Another"})
    assert (again.queued, again.suppressed) == (0, {"over_cap": 1})
    frozen.move_to(ist(MONDAY + timedelta(days=1), 0, 0))
    assert NotificationService.location_based_promotions(HOME, {"title": "Another"}).queued == 2


def test_the_campaign_counts_what_a_person_sent_by_hand(frozen, kiran):
    NotificationService.location_based_promotions(HOME, OFFER)
    assert promote()["suppressed"] == {"over_cap": 1}
    assert left_out() == [("kiran", "over_cap", "email,websocket")]


def test_a_promotion_by_two_methods_counts_once(frozen, now, kiran):
    for day in range(3):
        frozen.move_to(now + timedelta(days=day))
        assert NotificationService.location_based_promotions(HOME, OFFER).queued == 2


def test_the_fourth_promotion_in_seven_days_is_over_the_cap(frozen, now, kiran):
    for day in (0, 2, 4):
        frozen.move_to(now + timedelta(days=day))
        assert promote()["queued"] == 2
    for day in (5, 6):
        frozen.move_to(now + timedelta(days=day))
        assert NotificationService.location_based_promotions(HOME, OFFER).suppressed == {"over_cap": 1}
    frozen.move_to(now + timedelta(days=7))
    assert promote()["queued"] == 2


def test_three_a_week_on_the_same_weekdays_go_on_for_ever(frozen, kiran):
    for week in range(3):
        for day, minute in ((0, 4), (2, 0), (4, 9)):
            frozen.move_to(ist(MONDAY + timedelta(days=7 * week + day), 11, minute - week if minute else 0))
            assert promote()["queued"] == 2


def test_a_message_of_another_kind_is_no_promotion(frozen, vera):
    User.objects.filter(pk=vera.pk).update(role=Role.CUSTOMER)
    for number in range(4):
        NotificationLog.objects.create(
            recipient=vera, notification_type="business_alert", method="email", key=f"alert:{number}", status="sent"
        )
    assert promote()["queued"] == 2


def test_what_never_left_counts_against_nobody(frozen, now, kiran):
    NotificationService.location_based_promotions(HOME, OFFER)
    NotificationLog.objects.update(phase="expired", status="failed")
    assert NotificationService.location_based_promotions(HOME, {"title": "Another"}).queued == 2


def test_the_cap_is_each_persons_own(frozen, kiran):
    NotificationService.location_based_promotions(HOME, OFFER)
    neighbour = person(Role.CUSTOMER)
    result = promote()
    assert (result["queued"], result["suppressed"]) == (2, {"over_cap": 1})
    assert told("promotional", run__name="promotions") == [neighbour.username]


def test_cleaning_up_does_not_open_the_cap(frozen, now, kiran):
    NotificationService.location_based_promotions(HOME, OFFER)
    retention.clean_up(now=now)
    assert promote()["suppressed"] == {"over_cap": 1}


def test_demand_and_bonus_have_no_cap(hot, vera):
    for percentage in range(10, 20):
        assert NotificationService.send_bonus_alerts(HOME, percentage).queued == 3


# --- What cannot be refused ----------------------------------------------------------------------------------------------


def test_a_signature_request_and_a_code_ignore_opt_outs_and_caps(frozen, now, kiran):
    for category in ("signature_request", "otp"):
        for method in ("email", "sms", "websocket"):
            say(kiran, category, method, allowed=False)
    (job,) = booked(1, at=now, customer=kiran)
    for number in range(5):
        assert NotificationService.send_signature_notification(job, f"https://sign.example/{number}").queued == 3
        assert NotificationService.send_and_store_otp(kiran.email).queued == 1
    assert LeftOut.objects.count() == 0
    assert not NotificationLog.objects.filter(status="failed").exists()


def test_a_signature_request_is_not_sent_where_there_is_no_address(frozen, now, kiran):
    User.objects.filter(pk=kiran.pk).update(phone="")
    (job,) = booked(1, at=now, customer=kiran)
    result = NotificationService.send_signature_notification(job, "https://sign.example/1")
    assert (result.queued, result.suppressed) == (2, {"no_address": 1})

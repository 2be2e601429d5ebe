"""Between queueing and sending a person, an admin or the clock may have changed their mind."""

from datetime import timedelta

import pytest

from core.models import Phase, Preference, Suppression, Switch
from core.notifications import claims
from core.notifications.kinds import BONUS, BUSINESS_ALERT, OTP, PROMOTION, REMINDER
from tests.notifications.carriers import Carrier
from tests.notifications.post import deliver, fresh, queued

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def carrier(carried_by):
    carried_by(Carrier)
    return Carrier


# --- The clock ---------------------------------------------------------------------------------------------------------


def test_what_expired_before_it_was_sent_is_not_sent(carrier, hands, kiran):
    row = queued(kiran, OTP, now=hands())
    hands.forward(minutes=5)
    deliver(hands)
    assert carrier.carried == []
    assert (fresh(row).phase, fresh(row).status, fresh(row).error_code) == (Phase.EXPIRED, "failed", "expired")


def test_what_nobody_came_for_in_time_is_swept_out(hands, kiran):
    row = queued(kiran, OTP, now=hands())
    hands.forward(minutes=4)
    assert claims.recover(now=hands()) == {}
    hands.forward(minutes=1)
    assert claims.recover(now=hands()) == {"expired": 1}
    assert fresh(row).status == "failed"


def test_an_offer_by_sms_that_comes_up_at_night_waits_for_the_morning(twilio, hands, kiran):
    hands.forward(hours=11, minutes=59)
    offer, reminder = queued(kiran, PROMOTION, "sms", now=hands()), queued(kiran, REMINDER, "sms", now=hands())
    hands.forward(minutes=1)
    deliver(hands, "sms")
    assert fresh(reminder).status == "sent"
    assert (fresh(offer).phase, fresh(offer).tries) == (Phase.QUEUED, 0)
    assert deliver(hands, "sms") == 0
    hands.forward(hours=13)
    deliver(hands, "sms")
    assert fresh(offer).status == "sent"


# --- The person --------------------------------------------------------------------------------------------------------


def test_who_opts_out_after_it_was_queued_does_not_get_it(carrier, hands, vera):
    row = queued(vera, BONUS, now=hands())
    Preference.objects.create(person=vera, category="bonus_alert", method="email", allowed=False)
    deliver(hands)
    assert carrier.carried == []
    assert (fresh(row).phase, fresh(row).status, fresh(row).error_code) == (Phase.CANCELLED, "failed", "opted_out")


def test_an_opt_out_holds_for_its_category_method_and_person_alone(carrier, hands, vera, viren):
    Preference.objects.create(person=vera, category="bonus_alert", method="email", allowed=False)
    Preference.objects.create(person=vera, category="promotional", method="sms", allowed=False)
    Preference.objects.create(person=viren, category="promotional", method="email", allowed=False)
    Preference.objects.create(person=viren, category="bonus_alert", method="email", allowed=True)
    rows = [queued(vera, PROMOTION, now=hands()), queued(viren, BONUS, now=hands())]
    deliver(hands)
    assert {fresh(row).status for row in rows} == {"sent"}


def test_a_password_leaves_whatever_its_person_opted_out_of(carrier, hands, kiran):
    Preference.objects.create(person=kiran, category="otp", method="email", allowed=False)
    row = queued(kiran, OTP, now=hands())
    deliver(hands)
    assert fresh(row).status == "sent"


def test_an_address_set_aside_after_it_was_queued_is_not_written_to(carrier, hands, vera):
    row = queued(vera, now=hands())
    Suppression.objects.create(method="email", address=vera.email, reason="complaint")
    deliver(hands)
    assert carrier.carried == []
    assert (fresh(row).phase, fresh(row).error_code) == (Phase.SUPPRESSED, "suppressed_address")


def test_an_address_that_was_set_aside_for_a_while_is_written_to_again(carrier, hands, vera):
    Suppression.objects.create(method="email", address=vera.email, reason="full", expires_at=hands() - timedelta(minutes=1))
    row = queued(vera, now=hands())
    deliver(hands)
    assert fresh(row).status == "sent"


def test_of_two_campaigns_that_did_not_see_each_other_one_goes(carrier, hands, vera):
    """Each looked before the other had written; the cap is a promotion a day."""
    first, second = queued(vera, PROMOTION, now=hands()), queued(vera, PROMOTION, now=hands())
    by_the_page = queued(vera, PROMOTION, "websocket", now=hands(), key=first.key)
    deliver(hands)
    deliver(hands, "websocket")
    assert sorted((fresh(first).error_code, fresh(second).error_code)) == ["", "over_cap"]
    assert len(carrier.carried) == 1
    assert (fresh(by_the_page).error_code == "") is (fresh(first).error_code == "")
    hands.forward(days=1)
    tomorrow = queued(vera, PROMOTION, now=hands())
    deliver(hands)
    assert fresh(tomorrow).status == "sent"


# --- The admin ---------------------------------------------------------------------------------------------------------

PAUSES = [("all", ""), ("campaign", "vendor_bonus"), ("type", "bonus_alert"), ("method", "email")]


@pytest.mark.parametrize(("scope", "name"), PAUSES)
def test_what_is_paused_waits_with_no_try_used_and_leaves_when_it_is_let_go(scope, name, carrier, hands, vera):
    row = queued(vera, BONUS, now=hands(), metadata={"campaign": "vendor_bonus"})
    switch = Switch.objects.create(scope=scope, name=name)
    assert deliver(hands) == 0
    assert (fresh(row).phase, fresh(row).tries) == (Phase.QUEUED, 0)
    switch.is_paused = False
    switch.save()
    deliver(hands)
    assert fresh(row).status == "sent"


@pytest.mark.parametrize(("scope", "name"), [("campaign", "vendor_bonus"), ("type", "bonus_alert"), ("method", "sms")])
def test_a_pause_stops_nothing_else(scope, name, carrier, hands, vera, kiran):
    Switch.objects.create(scope=scope, name=name)
    rows = [
        queued(kiran, OTP, now=hands(), metadata={}),
        queued(vera, REMINDER, now=hands(), metadata={"campaign": "completion_reminders"}),
        queued(vera, BUSINESS_ALERT, now=hands(), metadata={"alert_id": "17"}),
        queued(kiran, PROMOTION, now=hands(), metadata={"campaign": "promotions"}),
    ]
    deliver(hands)
    assert [fresh(row).status for row in rows] == ["sent"] * 4


def test_what_was_paused_for_longer_than_it_is_worth_is_not_sent_afterwards(carrier, hands, vera):
    row = queued(vera, BONUS, now=hands())
    switch = Switch.objects.create(scope="all")
    hands.forward(hours=13)
    claims.recover(now=hands())
    switch.delete()
    deliver(hands)
    assert carrier.carried == []
    assert fresh(row).phase == Phase.EXPIRED


# --- The person's patience ----------------------------------------------------------------------------------------------


def test_who_got_enough_for_an_hour_gets_the_rest_later_and_codes_at_once(carrier, hands, vera, viren, settings):
    settings.PERSON_RATE = 3
    reminders = [queued(vera, REMINDER, now=hands()) for _ in range(5)]
    password, others = queued(vera, OTP, now=hands()), queued(viren, REMINDER, now=hands())
    deliver(hands)
    assert {fresh(row).status for row in (password, others)} == {"sent"}
    assert sorted(fresh(row).status for row in reminders) == ["pending"] * 2 + ["sent"] * 3
    waiting = [fresh(row) for row in reminders if fresh(row).status == "pending"]
    assert {(row.phase, row.tries, row.error_code) for row in waiting} == {(Phase.QUEUED, 0, "over_rate")}
    hands.forward(minutes=59)
    assert deliver(hands) == 0
    hands.forward(minutes=10)
    deliver(hands)
    assert {(fresh(row).status, fresh(row).error_code) for row in reminders} == {("sent", "")}


def test_without_a_rate_nobody_waits(carrier, hands, vera, settings):
    settings.PERSON_RATE = 0
    rows = [queued(vera, REMINDER, now=hands()) for _ in range(30)]
    deliver(hands)
    assert {fresh(row).status for row in rows} == {"sent"}

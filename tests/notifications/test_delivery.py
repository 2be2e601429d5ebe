"""What a provider's answer makes of a message: real mail and SMS servers on this machine, told how to answer."""

import time
from datetime import timedelta

import pytest

from core import tasks
from core.models import BusinessAlert, DeliveryEvent, NotificationLog, Phase, ProviderState, Suppression
from core.notifications import claims, delivery
from core.notifications.kinds import BONUS, BUSINESS_ALERT, OTP, PROMOTION, REMINDER
from tests import people
from tests.notifications.carriers import Buggy, Carrier, Halfway, Onlooker
from tests.notifications.post import deliver, fresh, queued
from tests.servers.twilio import HANG_UP, Refusal

pytestmark = pytest.mark.django_db


# --- Accepted ----------------------------------------------------------------------------------------------------------


def test_a_message_that_the_provider_takes_is_sent_and_not_yet_delivered(smtp, hands, vera):
    row = queued(vera, now=hands())
    assert deliver(hands) == 1
    row = fresh(row)
    assert (row.phase, row.status, row.sent_at, row.delivered_at) == (Phase.ACCEPTED, "sent", hands(), None)
    assert row.provider == "smtp:127.0.0.1"
    assert row.provider_message_id == smtp.messages[0].mail["Message-ID"]
    assert (row.tries, row.lease_token, row.lease_until) == (1, None, None)


def test_an_sms_that_is_taken_keeps_the_providers_name_for_it(twilio, hands, vera):
    row = queued(vera, method="sms", now=hands())
    deliver(hands, "sms")
    row = fresh(row)
    assert (row.status, row.provider, row.provider_message_id) == ("sent", "twilio", twilio.messages[0].sid)
    assert twilio.messages[0].to == vera.phone


def test_what_was_sent_is_not_sent_by_another_round(smtp, hands, vera):
    queued(vera, now=hands())
    deliver(hands)
    hands.forward(days=1)
    claims.recover(now=hands())
    assert deliver(hands) == 0
    assert len(smtp.messages) == 1


def test_without_a_provider_mail_stays_on_the_outbox_page_and_says_so(settings, hands, vera):
    settings.EMAIL_BACKEND = ""
    row = queued(vera, now=hands())
    deliver(hands)
    assert (fresh(row).status, fresh(row).provider) == ("sent", "outbox")


# --- Temporary failures ------------------------------------------------------------------------------------------------


def test_a_temporary_failure_is_tried_again_ever_more_slowly_and_eight_times_at_most(smtp, hands, vera):
    smtp.every["RCPT"] = "451 4.3.0 Try again later"
    row = queued(vera, now=hands(), expires_at=hands() + timedelta(days=30))
    waits = []
    for _ in range(20):
        if not deliver(hands):
            break
        row = fresh(row)
        waits.append(row.due_at - hands())
        hands.now = row.due_at
    assert (row.phase, row.status, row.tries, row.error_code) == (Phase.DEAD, "failed", 8, "4.3.0")
    assert "Try again later" in row.error_message
    *waits, _ = waits
    expected = [timedelta(seconds=30 * 2**n) for n in range(7)]
    assert all(least <= wait <= least * 1.2 for wait, least in zip(waits, expected, strict=True)), waits
    assert DeliveryEvent.objects.filter(notification=row, kind="retry").count() == 8


def test_a_message_taken_at_the_third_try_is_sent_and_says_nothing_of_its_failures(smtp, hands, vera):
    smtp.answers["RCPT"].extend(["451 Later", "421 Later"])
    row = queued(vera, now=hands())
    for _ in range(3):
        assert deliver(hands) == 1
        hands.now = max(hands(), fresh(row).due_at)
    row = fresh(row)
    assert (row.status, row.tries, row.error_code, row.error_message) == ("sent", 3, "", "")


def test_nobody_waits_longer_than_an_hour_and_no_two_wait_alike():
    waits = {delivery.wait_after(8) for _ in range(50)}
    assert max(waits) <= timedelta(hours=1) * 1.2
    assert len(waits) > 40


def test_a_provider_that_asks_for_time_gets_it(twilio, hands, vera):
    twilio.answers.append(Refusal(429, 20429, "Too many requests", {"Retry-After": "900"}))
    row = queued(vera, method="sms", now=hands())
    deliver(hands, "sms")
    row = fresh(row)
    assert (row.phase, row.tries) == (Phase.QUEUED, 0), "Not now is no word on the message."
    assert row.due_at == hands() + timedelta(seconds=900)
    hands.forward(seconds=899)
    assert deliver(hands, "sms") == 0
    hands.now = row.due_at
    deliver(hands, "sms")
    assert fresh(row).status == "sent"


def test_a_short_request_for_time_is_taken_at_its_word(twilio, hands, vera):
    twilio.answers.extend(Refusal(429, 20429, "Too many requests", {"Retry-After": "1"}) for _ in range(12))
    row = queued(vera, method="sms", now=hands())
    for _ in range(12):
        assert deliver(hands, "sms") == 1
        hands.forward(seconds=1)
    deliver(hands, "sms")
    assert (fresh(row).status, fresh(row).tries) == ("sent", 1)


@pytest.mark.parametrize("asked", ["0", "-5", "nan", "Wed, 21 Oct 2015 07:28:00 GMT"])
def test_a_request_for_no_time_at_all_is_not_taken_for_an_invitation(asked, twilio, hands, vera):
    twilio.answers.extend(Refusal(429, 20429, "Too many requests", {"Retry-After": asked}) for _ in range(3))
    row = queued(vera, method="sms", now=hands())
    assert deliver(hands, "sms") == 1
    assert fresh(row).due_at >= hands() + timedelta(seconds=1)


def test_a_request_for_ever_is_not_believed(twilio, hands, vera):
    twilio.answers.append(Refusal(429, 20429, "Too many requests", {"Retry-After": "inf"}))
    row = queued(vera, method="sms", now=hands(), expires_at=None)
    deliver(hands, "sms")
    assert fresh(row).due_at <= hands() + timedelta(days=1)


def test_a_retry_that_would_come_too_late_is_none(smtp, hands, kiran):
    smtp.every["RCPT"] = "451 Later"
    row = queued(kiran, OTP, now=hands(), expires_at=hands() + timedelta(seconds=20))
    deliver(hands)
    assert (fresh(row).phase, fresh(row).status, fresh(row).tries) == (Phase.DEAD, "failed", 1)


def test_a_server_that_is_away_costs_a_try_and_no_message(smtp, hands, vera, settings):
    settings.EMAIL_PORT = 1
    row = queued(vera, PROMOTION, now=hands())
    deliver(hands)
    assert (fresh(row).phase, fresh(row).error_code) == (Phase.QUEUED, "not_connected")
    settings.EMAIL_PORT = smtp.port
    hands.forward(minutes=1)
    deliver(hands)
    assert fresh(row).status == "sent"


# --- Permanent failures ------------------------------------------------------------------------------------------------


def test_a_dead_mailbox_fails_at_once_and_is_never_written_to_again(smtp, hands, vera):
    smtp.answers["RCPT"].append("550 5.1.1 No such user here")
    row = queued(vera, now=hands())
    deliver(hands)
    row = fresh(row)
    assert (row.phase, row.status, row.error_code, row.tries) == (Phase.REJECTED, "failed", "5.1.1", 1)
    assert "No such user here" in row.error_message
    aside = Suppression.objects.get()
    assert (aside.method, aside.address) == ("email", vera.email)

    another = queued(vera, now=hands(), address=vera.email.upper())
    deliver(hands)
    assert (fresh(another).phase, fresh(another).error_code) == (Phase.SUPPRESSED, "suppressed_address")
    assert smtp.messages == []


def test_a_dead_number_is_set_aside_for_sms_alone(twilio, smtp, hands, vera):
    twilio.refused_numbers[vera.phone] = Refusal(400, 21211, "Invalid 'To' Phone Number")
    hands.forward(hours=2)  # Offers by SMS leave from ten o'clock on.
    row = queued(vera, BONUS, "sms", now=hands())
    mail = queued(vera, BONUS, now=hands())
    deliver(hands, "sms")
    deliver(hands)
    assert (fresh(row).phase, fresh(row).error_code) == (Phase.REJECTED, "21211")
    assert list(Suppression.objects.values_list("method", "address")) == [("sms", vera.phone)]
    assert fresh(mail).status == "sent"


def test_a_message_that_is_refused_for_itself_does_not_cost_the_person_the_address(smtp, hands, vera):
    smtp.answers["DOT"].append("552 5.3.4 Message too big")
    row = queued(vera, now=hands())
    deliver(hands)
    assert (fresh(row).phase, fresh(row).error_code) == (Phase.REJECTED, "5.3.4")
    assert not Suppression.objects.exists()


def test_a_person_without_an_address_is_no_reason_to_stop(smtp, hands, vera, omar):
    nobody = people.person(email="", phone="")
    lost = queued(nobody, now=hands(), due_at=hands() - timedelta(hours=1))
    row = queued(omar, now=hands())
    deliver(hands)
    assert (fresh(lost).phase, fresh(lost).error_code) == (Phase.REJECTED, "no_address")
    assert fresh(row).status == "sent"


# --- Nobody knows ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "final"), [(REMINDER, "sent"), (BONUS, "failed")], ids=["reminder", "bonus"])
def test_an_answer_that_never_came_is_uncertain_then_repeated_or_given_up(kind, final, twilio, hands, vera):
    twilio.answers.append(HANG_UP)
    hands.forward(hours=2)
    row = queued(vera, kind, "sms", now=hands())
    deliver(hands, "sms")
    assert (fresh(row).phase, fresh(row).status) == (Phase.UNCERTAIN, "pending")
    hands.forward(hours=1)
    claims.recover(now=hands())
    deliver(hands, "sms")
    row = fresh(row)
    assert (row.status, row.dup_risk) == (final, final == "sent")
    assert len(twilio.requests) == (2 if final == "sent" else 1)


def test_a_lost_answer_to_a_mail_is_uncertain_and_a_lost_line_before_it_is_not(smtp, hands, vera, viren):
    smtp.answers["DOT"].append("hang up")
    handed_over = queued(vera, PROMOTION, now=hands())
    deliver(hands)
    smtp.answers["DATA"].append("hang up")
    broken_off = queued(viren, PROMOTION, now=hands())
    deliver(hands)
    assert fresh(handed_over).phase == Phase.UNCERTAIN
    assert fresh(broken_off).phase == Phase.QUEUED


# --- The operator's fault ----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("frozen")
def test_wrong_credentials_use_up_no_try_and_ops_are_told_until_they_are_mended(smtp, hands, vera, omar, settings, frozen):
    smtp.user, smtp.password = "homeserve", "right"
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "homeserve", "wrong"
    rows = [queued(person, now=hands()) for person in people.people(3)]
    deliver(hands)
    tasks.run_due_jobs()
    assert {(fresh(row).phase, fresh(row).status, fresh(row).tries) for row in rows} == {(Phase.QUEUED, "pending", 0)}
    assert [fresh(row).error_code for row in rows] == ["535", "", ""], "One was refused, and nobody else was tried."
    state = ProviderState.objects.get(provider="smtp:127.0.0.1")
    assert (state.breaker, state.opened_at) == (ProviderState.Breaker.OPEN, hands())
    alert = BusinessAlert.objects.get(alert_type="system_error", fingerprint="provider:smtp:127.0.0.1")
    assert (alert.status, alert.severity) == ("active", "critical")

    for _ in range(12):
        hands.forward(minutes=5)
        frozen.shift(timedelta(minutes=5))
        deliver(hands)
        tasks.run_due_jobs()
    assert {fresh(row).tries for row in rows} == {0}
    told = NotificationLog.objects.filter(alert=alert, recipient=omar).values_list("method", flat=True)
    assert sorted(told) == sorted(set(told)), "Ops were told again and again."
    assert "email" in told

    settings.EMAIL_HOST_PASSWORD = "right"
    hands.forward(minutes=5)
    frozen.shift(timedelta(minutes=5))
    deliver(hands)
    tasks.run_due_jobs()
    assert {fresh(row).status for row in rows} == {"sent"}
    alert.refresh_from_db()
    assert (alert.status, alert.resolved_by) == ("resolved", None)
    assert ProviderState.objects.get(provider="smtp:127.0.0.1").breaker == ProviderState.Breaker.CLOSED


def test_wrong_sms_credentials_use_up_no_try_either(twilio, hands, vera, settings):
    settings.TWILIO_AUTH_TOKEN = "another"
    row = queued(vera, method="sms", now=hands())
    for _ in range(10):
        deliver(hands, "sms")
        hands.forward(minutes=5)
    assert (fresh(row).phase, fresh(row).tries, fresh(row).error_code) == (Phase.QUEUED, 0, "20003")
    settings.TWILIO_AUTH_TOKEN = twilio.token
    deliver(hands, "sms")
    assert fresh(row).status == "sent"


# --- Bugs --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [BUSINESS_ALERT, PROMOTION], ids=lambda kind: kind.name)
def test_a_transport_with_a_bug_does_not_stop_the_queue(kind, carried_by, hands, vera, omar, sara):
    carried_by(Buggy)
    stuck = queued(vera, kind, now=hands(), due_at=hands() - timedelta(hours=1))
    rows = [queued(person, kind, now=hands()) for person in (omar, sara)]
    deliver(hands)
    # Nobody knows how far the call came.
    assert (fresh(stuck).phase, fresh(stuck).error_code) == (Phase.UNCERTAIN, "transport_bug")
    assert {fresh(row).phase for row in rows} == {Phase.ACCEPTED}


def test_what_a_slow_provider_leaves_no_time_for_is_left_for_later_and_uses_up_no_try(carried_by, hands, monkeypatch, settings):
    carried_by(Carrier)
    seconds = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: seconds[0])
    lease = settings.DELIVERY_LEASE.total_seconds()

    def slow(_: object) -> None:
        seconds[0] += lease / 5

    Carrier.meanwhile = slow
    rows = [queued(person, PROMOTION, now=hands()) for person in people.people(6)]
    delivery.deliver_due("email", clock=hands)
    assert seconds[0] < lease
    assert len(Carrier.carried) == 3
    left = [row for row in map(fresh, rows) if row.phase != Phase.ACCEPTED]
    assert {(row.phase, row.tries, row.error_code) for row in left} == {(Phase.QUEUED, 0, "slow")}
    assert len(left) == 3


def test_a_transport_that_breaks_halfway_keeps_what_it_had_sent(carried_by, hands):
    carried_by(Halfway)
    rows = [queued(person, PROMOTION, now=hands()) for person in people.people(3)]
    deliver(hands)
    assert sorted(fresh(row).phase for row in rows) == [Phase.ACCEPTED, Phase.UNCERTAIN, Phase.UNCERTAIN]


@pytest.mark.parametrize(
    "fields", [{"metadata": ["by hand"]}, {"metadata": {"otp": "not a password"}}, {"personal": ["Vera"]}], ids=["list", "otp", "personal"]
)
def test_a_row_that_cannot_be_read_fails_alone(fields, carried_by, hands, vera, omar):
    carried_by(Carrier)
    unreadable = queued(vera, now=hands(), due_at=hands() - timedelta(hours=1), **fields)
    row = queued(omar, now=hands())
    deliver(hands)
    assert fresh(row).status == "sent"
    assert (fresh(unreadable).phase, fresh(unreadable).status) == (Phase.REJECTED, "failed")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", [BUSINESS_ALERT, PROMOTION], ids=lambda kind: kind.name)
def test_no_transaction_is_open_while_the_provider_is_called(kind, carried_by, hands):
    carried_by(Onlooker)
    for person in people.people(3):
        queued(person, kind, now=hands())
    deliver(hands)
    assert Onlooker.seen == [False, False, False]


def test_at_the_provider_at_once_is_one_of_what_may_be_repeated_and_a_window_of_offers(carried_by, hands, settings):
    carried_by(Carrier)
    settings.DELIVERY_WINDOW = 3
    at_once = []

    def count_them(_):
        at_once.append(NotificationLog.objects.filter(phase=Phase.SENDING).count())

    Carrier.meanwhile = count_them
    for person in people.people(7):
        queued(person, BUSINESS_ALERT, now=hands())
    deliver(hands)
    assert at_once == [1] * 7
    at_once.clear()
    for person in people.people(7):
        queued(person, PROMOTION, now=hands())
    deliver(hands)
    assert at_once == [3, 3, 3, 3, 3, 3, 1]

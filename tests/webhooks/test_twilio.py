"""Twilio's word on an SMS: believed when Twilio signed it, and then for what it proves."""

from typing import Any

import pytest
from django.test import Client

from core.models import DeliveryEvent, Phase, Preference, ProviderReceipt, Status, Suppression
from core.notifications import receipts
from core.notifications.choices import offers
from core.notifications.kinds import BUSINESS_ALERT, PROMOTION
from tests.webhooks.post import PUBLIC, STATUS, at, fresh, signature, status, twilio

pytestmark = pytest.mark.django_db


# --- Who may say it ---------------------------------------------------------------------------------------------------


def test_a_delivered_sms_is_delivered_once_twilio_says_so(client, vera):
    row = at(Phase.ACCEPTED, vera)
    assert twilio(client, status("delivered")).status_code == 204
    row = fresh(row)
    assert (row.status, row.phase) == (Status.DELIVERED, Phase.DELIVERED)
    assert row.delivered_at is not None
    [receipt] = ProviderReceipt.objects.all()
    assert (receipt.provider, receipt.kind, receipt.payload["MessageStatus"]) == ("twilio", "delivered", "delivered")
    assert receipt.applied_at is not None
    assert DeliveryEvent.objects.get(notification=row).receipt == receipt


@pytest.mark.parametrize("signed", ["", "bm90IGl0", signature(f"{PUBLIC}{STATUS}", status("delivered"), "another account's token")])
def test_without_twilios_signature_nothing_is_believed(client, vera, signed):
    row = at(Phase.ACCEPTED, vera)
    assert twilio(client, status("delivered"), signed=signed).status_code == 403
    assert fresh(row).phase == Phase.ACCEPTED
    assert not ProviderReceipt.objects.exists()


def test_a_signature_is_of_the_fields_it_came_with(client, vera):
    at(Phase.ACCEPTED, vera)
    assert twilio(client, status("delivered"), signed=signature(f"{PUBLIC}{STATUS}", status("sent"))).status_code == 403


def test_a_signature_is_of_the_message_that_its_address_names(client, vera):
    right = signature(f"{PUBLIC}{STATUS}?notification={at(Phase.SENDING, vera).pk}", status("delivered"))
    other = at(Phase.SENDING, vera)
    assert twilio(client, status("delivered"), about=other.pk, signed=right).status_code == 403
    assert fresh(other).phase == Phase.SENDING


@pytest.mark.parametrize("token", ["", "anything"])
def test_without_a_token_nobody_is_believed(client, vera, settings, token):
    settings.TWILIO_AUTH_TOKEN = ""
    assert twilio(client, status("delivered"), token=token).status_code == 403


def test_a_proxys_words_on_host_and_protocol_are_not_asked(client, vera):
    at(Phase.ACCEPTED, vera)
    lies: Any = {"HTTP_X_FORWARDED_PROTO": "http", "HTTP_X_FORWARDED_HOST": "elsewhere.example", "HTTP_HOST": "localhost"}
    assert twilio(client, status("delivered"), **lies).status_code == 204
    forged = signature(f"http://elsewhere.example{STATUS}", status("sent"))
    assert twilio(client, status("sent"), signed=forged, **lies).status_code == 403


def test_it_is_only_posted_to(client):
    for ask in (client.get, client.put, client.delete, client.head):
        assert ask(STATUS).status_code == 405


def test_no_token_of_a_form_is_asked_for(vera):
    at(Phase.ACCEPTED, vera)
    assert twilio(Client(enforce_csrf_checks=True), status("delivered")).status_code == 204


def test_a_body_has_an_end(client):
    assert twilio(client, {"MessageSid": "x" * 70_000}).status_code == 413


def test_a_body_that_does_not_say_how_long_it_is_is_not_read(client):
    assert client.post(STATUS, headers={"Transfer-Encoding": "chunked"}, CONTENT_LENGTH="").status_code == 411


@pytest.mark.parametrize("form", [{}, {"MessageSid": "SM1"}, {"MessageStatus": "sent"}, {"Hello": "there"}])
def test_what_names_no_message_or_no_status_is_refused_and_not_kept(client, form):
    assert twilio(client, form).status_code == 400
    assert not ProviderReceipt.objects.exists()


def test_a_word_that_is_new_to_us_is_kept_and_changes_nothing(client, vera):
    row = at(Phase.ACCEPTED, vera)
    assert twilio(client, status("teleported")).status_code == 204
    assert fresh(row).phase == Phase.ACCEPTED
    assert ProviderReceipt.objects.get().kind == "noted"


# --- What it proves ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["accepted", "scheduled", "queued", "sending", "sent"])
@pytest.mark.parametrize("phase", [Phase.SENDING, Phase.UNCERTAIN, Phase.UNKNOWN_OUTCOME, Phase.REJECTED, Phase.DEAD])
def test_an_sms_whose_call_was_lost_is_known_by_the_id_in_the_address(client, vera, word, phase):
    row = at(phase, vera, provider_message_id="", provider="")
    assert twilio(client, status(word, sid="SM9"), about=row.pk).status_code == 204
    row = fresh(row)
    assert (row.phase, row.status, row.provider, row.provider_message_id) == (Phase.ACCEPTED, Status.SENT, "twilio", "SM9")
    assert (row.lease_token, row.lease_until, row.error_code, row.error_message) == (None, None, "", "")
    assert row.sent_at is not None


def test_what_waited_to_be_sent_again_is_not_sent_again(client, vera):
    row = at(Phase.QUEUED, vera, dup_risk=True)
    twilio(client, status("sent"), about=row.pk)
    assert fresh(row).phase == Phase.ACCEPTED
    assert fresh(row).dup_risk


def test_delivered_is_the_last_word_and_undelivered_is_not(client, vera):
    row = at(Phase.ACCEPTED, vera)
    told = []
    for word in ("undelivered", "sent", "delivered", "failed", "sent"):
        twilio(client, status(word, code="30003" if word in ("undelivered", "failed") else ""))
        told.append(fresh(row).phase)
    assert told == [Phase.UNDELIVERED, Phase.UNDELIVERED, Phase.DELIVERED, Phase.DELIVERED, Phase.DELIVERED]
    assert (fresh(row).error_code, fresh(row).error_message) == ("", "")


def test_the_same_word_again_is_one_receipt_and_one_event(client, vera):
    at(Phase.ACCEPTED, vera)
    assert [twilio(client, status("delivered")).status_code for _ in range(3)] == [204, 204, 204]
    assert ProviderReceipt.objects.count() == DeliveryEvent.objects.count() == 1


# --- What a failure says of a number ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "aside"), [("30003", None), ("30004", "dead_address"), ("30005", "dead_address"), ("30006", "dead_address"), ("30007", None),
                        ("21610", "stopped"), ("30008", None), ("", None), ("nonsense", None)],
)  # fmt: skip
def test_a_dead_number_is_set_aside_and_an_unreachable_one_is_not(client, vera, code, aside):
    row = at(Phase.ACCEPTED, vera)
    twilio(client, status("undelivered", code=code))
    assert (fresh(row).phase, fresh(row).error_code) == (Phase.UNDELIVERED, code)
    assert fresh(row).error_message
    assert list(Suppression.objects.values_list("method", "address", "reason")) == ([("sms", vera.phone, aside)] if aside else [])


def test_a_stop_by_sms_stops_every_offer_and_nothing_else(client, vera):
    at(Phase.ACCEPTED, vera, kind=BUSINESS_ALERT)
    twilio(client, status("failed", code="21610"))
    refused = set(Preference.objects.filter(person=vera, allowed=False).values_list("category", "method"))
    assert refused == {(kind.category, method) for kind in offers() for method in ("email", "sms", "websocket")}


def test_a_number_that_was_set_aside_for_a_time_is_set_aside_for_good(client, vera, now):
    Suppression.objects.create(method="sms", address=vera.phone, reason="asked", expires_at=now)
    at(Phase.ACCEPTED, vera)
    twilio(client, status("failed", code="30005"))
    aside = Suppression.objects.get()
    assert (aside.reason, aside.expires_at) == ("dead_address", None)


# --- Early ------------------------------------------------------------------------------------------------------------


def test_a_word_that_is_faster_than_our_own_note_waits_for_it(client, vera, now):
    row = at(Phase.SENDING, vera)
    twilio(client, status("delivered", sid="SM7"))
    assert (fresh(row).phase, ProviderReceipt.objects.get().applied_at) == (Phase.SENDING, None)
    assert receipts.apply_waiting(now=now) == 0
    type(row).objects.filter(pk=row.pk).update(
        phase=Phase.ACCEPTED, status=Status.SENT, provider_message_id="SM7", lease_token=None, lease_until=None
    )
    assert receipts.apply_waiting(now=now) == 1
    assert fresh(row).phase == Phase.DELIVERED
    assert receipts.apply_waiting(now=now) == 0


def test_a_word_about_nobody_of_ours_is_given_up_after_three_days_and_kept(client, frozen):
    twilio(client, status("delivered", sid="SM-of-somebody-else"))
    receipt = ProviderReceipt.objects.get()
    for later in (receipts.GIVE_UP * 0.99, receipts.GIVE_UP * 1.01):
        receipts.apply_waiting(now=receipt.received_at + later)
        receipt.refresh_from_db()
        assert (receipt.given_up_at is not None) == (later > receipts.GIVE_UP)
    assert receipt.applied_at is None


def test_one_that_waits_for_nobody_does_not_stand_in_anybodys_way(client, vera, now, monkeypatch):
    monkeypatch.setattr(receipts, "AT_ONCE", 2)
    for number in range(5):
        twilio(client, status("sent", sid=f"SM-of-others-{number}"))
    twilio(client, status("delivered", sid="SM7"))
    row = at(Phase.ACCEPTED, vera, method="sms", kind=PROMOTION, provider_message_id="SM7")
    assert receipts.apply_waiting(now=now) == 1
    assert fresh(row).phase == Phase.DELIVERED

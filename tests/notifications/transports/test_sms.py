"""SMS through the official SDK to a server of Twilio's shape: what arrives, and what each answer means."""

import logging
import socket
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from core.notifications.http_failure import retry_after
from core.notifications.transport import TransportError, Verdict
from core.notifications.transports.sms import SmsTransport
from tests.notifications.transports.conftest import a_message
from tests.servers.dripping import dripping
from tests.servers.twilio import GARBLED, HANG_UP, SLOW, Refusal

PHONE = "+919845000004"
WORDS = "₹500 ज़्यादा · ನಿಮಗಾಗಿ 🛠️ & 15% = +"


def failure(transport: SmsTransport) -> TransportError:
    with pytest.raises(TransportError) as caught:
        transport.send(a_message(to=PHONE))
    return caught.value


def test_an_sms_arrives_as_it_was_written_and_is_known_by_twilios_id(sms, twilio):
    accepted = sms.send(a_message(to=PHONE, text=WORDS))
    [arrived] = twilio.messages
    assert (arrived.to, arrived.body, arrived.sender) == (PHONE, WORDS, twilio.number)
    assert (accepted.provider, accepted.provider_id) == ("twilio", arrived.sid)


def test_twilio_is_told_where_to_report(sms, twilio, settings):
    settings.PUBLIC_URL = "https://homeserve.example"
    message = a_message(to=PHONE)
    sms.send(message)
    assert twilio.messages[0].status_callback == f"https://homeserve.example/webhooks/twilio/status/?notification={message.id}"


def test_twilio_itself_is_not_given_an_address_it_cannot_reach(settings):
    settings.PUBLIC_URL, settings.TWILIO_API_BASE_URL = "http://127.0.0.1:8000", ""
    assert SmsTransport()._callback(a_message(to=PHONE)) == {}


def test_a_messaging_service_may_stand_for_the_number(sms, twilio, settings):
    settings.TWILIO_PHONE_NUMBER = "MG00000000000000000000000000000001"
    sms.send(a_message(to=PHONE))
    assert twilio.messages[0].form["MessagingServiceSid"] == "MG00000000000000000000000000000001"


@pytest.mark.parametrize(
    ("refusal", "verdict", "code"),
    [
        (Refusal(400, 21211), Verdict.SUPPRESS, "21211"),
        (Refusal(400, 21217), Verdict.SUPPRESS, "21217"),
        (Refusal(400, 21614), Verdict.SUPPRESS, "21614"),
        (Refusal(400, 21610), Verdict.STOPPED, "21610"),
        (Refusal(403, 21610), Verdict.STOPPED, "21610"),
        (Refusal(400, 21408), Verdict.HOLD, "21408"),
        (Refusal(400, 21606), Verdict.HOLD, "21606"),
        (Refusal(400, 21659), Verdict.HOLD, "21659"),
        (Refusal(401, 20003), Verdict.HOLD, "20003"),
        (Refusal(403, 20005), Verdict.HOLD, "20005"),
        (Refusal(404, 20404), Verdict.HOLD, "20404"),
        (Refusal(400, 21617), Verdict.REJECT, "21617"),
        (Refusal(429, 20429), Verdict.RETRY, "20429"),
        (Refusal(500, 20500), Verdict.UNCERTAIN, "20500"),
        (Refusal(503), Verdict.UNCERTAIN, "503"),
    ],
)
def test_an_answer_means(sms, twilio, refusal, verdict, code):
    twilio.answers.append(refusal)
    error = failure(sms)
    assert (error.verdict, error.code) == (verdict, code)
    assert "Refused" in error.detail
    assert len(twilio.requests) == 1  # The SDK repeats nothing by itself.
    sms.send(a_message(to=PHONE))
    assert len(twilio.messages) == 1


def test_twilio_says_how_long_to_wait(sms, twilio):
    twilio.answers.append(Refusal(429, 20429, headers={"Retry-After": "17"}))
    assert failure(sms).retry_after == 17


def test_a_wait_may_be_given_as_a_date_or_not_at_all():
    now = datetime(2026, 11, 16, 9, tzinfo=UTC)
    assert retry_after(format_datetime(now + timedelta(minutes=2), usegmt=True), now=now) == 120
    assert retry_after(format_datetime(now - timedelta(minutes=2), usegmt=True), now=now) == 0
    assert retry_after("soon", now=now) is None
    assert retry_after(None, now=now) is None


def test_wrong_credentials_hold_the_message(twilio, settings):
    settings.TWILIO_AUTH_TOKEN = "wrong"
    error = failure(SmsTransport())
    assert (error.verdict, error.code) == (Verdict.HOLD, "20003")
    assert twilio.messages == []


def test_a_missing_number_holds_the_message(sms, twilio, settings):
    settings.TWILIO_PHONE_NUMBER = ""
    assert failure(sms).verdict is Verdict.HOLD
    assert twilio.requests == []


@pytest.mark.parametrize("answer", [HANG_UP, SLOW, GARBLED])
def test_a_request_that_was_read_and_not_answered_leaves_the_outcome_unknown(sms, twilio, answer):
    twilio.slow_seconds = 1.5
    twilio.answers.append(answer)
    assert failure(sms).verdict is Verdict.UNCERTAIN


ANSWER = b'HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"sid": "SM1"}'


@pytest.mark.parametrize("at_once", [0, ANSWER.index(b"{")], ids=["headers", "body"])
def test_an_answer_that_drips_is_cut_when_the_time_for_the_whole_call_is_over(twilio, settings, at_once):
    with dripping(ANSWER.ljust(1000), at_once=at_once) as server:
        settings.TWILIO_API_BASE_URL = f"http://127.0.0.1:{server.port}"
        assert failure(SmsTransport()).verdict is Verdict.UNCERTAIN
    assert server.dripped < 100  # All of it would have taken ten times the time there was.


def test_a_dripping_answer_that_is_whole_in_time_counts(twilio, settings):
    body = b'{"sid": "SM00000000000000000000000000000001", "status": "queued"}'
    answer = b"HTTP/1.1 201 Created\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    with dripping(answer, at_once=len(answer) - 5) as server:
        settings.TWILIO_API_BASE_URL = f"http://127.0.0.1:{server.port}"
        settings.TWILIO_TIMEOUT = 20
        assert SmsTransport().send(a_message(to=PHONE)).provider_id == "SM00000000000000000000000000000001"


def test_nobody_listening_is_tried_again_later(twilio, settings):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        settings.TWILIO_API_BASE_URL = f"http://127.0.0.1:{closed.getsockname()[1]}"
        error = failure(SmsTransport())
    assert (error.verdict, error.code) == (Verdict.RETRY, "not_connected")


def test_no_log_tells_a_number_or_a_message(sms, twilio, caplog):
    # Whatever level somebody sets while looking for a fault.
    with caplog.at_level(logging.DEBUG), caplog.at_level(logging.DEBUG, "twilio"), caplog.at_level(logging.DEBUG, "urllib3"):
        sms.send(a_message(to=PHONE, text="Your code is 123456"))
    assert PHONE not in caplog.text
    assert PHONE.removeprefix("+") not in caplog.text
    assert "123456" not in caplog.text
    assert "Messages.json" in caplog.text  # So it was listened to.

"""Mail over a real SMTP server: what arrives, and what each way of breaking means."""

import socket
import ssl
import subprocess
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.core import mail as django_mail

from core.notifications.transport import TransportError, Verdict
from core.notifications.transports.email import EmailTransport
from tests.notifications.transports.conftest import MESSAGE_ID, a_message
from tests.servers import SmtpServer
from tests.servers.smtp import HANG_UP, HANG_UP_MIDWAY, INVITE_AND_HANG_UP, SLOW


def failure(transport: EmailTransport, **fields) -> TransportError:
    with pytest.raises(TransportError) as caught:
        transport.send(a_message(**fields))
    return caught.value


# --- What arrives -----------------------------------------------------------------------------------------------------


def test_a_mail_arrives_with_text_html_and_the_headers_of_a_machine(email, smtp):
    unsubscribe = {"List-Unsubscribe": "<https://homeserve.example/unsubscribe/t/>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
    accepted = email.send(a_message(html="<p>Six bookings today.</p>", headers=unsubscribe))
    [received] = smtp.messages
    assert received.recipient == "vera@homeserve.example"
    assert received.sender == "no-reply@homeserve.example"
    assert received.mail.get_content_type() == "multipart/alternative"
    assert received.text("plain").strip() == "Six bookings today."
    assert received.text("html").strip() == "<p>Six bookings today.</p>"
    assert received.mail["From"] == "HomeServe Pro <no-reply@homeserve.example>"
    assert received.mail["To"] == "vera@homeserve.example"
    assert received.mail["Auto-Submitted"] == "auto-generated"
    assert received.mail["List-Unsubscribe"] == "<https://homeserve.example/unsubscribe/t/>"
    assert received.mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert received.mail["Date"]
    assert received.mail["Message-ID"] == f"<{MESSAGE_ID.hex}@homeserve.example>"
    assert accepted.provider == "smtp:127.0.0.1"
    assert accepted.provider_id == received.mail["Message-ID"]


def test_every_script_arrives_as_it_was_written(email, smtp, settings):
    settings.DEFAULT_FROM_EMAIL = "होमसर्व <no-reply@homeserve.example>"
    words = "₹1,500 आपके लिए · ನಿಮಗಾಗಿ · 🛠️"
    email.send(a_message(subject=words, text=f"{words}\n.\n..dots", html=f"<p>{words}</p>"))
    [received] = smtp.messages
    assert received.mail["Subject"] == words
    assert received.text("plain").replace("\r\n", "\n").rstrip("\n") == f"{words}\n.\n..dots"
    assert words in received.text("html")
    assert received.mail["From"].addresses[0].display_name == "होमसर्व"


def test_without_html_it_is_plain_text(email, smtp):
    email.send(a_message())
    assert smtp.messages[0].mail.get_content_type() == "text/plain"


def test_one_connection_carries_many(email, smtp, settings):
    settings.EMAIL_CONNECTIONS = 1
    outcomes = list(email.send_many([a_message(subject=f"No. {number}") for number in range(20)]))
    assert [message.subject for message, _ in outcomes] == [f"No. {number}" for number in range(20)]
    assert len(smtp.messages) == 20
    assert smtp.connections == 1


def test_the_connection_is_renewed_after_many_messages_and_after_idling(email, smtp, monkeypatch, settings):
    settings.EMAIL_MESSAGES_PER_CONNECTION = 5
    for _ in range(6):
        email.send(a_message())
    assert smtp.connections == 2
    monkeypatch.setattr("core.notifications.smtp_lines.IDLE_SECONDS", 0.0)
    email.send(a_message())
    assert smtp.connections == 3
    assert len(smtp.messages) == 7


def test_a_connection_the_server_ended_meanwhile_is_opened_again_unnoticed(email, smtp):
    email.send(a_message())
    smtp.drop_connections()
    email.send(a_message())
    assert len(smtp.messages) == 2
    assert smtp.connections == 2


def test_a_kept_connection_that_answers_421_is_opened_again_unnoticed(email, smtp):
    email.send(a_message())
    smtp.answers["MAIL"].append("421 4.4.2 Idle too long")
    email.send(a_message())
    assert len(smtp.messages) == 2


def test_one_refused_recipient_does_not_touch_the_next_message(email, smtp):
    smtp.answers["RCPT"].append("550 5.1.1 No such user")
    first, second = email.send_many([a_message(to="gone@homeserve.example"), a_message()])
    assert isinstance(first[1], TransportError)
    assert not isinstance(second[1], TransportError)
    assert [received.recipient for received in smtp.messages] == ["vera@homeserve.example"]


# --- What each answer means -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "answer", "verdict", "code"),
    [
        ("CONNECT", "421 4.3.2 Too busy", Verdict.RETRY, "421"),
        ("CONNECT", "554 5.3.2 No mail here", Verdict.HOLD, "554"),
        ("MAIL", "421 4.3.2 Closing", Verdict.RETRY, "4.3.2"),
        ("MAIL", "451 Try again", Verdict.RETRY, "451"),
        ("MAIL", "530 5.7.0 Authentication required", Verdict.HOLD, "5.7.0"),
        ("MAIL", "552 5.3.4 Too big", Verdict.REJECT, "5.3.4"),
        ("MAIL", "550 5.1.8 Bad sender", Verdict.REJECT, "5.1.8"),
        ("RCPT", "450 4.2.1 Greylisted", Verdict.RETRY, "4.2.1"),
        ("RCPT", "421 4.7.0 Slow down", Verdict.RETRY, "4.7.0"),
        ("RCPT", "550 No such user", Verdict.SUPPRESS, "550"),
        ("RCPT", "550 5.1.1 No such user", Verdict.SUPPRESS, "5.1.1"),
        ("RCPT", "551 User has moved", Verdict.SUPPRESS, "551"),
        ("RCPT", "553 5.1.3 Bad address", Verdict.SUPPRESS, "5.1.3"),
        ("RCPT", "554 5.1.10 Null MX", Verdict.SUPPRESS, "5.1.10"),
        ("RCPT", "552 5.2.2 Mailbox full", Verdict.REJECT, "5.2.2"),
        ("RCPT", "550 5.7.1 Refused by policy", Verdict.REJECT, "5.7.1"),
        ("RCPT", "554 5.7.1 Relay access denied", Verdict.HOLD, "5.7.1"),
        ("DATA", "451 4.3.0 Later", Verdict.RETRY, "4.3.0"),
        ("DATA", "554 5.5.1 No valid recipients", Verdict.REJECT, "5.5.1"),
        ("DOT", "451 4.7.1 Greylisted", Verdict.RETRY, "4.7.1"),
        ("DOT", "421 4.3.2 Shutting down", Verdict.RETRY, "4.3.2"),
        ("DOT", "552 5.3.4 Too big", Verdict.REJECT, "5.3.4"),
        ("DOT", "554 5.7.1 Looks like spam", Verdict.REJECT, "5.7.1"),
        ("DOT", "550 5.1.1 No such user after all", Verdict.SUPPRESS, "5.1.1"),
    ],
)
def test_an_answer_means(email, smtp, command, answer, verdict, code):
    smtp.answers[command].append(answer)
    error = failure(email)
    assert (error.verdict, error.code) == (verdict, code)
    assert error.detail == answer
    assert smtp.messages == []
    email.send(a_message())
    assert len(smtp.messages) == 1


def test_any_2xx_is_a_yes(email, smtp):
    smtp.answers["DOT"].append("251 2.1.5 Accepted, forwarded")
    email.send(a_message())


@pytest.mark.parametrize("command", ["CONNECT", "MAIL", "RCPT", "DATA"])
def test_a_connection_lost_before_the_message_is_tried_again_later(email, smtp, command):
    smtp.every[command] = HANG_UP
    assert failure(email).verdict is Verdict.RETRY


def test_a_connection_that_ended_before_the_dot_was_sent_is_tried_again_later(email, smtp):
    """A short message fits the network's buffers: nothing fails until the dot, unless one looks."""
    smtp.answers["DATA"].append(INVITE_AND_HANG_UP)
    assert failure(email).verdict is Verdict.RETRY


def test_a_connection_lost_during_the_message_is_tried_again_later(email, smtp):
    smtp.answers["DATA"].append(HANG_UP_MIDWAY)
    assert failure(email, text="a line of a long mail\n" * 400_000).verdict is Verdict.RETRY
    assert smtp.messages == []


def test_a_connection_lost_after_the_dot_leaves_the_outcome_unknown(email, smtp):
    smtp.answers["DOT"].append(HANG_UP)
    error = failure(email)
    assert (error.verdict, error.code) == (Verdict.UNCERTAIN, "no_answer")


def test_an_answer_too_slow_leaves_the_outcome_unknown(email, smtp):
    smtp.slow_seconds = 1.5
    smtp.answers["DOT"].append(SLOW)
    assert failure(email).verdict is Verdict.UNCERTAIN


@pytest.mark.parametrize("command", ["CONNECT", "MAIL", "RCPT", "DATA"])
def test_an_answer_too_slow_before_the_message_is_tried_again_later(email, smtp, command):
    smtp.slow_seconds = 1.5
    smtp.answers[command].append(SLOW)
    assert failure(email).verdict is Verdict.RETRY


def test_an_answer_to_the_message_that_is_no_answer_leaves_the_outcome_unknown(email, smtp):
    smtp.answers["DOT"].append("what?")
    assert failure(email).verdict is Verdict.UNCERTAIN


def test_nobody_listening_is_tried_again_later(email, smtp, settings):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        settings.EMAIL_PORT = closed.getsockname()[1]
        error = failure(email)
    assert (error.verdict, error.code) == (Verdict.RETRY, "not_connected")


def test_a_server_that_drips_is_left_after_four_times_the_time_out(settings, email, smtp):
    settings.EMAIL_TIMEOUT = 0.3
    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        settings.EMAIL_PORT = server.getsockname()[1]

        def drip() -> None:
            client, _ = server.accept()
            with client:
                while not done.wait(0.1):
                    try:
                        client.send(b"2")
                    except OSError:
                        return

        thread = threading.Thread(target=drip)
        thread.start()
        started = time.monotonic()
        error = failure(email)
        took = time.monotonic() - started
        done.set()
        thread.join(5)
    assert error.verdict is Verdict.RETRY
    assert took < 2


def test_what_a_slow_server_leaves_no_time_for_is_tried_again_later(email, smtp, settings):
    settings.DELIVERY_LEASE = timedelta(seconds=1)
    smtp.slow_seconds = 0.6
    smtp.every["DOT"] = SLOW
    outcomes = [outcome for _, outcome in email.send_many([a_message() for _ in range(3)])]
    assert len(smtp.messages) == 1
    assert [(error.verdict, error.code) for error in outcomes[1:]] == [(Verdict.RETRY, "slow")] * 2


# --- The operator's fault ---------------------------------------------------------------------------------------------


def test_with_the_right_password_it_is_sent(settings):
    with SmtpServer(user="homeserve", password="right") as server:
        for name, value in server.settings.items():
            setattr(settings, name, value)
        transport = EmailTransport()
        transport.send(a_message())
        transport.close()
        assert len(server.messages) == 1


def test_wrong_credentials_hold_the_mail(settings):
    with SmtpServer(user="homeserve", password="right") as server:
        for name, value in server.settings.items():
            setattr(settings, name, value)
        settings.EMAIL_HOST_PASSWORD = "wrong"
        error = failure(EmailTransport())
    assert (error.verdict, error.code) == (Verdict.HOLD, "535")
    assert "wrong" not in error.detail


def test_a_server_without_tls_holds_mail_that_must_be_encrypted(email, smtp, settings):
    settings.EMAIL_USE_TLS = True
    assert failure(email).verdict is Verdict.HOLD


@pytest.fixture
def certificate(tmp_path: Path) -> ssl.SSLContext:
    key, crt = tmp_path / "key.pem", tmp_path / "crt.pem"
    command = f"openssl req -x509 -newkey rsa:2048 -nodes -keyout {key} -out {crt} -days 2 -subj /CN=127.0.0.1"
    subprocess.run([*command.split(), "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(crt, key)
    context.crt = crt  # type: ignore[attr-defined]
    return context


def test_a_certificate_nobody_trusts_holds_the_mail(settings, certificate):
    with SmtpServer(tls=certificate) as server:
        for name, value in server.settings.items():
            setattr(settings, name, value)
        error = failure(EmailTransport())
    assert (error.verdict, error.code) == (Verdict.HOLD, "tls")


def test_over_tls_mail_arrives_and_a_lost_answer_is_uncertain(settings, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.crt))
    with SmtpServer(tls=certificate) as server:
        for name, value in server.settings.items():
            setattr(settings, name, value)
        transport = EmailTransport()
        transport.send(a_message(text="a line of a long mail\n" * 10_000))
        server.answers["DOT"].append(HANG_UP)
        assert failure(transport).verdict is Verdict.UNCERTAIN
        assert len(server.messages) == 1


# --- Bad addresses and headers ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fields",
    [
        {"subject": "Hello\nBcc: everybody@homeserve.example"},
        {"headers": {"List-Unsubscribe": "<x>\r\nBcc: everybody@homeserve.example"}},
        {"to": "vera@homeserve.example\nBcc: everybody@homeserve.example"},
        {"to": "not an address"},
        {"to": "वेरा@homeserve.example"},
    ],
)
def test_a_header_cannot_be_smuggled_in(email, smtp, fields):
    assert failure(email, **fields).verdict is Verdict.REJECT
    assert smtp.messages == []


# --- Other backends ---------------------------------------------------------------------------------------------------


def test_under_a_test_runner_mail_goes_to_djangos_outbox(settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    accepted = EmailTransport().send(a_message())
    assert accepted.provider == "locmem"
    assert [sent.to for sent in django_mail.outbox] == [["vera@homeserve.example"]]


def test_an_esp_of_anymail_is_named_and_gives_its_own_id(settings):
    settings.EMAIL_BACKEND = "anymail.backends.test.EmailBackend"
    accepted = EmailTransport().send(a_message())
    assert accepted.provider == "anymail.test"
    assert accepted.provider_id


def test_a_backend_that_does_not_exist_holds_the_mail(settings):
    settings.EMAIL_BACKEND = "nowhere.EmailBackend"
    assert failure(EmailTransport()).verdict is Verdict.HOLD

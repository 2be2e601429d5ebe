"""Several connections in one thread, over real sockets."""

import socket
import threading
import time
from contextlib import suppress

import pytest

from core.notifications.transport import Accepted, TransportError, Verdict
from core.notifications.transports.email import EmailTransport
from tests.notifications.transports.conftest import a_message
from tests.servers import SmtpServer
from tests.servers.smtp import HANG_UP, SLOW


@pytest.fixture
def server(settings):
    with SmtpServer() as server:
        for name, value in server.settings.items():
            setattr(settings, name, value)
        settings.EMAIL_TIMEOUT = 20
        yield server


@pytest.fixture
def transport(server):
    transport = EmailTransport()
    yield transport
    transport.close()


def many(count):
    return [a_message(to=f"p{number}@homeserve.example") for number in range(count)]


def test_a_batch_goes_over_several_connections_and_each_mail_once(transport, server, settings):
    settings.EMAIL_CONNECTIONS = 3
    outcomes = list(transport.send_many(many(60)))
    assert all(isinstance(outcome, Accepted) for _, outcome in outcomes)
    assert sorted(received.recipient for received in server.messages) == sorted(message.to for message, _ in outcomes)
    assert len(server.messages) == 60
    assert server.connections == 3


def test_batches_of_a_few_mails_come_to_be_spread_over_all_connections(transport, server, settings):
    """As a slow server is given them: one behind the other on one connection, they would leave at a quarter of the pace."""
    settings.EMAIL_CONNECTIONS = 4
    connections = []
    for _ in range(10):
        before = len(server.messages)
        assert all(isinstance(outcome, Accepted) for _, outcome in transport.send_many(many(4)))
        connections.append(len({received.connection for received in server.messages[before:]}))
    assert connections[0] == 1
    assert connections[-1] == 4
    assert connections == sorted(connections)


def test_one_mail_at_a_time_needs_one_connection(transport, server):
    for _ in range(20):
        list(transport.send_many(many(1)))
    assert server.connections == 1


def test_a_mail_whose_answer_is_slow_holds_up_no_other(transport, server):
    server.slow_seconds = 3
    server.answers["DOT"].append(SLOW)
    began = time.monotonic()
    ended = [(message.to, outcome, time.monotonic() - began) for message, outcome in transport.send_many(many(40))]
    assert all(isinstance(outcome, Accepted) for _, outcome, _ in ended)
    assert len(server.messages) == len({received.recipient for received in server.messages}) == 40
    late = [to for to, _, seconds in ended if seconds >= server.slow_seconds]
    assert late == [server.messages[-1].recipient], "Others waited for the slow one."


@pytest.mark.parametrize("answer", ["421 4.3.2 Shutting down", HANG_UP])
def test_a_connection_that_ends_takes_only_the_mail_at_risk_with_it(transport, server, answer):
    server.answers["DOT"].append(answer)
    outcomes = [outcome for _, outcome in transport.send_many(many(40))]
    (failed,) = (outcome for outcome in outcomes if isinstance(outcome, TransportError))
    assert failed.verdict is (Verdict.UNCERTAIN if answer == HANG_UP else Verdict.RETRY)
    assert len(server.messages) == 39


def test_mail_that_no_connection_can_be_opened_for_was_never_begun(transport, server):
    server.every["CONNECT"] = "421 4.3.2 Too busy"
    outcomes = [outcome for _, outcome in transport.send_many(many(10))]
    assert [(error.verdict, error.begun) for error in outcomes] == [(Verdict.RETRY, False)] * 10


@pytest.mark.parametrize(("lines", "verdict"), [(5, None), (1000, Verdict.UNCERTAIN)])
def test_an_answer_to_the_message_that_drips_counts_in_time_and_is_cut_after_four_times_the_time_out(settings, lines, verdict):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_USE_TLS, settings.EMAIL_TIMEOUT = "127.0.0.1", False, 0.5
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    done, dripped = threading.Event(), []

    def serve(listening):
        client, _ = listening.accept()
        with client, client.makefile("rb") as heard, suppress(OSError):
            client.sendall(b"220 slow\r\n")
            heard.readline()
            client.sendall(b"250-slow\r\n250 PIPELINING\r\n")
            for _ in range(3):
                heard.readline()
            client.sendall(b"250 OK\r\n250 OK\r\n354 Go\r\n")
            while heard.readline() not in (b".\r\n", b""):
                pass
            for _ in range(lines):
                client.sendall(b"250-one moment\r\n")
                dripped.append(1)
                if done.wait(0.1):
                    return
            client.sendall(b"250 OK\r\n")
            heard.readline()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        settings.EMAIL_PORT = listening.getsockname()[1]
        thread = threading.Thread(target=serve, args=(listening,), daemon=True)
        thread.start()
        transport = EmailTransport()
        ((_, outcome),) = transport.send_many(many(1))
        transport.close()
        done.set()
        thread.join(5)
    assert getattr(outcome, "verdict", None) is verdict
    assert len(dripped) < 100

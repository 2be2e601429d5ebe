"""What the transports' tests share: a message, and transports that lead to servers on this machine."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from core.notifications.transport import Message
from core.notifications.transports import close_transports
from core.notifications.transports.email import EmailTransport
from core.notifications.transports.sms import SmsTransport
from tests.servers import SmtpServer, TwilioServer

MESSAGE_ID = UUID("01890000-0000-7000-8000-00000000abcd")


def a_message(**fields: Any) -> Message:
    usual = {"id": MESSAGE_ID, "to": "vera@homeserve.example", "subject": "Work near you", "text": "Six bookings today."}
    return Message(**{**usual, **fields})


@pytest.fixture(autouse=True)
def no_connection_left() -> Iterator[None]:
    yield
    close_transports()


@pytest.fixture
def smtp(settings: Any) -> Iterator[SmtpServer]:
    with SmtpServer() as server:
        for name, value in server.settings.items():
            setattr(settings, name, value)
        settings.EMAIL_TIMEOUT = 1
        settings.DEFAULT_FROM_EMAIL = "HomeServe Pro <no-reply@homeserve.example>"
        yield server


@pytest.fixture
def email(smtp: SmtpServer) -> Iterator[EmailTransport]:
    transport = EmailTransport()
    yield transport
    transport.close()


@pytest.fixture
def twilio(settings: Any) -> Iterator[TwilioServer]:
    with TwilioServer() as server:
        for name, value in server.settings.items():
            setattr(settings, name, value)
        settings.TWILIO_TIMEOUT = 1
        yield server


@pytest.fixture
def sms(twilio: TwilioServer) -> Iterator[SmsTransport]:
    transport = SmsTransport()
    yield transport
    transport.close()

"""What the transports' tests share: a message, and transports that lead to servers on this machine."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from core.notifications.transport import Message
from core.notifications.transports.email import EmailTransport
from core.notifications.transports.sms import SmsTransport
from tests.servers import SmtpServer, TwilioServer

MESSAGE_ID = UUID("01890000-0000-7000-8000-00000000abcd")


def a_message(**fields: Any) -> Message:
    usual = {"id": MESSAGE_ID, "to": "vera@homeserve.example", "subject": "Work near you", "text": "Six bookings today."}
    return Message(**{**usual, **fields})


@pytest.fixture
def email(smtp: SmtpServer) -> Iterator[EmailTransport]:
    transport = EmailTransport()
    yield transport
    transport.close()


@pytest.fixture
def sms(twilio: TwilioServer) -> Iterator[SmsTransport]:
    transport = SmsTransport()
    yield transport
    transport.close()

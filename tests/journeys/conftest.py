"""What journeys share: providers on this machine, to which the processes of a test are led by their environment."""

from collections.abc import Iterator

import pytest

from tests.servers import SmtpServer, TwilioServer


@pytest.fixture
def post() -> Iterator[SmtpServer]:
    with SmtpServer() as server:
        yield server


@pytest.fixture
def twilio() -> Iterator[TwilioServer]:
    with TwilioServer() as server:
        yield server

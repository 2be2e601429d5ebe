"""What the tests of delivery share: a clock, real providers on this machine, and carriers of their own."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest

from core.notifications.transports import close_transports
from tests.notifications.carriers import Carrier, Onlooker
from tests.notifications.post import Hands
from tests.servers import SmtpServer, TwilioServer


@pytest.fixture(autouse=True)
def no_connection_left() -> Iterator[None]:
    yield
    close_transports()


@pytest.fixture
def hands(now: datetime) -> Hands:
    """The clock that delivery is given; it stands until a test moves it."""
    return Hands(now)


@pytest.fixture
def smtp(settings: Any) -> Iterator[SmtpServer]:
    """A mail server, and settings that lead to it."""
    with SmtpServer() as server:
        for name, value in server.settings.items():
            setattr(settings, name, value)
        settings.EMAIL_TIMEOUT = 1
        settings.DEFAULT_FROM_EMAIL = "HomeServe Pro <no-reply@homeserve.example>"
        yield server


@pytest.fixture
def twilio(settings: Any) -> Iterator[TwilioServer]:
    """A server of Twilio's shape, and settings that lead to it."""
    with TwilioServer() as server:
        for name, value in server.settings.items():
            setattr(settings, name, value)
        settings.TWILIO_TIMEOUT = 1
        yield server


@pytest.fixture
def carried_by(settings: Any) -> Iterator[Callable[[type[Carrier]], None]]:
    """`carried_by(Onlooker)`: mail goes by this carrier."""

    def choose(carrier: type[Carrier]) -> None:
        settings.TRANSPORTS = {**settings.TRANSPORTS, "email": f"{carrier.__module__}.{carrier.__qualname__}"}

    Carrier.carried.clear()
    Onlooker.seen.clear()
    yield choose
    Carrier.meanwhile = None

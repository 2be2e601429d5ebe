"""What every test may ask for: the time, the cast, the sample city. And what none may do: reach beyond this machine."""

import os
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.test import Client
from pytest_django import DjangoDbBlocker
from servestatic.middleware import ServeStaticMiddleware

from core.models import User
from tests import people
from tests.environment import browser_path

IST = ZoneInfo("Asia/Kolkata")
# A Monday: all campaigns run on it.
MONDAY_NINE = datetime(2026, 11, 16, 9, 0, tzinfo=IST)
MUST_HAVE_ALL = os.environ.get("REQUIRE_SERVICES") == "1"
LOOPBACK = ("127.", "::1", "localhost", "0.0.0.0")


# --- What belongs to which half ---------------------------------------------------------------------------------------


def of_the_other_half(item: pytest.Item) -> bool:
    if item.get_closest_marker("postgresql") and connection.vendor != "postgresql":
        return True
    if item.get_closest_marker("sqlite") and connection.vendor != "sqlite":
        return True
    if item.get_closest_marker("embedded") and settings.REDIS_URL:
        return True
    return bool(item.get_closest_marker("distributed")) and not settings.REDIS_URL


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what belongs to the other half. A browser that is missing is a reason to skip, or to fail where all must be there."""
    out: list[pytest.Item] = []
    for item in items:
        if of_the_other_half(item):
            out.append(item)
        elif item.get_closest_marker("browser") and not browser_path() and not MUST_HAVE_ALL:
            item.add_marker(pytest.mark.skip(reason="There is no Chromium on this machine."))
    if out:
        config.hook.pytest_deselected(items=out)
        left_out = set(map(id, out))
        items[:] = [item for item in items if id(item) not in left_out]
    # They mostly wait, and need one laboratory: first, so that one process is with them while the others do the rest.
    items.sort(key=lambda item: item.get_closest_marker("faults") is None)


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser's path. Fails where there is none: a test that may do without is marked `browser`."""
    path = browser_path()
    if not path:
        pytest.fail("There is no Chromium on this machine; set CHROMIUM to its path.")
    return path


# --- The databases -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """As always; and at the end no pool's idle thread keeps its connection, which PostgreSQL would not drop a database under."""
    yield
    if connection.vendor == "postgresql":
        with django_db_blocker.unblock(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )


# --- No network -------------------------------------------------------------------------------------------------------


def _refuse_strangers(address: Any) -> None:
    if isinstance(address, tuple) and not str(address[0]).startswith(LOOPBACK):
        raise RuntimeError(f"A test tried to reach {address[0]}:{address[1]}. Tests talk to this machine only.")


@pytest.fixture(autouse=True, scope="session")
def no_network() -> Iterator[None]:
    """Sockets reach this machine and no further, and no name beyond it is looked up."""
    connect, connect_ex, getaddrinfo = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def guarded_connect(self: socket.socket, address: Any) -> None:
        _refuse_strangers(address)
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        _refuse_strangers(address)
        return connect_ex(self, address)

    def guarded_getaddrinfo(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name and name != socket.gethostname():
            _refuse_strangers((name, port))
        return getaddrinfo(host, port, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded_connect)
        patch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
        patch.setattr(socket, "getaddrinfo", guarded_getaddrinfo)
        yield


@pytest.fixture(autouse=True, scope="session")
def static_files_are_listed_once() -> Iterator[None]:
    """Each test client builds the middleware anew, whose list of some hundred files is the same every time."""
    listed: dict[Any, Any] = {}
    directories: list[Any] = []
    add_files = ServeStaticMiddleware.add_files_from_finders

    def add_listed(self: ServeStaticMiddleware) -> None:
        if not listed:
            add_files(self)
            listed.update(self.files)
            directories.extend(self.directories)
        self.files.update(listed)
        self.directories[:] = directories

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ServeStaticMiddleware, "add_files_from_finders", add_listed)
        yield


@pytest.fixture(autouse=True)
def clean_cache() -> Iterator[None]:
    """Nothing cached by one test is found by the next."""
    yield
    cache.clear()


# --- The time ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def now() -> datetime:
    """Monday, 16 November 2026, 9:00 in India."""
    return MONDAY_NINE


@pytest.fixture
def frozen(now: datetime) -> Iterator[time_machine.Traveller]:
    """The clock stands at `now`; `frozen.shift(…)` and `frozen.move_to(…)` set it."""
    with time_machine.travel(now.astimezone(UTC), tick=False) as traveller:
        yield traveller


# --- The cast ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def sara(db: None) -> User:
    """Super admin."""
    return people.meet("sara")


@pytest.fixture
def omar(db: None) -> User:
    """Ops manager."""
    return people.meet("omar")


@pytest.fixture
def farah(db: None) -> User:
    """Finance."""
    return people.meet("farah")


@pytest.fixture
def as_sara(client: Client, sara: User) -> Client:
    client.force_login(sara)
    return client


@pytest.fixture
def as_omar(client: Client, omar: User) -> Client:
    client.force_login(omar)
    return client


@pytest.fixture
def as_farah(client: Client, farah: User) -> Client:
    client.force_login(farah)
    return client


@pytest.fixture
def vera(db: None) -> User:
    """A vendor of 560001 who is available."""
    return people.meet("vera")


@pytest.fixture
def viren(db: None) -> User:
    """A vendor of 560001 who is not available now."""
    return people.meet("viren")


@pytest.fixture
def kiran(db: None) -> User:
    """A customer of 560001."""
    return people.meet("kiran")


@pytest.fixture
def chitra(db: None) -> User:
    """A customer of 560002."""
    return people.meet("chitra")


@pytest.fixture(scope="session")
def bengaluru_dir() -> Path:
    """A sample city to import, with what is to be found in it."""
    path = Path(__file__).parent / "data" / "bengaluru"
    if not path.is_dir():
        pytest.fail(f"The sample city is missing: {path}")
    return path

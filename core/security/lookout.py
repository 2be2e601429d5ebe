"""One look after all live connections of a process, every few seconds: whose session has ended is told, and so is a change of role.

Each connection looking for itself would ask the database as often as there are pages open.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable
from typing import Protocol
from weakref import WeakKeyDictionary

from channels.db import database_sync_to_async
from django.db import DatabaseError

from core.models import User
from core.security import sessions

LOOK_EVERY = 4.0
# The database may be away for a moment, and no longer: what is not known is not allowed.
LOOK_AGAIN = 1.0
KNOWN_FOR = 8.0


class Connection(Protocol):
    """What is looked after."""

    session_key: str
    user: User

    async def seen(self, user: User | None) -> None:
        """Whose the session is now; None: nobody's any more."""

    async def not_known(self) -> None:
        """Nobody could say for too long whose it is."""


class Lookout:
    """The connections of one loop, and the one task that looks after them while there are any."""

    def __init__(self) -> None:
        self._connections: set[Connection] = set()
        self._pages: Counter[int] = Counter()
        self._looking: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._connections)

    def pages_of(self, person: int) -> int:
        """How many connections of this person there are."""
        return self._pages[person]

    def add(self, connection: Connection) -> None:
        self._connections.add(connection)
        self._pages[connection.user.pk] += 1
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look_while_there_are_any())

    def remove(self, connection: Connection) -> None:
        if connection not in self._connections:
            return
        self._connections.remove(connection)
        self._pages[connection.user.pk] -= 1
        if not self._pages[connection.user.pk]:
            del self._pages[connection.user.pk]
        if not self._connections and self._looking is not None:
            self._looking.cancel()
            self._looking = None

    async def _look_while_there_are_any(self) -> None:
        loop = asyncio.get_running_loop()
        known = loop.time()
        wait = LOOK_EVERY
        while self._connections:
            await asyncio.sleep(wait)
            began = loop.time()
            there = list(self._connections)
            try:
                holders = await holders_of(connection.session_key for connection in there)
            except DatabaseError:
                wait = LOOK_AGAIN
                if loop.time() - known > KNOWN_FOR:
                    await _all(connection.not_known() for connection in there)
                continue
            known, wait = began, LOOK_EVERY
            await _all(connection.seen(holders.get(connection.session_key)) for connection in there)


async def holders_of(keys: Iterable[str]) -> dict[str, User]:
    """Whose these sessions are now. Raises DatabaseError."""
    found: dict[str, User] = await database_sync_to_async(sessions.holders)(set(keys))
    return found


async def _all(told: Iterable[object]) -> None:
    # One connection that breaks while it is told must not keep the others from hearing.
    await asyncio.gather(*told, return_exceptions=True)  # type: ignore[call-overload]


_lookouts: WeakKeyDictionary[asyncio.AbstractEventLoop, Lookout] = WeakKeyDictionary()


def lookout() -> Lookout:
    """The running loop's."""
    return _lookouts.setdefault(asyncio.get_running_loop(), Lookout())

"""The product itself, served as it is in production, on a port of its own; and a page's side of a live connection."""

import asyncio
import json
import threading
import time
from types import TracebackType
from typing import Any

import uvicorn
from channels.db import database_sync_to_async
from django.db import connections
from django.test import Client
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from core.models import User
from homeserve_pro.asgi import application


class AsgiServer:
    """`with AsgiServer() as server:` serves this process's application, over its database, at `server.url`."""

    def __init__(self) -> None:
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def page(self, cookie: str = "", *, path: str = "/ws/notifications/", origin: str | None = "") -> "Page":
        """A page of this site, with a session's cookie, that opens a live connection; `origin=None` sends none."""
        headers = {"Cookie": f"sessionid={cookie}"} if cookie else {}
        return Page(f"ws://127.0.0.1:{self.port}{path}", headers, self.url if origin == "" else origin)

    def __enter__(self) -> "AsgiServer":
        config = uvicorn.Config(application, host="127.0.0.1", port=0, lifespan="off", log_config=None)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=asyncio.run, args=(self._serve(),), name="asgi-server", daemon=True)
        self._thread.start()
        until = time.monotonic() + 10
        while not self._server.started:
            assert time.monotonic() < until, "The server did not start."
            time.sleep(0.01)
        self.port = self._server.servers[0].sockets[0].getsockname()[1]
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.should_exit = True
        self._thread.join(10)

    async def _serve(self) -> None:
        await self._server.serve()
        # The thread that asks the database for the connections outlives the server; a database with guests cannot be dropped.
        await database_sync_to_async(connections.close_all)()


class Page:
    """One open page. `page.next()` waits for a frame; `page.say(…)` sends one."""

    def __init__(self, url: str, headers: dict[str, str], origin: str | None) -> None:
        self._url, self._headers, self._origin = url, headers, Origin(origin) if origin else None
        self.socket: ClientConnection

    def __enter__(self) -> "Page":
        self._connecting = connect(self._url, additional_headers=self._headers, origin=self._origin, close_timeout=2, proxy=None)
        self.socket = self._connecting.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._connecting.__exit__(kind, error, trace)

    def next(self, seconds: float = 3) -> dict[str, Any]:
        """The next frame. Raises TimeoutError when none comes."""
        frame = json.loads(self.socket.recv(timeout=seconds))
        assert isinstance(frame, dict)
        return frame

    def next_of(self, kind: str, seconds: float = 3) -> dict[str, Any]:
        """The next frame of a type; others before it are passed over."""
        until = time.monotonic() + seconds
        while True:
            frame = self.next(max(0.01, until - time.monotonic()))
            if frame["type"] == kind:
                return frame

    def say(self, frame: Any) -> None:
        """Text and bytes as they are, anything else as JSON."""
        self.socket.send(frame if isinstance(frame, str | bytes) else json.dumps(frame))

    def closed_with(self, seconds: float) -> int:
        """The code the server ends the connection with. Raises TimeoutError when it does not."""
        until = time.monotonic() + seconds
        try:
            while True:
                self.socket.recv(timeout=max(0.01, until - time.monotonic()))
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else 0

    def refusal(self) -> int:
        """The status a connection is refused with; 0 when it is let in."""
        try:
            with self:
                return 0
        except InvalidStatus as refused:
            return refused.response.status_code


def log_in(user: User) -> str:
    """A session of this person: its cookie."""
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client.cookies["sessionid"].value

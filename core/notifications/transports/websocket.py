"""The live connection: a frame to whoever has the page open. A hint only: the row in the log is the inbox.

Channels' in-memory layer is not safe to use from two threads, and a call made from a plain thread arrives seconds late: every
call hops to one loop. In a process that serves, that is the server's own; in any other, one that runs in a thread of this module.
"""

import asyncio
import os
import threading
from collections.abc import Mapping
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from typing import Any

import structlog
from channels.layers import get_channel_layer
from redis.exceptions import RedisError

from core.notifications.transport import Accepted, Message, Person, Transport, TransportError, Verdict

log = structlog.get_logger(__name__)

PROVIDER = "websocket"
PATIENCE_SECONDS = 5.0


@dataclass
class Loops:
    """Where calls hop to: the server's loop or this module's own. Those of one process: a forked child has the objects, but
    not the threads that run them."""

    process: int
    servers: asyncio.AbstractEventLoop | None = None
    own: asyncio.AbstractEventLoop | None = None


_loops = Loops(os.getpid())
_lock = threading.Lock()
_pending: set[asyncio.Task[None]] = set()


def group_of(person_id: int | str) -> str:
    """The group that a person's open pages are in."""
    return f"user.{person_id}"


def use_loop(loop: asyncio.AbstractEventLoop) -> None:
    """Send over this loop from now on: the one the server runs its connections on."""
    _of_this_process().servers = loop


def publish(group: str, frame: Mapping[str, Any]) -> None:
    """Hand a JSON frame to every connection in the group, from any thread. Raises TransportError when the layer is away, uncertain when
    it does not answer in time.

    Called from a coroutine of the server itself, it does not wait.
    """
    loop = _loop()
    try:
        running: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
    except RuntimeError:
        running = None
    if running is loop:
        task = loop.create_task(_send(group, frame))
        _pending.add(task)
        task.add_done_callback(_pending.discard)
        return
    sending = asyncio.run_coroutine_threadsafe(_send(group, frame), loop)
    try:
        sending.result(PATIENCE_SECONDS)
    except FutureTimeoutError as error:
        sending.cancel()
        # It may have been taken: what must not be repeated is not.
        raise TransportError("The channel layer does not answer", verdict=Verdict.UNCERTAIN, code="layer") from error
    except (RedisError, OSError) as error:
        raise TransportError(f"The channel layer is away ({type(error).__name__})", verdict=Verdict.RETRY, code="layer") from error


def hint(group: str, frame: Mapping[str, Any]) -> None:
    """As `publish`, but it waits for nothing and fails for nobody: a page that it does not reach sees more at its next look."""
    asyncio.run_coroutine_threadsafe(_send_or_log(group, frame), _loop())


class WebSocketTransport(Transport):
    """One frame to the pages that one person has open, if any."""

    method = "websocket"
    part = "body"
    needs_server = True

    @property
    def provider(self) -> str:
        return PROVIDER

    @staticmethod
    def address_of(person: Person) -> str:
        return str(person.pk)

    def send(self, message: Message) -> Accepted:
        publish(group_of(message.to), frame_of(message))
        return Accepted(PROVIDER, message.id.hex)


def frame_of(message: Message) -> dict[str, str]:
    """The frame a page is shown a notification by."""
    words = message.words
    return {
        "type": "notification",
        "id": str(message.id),
        "notification_type": message.notification_type,
        "subject": words.subject,
        "message": words.text,
        "created_at": message.created_at,
    }


async def _send(group: str, frame: Mapping[str, Any]) -> None:
    layer = get_channel_layer()
    if layer is not None:
        await layer.group_send(group, {"type": "frame", "frame": dict(frame)})


async def _send_or_log(group: str, frame: Mapping[str, Any]) -> None:
    try:
        await asyncio.wait_for(_send(group, frame), PATIENCE_SECONDS)
    except (RedisError, OSError, TimeoutError) as error:
        log.info("hint_lost", group=group, error=type(error).__name__)


def _loop() -> asyncio.AbstractEventLoop:
    loops = _of_this_process()
    if loops.servers is not None and loops.servers.is_running():
        return loops.servers
    with _lock:
        if loops.own is None:
            loops.own = asyncio.new_event_loop()
            threading.Thread(target=loops.own.run_forever, name="channel-layer", daemon=True).start()
        return loops.own


def _of_this_process() -> Loops:
    if _loops.process != os.getpid():
        _loops.process, _loops.servers, _loops.own = os.getpid(), None, None
    return _loops

"""The web server, the scheduler and the deliverers as one process: what `make run` starts. See docs/adr/0003.

The main thread's loop serves; threads beside it look at the schedule, deliver each method, and keep the demo city alive.
Stopping goes backwards: requests end, threads finish what they have in hand, and what was only claimed goes back.
"""

import asyncio
import contextlib
import fcntl
import signal
import socket
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import uvicorn
from django.conf import settings

from core import clock, tasks
from core.alerts.stuck import watch_queue
from core.demo import city
from core.notifications import handover
from core.notifications.senders import Threads, add_senders
from core.notifications.transports.websocket import use_loop
from homeserve_pro.asgi import application

# How often each thread looks when nothing wakes it, in seconds.
LOOK_AT_SCHEDULE = 1.0
LOOK_FOR_ASKED = 0.5
WATCH_EVERY = 10.0
LIVE_EVERY = 2.0
REQUESTS_END_WITHIN = 5


class AlreadyRunning(Exception):
    """Another server has this database."""


@contextlib.contextmanager
def only_server() -> Iterator[None]:
    """Hold this database's lock. The kernel lets go of it when the process ends, however it ends."""
    path = Path(settings.SERVER_LOCK)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AlreadyRunning from error
        handover.serving = True
        try:
            yield
        finally:
            handover.serving = False


def each_minute(task: Callable[[], object]) -> Callable[[], None]:
    """Does the task once a minute of the business's clock, which may run faster than the world's; again if it fails."""
    done: datetime | None = None

    def look() -> None:
        nonlocal done
        minute = clock.now().replace(second=0, microsecond=0)
        if done is None or minute > done:
            task()
            done = minute

    return look


class Background:
    """The work beside the web server."""

    def __init__(self) -> None:
        self.threads = Threads()
        self.threads.repeat(each_minute(tasks.run_due_jobs), every=LOOK_AT_SCHEDULE, name="schedule")
        self.threads.repeat(each_minute(tasks.escalate_due_alerts), every=LOOK_AT_SCHEDULE, name="escalation")
        self.threads.repeat(tasks.run_all_asked, every=LOOK_FOR_ASKED, name="asked")
        add_senders(self.threads, clock=clock.now)
        self.threads.repeat(lambda: watch_queue(now=clock.now()), every=WATCH_EVERY, name="watch")
        if settings.DEMO:
            self.threads.repeat(self._live, every=LIVE_EVERY, name="demo-city")

    def _live(self) -> None:
        reached = city.reached()
        if reached is not None:
            city.advance(since=reached.advanced_to, now=clock.now(), seed=reached.seed)


def listen(host: str, port: int) -> socket.socket:
    """The address, taken before anything else is begun. Raises OSError when it is not to be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=512)


def serve(listening: socket.socket, *, ready: Callable[[], None]) -> None:
    """Serve until SIGINT or SIGTERM, then stop cleanly. Calls `ready` when requests are answered."""
    # uvicorn raises the signal again once it has stopped: there is nothing left to interrupt then.
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: None)
    asyncio.run(_serve(listening, ready))


async def _serve(listening: socket.socket, ready: Callable[[], None]) -> None:
    use_loop(asyncio.get_running_loop())
    config = uvicorn.Config(
        application,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        # core.security.addresses decides whom to believe.
        proxy_headers=False,
        ws_max_size=65_536,
        timeout_graceful_shutdown=REQUESTS_END_WITHIN,
    )
    server = uvicorn.Server(config)
    background = Background()
    background.threads.start()
    try:
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        # uvicorn has no event for it.
        while not (server.started or serving.done()):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        if server.started:
            ready()
        await serving
    finally:
        await asyncio.to_thread(background.threads.stop)

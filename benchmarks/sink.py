"""Where the benchmarks' mails go: Debian's smtp-sink, which takes and forgets; and the same sink made to look far away.

`smtp-sink` is one program of the package postfix, which is never started as a service: `apt-get install postfix`.
"""

import asyncio
import contextlib
import os
import re
import selectors
import shutil
import smtplib
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

HOST = "127.0.0.1"
COUNTED = re.compile(rb"mesg=(\d+)")


def program() -> str:
    """The path of smtp-sink; empty where it is missing."""
    return shutil.which("smtp-sink", path=f"{os.environ.get('PATH', '')}:/usr/sbin") or ""


class Sink:
    """A mail server on `port` that accepts everything and counts it."""

    def __init__(self, port: int, counters: Path) -> None:
        self.port = port
        self._counters = counters

    def accepted(self) -> int:
        """How many mails it has said yes to."""
        # It is a running display: the last figures are the ones.
        with self._counters.open("rb") as file:
            file.seek(max(0, self._counters.stat().st_size - 200))
            found = COUNTED.findall(file.read())
        return int(found[-1]) if found else 0


@contextlib.contextmanager
def listening() -> Iterator[Sink]:
    """A sink of one's own while the block runs."""
    port = _free_port()
    # As root it wants to be told as whom to run.
    user = ["-u", "nobody"] if os.getuid() == 0 else []
    with tempfile.TemporaryDirectory(prefix="homeserve-bench-sink-") as folder:
        counters = Path(folder) / "counters"
        with counters.open("wb") as file:
            process = subprocess.Popen([program(), "-4", "-c", *user, f"{HOST}:{port}", "1000"], stdout=file)
        try:
            _wait_for(port, process)
            yield Sink(port, counters)
        finally:
            process.terminate()
            process.wait()


@contextlib.contextmanager
def far_away(port: int, *, each_way: float) -> Iterator[int]:
    """A port behind which that server answers so many seconds later in each direction, however much is under way."""
    outside = _free_port()
    process = subprocess.Popen([sys.executable, __file__, str(outside), str(port), str(each_way)])
    try:
        _wait_for(outside, process)
        yield outside
    finally:
        process.terminate()
        process.wait()


def round_trip(port: int, *, times: int = 100) -> float:
    """Seconds from a command to its answer, as a client sees them: the median."""
    taken = []
    with smtplib.SMTP(HOST, port) as client:
        client.ehlo()
        for _ in range(times):
            start = time.perf_counter()
            client.noop()
            taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def _free_port() -> int:
    with socket.create_server((HOST, 0)) as probe:
        return int(probe.getsockname()[1])


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 10
    while process.poll() is None and time.monotonic() < until:
        with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=1):
            return
        time.sleep(0.02)
    raise SystemExit(f"{process.args!r} does not listen.")


class Way(asyncio.Protocol):
    """One direction of a connection: what comes in goes out at the other end later, in order, and never waits for an answer."""

    def __init__(self, delay: float) -> None:
        self.delay = delay
        self.other: Way | None = None
        self.transport: asyncio.Transport | None = None
        self.under_way: deque[tuple[float, bytes]] = deque()
        self.timed = False
        self.loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.other is not None:
            self.other.arrive()

    def data_received(self, data: bytes) -> None:
        self._send(data)

    def connection_lost(self, error: Exception | None) -> None:
        self._send(b"")

    def _send(self, data: bytes) -> None:
        self.under_way.append((self.loop.time() + self.delay, data))
        self._set_timer()

    def _set_timer(self) -> None:
        if self.under_way and not self.timed:
            self.timed = True
            self.loop.call_at(self.under_way[0][0], self._timer)

    def _timer(self) -> None:
        self.timed = False
        self.arrive()

    def arrive(self) -> None:
        """Hand over what has travelled long enough; nothing stands for the end."""
        there = self.other.transport if self.other else None
        if there is None:
            return
        now = self.loop.time()
        while self.under_way and self.under_way[0][0] <= now:
            data = self.under_way.popleft()[1]
            if data:
                there.write(data)
            else:
                there.close()
        self._set_timer()


async def stand_between(outside: int, inside: int, delay: float) -> None:
    loop = asyncio.get_running_loop()
    connecting: set[asyncio.Task[object]] = set()

    def accept() -> Way:
        near, far = Way(delay), Way(delay)
        near.other, far.other = far, near
        task: asyncio.Task[object] = loop.create_task(loop.create_connection(lambda: far, HOST, inside))
        connecting.add(task)
        task.add_done_callback(connecting.discard)
        return near

    server = await loop.create_server(accept, HOST, outside, backlog=1_000)
    await server.serve_forever()


if __name__ == "__main__":
    # select() counts in microseconds; epoll would round each delay up to a whole millisecond.
    patient = asyncio.SelectorEventLoop(selectors.SelectSelector())
    with contextlib.suppress(KeyboardInterrupt):
        patient.run_until_complete(stand_between(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))

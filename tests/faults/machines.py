"""PostgreSQL and Redis of the laboratory's own, on ports of their own, to be killed and restarted at will."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg
import redis

from tests.environment import ROOT
from tests.journeys.processes import free_port, wait_until


class Missing(Exception):
    """This machine lacks what the laboratory needs."""


def postgresql_programs() -> Path:
    """The folder of initdb and pg_ctl. Raises Missing where there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    if path := shutil.which("initdb"):
        return Path(path).resolve().parent
    raise Missing("PostgreSQL's server programs (initdb, pg_ctl)")


def what_is_missing() -> str:
    """What this machine lacks; empty: nothing."""
    try:
        postgresql_programs()
    except Missing as error:
        return str(error)
    return "" if shutil.which("redis-server") else "redis-server"


class PostgreSQL:
    """A cluster of its own, with fsync. It refuses to run as root: root lends it to the user `postgres`."""

    def __init__(self) -> None:
        self._programs = postgresql_programs()
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="homeserve-faults-pg-"))
        self._as: dict[str, Any] = {}
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres", "postgres")
            self._as = {"user": "postgres", "group": "postgres", "extra_groups": []}
        self._data = self.folder / "data"

    def start(self) -> None:
        self._run("initdb", "-D", str(self._data), "-U", "lab", "--auth=trust", "--no-sync", "--locale=C.UTF-8", "-E", "UTF8")
        with (self._data / "postgresql.conf").open("a", encoding="utf-8") as conf:
            conf.write(
                f"port={self.port}\nlisten_addresses='127.0.0.1'\nunix_socket_directories='{self.folder}'\nfsync=on\n"
                "max_connections=80\nshared_buffers=64MB\n"
            )
        self._run("pg_ctl", "-D", str(self._data), "-w", "-t", "120", "-l", str(self.folder / "log"), "start")

    def restart_at_once(self) -> None:
        """As by a power cut: no checkpoint, every connection broken, recovery from the log. Returns when it answers again."""
        self._run("pg_ctl", "-D", str(self._data), "-w", "-t", "120", "-m", "immediate", "-l", str(self.folder / "log"), "restart")

    def stop(self) -> None:
        self._run("pg_ctl", "-D", str(self._data), "-w", "-m", "immediate", "stop", check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, database: str) -> str:
        return f"postgres://lab@127.0.0.1:{self.port}/{database}"

    def connect(self, database: str = "postgres") -> "psycopg.Connection[Any]":
        return psycopg.connect(self.url(database), autocommit=True, connect_timeout=5)

    def _run(self, program: str, *arguments: str, check: bool = True) -> None:
        # The server keeps what it inherits open: its output must not be a pipe that somebody reads to its end.
        with tempfile.TemporaryFile() as said:
            done = subprocess.run(
                [str(self._programs / program), *arguments], cwd=self.folder, stdout=said, stderr=said, check=False, timeout=180, **self._as
            )
            said.seek(0)
            if check and done.returncode:
                raise RuntimeError(f"{program}: {said.read().decode(errors='replace')[-2000:]}")


class RedisServer:
    """A Redis that keeps nothing."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        with (self._folder / "redis.out").open("ab") as out:
            self._process = subprocess.Popen([*command, "--dir", str(self._folder)], stdout=out, stderr=out)
        wait_until(self._answers, seconds=60, what="Redis")

    def _answers(self) -> bool:
        with contextlib.suppress(redis.RedisError), redis.Redis.from_url(self.url) as client:
            return bool(client.ping())
        return False

    def flush(self) -> None:
        with redis.Redis.from_url(self.url) as client:
            client.flushall()

    def freeze(self) -> None:
        """Its port still takes connections, and nothing is answered."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


class Provider:
    """A scriptable provider's process: `tests.faults.smtp_provider` or `tests.faults.twilio_provider`."""

    def __init__(self, name: str, folder: Path, *options: str) -> None:
        self.port = free_port()
        self.ledger = folder / f"{name}.ledger"
        self.orders = folder / f"{name}.orders"
        self._out = folder / f"{name}.out"
        self._command = [sys.executable, "-m", f"tests.faults.{name}", str(self.port), str(self.ledger), str(self.orders), *options]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._out.open("ab") as out:
            self._process = subprocess.Popen(self._command, cwd=ROOT, stdout=out, stderr=out)
        wait_until(lambda: answers(self.port), seconds=60, what=self._command[2])

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def forget(self) -> None:
        """An empty ledger and no orders."""
        self.orders.unlink(missing_ok=True)
        if self.ledger.exists():
            os.truncate(self.ledger, 0)


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def copy_of_the_tree(to: Path, changes: Sequence[tuple[str, str, str]]) -> Path:
    """The project's files in a folder of their own, with texts replaced: (file, old, new). Raises LookupError when an old is not there."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file() and not name.startswith(("tests/data/", "docs/")):
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, to / name)
    for file, old, new in changes:
        text = (to / file).read_text(encoding="utf-8")
        if old not in text:
            raise LookupError(f"{file} no longer holds the guard this control takes out: {old!r}")
        (to / file).write_text(text.replace(old, new), encoding="utf-8")
    return to

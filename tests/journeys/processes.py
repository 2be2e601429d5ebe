"""The product as real processes of its own, on a database of their own: what a person starts, and what a machine kills."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parents[2]
TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def wait_until(true: Callable[[], Any], *, seconds: float, what: str) -> None:
    """Look again and again until it is so; fails with what was waited for."""
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, f"Waited {seconds:.0f} s for {what}."
        time.sleep(0.05)


@dataclass
class Home:
    """A folder and an environment in which commands of the product run, apart from everything else on this machine."""

    folder: Path
    extra: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    root: Path = ROOT  # The tree that is run.

    @property
    def manage_command(self) -> list[str]:
        return [sys.executable, "-u", str(self.root / "manage.py")]

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "COVERAGE_PROCESS_START") if name in os.environ}
        return {
            **kept,
            "PYTHONWARNINGS": "default",
            "SECRET_KEY": "only-for-tests-and-long-enough-to-be-accepted-0123456789",
            "DATABASE_URL": f"sqlite:///{self.folder}/db.sqlite3",
            "VAR_DIR": str(self.folder / "var"),
            "LOG_FILE": str(self.folder / "homeserve_pro.log"),
            "DEMO": "0",
            "PORT": str(self.port),
            **self.extra,
        }

    def manage(self, *arguments: str) -> str:
        """Run a command to its end; what it printed."""
        done = subprocess.run(
            [*self.manage_command, *arguments],
            env=self.environment,
            cwd=self.root,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def shell(self, script: str) -> Any:
        """Run lines in `manage.py shell`; what they put into `answer`, as JSON."""
        lines = f"{script}\nimport json as _json\nprint('ANSWER', _json.dumps(answer, default=str))"
        printed = self.manage("shell", "-v0", "-c", lines)
        return json.loads(printed.rsplit("ANSWER ", 1)[1])

    @contextmanager
    def running(self, *command: str, name: str) -> Iterator[subprocess.Popen[bytes]]:
        """A process that goes on until the block ends, then is asked to stop, and killed if it does not."""
        log = self.folder / f"{name}.out"
        with log.open("ab") as out:
            process = subprocess.Popen(command, env=self.environment, cwd=self.root, stdout=out, stderr=out, start_new_session=True)
        try:
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()

    @contextmanager
    def server(self) -> Iterator[subprocess.Popen[bytes]]:
        """`run_embedded`, answering."""
        with self.running(*self.manage_command, "run_embedded", name="server") as process:
            self.wait_for_server(process)
            yield process

    def wait_for_server(self, process: subprocess.Popen[bytes], *, seconds: float = 90) -> None:
        """Until it answers; fails with what it said when it has ended instead."""

        def answers() -> bool:
            assert process.poll() is None, (self.folder / "server.out").read_text()
            try:
                return httpx.get(f"{self.url}/healthz", timeout=2).status_code == 200
            except httpx.TransportError:
                return False

        wait_until(answers, seconds=seconds, what="the server to answer")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def log_in(self, username: str, password: str) -> str:
        """The session's cookie of somebody who logged in on the page."""
        with httpx.Client(base_url=self.url) as client:
            token = TOKEN.search(client.get("/accounts/login/").text)
            assert token is not None
            form = {"username": username, "password": password, "csrfmiddlewaretoken": token[1]}
            answer = client.post("/accounts/login/", data=form)
            assert answer.status_code == 302, answer.text
            return str(client.cookies["sessionid"])

"""A shell of the product that stays open: snippets go in, what they put into `answer` comes out, with the seconds they took."""

import json
import subprocess
from typing import Any

from tests.journeys.processes import Home

LOOP = """
import json, sys, time, traceback
from django.db import close_old_connections
from django.utils import timezone
from core import tasks
from core.models import *
from core.notification_service import NotificationService
for line in sys.stdin:
    close_old_connections()
    names = {**globals(), "answer": None}
    began = time.monotonic()
    try:
        exec(json.loads(line), names)
        said = {"answer": names["answer"]}
    except Exception:
        said = {"error": traceback.format_exc()}
    print("ANSWER", json.dumps({**said, "seconds": time.monotonic() - began}, default=str), flush=True)
"""


class Clerk:
    """`clerk.do(code)` runs it as an engineer would in `manage.py shell`."""

    def __init__(self, home: Home) -> None:
        self._out = (home.folder / "clerk.out").open("ab")
        self._process = subprocess.Popen(
            [*home.manage_command, "shell", "-v0", "-c", LOOP],
            env=home.environment,
            cwd=home.root,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._out,
            text=True,
        )
        self.seconds = 0.0

    def do(self, code: str) -> Any:
        """Run it. Raises RuntimeError with the traceback. `seconds` afterwards: how long it took, inside."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(code) + "\n")
        self._process.stdin.flush()
        while not (line := self._process.stdout.readline()).startswith("ANSWER "):
            if not line:
                raise RuntimeError("The shell ended.")
        said = json.loads(line.removeprefix("ANSWER "))
        self.seconds = said["seconds"]
        if "error" in said:
            raise RuntimeError(said["error"])
        return said["answer"]

    def leave(self) -> None:
        self._process.kill()
        self._process.communicate()
        self._out.close()

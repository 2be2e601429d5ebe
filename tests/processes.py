"""Processes of the product's own, over the database of the test that starts them."""

import os
import subprocess
import sys
from urllib.parse import quote

from django.db import connection

from tests.environment import ROOT


def start(code: str, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    """A Python with Django set up by the product's settings, which runs `code`. Its input and output are pipes."""
    return subprocess.Popen(
        [sys.executable, "-c", f"import django\ndjango.setup()\n{code}", *arguments],
        cwd=ROOT,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "homeserve_pro.settings",
            "DATABASE_URL": database_url(),
            "REDIS_URL": "",
            **environment,
        },
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def together(processes: list[subprocess.Popen[str]], *, seconds: float = 60) -> list[str]:
    """Let processes go at the same moment that have printed a line and wait for one. Returns what each prints then."""
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline(), "A process ended before it was ready."
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    return [process.communicate(timeout=seconds)[0] for process in processes]


def database_url() -> str:
    """Where a process finds the database of the test that is running."""
    at = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{at['NAME']}"
    return f"postgres://{quote(at['USER'])}:{quote(at['PASSWORD'] or '')}@{at['HOST'] or '127.0.0.1'}:{at['PORT'] or 5432}/{at['NAME']}"

"""The product's settings as a process of its own would have them, started with a given environment."""

import json
import os
import subprocess
import sys
import tempfile
from typing import Any

from tests.environment import ROOT

READ = (
    "import json, sys; from homeserve_pro import env; env.read_file = lambda path: None; from homeserve_pro import settings;"
    "print(json.dumps({name: getattr(settings, name, None) for name in sys.argv[1:]}, default=str))"
)
PRODUCTION = {
    "SECRET_KEY": "for this test alone and as long as a key has to be: 0123456789",
    "PUBLIC_URL": "https://homeserve.example",
    "ALLOWED_HOSTS": "homeserve.example",
}


def start(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python so, with nothing of this machine's own environment but the path."""
    with tempfile.TemporaryDirectory() as scratch:
        variables = {"PATH": os.environ["PATH"], "VAR_DIR": scratch, "LOG_FILE": f"{scratch}/log", "PYTHONDONTWRITEBYTECODE": "1"}
        return subprocess.run(
            [sys.executable, *command], cwd=ROOT, env=variables | environment, capture_output=True, text=True, check=False, timeout=120
        )


def settings_of(*names: str, **environment: str) -> dict[str, Any]:
    """The named settings."""
    done = start("-c", READ, *names, **environment)
    assert done.returncode == 0, done.stderr
    read: dict[str, Any] = json.loads(done.stdout)
    return read

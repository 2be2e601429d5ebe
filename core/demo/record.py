"""How far the demo city has been brought, in a small file beside the clock's.

The database does not need it: without the file, the newest demo booking says about how far the city came, and going over
the same minutes twice changes nothing.
"""

import json
import os
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import connection


@dataclass(frozen=True, slots=True)
class Reached:
    """A city of this seed, loaded then, and alive until `advanced_to`. Not certain where it is only concluded from the data."""

    seed: int
    loaded_at: datetime
    advanced_to: datetime
    is_certain: bool = True


def path() -> Path:
    return Path(settings.VAR_DIR) / "demo.json"


def read() -> Reached | None:
    """What is kept for this database; nothing when the file is missing, unreadable or of another database."""
    try:
        kept = json.loads(path().read_text(encoding="utf-8"))
        if kept["database"] != _database():
            return None
        return Reached(int(kept["seed"]), datetime.fromisoformat(kept["loaded_at"]), datetime.fromisoformat(kept["advanced_to"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write(reached: Reached) -> None:
    """Keep it; a reader sees the old file or the new one, never half of one."""
    kept = {
        "database": _database(),
        "seed": reached.seed,
        "loaded_at": reached.loaded_at.isoformat(),
        "advanced_to": reached.advanced_to.isoformat(),
    }
    path().parent.mkdir(parents=True, exist_ok=True)
    descriptor, aside = tempfile.mkstemp(dir=path().parent, prefix="demo-")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(kept, file)
    os.replace(aside, path())


def forget() -> None:
    if read() is not None:
        path().unlink(missing_ok=True)


def _database() -> str:
    return f"{connection.vendor}:{connection.settings_dict['NAME']}"

"""What a provider accepted, one line each, on the disk before the sender hears of it."""

import json
import os
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

ACCEPTED = "accepted"
# The whole message is there, and the provider takes its time before it accepts it.
HEARD = "heard"
# The sender hung up while the provider was still answering; `seconds` since the message was complete.
CUT = "cut"
# The provider refused, at its own word.
REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing a provider did. `message` is our id for it (32 hex digits) where the wire carries one; else empty."""

    what: str
    to: str
    message: str = ""
    provider_id: str = ""
    at: float = 0.0
    seconds: float = 0.0
    port: int = 0  # The sender's, where it is known.


class Ledger:
    """Appends entries; each is on the disk when `write` returns."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def write(self, entry: Entry) -> None:
        os.write(self._file, (json.dumps({**asdict(entry), "at": time.time()}) + "\n").encode())
        os.fsync(self._file)


def read(path: Path) -> list[Entry]:
    """All entries so far. A last line that is still being written is left out."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").split("\n")[:-1]
    return [Entry(**json.loads(line)) for line in lines]


def at_the_provider(entries: Iterable[Entry]) -> set[int]:
    """The ports of those whose message is there, and not accepted yet."""
    last = {entry.port: entry.what for entry in entries if entry.port}
    return {port for port, what in last.items() if what == HEARD}

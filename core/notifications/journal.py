"""Keeps what a provider answered while the database cannot be written to, so that nothing is sent again for want of a note.

A provider has said yes, and the database is away before that is recorded: the answer goes to a file of its own, flushed to the
disk, and is recorded by whoever looks next on this machine, also when the process that heard it has died. A disk that takes
nothing either leaves it in memory. What is kept names no address, and only we may read it.
"""

import fcntl
import json
import os
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Self
from uuid import UUID, uuid4

import structlog
from django.conf import settings

from core.masking import mask_text

log = structlog.get_logger(__name__)

SUFFIX = ".json"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one message: accepted under the provider's name for it, or a failure."""

    id: str
    accepted: bool
    provider_id: str = ""
    detail: str = ""
    verdict: str = ""
    code: str = ""
    retry_after: float | None = None
    begun: bool = True


@dataclass(frozen=True, slots=True)
class Entry:
    """The answers to what was sent under one lease, not recorded yet."""

    token: str
    provider: str
    at: str
    answers: tuple[Answer, ...]

    @property
    def when(self) -> datetime:
        return datetime.fromisoformat(self.at)

    @property
    def lease(self) -> UUID:
        return UUID(self.token)

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Raises ValueError when it cannot be read."""
        try:
            fields: dict[str, Any] = json.loads(text)
            return cls(**{**fields, "answers": tuple(Answer(**answer) for answer in fields["answers"])})
        except (TypeError, KeyError) as error:
            raise ValueError(f"not an entry: {error}") from error


_in_memory: deque[Entry] = deque()


def keep(entry: Entry) -> None:
    """Keep it until `replay` has recorded it: on the disk, or in memory when the disk takes nothing."""
    # A provider repeats in its words whom it would not write to.
    entry = replace(entry, answers=tuple(replace(answer, detail=mask_text(answer.detail)) for answer in entry.answers))
    folder = Path(settings.OUTCOMES_DIR)
    name = f"{uuid4().hex}{SUFFIX}"
    unfinished = folder / f"{name}.tmp"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(entry.to_json())
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(folder / name)
        _flush(folder)
    except OSError as error:
        with suppress(OSError):
            unfinished.unlink()
        log.error("outcomes_kept_in_memory", error=str(error), messages=len(entry.answers))
        _in_memory.append(entry)
    else:
        log.warning("outcomes_kept_on_disk", file=name, messages=len(entry.answers))


def _flush(folder: Path) -> None:
    """Have the folder's names on the disk: without them a power cut takes the file along."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replay(record: Callable[[Entry], None]) -> int:
    """Have every entry on this machine recorded, each once, oldest first. Returns how many.

    `record` raises ValueError for an entry that can never be recorded: it is set aside. Any other error ends the replay, and
    the entry stays."""
    done = 0
    while (entry := _next_in_memory()) is not None:
        done += _replay_entry(entry, record)
    for path in _waiting():
        done += _replay_file(path, record)
    return done


def _next_in_memory() -> Entry | None:
    """One entry, for one thread alone: several look at once."""
    try:
        return _in_memory.popleft()
    except IndexError:
        return None


def _replay_entry(entry: Entry, record: Callable[[Entry], None]) -> int:
    try:
        record(entry)
    except ValueError as error:
        log.error("outcomes_cannot_be_recorded", entry=entry.to_json(), error=str(error))
        return 0
    except BaseException:  # Whatever kept it from being recorded, it is this process's only copy.
        _in_memory.appendleft(entry)
        raise
    return 1


def _waiting() -> Sequence[Path]:
    folder = Path(settings.OUTCOMES_DIR)
    try:
        with os.scandir(folder) as found:
            return sorted((Path(each.path) for each in found if each.name.endswith(SUFFIX)), key=lambda path: path.stat().st_mtime)
    except (FileNotFoundError, NotADirectoryError):  # No folder yet, or somebody else was faster with a file.
        return []


def _replay_file(path: Path, record: Callable[[Entry], None]) -> int:
    try:
        file = path.open("r+", encoding="utf-8")
    except FileNotFoundError:
        return 0
    except OSError as error:  # Somebody else's, as root's: it must not keep us from sending.
        log.error("outcomes_cannot_be_read", file=path.name, error=str(error))
        return 0
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return 0
        if not path.exists():
            return 0
        try:
            record(Entry.from_json(file.read()))
        except ValueError as error:
            # Never thrown away: an engineer may read what a program cannot.
            log.error("outcomes_cannot_be_recorded", file=path.name, error=str(error))
            path.rename(path.with_suffix(".unreadable"))
            return 0
        path.unlink()
        return 1

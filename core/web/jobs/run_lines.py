"""A run of a job in words: how it stands, for which slot, what came of it, and how long it took."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from core.formatting import indian
from core.models import ScheduleRun
from core.web.words import Moment, moment

SHORTEST_SHOWN: Final = timedelta(seconds=0.1)
# In which counts are read: what was looked at, what of it was found, what came of that. Others follow by their names.
ORDER: Final = (
    "days", "pincodes", "matched", "found", "critical", "opened", "reopened", "raised", "new_items", "cleared", "resolved", "quiet",
    "queued", "people", "coverage_gaps", "notifications", "rows",
)  # fmt: skip
# How a count is called when it is one; what is not here is called the same.
ONE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "days": "day", "pincodes": "pincode", "new_items": "new item", "people": "person", "coverage_gaps": "coverage gap",
        "notifications": "notification", "rows": "row",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class RunLine:
    label: str
    status: str
    status_label: str
    words: str
    at: Moment
    took: str


def run_line(run: ScheduleRun, label: str, *, now: datetime) -> RunLine:
    took = run.finished_at - run.started_at if run.finished_at else None
    return RunLine(
        label=label,
        status=run.status,
        status_label=run.get_status_display(),
        words=outcome(run),
        at=moment(run.slot or run.started_at, now=now),
        took=f"{took.total_seconds():.1f} s" if took is not None and took >= SHORTEST_SHOWN else "",
    )


def outcome(run: ScheduleRun) -> str:
    """What came of a run, in a few words: its plain counts that are not 0, else its error."""
    if run.error:
        return run.error.splitlines()[-1]
    counts = [(name, value) for name, value in (run.result or {}).items() if isinstance(value, int) and not isinstance(value, bool)]
    # A database may keep them in an order of its own.
    counts.sort(key=lambda count: (ORDER.index(count[0]) if count[0] in ORDER else len(ORDER), count[0]))
    return ", ".join(f"{indian(value)} {_called(name, value)}" for name, value in counts if value) or ("nothing to do" if counts else "")


def _called(name: str, count: int) -> str:
    return ONE.get(name, name.replace("_", " ")) if count == 1 else name.replace("_", " ")

"""Lists as CSV files: streamed, so that a million rows take no more memory than ten; safe to open in a spreadsheet."""

import csv
from collections.abc import AsyncIterator, Iterable, Iterator
from datetime import datetime
from functools import partial
from typing import Any, Final

from asgiref.sync import sync_to_async
from django.http import StreamingHttpResponse
from django.utils import timezone

from core import audit
from core.models import User

CSV: Final = "text/csv"
# A cell that begins so is carried out by spreadsheets.
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
LINES_AT_ONCE: Final = 500


class _Echo:
    def write(self, line: str) -> str:
        return line


class Streamed(StreamingHttpResponse):
    """A file that leaves as it is written, under ASGI too, where Django gathers what a plain iterator gives before it sends any of it."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        following = sync_to_async(partial(next, iter(self), None))
        while (part := await following()) is not None:
            yield part


def csv_file(
    name: str, columns: list[str], lines: Iterable[Iterable[Any]], *, user: User, asked: dict[str, Any], now: datetime
) -> StreamingHttpResponse:
    """The lines as a file to keep. Who took what is entered in the audit trail first."""
    audit.enter_act(f"export {name}", actor=user, more={"asked": {key: str(value) for key, value in asked.items()}}, now=now)
    day = timezone.localtime(now).date().isoformat()
    return Streamed(
        written(columns, lines),
        content_type=f"{CSV}; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}-{day}.csv"'},
    )


def written(columns: list[str], lines: Iterable[Iterable[Any]]) -> Iterator[str]:
    """The lines of a file, some hundred at once."""
    writer = csv.writer(_Echo())
    waiting = [writer.writerow(columns)]
    for line in lines:
        waiting.append(writer.writerow([cell(value) for value in line]))
        if len(waiting) >= LINES_AT_ONCE:
            yield "".join(map(str, waiting))
            waiting.clear()
    yield "".join(map(str, waiting))


def cell(value: Any) -> str:
    """A value as a spreadsheet may read it: a text that would be carried out as a formula begins with an apostrophe."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return timezone.localtime(value).isoformat(timespec="seconds")
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(FORMULA) else text

"""An export as small as a test needs: one good row a file, changed and added to by the test, written and imported."""

import gzip
import io
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management import call_command

FILES = ("users", "services", "bookings", "signatures", "payments")
MADE = "2026-11-10T09:00:00+05:30"
DUE = "2026-11-11T10:00:00+05:30"

GOOD: dict[str, dict[str, str]] = {
    "users": {
        "username": "kiran", "email": "kiran@homeserve.example", "first_name": "Kiran", "last_name": "Rao", "role": "customer",
        "phone": "+919845000006", "pincode": "560001", "is_available": "0", "is_active": "1",
    },
    "services": {"id": "1", "name": "Plumber visit", "category": "repair", "base_price": "299", "duration_minutes": "45", "is_active": "1"},
    "bookings": {
        "id": "", "customer": "kiran", "vendor": "", "service": "1", "status": "pending", "total_price": "299.00", "pincode": "560001",
        "scheduled_date": DUE, "assigned_at": "", "completion_date": "", "created_at": MADE,
    },
    "signatures": {"id": "", "booking": "", "status": "pending", "requested_at": DUE, "signed_at": "", "satisfaction_rating": ""},
    "payments": {"id": "", "booking": "", "amount": "299.00", "status": "pending", "created_at": DUE, "held_at": ""},
}  # fmt: skip


def number(file: str, which: int) -> str:
    """The id of a file's first, second, … row."""
    return str(UUID(int=FILES.index(file) << 64 | which))


def good(file: str, which: int = 1, **cells: str) -> dict[str, str]:
    """A good row with some cells changed; bookings, signatures and payments of the same number belong together."""
    row = dict(GOOD[file])
    if "booking" in row:
        row["booking"] = number("bookings", which)
    if file in FILES[2:]:
        row["id"] = number(file, which)
    return row | cells


class Export:
    """A directory of the five files. `rows` holds each file's rows, and a bare text among them is written as it is."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.rows: dict[str, list[dict[str, str] | str]] = {file: [good(file)] for file in FILES}

    def add(self, file: str, *rows: dict[str, str] | str) -> None:
        self.rows[file] += rows

    def text(self, file: str, *, without: str = "", end: str = "\n") -> str:
        columns = [name for name in GOOD[file] if name != without]
        lines = [row if isinstance(row, str) else ",".join(row[name] for name in columns) for row in self.rows[file]]
        return "".join(line + end for line in [",".join(columns), *lines])

    def path(self, file: str) -> Path:
        return self.directory / f"{file}.csv"

    def write(self, *, without: str = "", end: str = "\n", before: str = "", packed: bool = False) -> None:
        for file in FILES:
            content = (before + self.text(file, without=without, end=end)).encode()
            if packed:
                Path(f"{self.path(file)}.gz").write_bytes(gzip.compress(content))
            else:
                self.path(file).write_bytes(content)

    def load(self, *options: str, write: bool = True) -> tuple[str, list[str]]:
        """Write and import it. What was said of all, and the lines said of bad rows."""
        if write:
            self.write()
        return load(self.directory, *options)


def load(directory: Path, *options: str) -> tuple[str, list[str]]:
    out, err = io.StringIO(), io.StringIO()
    call_command("import_marketplace", str(directory), *options, stdout=out, stderr=err, no_color=True)
    return out.getvalue(), err.getvalue().splitlines()


def everything(*models: Any) -> list[list[tuple[Any, ...]]]:
    """All rows of the tables, to compare."""
    return [list(model.objects.order_by("pk").values_list()) for model in models]

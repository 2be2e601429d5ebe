"""The API's reads over 10,000, 200,000 and a million notifications, beside an empty call with the same token.

What is measured is the whole call, through every middleware to the last byte. A count of more than 1,000 rows is remembered for a minute
(see docs/api.md): the first call, which counts, is given beside the others and held to nothing. So is a page half-way by its number, which
is read up to there; its neighbour by cursor is held to the same as the first.

    BENCH_READS=10000,50000 .venv/bin/python benchmarks/bench_reads.py
"""

import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import bench
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.test import Client
from knox.models import AuthToken

from core import clock
from core.models import MessageContent, NotificationLog, Role, User
from core.models.fields import new_id

SIZES = [int(size) for size in os.environ.get("BENCH_READS", "10000,200000,1000000").split(",")]
LOGS = "/admin-dashboard/notifications/logs/"
EMPTY = "/admin-dashboard/notifications/alerts/"
TIMES = 15
# Against the empty call, and against the smallest table.
MOST = 2.0
GROWTH = 1.3
DAYS = 90
TYPES = ("demand_notification", "bonus_alert", "promotional", "service_completion_reminder", "payment_hold")
METHODS = ("email", "websocket", "sms")
# Held to nothing: five times as many rows are written out, or all rows up to there are read.
STATED = ("a page of 100", "half-way, by number")
# Of a hundred: as a quarter's log is.
STATUSES = ("sent",) * 70 + ("delivered",) * 27 + ("failed",) * 2 + ("pending",)
PEOPLE = 2_000


class Reader:
    """A machine of an ops manager's."""

    def __init__(self) -> None:
        user = User.objects.create(username="omar", role=Role.OPS_MANAGER, password="!")
        self.headers = {"Authorization": f"Bearer {AuthToken.objects.create(user)[1]}"}
        self.client = Client(SERVER_NAME="localhost")

    def get(self, url: str, **asked: Any) -> Any:
        answer = self.client.get(url, asked, headers=self.headers)
        assert answer.status_code == 200, answer.content
        return answer


def fill(size: int, people: list[int], *, already: int) -> None:
    """Rows up to this many, evenly over 90 days, in the order of time. A thousand share their words, as a campaign's do."""
    last = datetime.now(ZoneInfo(settings.TIME_ZONE))

    def at(number: int) -> datetime:
        return last - timedelta(days=DAYS) * ((number * 7919 % 1_000_003) / 1_000_003)

    contents = {cause: _content(cause, at(cause * 1_000)) for cause in range(already // 1_000, -(-size // 1_000))}
    rows = []
    for moment, number in sorted((contents[n // 1_000].created_at if n % 2 else at(n), n) for n in range(already, size)):
        cause = number // 1_000
        content = contents[cause]
        # A few were written by hand, or imported: with words of their own.
        own = number % 5_000 == 0
        rows.append(
            NotificationLog(
                id=new_id(), recipient_id=people[number % PEOPLE], notification_type=TYPES[cause % 5], method=METHODS[number % 3],
                status=STATUSES[number * 31 % 100], subject=content.subject, message="A quokka at the door." if own else content.body,
                created_at=moment, content=None if own else content, key=f"{cause}:{number}", pincode=str(560_001 + number % 800),
                address="a@homeserve.example",
            )
        )  # fmt: skip
        if len(rows) == 5_000:
            NotificationLog.objects.bulk_create(rows, batch_size=500)
            rows.clear()
    NotificationLog.objects.bulk_create(rows, batch_size=500)
    bench.settle()


def _content(cause: int, at: datetime) -> MessageContent:
    rare = " Zanzibar." if cause % 50 == 0 else ""
    return MessageContent.objects.create(
        template="promotional", version="file", subject=f"Offer {cause}", body=f"25 % off this weekend.{rare}", created_at=at
    )


def calls(people: list[int], total: int) -> dict[str, dict[str, Any]]:
    today = clock.business_day(clock.now())
    return {
        "the first page": {},
        "the last page": {"page": -(-total // 20)},
        "a page of 100": {"per_page": 100},
        "by type": {"type": "bonus_alert"},
        "by status": {"status": "failed"},
        "by status, waiting": {"status": "pending"},
        "by method": {"method": "sms"},
        "by person": {"recipient_id": people[7]},
        "by pincode": {"pincode": "560123"},
        "by days": {"date_from": today - timedelta(days=30), "date_to": today - timedelta(days=24)},
        "by rare words": {"search": "zanzibar"},
        "by a message's own words": {"search": "quokka"},
        "by type and status": {"type": "promotional", "status": "failed"},
    }


@dataclass(frozen=True, slots=True)
class Taken:
    """Milliseconds of a call: the first one, with nothing remembered, and a usual one after it; and of an empty call beside it."""

    first: float
    usual: float
    empty: float

    @property
    def times(self) -> float:
        return self.usual / self.empty


def timed(reader: Reader, url: str, asked: dict[str, Any]) -> Taken:
    """Both calls in turn, so that whatever else the machine does meets both; of each the quickest."""
    cache.clear()
    first = _milliseconds(reader, url, asked)
    reader.get(EMPTY)
    pairs = [(_milliseconds(reader, url, asked), _milliseconds(reader, EMPTY, {})) for _ in range(TIMES)]
    usual, empty = (min(taken) for taken in zip(*pairs, strict=True))
    return Taken(first, usual, empty)


def _milliseconds(reader: Reader, url: str, asked: dict[str, Any]) -> float:
    began = time.perf_counter()
    reader.get(url, **asked)
    return (time.perf_counter() - began) * 1_000


def main() -> int:
    with bench.scratch_database():
        reader = Reader()
        vendors = [User(username=f"p{n}", role=Role.VENDOR, password="!", email=f"p{n}@homeserve.example") for n in range(PEOPLE)]
        people = [user.pk for user in User.objects.bulk_create(vendors)]
        smallest: dict[str, float] = {}
        filled = 0
        for size in SIZES:
            fill(size, people, already=filled)
            filled = size
            for name, taken in measured(reader, people, size):
                tell(name, taken, size, smallest)
    return 0


def measured(reader: Reader, people: list[int], size: int) -> Iterator[tuple[str, Taken]]:
    for name, asked in calls(people, size).items():
        yield name, timed(reader, LOGS, asked)
    half = {"page": -(-size // 40)}
    cursor = reader.get(LOGS, **half, cursor="").json()["next_cursor"]
    yield "half-way, by number", timed(reader, LOGS, half)
    yield "half-way, by cursor", timed(reader, LOGS, {"cursor": cursor})
    yield "statistics", timed(reader, "/admin-dashboard/notifications/", {})


def tell(name: str, taken: Taken, size: int, smallest: dict[str, float]) -> None:
    title = f"Reads at {size:,}: {name}"
    if name == "the first page":
        bench.report(f"Reads at {size:,}: an empty list", taken.empty, None, True, "ms")
    bench.report(f"{title}, counted anew", taken.first, None, True, "ms")
    if name in STATED:
        bench.report(title, taken.usual, None, True, "ms")
        return
    bench.at_most(f"{title}, of an empty list", taken.times, MOST, "×")
    # Both sizes beside the empty call of their own minute.
    grown = taken.times / smallest.setdefault(name, taken.times)
    if size != SIZES[0]:
        bench.at_most(f"{title}, of the same at {SIZES[0]:,}", grown, GROWTH, "×")


if __name__ == "__main__":
    connection.ensure_connection()
    sys.exit(main())

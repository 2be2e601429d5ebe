"""The API's reads over 10,000, 200,000 and a million notifications, beside an empty call with the same token.

What is measured is the whole call, through every middleware to the last byte. A count of more than 10,000 rows is remembered for a minute
(see docs/api.md): the first call, which counts, is given beside the others and held to nothing.

    BENCH_READS=10000,50000 .venv/bin/python benchmarks/bench_reads.py
"""

import os
import sys
import time
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
TIMES = 15
# Against the empty call, and against the smallest table.
MOST = 2.0
GROWTH = 1.3
DAYS = 90
TYPES = ("demand_notification", "bonus_alert", "promotional", "service_completion_reminder", "payment_hold")
METHODS = ("email", "websocket", "sms")
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
    """Rows up to this many, evenly over 90 days; those of a thousand share their words, as a campaign's do."""
    zone = ZoneInfo(settings.TIME_ZONE)
    last = datetime.now(zone)
    contents: dict[int, MessageContent] = {}
    rows = []
    for number in range(already, size):
        at = last - timedelta(days=DAYS) * ((number * 7919 % 1_000_003) / 1_000_003)
        cause = number // 1_000
        if cause not in contents:
            contents = {cause: _content(cause, at)}
        content = contents[cause]
        status = STATUSES[number * 31 % 100]
        rows.append(
            NotificationLog(
                id=new_id(), recipient_id=people[number % PEOPLE], notification_type=TYPES[cause % 5], method=METHODS[number % 3],
                status=status, subject=content.subject, message=content.body, created_at=content.created_at if number % 2 else at,
                content=content, key=f"{cause}:{number}", pincode=str(560_001 + number % 800), address="a@homeserve.example",
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
        "by type and status": {"type": "promotional", "status": "failed"},
    }


def timed(reader: Reader, url: str, asked: dict[str, Any]) -> tuple[float, float]:
    """Milliseconds of the first call, with nothing remembered, and of the median one after it."""
    cache.clear()
    began = time.perf_counter()
    reader.get(url, **asked)
    first = time.perf_counter() - began
    return first * 1_000, bench.measure(lambda: reader.get(url, **asked), times=TIMES) * 1_000


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
            empty = bench.measure(lambda: reader.get("/admin-dashboard/notifications/alerts/"), times=TIMES) * 1_000
            bench.report(f"Reads at {size:,}: an empty list", empty, None, True, "ms")
            measured = {name: timed(reader, LOGS, asked) for name, asked in calls(people, size).items()}
            measured["statistics"] = timed(reader, "/admin-dashboard/notifications/", {})
            for name, (first, usual) in measured.items():
                bench.report(f"Reads at {size:,}: {name}, counted anew", first, None, True, "ms")
                if name == "a page of 100":
                    bench.report(f"Reads at {size:,}: {name}", usual, None, True, "ms")
                    continue
                bench.at_most(f"Reads at {size:,}: {name}, of an empty list", usual / empty, MOST, "×")
                grown = usual / smallest.setdefault(name, usual)
                if size != SIZES[0]:
                    bench.at_most(f"Reads at {size:,}: {name}, of the same at {SIZES[0]:,}", grown, GROWTH, "×")
    return 0


if __name__ == "__main__":
    connection.ensure_connection()
    sys.exit(main())

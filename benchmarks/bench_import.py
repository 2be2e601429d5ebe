"""An import of half a million bookings beside a bare `bulk_create` of the same rows in the same database, and its memory.

python benchmarks/bench_import.py [ROWS]
"""

import random
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice
from pathlib import Path
from uuid import UUID

import bench
from django.db import connection

from core import bulk
from core.imports.files import split
from core.imports.load import load_directory
from core.models import Booking, Payment, Service, Signature, User

ROWS = 500_000
PEOPLE = 20_000
STATUSES = ("pending", "confirmed", "completed", "signed", "signed", "cancelled")
START = datetime(2026, 8, 1, tzinfo=UTC)
NOW = START + timedelta(days=91)
USERS = "username,role,pincode,phone,is_available"
COLUMNS = "id,customer,vendor,service,status,total_price,pincode,scheduled_date,assigned_at,completion_date,created_at"


def write_export(directory: Path, count: int) -> None:
    """People, services and so many bookings of 90 days, with random (version 4) ids, as another system's export has them."""
    chance = random.Random(count)
    directory.mkdir()

    def write(name: str, *lines: str) -> None:
        (directory / f"{name}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")

    roles = ("vendor", *["customer"] * 9)
    write("users", USERS, *(f"person{n},{roles[n % 10]},{560001 + n % 100},+9198{n:08},1" for n in range(PEOPLE)))
    write("services", "id,name,category,base_price", *(f"{n},Service {n},cleaning,499" for n in range(1, 13)))
    write("signatures", "id,booking,status")
    write("payments", "id,booking,amount,status")
    with (directory / "bookings.csv").open("w", encoding="utf-8") as file:
        file.write(f"{COLUMNS}\n")
        for _ in range(count):
            made = START + timedelta(seconds=chance.randrange(90 * 86_400))
            due = (made + timedelta(days=1)).replace(minute=0, second=0)
            times = (due, made + timedelta(minutes=12), due + timedelta(hours=2), made)
            file.write(
                f"{UUID(int=chance.getrandbits(128), version=4)},person{chance.randrange(PEOPLE)},person{chance.randrange(0, PEOPLE, 10)},"
                f"{chance.randint(1, 12)},{chance.choice(STATUSES)},{chance.randrange(99, 3000)}.00,{560001 + chance.randrange(100)},"
                f"{','.join(map(datetime.isoformat, times))}\n"
            )


def empty() -> None:
    names = [f'"{model._meta.db_table}"' for model in (Signature, Payment, Booking)]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"TRUNCATE {', '.join(names)} CASCADE")
        else:
            for name in names:
                cursor.execute(f"DELETE FROM {name}")
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def booking(line: str, people: dict[str, int]) -> Booking:
    pk, customer, vendor, service, status, price, pincode, *times = split(line.strip())
    scheduled, assigned, completed, made = map(datetime.fromisoformat, times)
    return Booking(
        id=UUID(pk),
        customer_id=people[customer],
        vendor_id=people[vendor],
        service_id=int(service),
        status=status,
        total_price=Decimal(price),
        pincode=pincode,
        scheduled_date=scheduled,
        assigned_at=assigned,
        completion_date=completed,
        created_at=made,
    )


def seconds_of_bulk_create(directory: Path) -> float:
    """The bookings alone, from objects that are ready: what is left out is reading, checking and looking up."""
    empty()
    people = dict(User.objects.values_list("username", "id"))
    with (directory / "bookings.csv").open(encoding="utf-8") as file:
        objects = [booking(line, people) for line in islice(file, 1, None)]
    started = time.perf_counter()
    Booking.objects.bulk_create(objects, batch_size=bulk.BATCH)
    return time.perf_counter() - started


def seconds_of_import(directory: Path) -> float:
    """The whole directory; its 20,000 people are there already and unchanged."""
    started = time.perf_counter()
    refused = sum(outcome.refused for outcome in load_directory(directory, now=NOW, tell=print))
    assert not refused, "The generated rows are all good."
    return time.perf_counter() - started


def main(count: int) -> None:
    with tempfile.TemporaryDirectory() as name, bench.scratch_database():
        few, many = Path(name, "few"), Path(name, "many")
        write_export(few, count // 5)
        write_export(many, count)
        with bench.memory_growth() as small:
            seconds_of_import(few)
        empty()
        with bench.memory_growth() as large:
            taken = seconds_of_import(many)
        with bench.memory_growth() as repeated:
            again = seconds_of_import(many)
        assert Service.objects.count() == 12
        assert Booking.objects.count() == count
        bare = seconds_of_bulk_create(many)
    bench.report("bulk_create of bookings that are ready objects", count / bare, None, True, "rows a second")
    bench.report("import of the same bookings again, nothing changed", count / again, None, True, "rows a second")
    bench.report(f"import of {count:,} bookings, from files to committed rows", count / taken, None, True, "rows a second")
    bench.at_least("import beside bare bulk_create", bare / taken, 0.8, "times as fast")
    # SQLite's own cache and that of the keys seen hold 80 MB when they are full. Flat is what the last figure is.
    bench.report(f"memory grown by an import of {count // 5:,} bookings", small.peak, None, True, "MB")
    bench.at_most(f"memory grown by an import of {count:,} after it", large.peak, 80, "MB")
    bench.at_most(f"memory grown by the {count:,} again", repeated.peak, 16, "MB")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS)

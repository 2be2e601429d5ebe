"""What the benchmarks share: a scratch database with production's settings, a stopwatch, a scale, and a way to say what came of it.

    import bench

    with bench.scratch_database():
        seconds = bench.measure(lambda: generate(day, now=now))
        bench.at_most("A day's analytics, 2,000 pincodes", seconds, 1.0, "s")

A file is run by itself (`.venv/bin/python benchmarks/bench_analytics.py`) or, with all others and on each database, by
`make bench`. DATABASE_URL says on which server; the database itself is made for the run and dropped.
"""

import contextlib
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import django
import psutil

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from django.db import connection  # noqa: E402  (the path comes first)

from homeserve_pro import env  # noqa: E402
from tests.environment import prepare  # noqa: E402

# As in production, but with nothing of a developer's shell or `.env`.
SCRATCH = prepare()
env.read_file = lambda path: None
os.environ["DJANGO_SETTINGS_MODULE"] = "homeserve_pro.settings"
django.setup()


def measure(work: Callable[[], object], *, times: int = 5, warm_up: int = 1) -> float:
    """Seconds that `work` takes: the median of `times`, after `warm_up` unmeasured rounds."""
    for _ in range(warm_up):
        work()
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def report(name: str, figure: float, limit: float | None, ok: bool, unit: str) -> None:
    """State a figure, the limit it is held against (None: it is only stated) and whether it held."""
    line = {"name": name, "figure": plain(figure), "limit": None if limit is None else plain(limit), "ok": ok, "unit": unit}
    line["database"] = connection.vendor
    path = os.environ.get("BENCH_RESULTS")
    if path:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
    against = "" if limit is None else f"  (limit {plain(limit)} {unit}: {'held' if ok else 'NOT HELD'})"
    print(f"{name}, {connection.vendor}: {plain(figure)} {unit}{against}", flush=True)


def plain(figure: float) -> str:
    """Three digits that mean something, never in powers of ten."""
    return f"{figure:,.0f}" if abs(figure) >= 100 else f"{figure:.3g}" if abs(figure) >= 0.001 else f"{figure:.6f}"


def at_most(name: str, figure: float, limit: float, unit: str) -> None:
    """A figure that must not be above the limit, as seconds or megabytes."""
    report(name, figure, limit, figure <= limit, unit)


def at_least(name: str, figure: float, limit: float, unit: str) -> None:
    """A figure that must not be below the limit, as messages a second."""
    report(name, figure, limit, figure >= limit, unit)


@contextlib.contextmanager
def scratch_database() -> Iterator[None]:
    """An empty, migrated database on DATABASE_URL's server (a file for SQLite), dropped at the end."""
    settings = connection.settings_dict
    name = settings["NAME"]
    with tempfile.TemporaryDirectory(prefix="homeserve-bench-") as folder:
        mine = str(Path(folder) / "bench.sqlite3") if connection.vendor == "sqlite" else f"homeserve_bench_{os.getpid()}"
        settings["TEST"]["NAME"] = mine
        connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
        try:
            yield
        finally:
            connection.creation.destroy_test_db(name, verbosity=0)


def settle() -> None:
    """Let the planner know the tables, as in a database that has lived for a day: PostgreSQL does it by itself, on SQLite the cleanup."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)" if connection.vendor == "postgresql" else "PRAGMA analysis_limit = 1000")
        if connection.vendor == "sqlite":
            cursor.execute("ANALYZE")


@dataclass
class Growth:
    """Resident memory of this process, in megabytes, above what it was at the start: the highest seen, and the last."""

    peak: float = 0.0
    last: float = 0.0


@contextlib.contextmanager
def memory_growth(every: float = 0.02) -> Iterator[Growth]:
    """Watch this process's memory while the block runs; read `peak` and `last` after it."""
    process = psutil.Process()
    start = process.memory_info().rss
    growth = Growth()
    over = threading.Event()

    def look() -> None:
        growth.last = (process.memory_info().rss - start) / 1_048_576
        growth.peak = max(growth.peak, growth.last)

    def watch() -> None:
        while not over.wait(every):
            look()

    watcher = threading.Thread(target=watch, name="memory-growth", daemon=True)
    watcher.start()
    try:
        yield growth
    finally:
        over.set()
        watcher.join()
        look()

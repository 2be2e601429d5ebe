"""`make test`: every test on SQLite, and again on PostgreSQL and Redis where they answer. Says plainly what ran.

    python -m tests.run [--half sqlite|services] [pytest's own arguments]

PostgreSQL is looked for at TEST_DATABASE_URL, else on 127.0.0.1 with the usual names; Redis at TEST_REDIS_URL, else on
127.0.0.1:6379. Tests make databases named test_… of their own and use Redis databases that were empty. With
REQUIRE_SERVICES=1 what is missing is a failure.
"""

import argparse
import contextlib
import fcntl
import getpass
import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO, NamedTuple
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
import redis
from psycopg import sql

from tests.command import exit_with
from tests.environment import browser_path

# One more than processors: tests with processes and browsers of their own mostly wait for them.
WORKERS = min(4, (os.cpu_count() or 1) + 1)
NOTHING_RAN = 5  # pytest's own code.
CLOSING = re.compile(r"(\d+ (passed|failed|error|skipped|deselected)|no tests ran).* in [\d.]+s")
RESERVED: list[IO[str]] = []
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class Half(NamedTuple):
    """One run of all tests: its name, and what the environment adds."""

    title: str
    environment: dict[str, str]


def postgresql() -> str:
    """A server where databases may be made, as DATABASE_URL; empty when none answers."""
    given = os.environ.get("TEST_DATABASE_URL")
    guesses = [f"postgres://{quote(name)}@127.0.0.1:5432/homeserve" for name in dict.fromkeys((getpass.getuser(), "root", "postgres"))]
    for url in [given] if given else guesses:
        try:
            with psycopg.connect(urlunsplit(urlsplit(url)._replace(path="/postgres")), connect_timeout=3) as connection:
                row = connection.execute("SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
        except psycopg.OperationalError:
            continue
        if row and row[0]:
            # Named after this run unless a name is given, so that two of them do not meet.
            return url if given else urlunsplit(urlsplit(url)._replace(path=f"/homeserve_{os.getpid()}"))
    return ""


def is_ours(number: int) -> bool:
    """Reserve a Redis database on this machine for as long as this process lives; tests keep theirs empty, so emptiness tells nothing."""
    try:
        lock = (Path(tempfile.gettempdir()) / f"homeserve-test-redis-{number}.lock").open("w", encoding="utf-8")
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    RESERVED.append(lock)
    return True


def empty_redis(how_many: int) -> list[str]:
    """Redis databases that hold nothing and are nobody else's, the highest numbers first; an empty list when there are not enough."""
    base = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379").rstrip("/")
    server = urlunsplit(urlsplit(base)._replace(path=""))
    found = []
    for number in range(15, 0, -1):
        with redis.Redis.from_url(f"{server}/{number}", socket_connect_timeout=3) as client:
            try:
                if not client.dbsize() and is_ours(number):
                    found.append(f"{server}/{number}")
            except redis.RedisError:
                return []
        if len(found) == how_many:
            return found
    return []


def halves(wanted: str) -> tuple[list[Half], str]:
    """What can run here, and why the rest cannot."""
    both = [Half("SQLite, embedded", {"DATABASE_URL": "", "TEST_REDIS_URLS": ""})]
    database, caches = postgresql(), empty_redis(WORKERS)
    missing = [
        name
        for name, there in (("PostgreSQL", database), ("Redis", caches), ("a Chromium for the browser tests", browser_path()))
        if not there
    ]
    if database and caches:
        both.append(Half("PostgreSQL and Redis", {"DATABASE_URL": database, "TEST_REDIS_URLS": " ".join(caches)}))
    chosen = {"both": both, "sqlite": both[:1], "services": both[1:]}[wanted]
    return chosen, ", ".join(missing)


def run(half: Half, arguments: list[str]) -> tuple[int, str]:
    """pytest's exit code and its closing line; its output passes through as it comes."""
    environment = {**os.environ, **half.environment}
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    command = [sys.executable, "-m", "pytest", "-q", "-n", str(WORKERS), *arguments]
    if sys.stdout.isatty():
        command.append("--color=yes")
    closing = "no closing line"
    # A group of their own, so that servers and workers that a broken test left behind go with it.
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True, errors="replace", process_group=0)
    try:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            plain = COLOUR.sub("", line).strip()
            if CLOSING.search(plain):
                closing = plain.strip("= ")
        code = process.wait()
    except KeyboardInterrupt:
        # pytest ends its fixtures, with their servers and databases, and says how far it came.
        os.killpg(process.pid, signal.SIGINT)
        print(process.communicate(timeout=60)[0][-2000:])
        raise
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    return code, closing


def tidy(half: Half) -> None:
    """Take away what a run that was cut short left on the servers: databases named after it, Redis databases that were empty."""
    database = half.environment["DATABASE_URL"]
    if database:
        name = urlsplit(database).path.lstrip("/")
        with psycopg.connect(urlunsplit(urlsplit(database)._replace(path="/postgres")), autocommit=True) as connection:
            left = connection.execute("SELECT datname FROM pg_database WHERE datname ~ %s", [f"^test_{name}(_gw[0-9]+)?$"]).fetchall()
            for (each,) in left:
                connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(each)))
    for url in half.environment["TEST_REDIS_URLS"].split():
        with redis.Redis.from_url(url) as client:
            client.flushdb()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.run", description="All tests, in both halves.")
    parser.add_argument("--half", choices=("both", "sqlite", "services"), default="both")
    mine, arguments = parser.parse_known_args()
    chosen, missing = halves(mine.half)
    if missing:
        print(f"Not on this machine: {missing}.")
        if os.environ.get("REQUIRE_SERVICES") == "1":
            print("REQUIRE_SERVICES=1: that is a failure.")
            return 1
    results = []
    for half in chosen:
        print(f"\n--- {half.title} ---", flush=True)
        try:
            code, closing = run(half, arguments)
        finally:
            tidy(half)
        results.append((half.title, code, closing))
    print()
    if len(chosen) == 1 and mine.half == "both":
        print("PostgreSQL and Redis: not run, they do not both answer here.")
    for title, code, closing in results:
        print(f"{title}: {closing}" + ("" if code == 0 else f" (exit {code})"))
    return max((code for _, code, _ in results), default=NOTHING_RAN)


if __name__ == "__main__":
    exit_with(main)

"""`run_embedded` on SQLite: killed while it sends, and on a disk that is full."""

import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.environment import ROOT
from tests.faults import ledger, orders
from tests.faults.experiment import NOTHING_KEPT, Control, Report
from tests.faults.laboratory import STALLED, Progress
from tests.faults.machines import Provider
from tests.faults.referee import Row, Verdict, judge
from tests.journeys.processes import Home, wait_until

MESSAGES = 80
# So long does the server take for each: a load that lasts while faults strike.
A_MAIL = 0.2
# Longer than a sender waits after an error.
QUIET = 4.0
QUEUE = f"""
from core.models import NotificationLog
made = NotificationLog.objects.bulk_create([NotificationLog(notification_type='signature_request', method='email', subject='Sign',
    message='Please sign.', address=f'mail{{n}}@lab.example') for n in range({MESSAGES})])
answer = [row.pk.hex for row in made]
"""


class Embedded:
    """A home whose database lies in a folder of its own, with a mail server beside it."""

    def __init__(self, folder: Path, disk: Path, *, root: Path = ROOT, sql: str = "") -> None:
        self.smtp = Provider("smtp_provider", folder)
        self.database = disk / "db.sqlite3"
        environment = {
            "DATABASE_URL": f"sqlite:///{self.database}",
            "EMAIL_HOST": "127.0.0.1",
            "EMAIL_PORT": str(self.smtp.port),
            "EMAIL_TIMEOUT": "2",
            "DELIVERY_LEASE_SECONDS": "10",
        }
        self.home = Home(folder, environment, root=root)
        self._sql = sql
        self.promised: list[str] = []

    def queue(self) -> None:
        self.home.manage("migrate", "-v0")
        if self._sql:
            with closing(sqlite3.connect(self.database)) as database:
                database.executescript(self._sql)
        self.smtp.start()
        orders.give(self.smtp.orders, [orders.Rule("wait", seconds=A_MAIL)])
        self.promised = self.home.shell(QUEUE)

    def accepted(self) -> int:
        return sum(entry.what == ledger.ACCEPTED for entry in ledger.read(self.smtp.ledger))

    def until_accepted(self, count: int) -> None:
        wait_until(lambda: self.accepted() >= count, seconds=120, what=f"{count} mails to leave")

    def until_one_is_at_the_server(self) -> None:
        def heard_last() -> bool:
            entries = ledger.read(self.smtp.ledger)
            return bool(entries) and entries[-1].what == ledger.HEARD

        wait_until(heard_last, seconds=120, what="a mail to be at the server")

    def count(self, condition: str) -> int:
        with closing(sqlite3.connect(self.database, timeout=20)) as database:
            return int(database.execute(f"SELECT count(*) FROM core_notificationlog WHERE {condition}").fetchone()[0])

    def let_time_pass(self) -> None:
        with closing(sqlite3.connect(self.database, timeout=20)) as database, database:
            database.execute(
                "UPDATE core_notificationlog SET due_at = strftime('%Y-%m-%d %H:%M:%S', 'now') WHERE phase IN ('queued', 'uncertain')"
                " AND due_at > strftime('%Y-%m-%d %H:%M:%S', 'now', '+1 seconds')"
            )

    def settle(self) -> None:
        look = Progress(lambda: -self.count("phase IN ('queued', 'sending', 'uncertain')"))
        while look() and look.stood_still < STALLED:
            self.let_time_pass()
            time.sleep(0.5)

    def verdict(self) -> Verdict:
        with closing(sqlite3.connect(self.database, timeout=20)) as database:
            found = database.execute(
                "SELECT id, status, phase, address, provider_message_id, dup_risk, repeatable,"
                " coalesce(nullif(error_code, ''), error_message) FROM core_notificationlog"
            ).fetchall()
        rows = [
            Row(
                id=key.replace("-", ""),
                status=status,
                phase=phase,
                address=address,
                provider_id=provider_id,
                dup_risk=bool(dup_risk),
                repeatable=bool(repeatable),
                reason=reason,
            )
            for key, status, phase, address, provider_id, dup_risk, repeatable, reason in found
        ]
        return judge(rows, ledger.read(self.smtp.ledger), promised=self.promised)


def killed(embedded: Embedded) -> Report:
    """Killed again and again while it sends."""
    kills = 2
    for nth in range(kills):
        with embedded.home.server() as server:
            embedded.until_accepted((nth + 1) * MESSAGES // 4)
            embedded.until_one_is_at_the_server()
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()
    with embedded.home.server():
        embedded.settle()
    report = Report("embedded, killed", kills, embedded.verdict())
    report.must_be_true_of_everything()
    report.must(report.verdict.duplicates <= kills, f"{report.verdict.duplicates} duplicates of {kills} in flight")
    report.must(not report.verdict.waiting, f"{len(report.verdict.waiting)} still wait at the end")
    return report


def disk_full(embedded: Embedded) -> Report:
    """Its disk fills while it sends, and has room again."""
    filler = embedded.database.parent / "filler"
    with embedded.home.server():
        embedded.until_accepted(MESSAGES // 4)
        embedded.until_one_is_at_the_server()
        fill(filler)
        # What finds room in what the database has on the disk already may leave; then it is quiet.
        look = Progress(embedded.accepted)
        while look() < MESSAGES and look.stood_still < QUIET:
            time.sleep(0.2)
        filler.unlink()
        embedded.settle()
    report = Report("embedded, full disk", 1, embedded.verdict())
    report.must_be_true_of_everything()
    report.must(look.last < MESSAGES, "it goes on sending with a full disk")
    report.must(not report.verdict.duplicates, f"{report.verdict.duplicates} duplicates, not 0")
    report.must(not report.verdict.waiting, f"{len(report.verdict.waiting)} still wait at the end")
    return report


def fill(path: Path) -> None:
    """Take all the room there is."""
    with path.open("wb", buffering=0) as file:
        for size in (1 << 20, 4096):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError:
                continue


@contextmanager
def plain_folder(folder: Path) -> Iterator[Path]:
    yield folder


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system of its own of a few megabytes: only root may make one. Raises OSError when it cannot be made."""
    disk = folder / "disk"
    disk.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", disk], capture_output=True, text=True, check=False)
    if made.returncode:
        raise OSError(f"No file system can be mounted here: {made.stderr}")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


@contextmanager
def queued(folder: Path, disk: Path, *, root: Path = ROOT, sql: str = "") -> Iterator[Embedded]:
    """Everything is queued, and the mail server answers."""
    embedded = Embedded(folder, disk, root=root, sql=sql)
    try:
        embedded.queue()
        yield embedded
    finally:
        embedded.smtp.stop()


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedExperiment:
    name: str
    promise: str
    run: Callable[[Embedded], Report]
    disk: Callable[[Path], AbstractContextManager[Path]]
    control: Control

    def perform(self, folder: Path, *, root: Path = ROOT, sql: str = "") -> Report:
        with self.disk(folder) as disk, queued(folder, disk, root=root, sql=sql) as embedded:
            return self.run(embedded)


EMBEDDED = (
    EmbeddedExperiment(
        name="embedded, killed",
        promise="run_embedded killed while it sends: nothing lost or untrue, at most one for each kill twice, and marked",
        run=killed,
        disk=plain_folder,
        control=Control(
            what="dup_risk is never written",
            sql="CREATE TRIGGER never_marked AFTER UPDATE ON core_notificationlog WHEN NEW.dup_risk"
            " BEGIN UPDATE core_notificationlog SET dup_risk = 0 WHERE id = NEW.id; END;",
        ),
    ),
    EmbeddedExperiment(
        name="embedded, full disk",
        promise="a disk that fills while it sends: quiet while it is full, goes on afterwards, nothing lost, nothing twice",
        run=disk_full,
        disk=small_disk,
        control=NOTHING_KEPT,
    ),
)

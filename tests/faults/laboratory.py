"""The product as it runs distributed (web, beat, two workers with two processes each) among machines that can be broken."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import psycopg

from tests.environment import ROOT
from tests.faults import ledger, orders
from tests.faults.clerk import Clerk
from tests.faults.machines import PostgreSQL, Provider, RedisServer
from tests.faults.referee import Row, Verdict, judge
from tests.journeys.processes import Home

DATABASE = "lab"
# Long enough that a loaded machine's stalls are not taken for a provider that says nothing: a whole call takes at most four times
# the timeout, which must stay below the lease.
TIMEOUT = 2
LEASE = 10
# A worker's processes that send, and its main process, which helps out.
POOL = 2
SENDERS = POOL + 1
# So long may nothing at all move while processes start anew, and leases end, on a loaded machine.
STALLED = 120.0
BEAT = ("-m", "celery", "-A", "homeserve_pro", "beat", "--loglevel=WARNING", "--pidfile=")
PEOPLE = """
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
def people(role, name, count, pincode, category, refused, phones):
    made = User.objects.bulk_create([User(username=f"{name}{n}", email=f"{name}{n}@lab.example", role=role, pincode=pincode, is_active=True,
        is_available=True, password=UNUSABLE_PASSWORD_PREFIX, phone=f"+91{phones}{n:07d}") for n in range(count)], batch_size=1000)
    Preference.objects.bulk_create([Preference(person=one, category=category, method=method, allowed=False)
        for one in made for method in refused], batch_size=1000)
# By one method each, so that a message is one row. No staff: the watch over the providers writes to them by itself.
people("onboard_manager", "mail", SIZE, "", "business_alert", ["websocket", "sms"], "980")
people("onboard_manager", "phone", SIZE, "", "business_alert", ["websocket", "email"], "981")
people("customer", "customer", SIZE, "560001", "promotional", ["websocket", "sms"], "982")
people("vendor", "vendor", min(SIZE, 200), "560002", "bonus_alert", ["websocket", "email"], "983")
"""
ROWS = """
SELECT id, status, phase, address, provider_message_id, dup_risk, repeatable, COALESCE(NULLIF(error_code, ''), error_message)
FROM core_notificationlog WHERE method = ANY(%s)
"""


def midday_zone() -> str:
    """A time zone in which it is about one in the afternoon: offers by SMS may leave, whenever this runs."""
    ahead = (13 - datetime.now(UTC).hour + 11) % 24 - 11
    return f"Etc/GMT{-ahead:+d}" if ahead else "Etc/GMT"


@dataclass
class Worker:
    """A Celery worker: its main process, and the group that its children are of."""

    process: subprocess.Popen[bytes]
    number: int

    def processes(self) -> list[psutil.Process]:
        """All that live, the main one first."""
        with contextlib.suppress(psutil.NoSuchProcess):
            main = psutil.Process(self.process.pid)
            return [one for one in (main, *main.children(recursive=True)) if one.status() != psutil.STATUS_ZOMBIE]
        return []


class Progress:
    """A number that should grow: `look()` asks for it, and `stood_still` says for how many seconds it has not grown."""

    def __init__(self, ask: Callable[[], int]) -> None:
        self._ask = ask
        self._most: int | None = None
        self._since = time.monotonic()
        self.last = 0

    def __call__(self) -> int:
        self.last = self._ask()
        if self._most is None or self.last > self._most:
            self._most, self._since = self.last, time.monotonic()
        return self.last

    @property
    def stood_still(self) -> float:
        return time.monotonic() - self._since


class Laboratory:
    """`with Laboratory(folder) as lab:` everything runs. `root`: the tree to run, another than this one for a control."""

    def __init__(
        self, folder: Path, *, root: Path = ROOT, people: int = 400, workers: int = 2, sql: str = "", extra: Mapping[str, str] | None = None
    ) -> None:
        self.folder, self.people, self._sql = folder, people, sql
        self.postgres, self.redis = PostgreSQL(), RedisServer(folder)
        self.smtp = Provider("smtp_provider", folder)
        self.twilio = Provider("twilio_provider", folder)
        self.home = Home(
            folder,
            {
                "DATABASE_URL": self.postgres.url(DATABASE),
                "REDIS_URL": self.redis.url,
                "EMAIL_HOST": "127.0.0.1",
                "EMAIL_PORT": str(self.smtp.port),
                "EMAIL_TIMEOUT": str(TIMEOUT),
                "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
                "TWILIO_AUTH_TOKEN": "of-the-laboratory",
                "TWILIO_PHONE_NUMBER": "+15005550006",
                "TWILIO_API_BASE_URL": f"http://127.0.0.1:{self.twilio.port}",
                "TWILIO_TIMEOUT": str(TIMEOUT),
                "DELIVERY_LEASE_SECONDS": str(LEASE),
                "TIME_ZONE": midday_zone(),
                # The same few people are written to again and again.
                "PERSON_RATE": "0",
                **(extra or {}),
            },
            root=root,
        )
        self.how_many_workers = workers
        self.workers: list[Worker] = []
        self.random = random.Random(560001)
        self.at_risk = 0  # How many messages the faults so far can have caught at the provider.
        self._started: list[subprocess.Popen[bytes]] = []

    # --- From start to end ------------------------------------------------------------------------------------------------

    def __enter__(self) -> "Laboratory":
        with contextlib.ExitStack() as failed:
            failed.callback(self._stop)
            self.postgres.start()
            self.redis.start()
            self.smtp.start()
            self.twilio.start()
            with self.postgres.connect() as admin:
                admin.execute(f"CREATE DATABASE {DATABASE}".encode())
            self.home.manage("migrate", "-v0")
            self.home.manage("setup_periodic_tasks")
            if self._sql:
                with self.database() as database:
                    database.execute(self._sql.encode())
            self.clerk = Clerk(self.home)
            failed.callback(self.clerk.leave)
            self.clerk.do(PEOPLE.replace("SIZE", str(self.people)))
            self.beat = self._start("beat", *BEAT)
            self._start("web", "-m", "uvicorn", "homeserve_pro.asgi:application", "--port", str(self.home.port), "--log-level", "warning")
            for _ in range(self.how_many_workers):
                self.start_worker()
            self._ending = failed.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.close()

    def _stop(self) -> None:
        for process in self._started:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self.smtp.stop()
        self.twilio.stop()
        self.redis.kill()
        self.postgres.stop()

    def _start(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.out").open("ab") as out:
            process = subprocess.Popen(
                [sys.executable, *arguments], env=self.home.environment, cwd=self.home.root, stdout=out, stderr=out, start_new_session=True
            )
        self._started.append(process)
        return process

    def start_worker(self) -> Worker:
        number = len(self._started)
        options = (f"--concurrency={POOL}", "-n", f"w{number}@lab", "--loglevel=WARNING", "--without-gossip", "--without-mingle")
        worker = Worker(self._start(f"worker{number}", "-m", "celery", "-A", "homeserve_pro", "worker", *options), number)
        self.workers.append(worker)
        return worker

    def keep_workers(self) -> None:
        """Beat, and as many workers as there should be: what supervises them starts the dead ones anew."""
        if self.beat.poll() is not None:
            self.beat = self._start("beat", *BEAT)
        self.workers = [worker for worker in self.workers if worker.process.poll() is None]
        while len(self.workers) < self.how_many_workers:
            self.start_worker()

    def afresh(self) -> None:
        """Nothing queued, nothing remembered of providers, empty ledgers: the next experiment begins."""
        self.keep_workers()
        tables = "notificationlog messagecontent messagingrun providerstate suppression switch onetimepassword".split()
        truncate = f"TRUNCATE {', '.join(f'core_{table}' for table in tables)} CASCADE".encode()
        with self.database() as database:
            # What looks at these tables at this moment may lock them in another order.
            while True:
                with contextlib.suppress(psycopg.errors.DeadlockDetected):
                    database.execute(truncate)
                    break
        self.smtp.forget()
        self.twilio.forget()

    # --- Messages -----------------------------------------------------------------------------------------------------------

    def alert(self, count: int, title: str = "Gateway down", *, by: str = "mail") -> int:
        """Queue business alerts, which may be repeated, through the public service; how many."""
        severity = "critical" if by == "phone" else "high"
        return int(
            self.clerk.do(
                f"people = User.objects.filter(username__startswith={by!r}).order_by('pk')[:{count}]\n"
                f"data = {{'title': {title!r}, 'severity': {severity!r}}}\n"
                "answer = NotificationService.send_business_alert('system_error', people, data).as_dict()['queued']"
            )
        )

    def promote(self, count: int) -> int:
        """Queue promotions, which must never be repeated, to so many customers; how many."""
        return int(
            self.clerk.do(
                "people = User.objects.filter(username__startswith='customer').order_by('pk')\n"
                "people.update(pincode='560003')\n"
                f"User.objects.filter(pk__in=list(people.values_list('pk', flat=True)[:{count}])).update(pincode='560001')\n"
                "answer = NotificationService.location_based_promotions('560001', {'title': 'A quarter off'}).as_dict()['queued']"
            )
        )

    def bonus(self) -> int:
        """Queue a bonus by SMS, which must never be repeated, to every vendor."""
        return int(self.clerk.do("answer = NotificationService.send_bonus_alerts('560002').as_dict()['queued']"))

    def hurry(self) -> None:
        """Tell the workers that there is work, as beat does every ten seconds."""
        self.clerk.do("tasks.deliver_outbox.apply_async(expires=60)")

    def password(self, address: str) -> None:
        """Ask for a one-time password."""
        self.clerk.do(f"answer = bool(NotificationService.send_and_store_otp({address!r}))")

    # --- What is so -----------------------------------------------------------------------------------------------------------

    def database(self) -> "psycopg.Connection[Any]":
        return self.postgres.connect(DATABASE)

    def value(self, query: str, *parameters: object) -> Any:
        with self.database() as database:
            row = database.execute(query.encode(), parameters).fetchone()
        return row[0] if row else None

    def rows(self, methods: Sequence[str] = ("email", "sms")) -> list[Row]:
        with self.database() as database:
            found = database.execute(ROWS, [list(methods)]).fetchall()
        return [
            Row(
                id=key.hex, status=status, phase=phase, address=address, provider_id=provider_id, dup_risk=dup_risk,
                repeatable=repeatable, reason=reason or "",
            )
            for key, status, phase, address, provider_id, dup_risk, repeatable, reason in found
        ]  # fmt: skip

    def entries(self) -> list[ledger.Entry]:
        return [*ledger.read(self.smtp.ledger), *ledger.read(self.twilio.ledger)]

    def accepted(self) -> int:
        return sum(entry.what == ledger.ACCEPTED for entry in self.entries())

    def verdict(self, promised: Iterable[str] = ()) -> Verdict:
        return judge(self.rows(), self.entries(), promised=promised)

    def ids(self) -> list[str]:
        return [row.id for row in self.rows()]

    def created(self, kind: str = "") -> list[tuple[str, float]]:
        """Each message's id and when it was decided, as seconds since the epoch; of one type, when given."""
        query = "SELECT id, extract(epoch FROM created_at)::float FROM core_notificationlog WHERE %s IN ('', notification_type)"
        with self.database() as database:
            return [(key.hex, at) for key, at in database.execute(query, [kind]).fetchall()]

    def story(self, message: str) -> str:
        """What became of a message, by the product's account, and when it was accepted, by the providers'; to read when a promise broke."""
        with self.database() as database:
            row = database.execute(
                "SELECT address, phase, tries, dup_risk, error_code, created_at, sent_at FROM core_notificationlog WHERE id = %s", [message]
            ).fetchone()
            events = database.execute(
                "SELECT at, kind, code, detail FROM core_deliveryevent WHERE notification_id = %s ORDER BY at", [message]
            ).fetchall()
        address = row[0] if row else None
        times = [datetime.fromtimestamp(entry.at, UTC) for entry in self.entries() if message == entry.message or entry.to == address]
        return " ".join(str(word) for word in (message, *(row or ["is gone"]), *(word for event in events for word in event), "at", *times))

    # --- Waiting ----------------------------------------------------------------------------------------------------------------

    def moved_on(self) -> int:
        """How many messages are neither queued nor in somebody's hands: accepted, or found to be uncertain, or ended."""
        return int(self.value("SELECT count(*) FROM core_notificationlog WHERE phase NOT IN ('queued', 'sending')"))

    def until_moved_on(self, count: int) -> None:
        """Until so many messages have moved on, however slow this machine is: it fails when nothing moves any more."""
        look = Progress(self.moved_on)
        while look() < count:
            assert look.stood_still < STALLED, f"Nothing moved for {STALLED:.0f} s: {look.last} of {count} messages have moved on."
            time.sleep(0.1)

    def let_time_pass(self) -> None:
        """What waits (between tries, for a receipt) has waited long enough: the table says so, not the clock."""
        with self.database() as database:
            database.execute("UPDATE core_notificationlog SET due_at = now() WHERE phase IN ('queued', 'uncertain') AND due_at > now()")
            database.execute("UPDATE core_providerstate SET retry_at = now() WHERE retry_at > now()")

    def settle(self) -> None:
        """Until no message is on its way any more, or nothing moves. Fails nothing: the referee sees what is left."""
        on_their_way = (
            "SELECT count(*) FROM core_notificationlog WHERE phase IN ('queued', 'sending', 'uncertain') AND method <> 'websocket'"
        )
        look = Progress(lambda: -int(self.value(on_their_way)))
        while look() and look.stood_still < STALLED:
            self.keep_workers()
            self.let_time_pass()
            self.hurry()
            time.sleep(0.5)

    # --- Breaking -----------------------------------------------------------------------------------------------------------------

    def smtp_says(self, *rules: orders.Rule) -> None:
        orders.give(self.smtp.orders, rules)

    def twilio_says(self, *rules: orders.Rule) -> None:
        orders.give(self.twilio.orders, rules)

    def worker_processes(self) -> list[psutil.Process]:
        return [process for worker in self.workers for process in worker.processes()]

    def senders(self) -> list[psutil.Process]:
        """The processes that have a provider on the line."""
        return list(dict.fromkeys(self._lines().values()))

    def _lines(self) -> dict[int, psutil.Process]:
        """Whose connection to a provider has which port on our side."""
        ports, found = {self.smtp.port, self.twilio.port}, {}
        for process in self.worker_processes():
            with contextlib.suppress(psutil.Error):
                found.update(
                    {link.laddr.port: process for link in process.net_connections("tcp") if link.raddr and link.raddr.port in ports}
                )
        return found

    def _in_the_act(self) -> list[psutil.Process]:
        """Processes whose mail is at the server at this moment; none in a while: those that are connected."""
        until = time.monotonic() + 10
        while time.monotonic() < until:
            lines = self._lines()
            if found := [lines[port] for port in ledger.at_the_provider(ledger.read(self.smtp.ledger)) if port in lines]:
                return found
        return self.senders()

    def signal_one(self, number: signal.Signals, *, sending: bool) -> psutil.Process | None:
        """Signal a random process of a random worker; one in the act of sending, if it shall be and there is one."""
        everyone = (self._in_the_act() if sending else []) or self.worker_processes()
        if not everyone:
            return None
        victim = self.random.choice(sorted(everyone, key=lambda process: process.pid))
        with contextlib.suppress(psutil.NoSuchProcess):
            victim.send_signal(number)
        return victim

    @contextlib.contextmanager
    def without_redis(self) -> Iterator[None]:
        self.redis.kill()
        try:
            yield
        finally:
            self.redis.start()

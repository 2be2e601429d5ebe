"""Mail from the outbox to a mail server, beside what the server, the database, Django and django-post_office do in the same run.

    python benchmarks/bench_delivery.py [--messages 20000] [--rounds 3] [--senders 6] [--quick]

On PostgreSQL, with Debian's smtp-sink as the mail server and mails of 4 kB. In every round each contestant has its turn,
so that a busy machine is everybody's; figures are medians of the rounds. What they mean: docs/benchmarks.md.
"""

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import bench
import letter
import sink
from django.core.mail import EmailMultiAlternatives, get_connection
from django.db import connection, transaction
from senders import Pace, Senders

from core import clock
from core.models import MessageContent, MessagingRun, NotificationLog, Phase, Role, User
from core.notifications import kinds, outbox, rendering
from tests import processes
from tests.servers.smtp import SmtpServer

ROOT = Path(__file__).resolve().parent.parent
RIVAL = Path(os.environ.get("BENCH_RIVAL") or ROOT / ".venv" / "rival" / "bin" / "python")
EACH_WAY = 0.002
A_SECOND = "messages a second"


@dataclass(frozen=True)
class Size:
    """How many mails of each sort."""

    promotions: int
    rounds: int
    senders: int

    @property
    def transactional(self) -> int:
        return max(50, self.promotions // 4)

    @property
    def others(self) -> int:
        """What others send at a fifth of the pace takes as long."""
        return max(50, self.promotions // 5)

    @property
    def alone(self) -> int:
        return min(300, self.promotions)

    @property
    def warm_up(self) -> int:
        return min(500 * self.senders, self.promotions)


# --- Ours -------------------------------------------------------------------------------------------------------------


def queue(kind: kinds.Kind, count: int) -> MessagingRun:
    """So many messages to as many new people, by the product's own outbox; then the planner is told."""
    run = MessagingRun.objects.create(name="benchmark", started_at=clock.now())
    people = (
        User(username=f"{run.pk.hex}{n}", first_name=f"Asha{n % 500}", email=f"c{run.pk.hex[-8:]}{n}@homeserve.example",
             phone=f"+9155{run.pk.int % 1000:03}{n:06}", role=Role.CUSTOMER, password="!")
        for n in range(count)
    )  # fmt: skip
    with transaction.atomic():
        made = [person.pk for person in User.objects.bulk_create(people, batch_size=2_000)]
        audience = User.objects.filter(pk__gte=made[0], pk__lte=made[-1])
        notice = outbox.Notice(kind=kind, key=str(run.pk), context=rendering.example(kind.wording), methods=("email",))
        tally = outbox.enqueue(notice, audience, run=run, now=clock.now())
        assert tally.queued == count, tally
        contents = NotificationLog.objects.filter(run=run).order_by().values("content")
        MessageContent.objects.filter(pk__in=contents).update(
            subject=letter.marked(letter.SUBJECT), body=letter.marked(letter.TEXT), html=letter.marked(letter.HTML)
        )
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE) core_notificationlog")
    return run


def sent(senders: Senders, server: "sink.Sink | Standin", kind: kinds.Kind, count: int, *, how: str = "deliver") -> Pace:
    """Queue so many, have them delivered, and see that every one arrived once and is known as sent."""
    run, before = queue(kind, count), server.accepted()
    pace = senders.work(how)
    arrived = server.accepted() - before
    phases = Counter(NotificationLog.objects.filter(run=run).order_by().values_list("phase", flat=True))
    if arrived != count or phases != {Phase.ACCEPTED: count}:
        raise SystemExit(f"Of {count:,} queued, {arrived:,} arrived; the outbox says {dict(phases)}.")
    return pace


def in_bare_sql(senders: Senders, count: int, *, record: bool) -> Pace:
    """The same rows claimed, and with `record` written as sent, by two statements for each batch and no program."""
    run = queue(kinds.PROMOTION, count)
    pace = senders.work("bare claims", record=record)
    NotificationLog.objects.filter(run=run)._raw_delete("default")
    return pace


# --- The others -------------------------------------------------------------------------------------------------------


def built(number: int) -> EmailMultiAlternatives:
    """The same mail as anybody builds it with Django."""
    parts = letter.addressed(number)
    headers = {"List-Unsubscribe": f"<{parts['unsubscribe']}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
    mail = EmailMultiAlternatives(
        parts["subject"], parts["text"], "HomeServe Pro <no-reply@homeserve.example>", [parts["to"]], headers=headers
    )
    mail.attach_alternative(parts["html"], "text/html")
    return mail


def over_one_connection(port: int, count: int) -> float:
    """Messages a second by Django's SMTP backend, built and sent over one connection that is kept."""
    backend = get_connection("django.core.mail.backends.smtp.EmailBackend", host=sink.HOST, port=port)
    backend.open()
    began = time.perf_counter()
    for number in range(count):
        backend.send_messages([built(number)])
    taken = time.perf_counter() - began
    backend.close()
    return count / taken


def a_connection_each(port: int, count: int) -> float:
    """Messages a second as `send_mail` sends: it connects, sends one and says goodbye."""
    began = time.perf_counter()
    for number in range(count):
        mail = built(number)
        mail.connection = get_connection("django.core.mail.backends.smtp.EmailBackend", host=sink.HOST, port=port)
        mail.send()
    return count / (time.perf_counter() - began)


def post_office(port: int, count: int, workers: int) -> float:
    """Messages a second by django-post_office from its own queue, in a database of its own on the same server."""
    name = f"{connection.settings_dict['NAME']}_rival"
    database = urlsplit(processes.database_url())._replace(path=f"/{name}").geturl()
    with connection._nodb_cursor() as cursor:
        cursor.execute(f'CREATE DATABASE "{name}"')
    try:
        done = subprocess.run(
            [str(RIVAL), str(ROOT / "benchmarks" / "rival.py"), database, str(port), str(workers), "5"],
            input=json.dumps([letter.addressed(number) for number in range(count)]),
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise SystemExit(f"django-post_office failed:\n{done.stderr[-2_000:]}")
        result = json.loads(done.stdout.splitlines()[-1])
        assert result["sent"] == count, result
        return float(count / result["seconds"])
    finally:
        with connection._nodb_cursor() as cursor:
            cursor.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


# --- The run ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Standin:
    """A mail server of the tests in smtp-sink's place, where it is missing and only the benchmark itself is tried."""

    port: int
    server: SmtpServer

    def accepted(self) -> int:
        return len(self.server.messages)


@contextlib.contextmanager
def mail_server(*, quick: bool) -> Iterator[sink.Sink | Standin]:
    if sink.program():
        with sink.listening() as listening:
            yield listening
    elif quick:
        with SmtpServer() as server:
            yield Standin(server.port, server)
    else:
        raise SystemExit(
            "smtp-sink is missing: apt-get install --no-install-recommends postfix (only this program of it is used; start no service)."
        )


def contest(size: Size, server: sink.Sink | Standin) -> dict[str, list[float]]:
    """Every contestant once a round; what each made of it, by name."""
    figures: dict[str, list[float]] = defaultdict(list)
    mail = built(1).message().as_bytes().decode()
    with Senders(size.senders, port=server.port) as senders:

        def turn(name: str, work: Callable[[], Pace | float]) -> None:
            made = work()
            figures[name].append(made.each_second if isinstance(made, Pace) else made)

        sent(senders, server, kinds.PROMOTION, size.warm_up)
        for _ in range(size.rounds):
            turn("wire", lambda: senders.work("raw mail", port=server.port, mail=mail, messages=size.promotions))
            turn("claims", lambda: in_bare_sql(senders, size.promotions, record=False))
            turn("claims and records", lambda: in_bare_sql(senders, size.promotions, record=True))
            turn("promotions", lambda: sent(senders, server, kinds.PROMOTION, size.promotions))
            turn("transactional", lambda: sent(senders, server, kinds.BUSINESS_ALERT, size.transactional))
            turn("reused", lambda: over_one_connection(server.port, size.others))
            turn("alone", lambda: a_connection_each(server.port, size.alone))
            if RIVAL.exists():
                turn("post_office", lambda: post_office(server.port, size.others, size.senders))
        counted = sent(senders, server, kinds.PROMOTION, size.promotions, how="deliver counted")
        figures["statements"] = [counted.statements / counted.messages]
        counted = sent(senders, server, kinds.BUSINESS_ALERT, size.alone, how="deliver counted")
        figures["statements each"] = [counted.statements / counted.messages]
    figures["octets"] = [float(len(mail.encode()))]
    return figures


def contest_far_away(size: Size, server: sink.Sink | Standin) -> dict[str, list[float]]:
    """The same where each answer takes a while, beside a connection for each message."""
    figures: dict[str, list[float]] = defaultdict(list)
    with sink.far_away(server.port, each_way=EACH_WAY) as port, Senders(size.senders, port=port) as senders:
        sent(senders, server, kinds.PROMOTION, size.warm_up)
        figures["round trip"] = [sink.round_trip(port)]
        for _ in range(size.rounds):
            figures["promotions"].append(sent(senders, server, kinds.PROMOTION, size.others).each_second)
            figures["alone"].append(a_connection_each(port, size.alone))
    return figures


def tell(near: dict[str, list[float]], far: dict[str, list[float]], size: Size) -> None:
    """Each figure, and the limit it is held against."""
    middle = {name: statistics.median(figures) for name, figures in near.items()}
    distant = {name: statistics.median(figures) for name, figures in far.items()}
    of = f"of {size.senders} senders"
    bench.report("delivery: a mail as it travels", middle["octets"], None, True, "octets")
    bench.report(f"delivery: the wire's wall, raw pipelined bytes {of}", middle["wire"], None, True, A_SECOND)
    bench.report(f"delivery: the database's wall, bare claims {of}", middle["claims"], None, True, A_SECOND)
    bench.report(f"delivery: the same claimed and recorded, bare SQL {of}", middle["claims and records"], None, True, A_SECOND)
    bench.at_least(f"delivery: {size.promotions:,} promotions claimed, fenced, mailed, recorded", middle["promotions"], 5_000, A_SECOND)
    bench.at_most("delivery: statements a promotion", middle["statements"], 0.1, "statements")
    bench.at_least(f"delivery: transactional mail, one at a time {of}", middle["transactional"], 1_000, A_SECOND)
    bench.report("delivery: statements a transactional mail", middle["statements each"], None, True, "statements")
    bench.report("delivery: Django, a connection a message", middle["alone"], None, True, A_SECOND)
    bench.report("delivery: Django, one connection reused", middle["reused"], None, True, A_SECOND)
    bench.at_least("delivery: promotions beside Django's reused connection", middle["promotions"] / middle["reused"], 5, "times")
    if "post_office" in middle:
        bench.report(f"delivery: django-post_office, {size.senders} processes", middle["post_office"], None, True, A_SECOND)
        bench.at_least("delivery: promotions beside django-post_office", middle["promotions"] / middle["post_office"], 5, "times")
    else:
        print(f"django-post_office is not installed in {RIVAL}: `make bench` does it. Left out.")
    bench.report("delivery, far: round trip to the server", distant["round trip"] * 1_000, None, True, "ms")
    bench.report("delivery, far: Django, a connection a message", distant["alone"], None, True, A_SECOND)
    bench.report("delivery, far: promotions", distant["promotions"], None, True, A_SECOND)
    bench.at_least("delivery, far: promotions beside a connection a message", distant["promotions"] / distant["alone"], 50, "times")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--messages", type=int, default=20_000, help="promotions in a round")
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument(
        "--senders",
        type=int,
        default=6,
        help="sender processes: three for each of two cores, so that none idles while others wait for the disk",
    )
    arguments.add_argument("--quick", action="store_true", help="a few mails, to see that the benchmark itself works")
    given = arguments.parse_args()
    if connection.vendor != "postgresql":
        print("Delivery's speed is measured on PostgreSQL.")
        return
    size = Size(100, 1, 2) if given.quick else Size(given.messages, given.rounds, given.senders)
    with mail_server(quick=given.quick) as server, bench.scratch_database():
        near = contest(size, server)
        far = contest_far_away(size, server)
    tell(near, far, size)


if __name__ == "__main__":
    main()

"""Processes that deliver. They are started, and warm, before the clock starts, and all begin at one word.

    with Senders(2, port=sink.port) as senders:
        pace = senders.work("deliver")
        pace.messages / pace.seconds

Each answers with what it did and when it began and ended by the machine's clock; the time is from the first to the last.
"""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any
from uuid import uuid4

from django.db import connection, transaction

from core import clock
from core.notifications import delivery
from tests import processes

# As many as `delivery` claims at once.
AT_ONCE = 500
SERVE = "import sys; sys.path.insert(0, 'benchmarks'); import senders; senders.serve()"


@dataclass(frozen=True)
class Pace:
    """What was done by all of them together, in how long, with how many statements (where they were counted)."""

    messages: int
    seconds: float
    statements: int

    @property
    def each_second(self) -> float:
        return self.messages / self.seconds


class Senders:
    """So many processes of the product, over the benchmark's database, whose mail server is on `port`."""

    def __init__(self, count: int, *, port: int) -> None:
        mail = {"EMAIL_HOST": "127.0.0.1", "EMAIL_PORT": str(port)}
        self._processes = [processes.start(SERVE, **mail) for _ in range(count)]

    def __enter__(self) -> "Senders":
        for process in self._processes:
            if _line_from(process) != {"ready": True}:
                raise SystemExit("A sender did not start.")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for process in self._processes:
            process.communicate(timeout=60)

    def work(self, what: str, **details: Any) -> Pace:
        """Have all of them do the same (one of WORKS) until each says that nothing is left."""
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.write(json.dumps({"what": what, **details}) + "\n")
            process.stdin.flush()
        answers = [_line_from(process) for process in self._processes]
        return Pace(
            messages=sum(answer["messages"] for answer in answers),
            seconds=max(answer["ended"] for answer in answers) - min(answer["began"] for answer in answers),
            statements=sum(answer["statements"] for answer in answers),
        )


def _line_from(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise SystemExit("A sender ended before it answered.")
    return dict(json.loads(line))


# --- In the processes ------------------------------------------------------------------------------------------------


def serve() -> None:
    """Do what is asked, a line each, until there are no more lines."""
    # What is printed on the way must not stand between the answers.
    answers, sys.stdout = sys.stdout, sys.stderr
    connection.ensure_connection()
    delivered()
    print(json.dumps({"ready": True}), file=answers, flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        count = Count()
        work = WORKS[asked.pop("what")]
        began = time.monotonic()
        messages = work(count, **asked)
        done = {"messages": messages, "began": began, "ended": time.monotonic(), "statements": count.statements}
        print(json.dumps(done), file=answers, flush=True)


class Count:
    """Counts the statements that pass by it on their way to the database."""

    def __init__(self) -> None:
        self.statements = 0

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        self.statements += 1
        return execute(sql, params, many, context)


def delivered() -> int:
    """Send until nothing is due, as the product's own senders do."""
    messages = 0
    while taken := delivery.deliver_due("email", clock=clock.now):
        messages += taken
    return messages


def deliver(count: Count) -> int:
    return delivered()


def deliver_counted(count: Count) -> int:
    with connection.execute_wrapper(count):
        return delivered()


CLAIM = """
UPDATE core_notificationlog SET phase = 'sending', lease_token = %s, lease_until = now() + interval '2 minutes', tries = tries + 1
WHERE id IN (SELECT id FROM core_notificationlog WHERE phase = 'queued' AND method = 'email' AND due_at <= now()
    ORDER BY lane, due_at LIMIT %s FOR UPDATE SKIP LOCKED) RETURNING id
"""
RECORD = """
UPDATE core_notificationlog SET phase = 'accepted', status = 'sent', sent_at = now(), lease_token = NULL, lease_until = NULL,
    provider = 'smtp:127.0.0.1', provider_message_id = replace(id::text, '-', '') || '@homeserve.example'
WHERE id = ANY(%s) AND lease_token = %s
"""


def bare_claims(count: Count, *, record: bool) -> int:
    """What the database alone can do: claim the rows, and with `record` mark them as sent, and nothing between."""
    messages = 0
    while True:
        token = uuid4()
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(CLAIM, [token, AT_ONCE])
            taken = [row for (row,) in cursor.fetchall()]
        if not taken:
            return messages
        messages += len(taken)
        if record:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(RECORD, [taken, token])


def raw_mail(count: Count, *, port: int, mail: str, messages: int) -> int:
    """What the wire and the sink alone can do: ready bytes, sent without waiting for any answer but the last ones."""
    dialogue = b"MAIL FROM:<no-reply@homeserve.example>\r\nRCPT TO:<customer@homeserve.example>\r\nDATA\r\n" + mail.encode() + b"\r\n.\r\n"
    answers, under_way = 4, 30
    with socket.create_connection(("127.0.0.1", port)) as wire:
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        wire.sendall(b"HELO bench\r\n")
        owed = 2
        for _ in range(messages):
            wire.sendall(dialogue)
            owed += answers
            # The sink is never left without work: its answers are read while the next mails are under way.
            while owed > answers * under_way:
                owed -= wire.recv(65_536).count(b"\n")
        while owed:
            owed -= wire.recv(65_536).count(b"\n")
    return messages


WORKS: dict[str, Callable[..., int]] = {
    "deliver": deliver,
    "deliver counted": deliver_counted,
    "bare claims": bare_claims,
    "raw mail": raw_mail,
}

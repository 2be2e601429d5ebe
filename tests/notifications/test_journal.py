"""A provider said yes, and the database went away: what it said is kept, and nothing is sent again for want of a note."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from django.db import OperationalError, connection

from core.models import Phase, Suppression
from core.notifications import claims, delivery, journal, onward
from core.notifications.kinds import BUSINESS_ALERT, PROMOTION
from core.notifications.transport import Accepted, Message
from tests import people
from tests.notifications.carriers import Carrier
from tests.notifications.post import deliver, end_lease, fresh, queued

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def outcomes(settings, tmp_path, carried_by):
    settings.OUTCOMES_DIR = tmp_path / "outcomes"
    carried_by(Carrier)
    yield settings.OUTCOMES_DIR
    journal._in_memory.clear()


@pytest.fixture
def away(monkeypatch):
    """The database goes away once the provider has answered; `back()` brings it back."""

    ways: dict[tuple[Any, str], Any] = {(delivery, "_ask_to_record"): delivery._ask_to_record, (onward, "step"): onward.step}

    def cut(record: Callable[..., object], sent: object, *arguments: object, **named: object) -> object:
        if Carrier.carried and sent is not None:
            raise OperationalError("server closed the connection unexpectedly")
        return record(sent, *arguments, **named)

    for (module, name), record in ways.items():
        monkeypatch.setattr(module, name, partial(cut, record))

    def back() -> None:
        for (module, name), record in ways.items():
            monkeypatch.setattr(module, name, record)

    return back


@pytest.mark.parametrize("kind", [BUSINESS_ALERT, PROMOTION], ids=lambda kind: kind.name)
def test_an_answer_that_could_not_be_recorded_is_recorded_when_the_database_is_back(kind, hands, outcomes, away):
    rows = [queued(person, kind, now=hands()) for person in people.people(3)]
    with pytest.raises(OperationalError):
        deliver(hands)
    sent = len(Carrier.carried)
    assert sent == (1 if kind.repeatable else 3)
    assert {fresh(row).phase for row in rows if str(row.pk) in {str(message.id) for message in Carrier.carried}} == {Phase.SENDING}
    away()
    # Another process on this machine looks next, long after the lease has ended.
    end_lease(*rows)
    claims.recover(now=hands())
    deliver(hands)
    assert {fresh(row).status for row in rows} == {"sent"}
    assert len(Carrier.carried) == 3, "Something was sent again."
    assert not any(fresh(row).dup_risk for row in rows)
    assert list(outcomes.iterdir()) == []


def test_it_outlives_the_process_that_heard_it(hands, outcomes, away, vera):
    row = queued(vera, now=hands())
    with pytest.raises(OperationalError):
        deliver(hands)
    kept = [path for path in outcomes.iterdir() if json.loads(path.read_text())["answers"]]
    assert len(kept) == 1
    entry = journal.Entry.from_json(kept[0].read_text())
    assert [(answer.id, answer.accepted) for answer in entry.answers] == [(row.pk.hex, True)]
    away()
    assert delivery.replay() == 2
    assert (fresh(row).status, fresh(row).provider_message_id) == ("sent", row.pk.hex)
    assert delivery.replay() == 0


def test_a_refusal_is_kept_like_a_yes(hands, smtp, settings, away, vera):
    settings.TRANSPORTS = {**settings.TRANSPORTS, "email": "core.notifications.transports.email.EmailTransport"}
    smtp.answers["RCPT"].append("550 5.1.1 No such mailbox")
    row = queued(vera, now=hands())
    Carrier.carried.append("the provider has answered")  # type: ignore[arg-type]
    with pytest.raises(OperationalError):
        deliver(hands)
    away()
    deliver(hands)
    assert (fresh(row).phase, fresh(row).error_code) == (Phase.REJECTED, "5.1.1")
    assert Suppression.objects.get().address == vera.email


def test_what_was_begun_by_a_commit_nobody_heard_of_is_put_back(hands, monkeypatch, vera):
    """The connection broke during the commit: the message is taken, and its sender does not know."""
    row = queued(vera, now=hands())

    def committed_and_lost(*arguments: object, **named: object) -> None:
        monkeypatch.undo()
        (token,) = (each for each in arguments if isinstance(each, UUID))
        assert claims.take("email", token, at_once=1, now=hands())
        connection.connection.commit()
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(claims, "take", committed_and_lost)
    monkeypatch.setattr(onward, "step", committed_and_lost)
    with pytest.raises(OperationalError):
        deliver(hands)
    assert fresh(row).phase == Phase.SENDING
    deliver(hands)
    assert (fresh(row).status, fresh(row).tries, fresh(row).dup_risk) == ("sent", 1, False)


@pytest.mark.parametrize("kind", [BUSINESS_ALERT, PROMOTION], ids=lambda kind: kind.name)
@pytest.mark.parametrize("step", ["contents.attach", "composing.compose"])
def test_what_was_begun_and_could_not_be_composed_for_want_of_a_database_is_put_back(step, kind, hands, monkeypatch):
    def gone(*_: object) -> None:
        monkeypatch.undo()
        raise OperationalError("terminating connection due to administrator command")

    rows = [queued(person, kind, now=hands()) for person in people.people(3)]
    where, what = step.split(".")
    monkeypatch.setattr(getattr(delivery, where), what, gone)
    with pytest.raises(OperationalError):
        deliver(hands)
    deliver(hands)
    assert {(row.status, row.tries, row.dup_risk) for row in map(fresh, rows)} == {("sent", 1, False)}
    assert len(Carrier.carried) == 3


class Interrupted(Carrier):
    """Its process is told to end in the middle of a group."""

    def send(self, message: Message) -> Accepted:
        if len(Carrier.carried) == 1:
            raise SystemExit
        return super().send(message)


def test_a_process_that_must_end_in_the_middle_keeps_the_answers_it_had(hands, carried_by):
    carried_by(Interrupted)
    rows = [queued(person, PROMOTION, now=hands()) for person in people.people(3)]
    with pytest.raises(SystemExit):
        deliver(hands)
    assert delivery.replay() == 1
    assert sorted(fresh(row).phase for row in rows) == [Phase.ACCEPTED, Phase.SENDING, Phase.SENDING]


def test_a_disk_that_takes_nothing_leaves_it_in_memory(hands, settings, away, vera, tmp_path):
    blocked = tmp_path / "a file"
    blocked.write_text("")
    settings.OUTCOMES_DIR = blocked / "outcomes"
    row = queued(vera, now=hands())
    with pytest.raises(OperationalError):
        deliver(hands)
    away()
    settings.OUTCOMES_DIR = tmp_path / "outcomes"
    deliver(hands)
    assert fresh(row).status == "sent"
    assert len(Carrier.carried) == 1


def test_what_cannot_be_read_is_set_aside_and_stands_in_nobodys_way(hands, outcomes, vera):
    outcomes.mkdir()
    (outcomes / "broken.json").write_text('{"token": ')
    (outcomes / "foreign.json").write_text('{"colour": "red"}')
    (outcomes / "unfinished.json.tmp").write_text("{")
    row = queued(vera, now=hands())
    deliver(hands)
    assert fresh(row).status == "sent"
    assert sorted(path.name for path in outcomes.iterdir()) == ["broken.unreadable", "foreign.unreadable", "unfinished.json.tmp"]


def entry(number: int, **fields: Any) -> journal.Entry:
    answer = journal.Answer(f"{number:032x}", **{"accepted": True, **fields})
    return journal.Entry(f"{number:032x}", "smtp:x", "2026-11-22T10:00:00+05:30", (answer,))


@pytest.fixture
def full_disk(settings, tmp_path):
    (tmp_path / "a file").write_text("")
    settings.OUTCOMES_DIR = tmp_path / "a file" / "outcomes"


def test_two_threads_that_look_at_once_record_each_entry_of_the_memory_once(full_disk):
    for number in range(2):
        journal.keep(entry(number))
    both, recorded = threading.Barrier(2), []

    def record(one: journal.Entry) -> None:
        both.wait(10)
        recorded.append(one.token)

    other = threading.Thread(target=journal.replay, args=(record,))
    other.start()
    journal.replay(record)
    other.join()
    assert sorted(recorded) == [entry(number).token for number in range(2)]


def test_what_could_not_be_recorded_from_memory_is_recorded_later(full_disk):
    journal.keep(entry(1))

    def away(_: journal.Entry) -> None:
        raise OperationalError("server closed the connection unexpectedly")

    with pytest.raises(OperationalError):
        journal.replay(away)
    assert journal.replay(lambda _: None) == 1


def test_what_can_never_be_recorded_from_memory_stands_in_nobodys_way(full_disk, hands, vera):
    broken = entry(1, accepted=False, verdict="no such verdict")
    queued(vera, now=hands(), id=UUID(broken.answers[0].id), phase=Phase.CANCELLED, status="failed")
    journal.keep(broken)
    row = queued(vera, now=hands())
    deliver(hands)
    assert fresh(row).status == "sent"


def test_a_file_that_cannot_be_opened_stands_in_nobodys_way(hands, outcomes, vera):
    (outcomes / "theirs.json").mkdir(parents=True)
    row = queued(vera, now=hands())
    deliver(hands)
    assert fresh(row).status == "sent"


def test_what_is_kept_is_for_our_eyes_and_names_nobodys_address(outcomes):
    journal.keep(entry(1, accepted=False, verdict="reject", detail="550 5.1.1 <kiran.rao@example.org> unknown; call +91 98450 12345"))
    (kept,) = outcomes.iterdir()
    assert kept.stat().st_mode & 0o077 == 0
    assert outcomes.stat().st_mode & 0o077 == 0
    text = kept.read_text()
    assert "kiran.rao" not in text
    assert "98450" not in text
    assert "550 5.1.1" in text


def test_a_disk_that_is_full_is_left_without_rests(outcomes, monkeypatch):
    def full(_: int) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    journal.keep(entry(1))
    assert list(outcomes.iterdir()) == []
    assert journal.replay(lambda _: None) == 1


HOLD = """
import fcntl, sys
with open(sys.argv[1], "r+") as file:
    fcntl.flock(file, fcntl.LOCK_EX)
    print("held", flush=True)
    sys.stdin.readline()
"""


def test_two_processes_do_not_record_the_same_entry(hands, outcomes):
    outcomes.mkdir()
    path = outcomes / "one.json"
    path.write_text(journal.Entry("0" * 32, "smtp:x", hands().isoformat(), ()).to_json())
    other = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None
    assert other.stdout.readline() == "held\n"
    assert delivery.replay() == 0
    other.communicate("\n")
    assert delivery.replay() == 1


def test_an_entry_and_its_name_are_on_the_disk_before_anything_goes_on(hands, outcomes, monkeypatch):
    """A file whose folder was not flushed after it got its name may be gone after a power cut."""
    flushed: list[tuple[str, list[str]]] = []
    really = os.fsync

    def fsync(number: int) -> None:
        flushed.append((os.readlink(f"/proc/self/fd/{number}"), [path.name for path in outcomes.glob("*.json")]))
        really(number)

    monkeypatch.setattr(os, "fsync", fsync)
    journal.keep(journal.Entry("0" * 32, "smtp:x", hands().isoformat(), ()))
    (kept,) = outcomes.iterdir()
    assert flushed == [(f"{kept}.tmp", []), (str(outcomes), [kept.name])]

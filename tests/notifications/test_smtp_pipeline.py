"""The dialogue of one connection, without one: what leaves in one group, and what each answer, or its absence, means for a mail."""

import smtplib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.notifications.mime import Envelope
from core.notifications.smtp_pipeline import AnswerLost, Outcome, Pipeline

OK = b"250 2.0.0 Ok\r\n"
GO = b"354 Go ahead\r\n"


def mail(number, *recipients):
    return Envelope("us@homeserve.example", recipients or (f"p{number}@homeserve.example",), b"Subject: %d\r\n\r\nHi\r\n" % number)


def commands(number):
    return b"MAIL FROM:<us@homeserve.example>\r\nRCPT TO:<p%d@homeserve.example>\r\nDATA\r\n" % number


def body(number):
    return b"Subject: %d\r\n\r\nHi\r\n.\r\n" % number


def written(line):
    octets = bytes(line.to_write)
    line.wrote(len(octets))
    return octets


def begun(*, pipelining=True):
    """A mail whose whole body was written."""
    line = Pipeline(pipelining=pipelining)
    line.offer(mail(1))
    while not line.at_risk:
        said = written(line)
        line.heard(GO if said.endswith(b"DATA\r\n") and not pipelining else OK + OK + GO if pipelining else OK)
        if line._body is not None:
            written(line)
    return line


def test_the_body_of_one_and_the_commands_of_the_next_are_one_group():
    line = Pipeline(pipelining=True)
    line.offer(mail(1))
    room = [line.has_room]
    assert written(line) == commands(1)
    assert line.heard(OK + OK + GO) == []
    assert [*room, line.has_room] == [False, True]
    line.offer(mail(2))
    assert written(line) == body(1) + commands(2)
    assert line.heard(OK + OK + OK + GO) == [(mail(1), None)]
    assert written(line) == body(2)
    assert line.heard(OK) == [(mail(2), None)]
    assert line.is_idle


def test_without_pipelining_each_command_waits_for_its_answer():
    line = Pipeline(pipelining=False)
    line.offer(mail(1))
    said = [written(line)]
    for answer in (OK, OK, GO):
        assert line.heard(answer) == []
        said.append(written(line))
    assert said == [*(each + b"\r\n" for each in commands(1).split(b"\r\n")[:3]), body(1)]
    assert not line.has_room
    assert line.heard(OK) == [(mail(1), None)]


def test_a_server_that_invites_a_mail_for_nobody_gets_an_empty_one():
    line = Pipeline(pipelining=True)
    line.offer(mail(1))
    written(line)
    ((envelope, failure),) = line.heard(OK + b"550 5.1.1 No such user\r\n" + GO)
    assert envelope == mail(1)
    assert isinstance(failure, smtplib.SMTPRecipientsRefused)
    line.offer(mail(2))
    assert written(line) == b".\r\nRSET\r\n" + commands(2)
    assert line.heard(b"554 No valid recipients\r\n" + OK + OK + OK + GO) == []
    assert written(line) == body(2)
    assert line.heard(OK) == [(mail(2), None)]


@pytest.mark.parametrize("pipelining", [True, False])
def test_cut_after_the_dot_nobody_knows_and_before_it_it_is_certain(pipelining):
    ((_, after),) = begun(pipelining=pipelining).lost(ConnectionResetError())
    assert isinstance(after, AnswerLost)
    line = Pipeline(pipelining=True)
    line.offer(mail(1))
    written(line)
    line.heard(OK + OK + GO)
    line.wrote(len(body(1)) - 1)
    ((_, before),) = line.lost(ConnectionResetError())
    assert isinstance(before, ConnectionResetError)


def test_what_waits_behind_a_lost_answer_is_taken_back_untouched():
    line = begun()
    line.offer(mail(2))
    written(line)
    ((lost, _),) = line.lost(ConnectionResetError())
    assert lost == mail(1)
    assert line.take_back() == mail(2)
    assert line.take_back() is None


def test_a_421_for_one_mail_leaves_the_next_to_be_taken_back():
    line = begun()
    line.offer(mail(2))
    written(line)
    ((refused, failure),) = line.heard(b"421 4.3.2 Shutting down\r\n")
    assert (refused, failure.smtp_code) == (mail(1), 421)
    assert line.ended
    assert line.take_back() == mail(2)


def test_what_is_taken_back_from_a_stalled_connection_is_never_sent_there():
    line = begun()
    line.offer(mail(2))
    written(line)
    assert line.take_back() == mail(2)
    assert line.heard(OK + OK + OK + GO) == [(mail(1), None)]
    assert not line.to_write
    assert not line.has_room


ANSWERS = {
    "yes": (OK, OK, GO, b"250-2.0.0 One\r\n250-two\r\n250 2.0.0 three\r\n"),
    "sender": (b"451 4.3.0 Later\r\n", b"503 No\r\n", b"503 No\r\n"),
    "recipient": (OK, b"550 5.1.1 Unknown\r\n", b"554 5.5.1 Nobody\r\n"),
    "content": (OK, OK, GO, b"554 5.7.1 Spam\r\n"),
}
MEANS = {
    "yes": type(None),
    "sender": smtplib.SMTPSenderRefused,
    "recipient": smtplib.SMTPRecipientsRefused,
    "content": smtplib.SMTPDataError,
}


@settings(deadline=None)
@given(
    scripts=st.lists(st.sampled_from(sorted(ANSWERS)), min_size=1, max_size=6),
    sizes=st.lists(st.integers(1, 40), min_size=1),
    once=st.booleans(),
)
def test_each_mail_hears_its_own_answers_however_they_are_cut(scripts, sizes, once):
    """A server that answers what it was sent; its answers come in pieces of any size."""
    line = Pipeline(pipelining=True)
    waiting = [(mail(number), script) for number, script in enumerate(scripts)]
    coming, piece = b"", 0
    outcomes: list[Outcome] = []
    answers: list[list[bytes]] = []
    while len(outcomes) < len(scripts):
        if waiting and line.has_room:
            envelope, script = waiting.pop(0)
            line.offer(envelope)
            answers.append(list(ANSWERS[script]))
        for each in written(line).split(b"\r\n"):
            if each == b"RSET":
                coming += OK
            elif each.startswith((b"MAIL", b"RCPT", b"DATA")) or each == b".":
                mine = next(script for script in answers if script)
                coming += mine.pop(0)
        assert coming, "Nothing to come, and not at an end."
        size = len(coming) if once else sizes[piece % len(sizes)]
        piece += 1
        octets, coming = coming[:size], coming[size:]
        outcomes += line.heard(octets)
    assert [(envelope, type(failure)) for envelope, failure in outcomes] == [(mail(n), MEANS[s]) for n, s in enumerate(scripts)]


def test_one_of_several_recipients_is_enough():
    line = Pipeline(pipelining=True)
    envelope = mail(1, "a@homeserve.example", "b@homeserve.example")
    line.offer(envelope)
    written(line)
    assert line.heard(OK + b"550 No\r\n" + OK + GO) == []
    written(line)
    assert line.heard(OK) == [(envelope, None)]

"""Several SMTP connections driven by one thread: whichever has something to say is listened to.

A connection is opened only while nothing else waits for it, or for a moment: a server that is slow to greet delays no mail that is
under way. One that is slow to answer for a mail keeps that mail; what waits behind it goes another way.
"""

import selectors
import smtplib
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

from django.conf import settings

from core.notifications.mime import Envelope
from core.notifications.patience import Patience
from core.notifications.smtp_pipeline import Outcome, Pipeline

IDLE_SECONDS = 60.0
# Opening a connection costs about as many round trips as this many mails: of one batch, or of several over connections that are kept.
MAILS_WORTH_A_CONNECTION = 8
# So long what is behind a mail waits for its answer; so long mails under way wait for another connection to open.
STALLED_SECONDS = 1.5
READ = 65_536
# One TLS record: either all of it has left, or nothing of it can be read.
RECORD = 16_384
WAITING = (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class OpeningError(OSError):
    """No message can be sent over this connection: connecting, TLS or logging in failed. The cause says which."""


class NotBegun(Exception):
    """There was no time left to begin with this message."""


class Line:
    """One open connection and its dialogue. It belongs to one thread and never blocks."""

    def __init__(self, sock: socket.socket, *, pipelining: bool) -> None:
        sock.setblocking(False)
        self.sock = sock
        self.pipeline = Pipeline(pipelining=pipelining)
        self.given = 0
        self.last_used = self.began = self.heard_at = time.monotonic()
        self._is_tls = isinstance(sock, ssl.SSLSocket)
        self.events = 0  # What the batch listens for; 0: not to this one.

    def is_alive(self) -> bool:
        """Whether a kept connection can be used: neither ended nor with anything to say that nobody asked for."""
        try:
            self.sock.recv(1)
        except WAITING:
            return True
        except OSError:
            return False
        return False

    def offer(self, envelope: Envelope) -> None:
        now = time.monotonic()
        if self.pipeline.is_idle:
            self.began = self.heard_at = now
        self.given += 1
        self.pipeline.offer(envelope)

    def listen(self) -> list[Outcome]:
        """Read all there is. A connection that is gone is told to the dialogue before anything further is written."""
        outcomes: list[Outcome] = []
        while True:
            try:
                octets = self.sock.recv(READ)
            except WAITING:
                break
            except OSError as error:
                return outcomes + self.pipeline.lost(error)
            if not octets:
                return outcomes + self.pipeline.lost(smtplib.SMTPServerDisconnected("The connection was lost"))
            self.heard_at = time.monotonic()
            outcomes += self.pipeline.heard(octets)
        if outcomes:
            self.began = self.last_used = self.heard_at
        return outcomes

    def speak(self) -> list[Outcome]:
        """Write as much as the network takes."""
        waiting = self.pipeline.to_write
        while waiting and not self.pipeline.ended:
            try:
                count = self.sock.send(bytes(waiting[:RECORD]) if self._is_tls else waiting)
            except WAITING:
                break
            except OSError as error:
                # What the server said before it hung up is still there to be read.
                return self.listen() + self.pipeline.lost(error)
            self.pipeline.wrote(count)
            self.heard_at = time.monotonic()
        return []

    def hang_up(self, *, politely: bool = False) -> None:
        """Close, without waiting for an answer to the goodbye."""
        if politely:
            with suppress(OSError):
                self.sock.send(b"QUIT\r\n")
        self.sock.close()


class Lines:
    """The connections of one backend to one server."""

    def __init__(self, new_line: Callable[[], Line], *, patience: Patience) -> None:
        self._new_line = new_line
        self._patience = patience
        self._lines: list[Line] = []

    def open_first(self, *, until: float) -> bool:
        """A usable connection afterwards; true when it is a new one. Raises OpeningError."""
        self._renew()
        if self._lines:
            return False
        self._open(until - time.monotonic())
        return True

    def close(self) -> None:
        for line in self._lines:
            line.hang_up(politely=line.pipeline.is_idle)
        self._lines = []

    def hand_over(self, envelopes: Sequence[Envelope], *, until: float, end: float) -> Iterator[Outcome]:
        """Each envelope with what became of it, in the order of the answers."""
        self._renew()
        batch = _Batch(self, envelopes, until=until, end=end)
        try:
            yield from batch.run()
        finally:
            batch.selector.close()
            for line in [line for line in self._lines if not line.pipeline.is_idle or line.pipeline.ended]:
                self.drop(line)

    @property
    def in_use(self) -> list[Line]:
        return self._lines

    @property
    def patience(self) -> Patience:
        return self._patience

    def open(self, seconds: float) -> Line:
        return self._open(seconds)

    def drop(self, line: Line) -> None:
        line.hang_up()
        self._lines.remove(line)

    def _open(self, seconds: float) -> Line:
        self._patience.begin(min(seconds, self._patience.whole))
        line = self._new_line()
        self._lines.append(line)
        return line

    def _renew(self) -> None:
        now = time.monotonic()
        for line in list(self._lines):
            used_up = line.given >= settings.EMAIL_MESSAGES_PER_CONNECTION or now - line.last_used >= IDLE_SECONDS
            if used_up or not line.is_alive():
                line.hang_up(politely=used_up)
                self._lines.remove(line)


class _Batch:
    """One call of `hand_over`: what is still to be sent, and who is listened to."""

    def __init__(self, lines: Lines, envelopes: Sequence[Envelope], *, until: float, end: float) -> None:
        self._lines = lines
        self._queue = deque(envelopes)
        self._until = until
        self._end = end
        self._may_open = True
        # A handful of sockets for a moment: epoll would take four system calls more for a single mail.
        self.selector = selectors.PollSelector()
        for line in lines.in_use:
            line.events = 0

    def run(self) -> Iterator[Outcome]:
        yield from self._open_lines()
        for line in self._lines.in_use:
            yield from self._go_on(line)
        while busy := [line for line in self._lines.in_use if not line.pipeline.is_idle]:
            now = time.monotonic()
            for key, _ in self.selector.select(max(0.0, min(self._due(line) for line in busy) - now)):
                line = key.data
                yield from line.listen()
                yield from self._go_on(line)
            now = time.monotonic()
            for line in busy:
                if line in self._lines.in_use:
                    yield from self._not_forever(line, now)
            if self._queue:
                yield from self._open_lines()
                for line in list(self._lines.in_use):
                    if line.pipeline.is_idle:
                        yield from self._go_on(line)
        yield from ((envelope, NotBegun("The mail server is slow: not begun")) for envelope in self._queue)

    def _open_lines(self) -> Iterator[Outcome]:
        """As many connections as are worth it. Without any, nothing can be sent, and every mail hears why."""
        usable = [line for line in self._lines.in_use if self._takes_more(line)]
        mails = max(len(self._queue), sum(line.given for line in self._lines.in_use))
        wanted = min(settings.EMAIL_CONNECTIONS, len(self._queue), 1 + (mails - 1) // MAILS_WORTH_A_CONNECTION)
        while self._may_open and self._queue and len(usable) < wanted and len(self._lines.in_use) < settings.EMAIL_CONNECTIONS:
            now = time.monotonic()
            if now >= self._until:
                return
            under_way = any(not line.pipeline.is_idle for line in self._lines.in_use)
            if under_way and usable:
                return
            seconds = STALLED_SECONDS if under_way else self._until - now
            try:
                line = self._lines.open(min(seconds, self._lines.patience.each) if usable else seconds)
            except OpeningError as error:
                self._may_open = False
                if not usable and not under_way:
                    failed, self._queue = self._queue, deque()
                    yield from ((envelope, error) for envelope in failed)
                return
            usable.append(line)

    def _takes_more(self, line: Line) -> bool:
        return not line.pipeline.ended and line.given < settings.EMAIL_MESSAGES_PER_CONNECTION

    def _go_on(self, line: Line) -> Iterator[Outcome]:
        """Give it what it has room for, write, and listen to it; or let go of it."""
        if self._queue and line.pipeline.has_room and self._takes_more(line) and time.monotonic() < self._until:
            line.offer(self._queue.popleft())
        yield from line.speak()
        if line.pipeline.ended and not line.pipeline.at_risk:
            yield from self._let_go(line, smtplib.SMTPServerDisconnected("The connection was lost"))
            return
        if line.pipeline.is_idle and not self._takes_more(line):
            self._unlisten(line)
            line.hang_up(politely=True)
            self._lines.in_use.remove(line)
            return
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if line.pipeline.to_write else 0)
        if not line.events:
            self.selector.register(line.sock, events, line)
        elif events != line.events:
            self.selector.modify(line.sock, events, line)
        line.events = events

    def _due(self, line: Line) -> float:
        """When something has to be done about its silence."""
        cut = min(line.heard_at + self._lines.patience.each, line.began + self._lines.patience.whole, self._end)
        return min(cut, line.began + STALLED_SECONDS) if self._stands_in_the_way(line) else cut

    def _stands_in_the_way(self, line: Line) -> bool:
        """Whether what is behind its unanswered mail would be sooner sent over another connection."""
        if not (line.pipeline.at_risk and line.pipeline.has_next):
            return False
        quick = time.monotonic() - STALLED_SECONDS
        others = (other for other in self._lines.in_use if other is not line and self._takes_more(other))
        return len(self._lines.in_use) < settings.EMAIL_CONNECTIONS or any(
            other.pipeline.is_idle or other.began > quick for other in others
        )

    def _not_forever(self, line: Line, now: float) -> Iterator[Outcome]:
        if now < self._due(line):
            return
        if self._stands_in_the_way(line):
            behind = line.pipeline.take_back()
            if behind is not None:
                self._queue.appendleft(behind)
            return
        took_too_long = TimeoutError("The server took too long")
        yield from line.pipeline.lost(took_too_long)
        yield from self._let_go(line, took_too_long)

    def _let_go(self, line: Line, error: Exception) -> Iterator[Outcome]:
        """Of a connection that has ended. A mail that was not begun goes another way, unless it was the connection's first."""
        yield from line.pipeline.lost(error)
        used = line.pipeline.is_used
        behind = line.pipeline.take_back()
        if behind is not None:
            if used:
                self._queue.appendleft(behind)
            else:
                yield behind, error
        self._unlisten(line)
        self._lines.drop(line)

    def _unlisten(self, line: Line) -> None:
        if line.events:
            self.selector.unregister(line.sock)
            line.events = 0

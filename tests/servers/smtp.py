"""A mail server that keeps what it accepts and can be told how to answer."""

import asyncio
import socket
import ssl
import threading
import warnings
from collections import deque
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from types import TracebackType
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

# What an answer may say in place of words.
HANG_UP = "hang up"
HANG_UP_MIDWAY = "hang up midway"
INVITE_AND_HANG_UP = "invite and hang up"
SLOW = "slow"


@dataclass(frozen=True)
class Received:
    """One accepted mail: its envelope and its parsed content."""

    sender: str
    recipient: str
    raw: bytes
    connection: int

    @property
    def mail(self) -> EmailMessage:
        return message_from_bytes(self.raw, policy=policy.default)

    def text(self, subtype: str = "plain") -> str:
        part = self.mail.get_body((subtype,))
        assert part is not None
        return str(part.get_content())


@dataclass
class SmtpServer:
    """`with SmtpServer() as server:` listens on `server.port`; what it accepted is in `server.messages`.

    `server.answers["RCPT"].append("550 5.1.1 Unknown")` scripts the next answer to a command: CONNECT, MAIL, RCPT, DATA (before the
    message), DOT (to the whole message). An answer is an SMTP line, HANG_UP, SLOW, or for DATA HANG_UP_MIDWAY (once the message
    has begun) and INVITE_AND_HANG_UP (before it does). Without a script it says yes. `every` holds answers that are given always.
    """

    user: str = ""
    password: str = ""
    tls: ssl.SSLContext | None = None
    slow_seconds: float = 5.0
    messages: list[Received] = field(default_factory=list)
    answers: dict[str, deque[str]] = field(default_factory=lambda: {name: deque() for name in ("CONNECT", "MAIL", "RCPT", "DATA", "DOT")})
    every: dict[str, str] = field(default_factory=dict)
    connections: int = 0
    port: int = 0

    @property
    def settings(self) -> dict[str, Any]:
        """Django settings that lead here."""
        return {
            "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
            "EMAIL_HOST": "127.0.0.1",
            "EMAIL_PORT": self.port,
            "EMAIL_HOST_USER": self.user,
            "EMAIL_HOST_PASSWORD": self.password,
            "EMAIL_USE_TLS": self.tls is not None,
        }

    def next_answer(self, command: str) -> str:
        waiting = self.answers[command]
        return waiting.popleft() if waiting else self.every.get(command, "")

    def __enter__(self) -> "SmtpServer":
        self._loop = asyncio.new_event_loop()
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self._listening.getsockname()[1]
        self._server = self._loop.run_until_complete(self._loop.create_server(self._dialogue, sock=self._listening))
        self._thread = threading.Thread(target=self._loop.run_forever, name="smtp-server", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def drop_connections(self) -> None:
        """Hang up on everybody, as a server does that was restarted or grew tired of waiting."""
        asyncio.run_coroutine_threadsafe(self._drop(), self._loop).result(10)

    async def _drop(self) -> None:
        for dialogue in list(Dialogue.alive):
            if dialogue.server is self:
                dialogue.hang_up()
        await asyncio.sleep(0.05)

    async def _stop(self) -> None:
        self._server.close()
        await self._drop()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def _dialogue(self) -> "Dialogue":
        self.connections += 1
        return Dialogue(self, self.connections)

    def _log_in(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        ok = isinstance(data, LoginPassword) and (data.login, data.password) == (self.user.encode(), self.password.encode())
        return AuthResult(success=ok, handled=ok)


class Keeper:
    """What aiosmtpd asks: keeps what is accepted, unless a script says otherwise."""

    def __init__(self, server: SmtpServer, dialogue: "Dialogue") -> None:
        self.server = server
        self.dialogue = dialogue

    async def handle_MAIL(self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]) -> str:
        answer = await self.dialogue.say("MAIL")
        if not answer:
            envelope.mail_from = address
            envelope.mail_options.extend(options)
        return answer or "250 OK"

    async def handle_RCPT(self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]) -> str:
        answer = await self.dialogue.say("RCPT")
        if not answer:
            envelope.rcpt_tos.append(address)
            envelope.rcpt_options.extend(options)
        return answer or "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        answer = await self.dialogue.say("DOT")
        if answer and not answer.startswith("2"):
            return answer
        raw = envelope.original_content or b""
        self.server.messages.append(Received(str(envelope.mail_from), envelope.rcpt_tos[0], raw, self.dialogue.number))
        return answer or "250 2.0.0 Accepted"


class Dialogue(SMTP):
    """One connection."""

    alive: "set[Dialogue]" = set()

    def __init__(self, server: SmtpServer, number: int) -> None:
        self.server = server
        self.number = number
        self.greeted = False
        wants_login = bool(server.user)
        with warnings.catch_warnings():
            # A password without TLS: nobody else is on this wire.
            warnings.simplefilter("ignore")
            super().__init__(
                Keeper(server, self),
                hostname="mail.homeserve.example",
                data_size_limit=50_000_000,
                enable_SMTPUTF8=False,
                tls_context=server.tls,
                authenticator=server._log_in if wants_login else None,
                auth_required=wants_login,
                auth_require_tls=False,
                loop=server._loop,
            )

    def connection_made(self, transport: Any) -> None:
        Dialogue.alive.add(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        Dialogue.alive.discard(self)
        super().connection_lost(error)

    def hang_up(self) -> None:
        """Without a goodbye, and without what was still to be sent."""
        if isinstance(self.transport, asyncio.WriteTransport):
            self.transport.abort()

    async def say(self, command: str) -> str:
        """The scripted answer; hangs up or waits when that is the script."""
        answer = self.server.next_answer(command)
        if answer == HANG_UP:
            self.hang_up()
            raise asyncio.CancelledError
        if answer == SLOW:
            await asyncio.sleep(self.server.slow_seconds)
            return ""
        return answer

    async def push(self, status: Any) -> None:
        """An answer on its way out: the greeting and the go-ahead to DATA have no hook of their own."""
        line = status.decode() if isinstance(status, bytes) else str(status)
        if not self.greeted:
            self.greeted = True
            line = await self.say("CONNECT") or line
        elif line.startswith("354"):
            answer = await self.say("DATA")
            if answer == HANG_UP_MIDWAY:
                await super().push(line)
                await self._reader.read(1)
                self.hang_up()
                raise asyncio.CancelledError
            if answer == INVITE_AND_HANG_UP:
                # Corked, the invitation leaves in one segment with the goodbye: the client reads both at once.
                self._writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
                answer = line
            if answer:
                await super().push(answer)
                self._writer.close()
                raise asyncio.CancelledError
        await super().push(line)

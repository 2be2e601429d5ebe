"""A mail server as a process: `python -m tests.faults.smtp_provider PORT LEDGER ORDERS [--plain]`.

Offers PIPELINING unless `--plain`. Its rules (tests/faults/orders.py), by step:

- any: `answer` (says `text` and accepts nothing; a 421 hangs up), `reset`, `wait` (`seconds`, then as usual)
- DATA: `reset_before_dot` (invites, reads the beginning of the message, resets)
- DOT: `reset` (the message is lost), `accept_and_reset`, `confirm_and_reset` (after 250), `dribble` (accepts, then a line
  `every` so often for `seconds`, then 250), `accept_and_wait`
"""

import argparse
import asyncio
import re
import time
from dataclasses import replace
from pathlib import Path

from tests.faults.ledger import ACCEPTED, CUT, HEARD, REFUSED, Entry, Ledger
from tests.faults.orders import Orders, Rule

MESSAGE_ID = re.compile(rb"(?im)^message-id:\s*<([0-9a-f]{32}|[0-9a-f-]{36})")
ADDRESS = re.compile(r"<([^>]*)>")


class Gone(Exception):
    """This connection is over."""


class Dialogue:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, ledger: Ledger, orders: Orders, extensions: list[str]):
        self.reader, self.writer, self.ledger, self.orders, self.extensions = reader, writer, ledger, orders, extensions
        self.recipients: list[str] = []

    async def run(self) -> None:
        try:
            if await self.scripted("CONNECT"):
                return
            await self.say("220 lab.homeserve.example ESMTP")
            while True:
                line = (await self.line()).decode("ascii", "replace").strip()
                await self.command(line)
        except (Gone, ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.writer.close()

    async def line(self) -> bytes:
        line = await self.reader.readline()
        if not line.endswith(b"\n"):
            raise Gone
        return line

    async def say(self, *lines: str) -> None:
        self.writer.write("".join(f"{line}\r\n" for line in lines).encode())
        await self.writer.drain()

    def reset(self) -> None:
        """Without a goodbye: what was not sent yet is thrown away."""
        self.writer.transport.abort()
        raise Gone

    async def scripted(self, step: str, to: str = "") -> bool:
        """Follow the rule for a step, if there is one; true when that was the answer."""
        rule = self.orders.next_for(step, to)
        if rule is None:
            return False
        if rule.do == "wait":
            await asyncio.sleep(rule.seconds)
            return False
        if rule.do == "reset":
            self.reset()
        if rule.do == "reset_before_dot":
            await self.say("354 Go on")
            await self.reader.read(64)
            self.reset()
        await self.refuse(rule, to)
        return True

    async def refuse(self, rule: Rule, to: str) -> None:
        self.ledger.write(Entry(REFUSED, to, provider_id=rule.text[:3]))
        await self.say(rule.text)
        if rule.text.startswith("421"):
            raise Gone

    async def command(self, line: str) -> None:
        verb = line[:4].upper()
        match verb:
            case "EHLO":
                await self.say(*(f"250-{name}" for name in ("lab.homeserve.example", *self.extensions)), "250 HELP")
            case "MAIL":
                if not await self.scripted("MAIL"):
                    self.recipients = []
                    await self.say("250 OK")
            case "RCPT":
                found = ADDRESS.search(line)
                to = found[1] if found else ""
                if not await self.scripted("RCPT", to):
                    self.recipients.append(to)
                    await self.say("250 OK")
            case "DATA":
                await self.data()
            case "QUIT":
                await self.say("221 Bye")
                raise Gone
            case "RSET":
                self.recipients = []
                await self.say("250 OK")
            case _:
                await self.say("250 OK")

    async def data(self) -> None:
        if not self.recipients:
            await self.say("503 Nobody to send it to")
            return
        to = self.recipients[0]
        if await self.scripted("DATA", to):
            return
        await self.say("354 Go on")
        body = bytearray()
        while (line := await self.line()) != b".\r\n":
            body += line
        await self.dot(bytes(body), to)

    async def dot(self, body: bytes, to: str) -> None:
        found = MESSAGE_ID.search(body.partition(b"\r\n\r\n")[0])
        message = found[1].decode().replace("-", "") if found else ""
        entry = Entry(ACCEPTED, to, message=message, port=self.writer.get_extra_info("peername")[1])
        rule = self.orders.next_for("DOT", to)
        do = rule.do if rule else ""
        if rule and do == "wait":
            self.ledger.write(replace(entry, what=HEARD))
            await asyncio.sleep(rule.seconds)
        if do == "reset":
            self.reset()
        if rule and do == "answer":
            await self.refuse(rule, to)
            return
        self.ledger.write(entry)
        if do == "accept_and_reset":
            self.reset()
        if rule and do in ("dribble", "accept_and_wait"):
            await self.dawdle(rule, entry)
        await self.say("250 2.0.0 Accepted")
        if do == "confirm_and_reset":
            self.writer.transport.abort()
            raise Gone

    async def dawdle(self, rule: Rule, entry: Entry) -> None:
        """Take long to answer, and note when the sender would not wait."""
        began = time.monotonic()
        while (passed := time.monotonic() - began) < rule.seconds:
            if rule.do == "dribble":
                self.writer.write(b"250-Still writing it down\r\n")
            await asyncio.sleep(min(rule.every if rule.do == "dribble" else 0.05, rule.seconds - passed))
            if self.reader.at_eof() or self.writer.is_closing():
                self.ledger.write(Entry(CUT, entry.to, message=entry.message, seconds=time.monotonic() - began))
                raise Gone


async def serve(port: int, ledger: Ledger, orders: Orders, *, pipelining: bool) -> None:
    extensions = ["8BITMIME", *(["PIPELINING"] if pipelining else [])]

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await Dialogue(reader, writer, ledger, orders, extensions).run()

    server = await asyncio.start_server(connected, "127.0.0.1", port, limit=1_000_000, backlog=512)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("ledger", type=Path)
    parser.add_argument("orders", type=Path)
    parser.add_argument("--plain", action="store_true", help="Offer no PIPELINING.")
    given = parser.parse_args()
    asyncio.run(serve(given.port, Ledger(given.ledger), Orders(given.orders), pipelining=not given.plain))

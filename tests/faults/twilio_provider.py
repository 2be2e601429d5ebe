"""A server of Twilio's shape as a process: `python -m tests.faults.twilio_provider PORT LEDGER ORDERS`.

Its rules (tests/faults/orders.py), at the step POST: `refuse` (`status`, `text` as Twilio's code, `retry_after`),
`accept_and_fail` (accepts, answers `status`), `accept_and_be_silent` (accepts, says nothing until the client has gone, or for
`seconds`), `reset` (accepts nothing), `wait` (`seconds`, then as usual).
"""

import argparse
import asyncio
import contextlib
import json
from http import HTTPStatus
from pathlib import Path
from urllib.parse import parse_qs
from uuid import uuid4

from tests.faults.ledger import ACCEPTED, REFUSED, Entry, Ledger
from tests.faults.orders import Orders


def answer(status: int, body: dict[str, object], **headers: object) -> bytes:
    payload = json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", "Content-Type: application/json", f"Content-Length: {len(payload)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + payload


async def one_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, ledger: Ledger, orders: Orders) -> bool:
    """Answer one request; false when the connection is over."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
    form = parse_qs((await reader.readexactly(int(headers.get("content-length", 0)))).decode())
    to = form.get("To", [""])[0]
    rule = orders.next_for("POST", to)
    do = rule.do if rule else ""
    if rule and do == "refuse":
        ledger.write(Entry(REFUSED, to, provider_id=str(rule.status)))
        after = {} if rule.retry_after is None else {"Retry_After": rule.retry_after}
        code = int(rule.text or rule.status)
        writer.write(answer(rule.status, {"code": code, "message": "Refused", "status": rule.status}, **after))
        return True
    if do == "reset":
        writer.transport.abort()
        return False
    if rule and do == "wait":
        await asyncio.sleep(rule.seconds)
    sid = f"SM{uuid4().hex}"
    ledger.write(Entry(ACCEPTED, to, provider_id=sid))
    if rule and do == "accept_and_fail":
        writer.write(answer(rule.status, {"code": 20500, "message": "Internal server error", "status": rule.status}))
        return True
    if rule and do == "accept_and_be_silent":
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(reader.read(1), rule.seconds or 60)
        return False
    writer.write(answer(201, {"sid": sid, "status": "queued", "to": to, "error_code": None}))
    return True


async def serve(port: int, ledger: Ledger, orders: Orders) -> None:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while await one_request(reader, writer, ledger, orders):
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", port, backlog=512)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("ledger", type=Path)
    parser.add_argument("orders", type=Path)
    given = parser.parse_args()
    asyncio.run(serve(given.port, Ledger(given.ledger), Orders(given.orders)))

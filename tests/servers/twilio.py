"""A server of Twilio's shape: takes messages as the official SDK sends them, and can be told how to answer."""

import base64
import json
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

# What an answer may be in place of a status.
HANG_UP = "hang up"
SLOW = "slow"
GARBLED = "garbled"


@dataclass(frozen=True)
class Sms:
    """One accepted message."""

    sid: str
    to: str
    body: str
    sender: str
    status_callback: str
    form: dict[str, str]


@dataclass(frozen=True)
class Refusal:
    """An error as Twilio writes it."""

    status: int
    code: int = 0
    message: str = "Refused"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class TwilioServer:
    """`with TwilioServer() as server:` listens at `server.url`; what it accepted is in `server.messages`.

    `server.answers.append(Refusal(400, 21211))` scripts the next answer: a Refusal, HANG_UP, SLOW or GARBLED, each after the request
    was read. `server.refused_numbers["+91…"] = Refusal(…)` answers so for one number always. Without a script it says yes.
    """

    sid: str = "AC00000000000000000000000000000001"
    token: str = "token-of-the-sandbox"
    number: str = "+15005550006"
    slow_seconds: float = 3.0
    messages: list[Sms] = field(default_factory=list)
    requests: list[dict[str, str]] = field(default_factory=list)
    answers: deque[Refusal | str] = field(default_factory=deque)
    refused_numbers: dict[str, Refusal] = field(default_factory=dict)
    url: str = ""

    @property
    def settings(self) -> dict[str, Any]:
        """Django settings that lead here."""
        return {
            "TWILIO_ACCOUNT_SID": self.sid,
            "TWILIO_AUTH_TOKEN": self.token,
            "TWILIO_PHONE_NUMBER": self.number,
            "TWILIO_API_BASE_URL": self.url,
        }

    def __enter__(self) -> "TwilioServer":
        owner = self

        class Desk(_Desk):
            server_of = owner

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Desk)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="twilio-server", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)


class _Desk(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_of: TwilioServer

    def do_POST(self) -> None:
        twilio = self.server_of
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        form = {name: values[0] for name, values in parse_qs(raw.decode("utf-8"), keep_blank_values=True).items()}
        twilio.requests.append(form)
        if urlsplit(self.path).path != f"/2010-04-01/Accounts/{twilio.sid}/Messages.json":
            return self._refuse(Refusal(404, 20404, "The requested resource was not found"))
        expected = base64.b64encode(f"{twilio.sid}:{twilio.token}".encode()).decode()
        if self.headers.get("Authorization") != f"Basic {expected}":
            return self._refuse(Refusal(401, 20003, "Authenticate"))
        answer = twilio.answers.popleft() if twilio.answers else twilio.refused_numbers.get(form.get("To", ""))
        if isinstance(answer, Refusal):
            return self._refuse(answer)
        if answer == HANG_UP:
            self.close_connection = True
            return None
        if answer == SLOW:
            time.sleep(twilio.slow_seconds)
        sid = f"SM{uuid4().hex}"
        twilio.messages.append(
            Sms(sid, form["To"], form["Body"], form.get("From") or form["MessagingServiceSid"], form.get("StatusCallback", ""), form)
        )
        if answer == GARBLED:
            return self._answer(201, b"<html>OK</html>", {})
        created = {"sid": sid, "status": "queued", "to": form["To"], "from": form.get("From"), "body": form["Body"], "error_code": None}
        return self._answer(201, json.dumps(created).encode(), {})

    def _refuse(self, refusal: Refusal) -> None:
        body = {"code": refusal.code or refusal.status, "message": refusal.message, "status": refusal.status}
        self._answer(refusal.status, json.dumps(body).encode(), refusal.headers)

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        try:
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            self.close_connection = True  # The client did not wait.

    def log_message(self, format: str, *args: Any) -> None:
        """A test's output is its own."""

"""How much one request may bring, over a real server."""

import http.client
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings

from tests.servers.asgi import AsgiServer

TOO_MUCH = settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
def server(transactional_db: None) -> Iterator[AsgiServer]:
    with AsgiServer() as running:
        yield running


def post(server: AsgiServer, body: Any, headers: dict[str, str], *, chunked: bool = False) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    try:
        connection.request("POST", "/accounts/login/", body, headers | FORM, encode_chunked=chunked)
        return connection.getresponse().status
    finally:
        connection.close()


def test_a_long_body_is_refused_before_it_is_sent(server):
    """Only its length was announced."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    connection.putrequest("POST", "/accounts/login/")
    connection.putheader("Content-Length", str(TOO_MUCH))
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()


def test_a_long_body_that_announces_nothing_is_refused_as_it_comes(server):
    piece = b"x" * 65_536
    pieces = (piece for _ in range(TOO_MUCH // len(piece) + 2))
    assert post(server, pieces, {"Transfer-Encoding": "chunked"}, chunked=True) == 413


def test_what_is_not_too_long_is_heard(server):
    assert post(server, b"a=" + b"x" * 1000, {}) == 403


def test_a_form_of_ten_thousand_fields_is_refused(client, db):
    assert client.post("/accounts/login/", {f"field{n}": "1" for n in range(10_000)}).status_code == 413

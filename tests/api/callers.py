"""Who calls the API in tests: JSON in, JSON out."""

import json
from typing import Any

from django.test import Client
from knox.models import AuthToken

from core.models import User


class Caller:
    """A machine with a person's token, or without one."""

    def __init__(self, user: User | None = None) -> None:
        self.client = Client(raise_request_exception=False)
        self.headers: dict[str, str] = {}
        if user is not None:
            self.headers["Authorization"] = f"Bearer {AuthToken.objects.create(user)[1]}"

    def call(self, method: str, url: str, body: Any = None, **headers: str) -> Any:
        """The answer, whatever it is. Names of headers are written with underscores."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.generic(
            method,
            url,
            b"" if body is None else body if isinstance(body, bytes) else _json(body),
            content_type=named.pop("Content-Type", "application/json"),
            headers={**self.headers, **named},
        )

    def get(self, url: str, **query: Any) -> Any:
        return self.client.get(url, query, headers=self.headers)

    def post(self, url: str, body: Any = None, **headers: str) -> Any:
        return self.call("POST", url, {} if body is None else body, **headers)

    def patch(self, url: str, body: Any = None, **headers: str) -> Any:
        return self.call("PATCH", url, {} if body is None else body, **headers)


def _json(body: Any) -> bytes:
    return json.dumps(body).encode()


def named_fields(answer: Any) -> list[str]:
    """The fields that a 400 names."""
    assert answer.status_code == 400, (answer.status_code, answer.content[:500])
    said = answer.json()
    assert said["status"] == "error"
    return sorted(said["errors"])

"""What every answer of a strict page must hold to."""

import re
from typing import Any

STRICT = {
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "frame-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
}
WRITTEN_IN = re.compile(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)|javascript:", re.IGNORECASE)


def policy_of(answer: Any) -> set[str]:
    return {part.strip() for part in answer.headers.get("Content-Security-Policy", "").split(";") if part.strip()}


def assert_guarded(answer: Any) -> None:
    """The headers that nothing leaves without."""
    headers = answer.headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] in ("same-origin", "no-referrer")
    assert "camera=()" in headers["Permissions-Policy"]
    assert headers["X-Frame-Options"] in ("DENY", "SAMEORIGIN")
    assert headers["Content-Security-Policy"]


def assert_strict(answer: Any) -> None:
    """Guarded, with the strict policy, and nothing in the page that the policy would have to stop."""
    assert_guarded(answer)
    assert policy_of(answer) == STRICT
    assert not WRITTEN_IN.search(answer.content.decode())

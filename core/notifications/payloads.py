"""What strangers send, in a form that every database keeps: no text of theirs can make storing it fail."""

import math
from collections.abc import Mapping
from typing import Any

DEEPEST = 12
LONGEST = 4_000
MOST = 200


def storable(value: Any, *, depth: int = 0) -> Any:
    """The value as plain JSON: text without what PostgreSQL refuses, numbers that are finite, cut where it is too deep, too long
    or too much."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) < 2**53 else str(value)[:LONGEST] if abs(value) < 10**300 else "too large"
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if depth < DEEPEST and isinstance(value, Mapping):
        return {text(str(key), 200): storable(value[key], depth=depth + 1) for key in list(value)[:MOST]}
    if depth < DEEPEST and isinstance(value, list | tuple):
        return [storable(item, depth=depth + 1) for item in value[:MOST]]
    return text(value) if isinstance(value, str) else "…"


def text(value: str, longest: int = LONGEST) -> str:
    """Without NUL, which PostgreSQL does not take, and without half a character, which no encoding does."""
    return value[:longest].replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")

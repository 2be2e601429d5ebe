"""What holds of every call that changes something, said once."""

from typing import Any
from unittest.mock import patch

from auditlog.models import LogEntry
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core.dashboard import pages

# What is no text, number, list or object that any field takes, and what no database keeps.
NONSENSE: tuple[Any, ...] = ("\0", 10**400, -1, 1.5, True, None, [], {}, [[[[]]]], "x" * 100_000, "1e400", "NaN", "’; DROP TABLE")


def entries(**filters: Any) -> list[LogEntry]:
    """The audit trail, oldest first."""
    return list(LogEntry.objects.filter(**filters).order_by("id"))


def queries_of(call: Any) -> int:
    """How many statements a call costs, those of its login and its savepoints included; on a slow machine no other number."""
    cache.clear()
    with patch.object(pages, "LONG", 3_600), CaptureQueriesContext(connection) as seen:
        assert call().status_code == 200
    return len(seen)


def survives_nonsense(call: Any, good: dict[str, Any]) -> None:
    """Each field by itself is given what it cannot take, the others being good: never a 500, and a 400 names the field."""
    for name in good:
        for nonsense in NONSENSE:
            answer = call({**good, name: nonsense})
            assert answer.status_code < 500, (name, str(nonsense)[:40], answer.content[:300])
            if answer.status_code == 400 and answer.json()["errors"]:
                assert any(field.split(".")[0] in (name, "non_field_errors") for field in answer.json()["errors"]), (name, answer.json())
    bodies: tuple[Any, ...] = ([], "x", 1, None, {}, {**good, "unknown": 1})
    for body in bodies:
        assert call(body).status_code == 400, body

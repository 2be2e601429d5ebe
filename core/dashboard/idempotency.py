"""`Idempotency-Key`: a client's own name for a call, so that sending it twice does it once (docs/rules.md, 10).

The key, what the call does and its answer are one transaction: after a crash either all of it is there or nothing. Only what was done
is kept, for 24 hours; a refused call changed nothing, and its key is free again.
"""

import hashlib
import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import IntegrityError, transaction
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from core.dashboard.errors import Refused, wrong
from core.models import IdempotencyKey, User

HEADER: Final = "Idempotency-Key"
KEPT: Final = timedelta(hours=24)
# A call that has not ended by then died with its process.
LEASE: Final = timedelta(minutes=5)
KEY: Final = re.compile(r"[\x21-\x7e]{1,200}")
# Of a path longer than this the column would keep only a part.
LONGEST_PATH: Final = 200


class _NotDone(Exception):
    """Takes the transaction back, and carries the answer out of it."""

    def __init__(self, response: Response) -> None:
        self.response = response


def once(request: Request, work: Callable[[], Response], *, now: datetime) -> Response:
    """Do the work, or answer as it was answered before. Without the header it is simply done.

    409 while the first call with this key still runs, 422 when it came with another body.
    """
    if HEADER not in request.headers:
        return work()
    key = request.headers[HEADER]
    if not KEY.fullmatch(key):
        raise wrong(HEADER, "1 to 200 visible ASCII characters.")
    user, path, digest = request.user, request.path[:LONGEST_PATH], _digest(request)
    assert isinstance(user, User)
    row = _begin(user, path, key, digest, now=now)
    if row.status_code is not None:
        return Response(row.response, status=row.status_code, headers={"Idempotency-Replayed": "true"})
    try:
        with transaction.atomic():
            response = work()
            if not 200 <= response.status_code < 300:
                raise _NotDone(response)
            # As it is sent: with moments and amounts as JSON writes them.
            row.status_code, row.response = response.status_code, json.loads(JSONRenderer().render(response.data))
            row.save(update_fields=["status_code", "response"])
            return response
    except _NotDone as refused:
        row.delete()
        return refused.response
    except BaseException:  # Whatever ended it, the process's own end too: nothing was done, and the key is free again.
        row.delete()
        raise


def _begin(user: User, path: str, key: str, digest: str, *, now: datetime) -> IdempotencyKey:
    """This call's row; or that of the one before it, with its answer."""
    named = IdempotencyKey.objects.filter(user=user, path=path, key=key)
    named.filter(created_at__lte=now - KEPT).delete()
    named.filter(status_code=None, created_at__lte=now - LEASE).delete()
    try:
        with transaction.atomic():
            return IdempotencyKey.objects.create(user=user, path=path, key=key, body_hash=digest, created_at=now)
    except IntegrityError:
        row = named.first()
    if row is None:
        raise Refused("The call with this key has just ended. Send it again.", code="in_progress")
    if row.body_hash != digest:
        raise Refused("This key came with another body before.", code="key_reused", status_code=422)
    if row.status_code is None:
        raise Refused("The call with this key still runs.", code="in_progress")
    return row


def _digest(request: Request) -> str:
    """Of what was said: the same fields in another order are the same body."""
    said: Any = request.data
    return hashlib.sha256(f"{request.method}\0{_canonical(said)}".encode()).hexdigest()


def _canonical(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ",".join(f"{key!r}:{_canonical(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_canonical, value)) + "]"
    return repr(value)

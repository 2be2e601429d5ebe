"""The common parts of messages, read once per process: thousands of messages share one, and none ever changes."""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from uuid import UUID

from core.models import MessageContent, NotificationLog

AT_MOST = 256

_known: OrderedDict[UUID, MessageContent] = OrderedDict()
_lock = threading.Lock()


def attach(rows: Sequence[NotificationLog]) -> None:
    """Give each message its content, by one statement for those not read before."""
    wanted = {row.content_id for row in rows if row.content_id is not None}
    with _lock:
        found = {pk: _known[pk] for pk in wanted & _known.keys()}
    missing = wanted - found.keys()
    if missing:
        found |= MessageContent.objects.in_bulk(missing)
    with _lock:
        for pk, content in found.items():
            _known[pk] = content
            _known.move_to_end(pk)
        while len(_known) > AT_MOST:
            _known.popitem(last=False)
    for row in rows:
        row.content = found.get(row.content_id) if row.content_id is not None else None

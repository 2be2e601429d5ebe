"""Whose part sending is, after an explicit call: this process's, when nothing else will do it."""

import fcntl
import time
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q

from core.models import MessagingRun, NotificationLog, Phase
from core.notifications import delivery, limits
from core.notifications.transports import methods, transport_class

# How long a shell waits for the server beside it to hand over what only the server can.
PATIENCE = timedelta(seconds=5)

# Set by the embedded server: its own threads deliver, and no request waits for a provider.
serving = False


def send_now(run: MessagingRun, *, clock: delivery.Clock) -> None:
    """Embedded, in a process that is not the server: send what the run queued before returning, or at the commit of the
    transaction it was called in. Elsewhere the deliverers have been told, and this does nothing."""
    if serving or not settings.EMBEDDED:
        return
    if _inside_a_transaction():
        transaction.on_commit(lambda: send(run, clock))
    else:
        send(run, clock)


def send(run: MessagingRun, clock: delivery.Clock) -> None:
    """Send what the run queued, in this process. For what only the server beside it can carry, and what another deliverer
    has in hand, it waits a few seconds."""
    queued = NotificationLog.objects.filter(run=run, phase=Phase.QUEUED)
    theirs = [method for method in methods() if transport_class(method).needs_server] if server_is_running() else []
    delivery.deliver(list(queued.exclude(method__in=theirs).values_list("pk", flat=True)), clock=clock)
    give_up = time.monotonic() + PATIENCE.total_seconds()
    elsewhere = Q(phase=Phase.SENDING) | Q(phase=Phase.QUEUED, method__in=theirs)
    waiting = NotificationLog.objects.filter(elsewhere, run=run, due_at__lte=clock())
    if (held := limits.held_back(now=clock())) is not None:
        waiting = waiting.exclude(held)
    while time.monotonic() < give_up and waiting.exists():
        time.sleep(0.05)


def _inside_a_transaction() -> bool:
    """Whether the caller has a transaction open. The one that a test case wraps around each test does not count: as
    Django's own durable blocks do, it is looked through."""
    blocks = connection.atomic_blocks
    return bool(blocks) and not getattr(blocks[-1], "_from_testcase", False)


def server_is_running() -> bool:
    """Whether an embedded server has this database's lock. The kernel lets go of it when the server dies, however it dies."""
    path = Path(settings.SERVER_LOCK)
    if not path.exists():
        return False
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False

"""What is in hand is finished when a process is asked to stop, also by those who ask every process of a group at once."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def deferred() -> Iterator[threading.Event]:
    """Within the block a SIGTERM sets the event and nothing else; it has its usual effect when the block ends.

    A pool's process would else die of it in the middle of a call to a provider. In a thread that is not the main one signals
    do not come, and the event stays unset.
    """
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return

    def note(_number: int, _frame: FrameType | None) -> None:
        asked.set()

    before = signal.signal(signal.SIGTERM, note)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)
        if asked.is_set():
            os.kill(os.getpid(), signal.SIGTERM)

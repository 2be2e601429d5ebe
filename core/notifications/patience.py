"""How long a server is waited for: in all, not only from one byte to the next."""

import time


class Patience:
    """`each` second per step, and `whole` seconds for a call from start to end."""

    def __init__(self, *, each: float, whole: float) -> None:
        self.each = each
        self.whole = whole
        self._until = time.monotonic() + whole

    def begin(self, whole: float | None = None) -> None:
        self._until = time.monotonic() + (self.whole if whole is None else whole)

    def left(self) -> float:
        """Seconds for the next step. Raises TimeoutError when there are none."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError("The server took too long")
        return min(left, self.each)

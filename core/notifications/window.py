"""How many messages that must not be repeated leave together. See docs/adr/0010.

All of a group are marked as being at the provider before the first is handed over, and whoever kills the sender in between leaves the
outcome of each unknown. So a group is as large as what the provider takes in about a fifth of a second, however fast it is.
"""

# In seconds. More than twice as far apart, so that no pace makes the window go to and fro.
QUICK = 0.1
SLOW = 0.3
FIRST = 8


class Window:
    """The `size` of the next group. It doubles after a group that was quick, and is halved after one that was slow."""

    def __init__(self, *, least: int, most: int) -> None:
        self._least, self._most = min(least, most), most
        self.size = min(max(FIRST, self._least), self._most)

    def took(self, seconds: float, *, given: int, accepted: int) -> None:
        """A group of so many took so long. Refusals may be quick without any pace, and few messages say nothing of many."""
        if seconds > SLOW:
            self.size = max(self._least, min(self.size, given) // 2)
        elif seconds < QUICK and accepted > self.size // 2:
            self.size = min(self._most, 2 * self.size)

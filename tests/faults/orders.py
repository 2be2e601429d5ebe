"""How a provider is told, while it runs, to answer otherwise than yes: a file of rules, read anew when it changes."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Rule:
    """What to do at a step of the dialogue: the first rule that fits, and has not been used up, is followed.

    SMTP's steps are CONNECT, MAIL, RCPT, DATA (before the message) and DOT (to the whole message); Twilio's is POST.
    """

    do: str
    step: str = "DOT"
    times: int | None = None  # None: always.
    to: str = ""  # A part of the recipient's address; empty: anybody.
    text: str = ""  # SMTP's line, for `answer`; Twilio's error code.
    status: int = 0  # HTTP's.
    retry_after: int | None = None
    seconds: float = 0.0
    every: float = 1.0  # Seconds from one dribbled line to the next.


class Orders:
    """The rules as they stand now. A new file is a new order: what was used up begins anew."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_at = -1
        self._rules: list[Rule] = []
        self._used: list[int] = []

    def next_for(self, step: str, to: str = "") -> Rule | None:
        self._look()
        for index, rule in enumerate(self._rules):
            if rule.step == step and rule.to in to and (rule.times is None or self._used[index] < rule.times):
                self._used[index] += 1
                return rule
        return None

    def _look(self) -> None:
        try:
            changed_at = self._path.stat().st_mtime_ns
        except FileNotFoundError:
            return
        if changed_at != self._read_at:
            self._rules = [Rule(**rule) for rule in json.loads(self._path.read_text(encoding="utf-8"))]
            self._used = [0] * len(self._rules)
            self._read_at = changed_at


def give(path: Path, rules: Sequence[Rule]) -> None:
    """From now on the provider follows these rules; none: it says yes to everything."""
    aside = path.with_suffix(".new")
    aside.write_text(json.dumps([asdict(rule) for rule in rules]), encoding="utf-8")
    os.replace(aside, path)

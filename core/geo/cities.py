"""Cities as the post sorts by them: the first three digits of a pincode, and what they are called (README.md says how)."""

from functools import cache
from pathlib import Path
from typing import Final

LIST: Final = Path(__file__).with_name("cities.csv")
# So many digits of a pincode name its city.
CITY: Final = 3


def city_name(digits: str) -> str:
    """Digits that the post has not given to any city are called as they are: 999…"""
    return _names().get(digits) or f"{digits}…"


@cache
def _names() -> dict[str, str]:
    return dict(line.split(",", 1) for line in LIST.read_text(encoding="utf-8").splitlines())

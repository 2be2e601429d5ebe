"""Where a pincode lies, from the checked-in list of India's pincodes (README.md beside it says where that is from)."""

import mmap
from collections.abc import Iterable, Sequence
from enum import StrEnum
from functools import cache, lru_cache
from pathlib import Path
from typing import Final, NamedTuple

LIST: Final = Path(__file__).with_name("pincodes.csv")
DIGITS: Final = 6
# The same pincodes are asked for with every look at the map.
REMEMBERED: Final = 4


class Confidence(StrEnum):
    """How far a place is to be believed; the rule is in README.md."""

    HIGH = "h"
    MEDIUM = "m"
    LOW = "l"


class Place(NamedTuple):
    """A pincode's post office: its name, and its latitude and longitude in degrees. Where nothing confirms a place, there is none."""

    pincode: str
    name: str
    confidence: Confidence
    where: tuple[float, float] | None


def places(pincodes: Iterable[str]) -> dict[str, Place]:
    """The places of these pincodes; one that India Post does not list is not among them.

    The file is searched where it lies, mapped into memory that all processes share; only what is asked for becomes an object.
    """
    return dict(_found(tuple(pincodes)))


@lru_cache(maxsize=REMEMBERED)
def _found(pincodes: tuple[str, ...]) -> dict[str, Place]:
    found: dict[str, Place] = {}
    _search(_file(), sorted({pincode.encode() for pincode in pincodes}), 0, len(_file()), found)
    return found


def _search(lines: mmap.mmap, wanted: Sequence[bytes], start: int, end: int, found: dict[str, Place]) -> None:
    """Find the wanted among the lines from `start` to `end`: the middle one first, then each half in what is left for it."""
    if not wanted:
        return
    middle = len(wanted) // 2
    before, after = _line_of(lines, wanted[middle], start, end, found)
    _search(lines, wanted[:middle], start, before, found)
    _search(lines, wanted[middle + 1 :], after, end, found)


def _line_of(lines: mmap.mmap, pincode: bytes, start: int, end: int, found: dict[str, Place]) -> tuple[int, int]:
    """Where the lines of smaller pincodes end, and where those of larger ones begin."""
    while start < end:
        begins = lines.rfind(b"\n", start, (start + end) // 2) + 1 or start
        ends = lines.find(b"\n", begins, end) + 1 or end
        here = lines[begins : begins + DIGITS]
        if here == pincode:
            place = _place(lines[begins : ends - 1].decode())
            found[place.pincode] = place
            return begins, ends
        if here < pincode:
            start = ends
        else:
            end = begins
    return start, start


def _place(line: str) -> Place:
    pincode, latitude, longitude, confidence, name = line.split(",", 4)
    return Place(pincode, name, Confidence(confidence), (float(latitude), float(longitude)) if latitude else None)


@cache
def _file() -> mmap.mmap:
    with LIST.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

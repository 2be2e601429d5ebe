"""Lists as files: sent while they are read, compressed or not."""

import gzip
import hashlib
from contextlib import aclosing

import pytest
from asgiref.sync import async_to_sync
from django.test import RequestFactory

from core.dashboard.csv_files import LINES_AT_ONCE, csv_file
from core.security import compression
from tests.api.world import AT

pytestmark = pytest.mark.django_db

MANY = 20 * LINES_AT_ONCE


async def parts(response, how_many):
    """The first parts that an ASGI server would send, as bytes."""
    async with aclosing(aiter(response)) as sent:
        return b"".join([await anext(sent) for _ in range(how_many)])


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_a_file_leaves_while_it_is_read(omar, encoding):
    read = []

    def lines():
        for number in range(MANY):
            read.append(number)
            yield [hashlib.sha256(str(number).encode()).hexdigest()]  # Which no compressor makes much smaller.

    made = csv_file("numbers", ["number"], lines(), user=omar, asked={}, now=AT)
    response = compression.answers(lambda request: made)(RequestFactory().get("/", headers={"Accept-Encoding": encoding}))
    assert response.headers.get("Content-Encoding", "identity") == encoding
    async_to_sync(parts)(response, 2)
    assert 0 < len(read) < MANY / 2


def test_a_file_is_whole_however_it_is_sent(omar):
    made = [csv_file("numbers", ["number"], ([number] for number in range(MANY)), user=omar, asked={}, now=AT) for _ in range(2)]
    packed = compression.answers(lambda request: made[0])(RequestFactory().get("/", headers={"Accept-Encoding": "gzip"}))

    async def whole(response):
        return b"".join([part async for part in response])

    plain = async_to_sync(whole)(made[1])
    assert plain.decode().split() == ["number", *map(str, range(MANY))]
    assert gzip.decompress(async_to_sync(whole)(packed)) == plain

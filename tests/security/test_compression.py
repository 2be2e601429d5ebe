"""What leaves is compressed where that is safe: whoever can make us repeat their words beside a secret learns nothing from its length."""

import gzip

import pytest
from django.test import Client

from core import clock
from core.models import NotificationLog

pytestmark = pytest.mark.django_db

GZIP = {"accept-encoding": "gzip, deflate, br"}
FILE = "/static/homeserve/components.css"


def whole(answer):
    return b"".join(answer.streaming_content) if answer.streaming else answer.content


def test_pages_and_the_api_go_compressed_to_whoever_can_read_that(as_omar):
    for address in ("/dashboard/alerts/", "/admin-dashboard/campaigns/"):
        plain, small = as_omar.get(address), as_omar.get(address, headers=GZIP)
        assert "Content-Encoding" not in plain.headers
        assert small["Content-Encoding"] == "gzip"
        assert "Accept-Encoding" in small["Vary"]
        assert int(small["Content-Length"]) == len(small.content) < len(plain.content) / 2
        assert b"igh demand" in gzip.decompress(small.content) or b"<!doctype html>" in gzip.decompress(small.content).lower()


def test_the_same_page_is_never_of_the_same_length_for_long(as_omar):
    lengths = {len(as_omar.get("/admin-dashboard/campaigns/", headers=GZIP).content) for _ in range(12)}
    assert len(lengths) > 3


def test_where_a_secret_stands_nothing_is_compressed(as_sara, vera):
    made = as_sara.post(f"/dashboard/people/{vera.pk}/tokens/", {"days": "30"}, headers=GZIP)
    assert 'id="h-token"' in made.content.decode()
    own = [as_sara.get(address, headers=GZIP) for address in ("/accounts/", "/accounts/password/")]
    below = as_sara.get("/accounts/", headers=GZIP, SCRIPT_NAME="/below")
    for page in (made, *own, below, Client().get("/accounts/login/", headers=GZIP)):
        # Long enough that it would be worth it.
        assert (page.status_code, len(page.content) > 1_000) == (200, True)
        assert "Content-Encoding" not in page.headers


def test_an_export_is_compressed_as_it_streams_and_nothing_is_lost(as_omar, kiran):
    NotificationLog.objects.bulk_create(
        NotificationLog(recipient=kiran, notification_type="promotional", method="email", subject=f"Offer {n}", created_at=clock.now())
        for n in range(1_200)
    )
    address = "/admin-dashboard/notifications/logs/export/"
    plain, small = as_omar.get(address), as_omar.get(address, headers=GZIP)
    assert small["Content-Encoding"] == "gzip"
    sent, compressed = whole(plain), whole(small)
    assert gzip.decompress(compressed) == sent
    assert sent.count(b"\n") == 1_201
    assert len(compressed) < len(sent) / 4


@pytest.fixture
def kept(settings, tmp_path):
    """A folder of its own, so that every file is compressed anew."""
    settings.VAR_DIR = tmp_path
    return tmp_path / "static"


async def file(client, **headers):
    answer = await client.get(FILE, headers=headers)
    return answer, b"".join([part async for part in answer])


async def test_a_file_is_compressed_once_and_known_again(async_client, kept):
    plain, words = await file(async_client)
    small, compressed = await file(async_client, **GZIP)
    assert "Content-Encoding" not in plain.headers
    assert small["Content-Encoding"] == "gzip"
    assert plain["Vary"] == small["Vary"] == "Accept-Encoding"
    assert gzip.decompress(compressed) == words
    assert int(small["Content-Length"]) == len(compressed) < len(words) / 2
    [one] = kept.iterdir()
    assert one.read_bytes() == compressed
    # Weak, because both go by it.
    assert plain["ETag"] == small["ETag"]
    assert small["ETag"].startswith("W/")
    again = await async_client.get(FILE, headers={**GZIP, "if-none-match": small["ETag"]})
    assert again.status_code == 304


async def test_what_is_cleared_away_is_made_anew(async_client, kept):
    await file(async_client, **GZIP)
    [one] = kept.iterdir()
    one.unlink()
    again, compressed = await file(async_client, **GZIP)
    assert (again.status_code, again["Content-Encoding"]) == (200, "gzip")
    assert one.read_bytes() == compressed


async def test_where_nothing_can_be_kept_a_file_goes_as_it_is(async_client, settings, tmp_path):
    settings.VAR_DIR = tmp_path / "a file"
    settings.VAR_DIR.write_text("In the way.")
    answer, words = await file(async_client, **GZIP)
    assert answer.status_code == 200
    assert "Content-Encoding" not in answer.headers
    assert len(words) == int(answer["Content-Length"]) > 10_000

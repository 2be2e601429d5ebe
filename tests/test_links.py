"""Tokens in web addresses: whoever holds one needs no login, and nobody can make one."""

import timeit
from base64 import urlsafe_b64decode, urlsafe_b64encode
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import links
from homeserve_pro.logs import mask_event

ROW = UUID("0190163d-8694-739b-aea5-966c26f8ad91")
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@given(st.uuids(), st.sampled_from([links.LINK, links.UNSUBSCRIBE]))
def test_a_token_is_read_back_as_the_row_it_was_made_of(row, purpose):
    assert links.read(purpose, links.token(purpose, row)) == row


def test_a_token_is_short_and_needs_no_escaping():
    token = links.token(links.LINK, ROW)
    assert len(token) == 43
    assert set(token) <= set(ALPHABET)


def test_the_same_row_has_the_same_token_so_that_a_retry_sends_the_same_words():
    assert links.token(links.LINK, ROW) == links.token(links.LINK, ROW)


def test_a_token_serves_its_own_purpose_only():
    assert links.read(links.UNSUBSCRIBE, links.token(links.LINK, ROW)) is None


@pytest.mark.parametrize("position", range(43))
def test_a_token_changed_in_any_place_is_refused(position):
    token = links.token(links.LINK, ROW)
    for letter in set(ALPHABET) - {token[position]}:
        assert links.read(links.LINK, token[:position] + letter + token[position + 1 :]) is None


def test_a_signature_does_not_fit_another_row():
    signature = urlsafe_b64decode(links.token(links.LINK, ROW) + "=")[16:]
    forged = urlsafe_b64encode(uuid4().bytes + signature)[:-1].decode()
    assert links.read(links.LINK, forged) is None


@given(st.text())
def test_any_other_text_is_refused_and_never_an_error(text):
    assert links.read(links.LINK, text) is None


@pytest.mark.parametrize("extra", ["=", "A", " ", "\n", "%", "\x00", "é"])
def test_a_token_with_something_before_or_after_is_refused(extra):
    token = links.token(links.LINK, ROW)
    assert links.read(links.LINK, token + extra) is None
    assert links.read(links.LINK, extra + token) is None


def test_another_secret_key_makes_other_tokens(settings):
    token = links.token(links.LINK, ROW)
    settings.SECRET_KEY = "another key, as long as a key has to be"
    assert links.read(links.LINK, token) is None


def test_after_a_change_of_the_secret_key_older_tokens_are_read_by_the_fallback(settings):
    token, former = links.token(links.LINK, ROW), settings.SECRET_KEY
    settings.SECRET_KEY = "another key, as long as a key has to be"
    settings.SECRET_KEY_FALLBACKS = ["a key in between, long enough, too", former]
    assert links.read(links.LINK, token) == ROW
    assert links.token(links.LINK, ROW) != token


@pytest.mark.parametrize(("purpose", "address"), [(links.LINK, "/r/{}"), (links.UNSUBSCRIBE, "/unsubscribe/{}/"), (links.ACT, "/act/{}/")])
def test_whoever_reads_the_log_holds_no_link(purpose, address):
    token = links.token(purpose, ROW)
    line = mask_event(None, "", {"request": f"GET {address.format(token)}", "path": address.format(token)})
    assert line == {"request": f"GET {address.format('•••')}", "path": address.format("•••")}


def test_how_long_a_token_takes():
    """A figure to read, not to hold: a shared machine's speed is no property of the product."""
    rounds = 20_000
    made = timeit.timeit(lambda: links.token(links.LINK, ROW), number=rounds) / rounds
    print(f"a token in {made * 1e6:.2f} µs")  # noqa: T201

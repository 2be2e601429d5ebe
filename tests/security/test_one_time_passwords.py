"""Asking for codes and guessing them: how often, from where, and what it tells. The code itself is in tests/messaging."""

import hmac
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import connection, connections, transaction

from core.models import OneTimePassword, Tries
from core.notification_service import NotificationService
from core.notifications import passwords
from core.security.limits import Limit, give_back, spend

KIRAN = "kiran@homeserve.example"
AT_ONCE = 20


@pytest.fixture
def open_code(db, now, frozen) -> str:
    with transaction.atomic():
        return passwords.code_of(passwords.issue(KIRAN, now=now).pk)


def wrong(code: str) -> str:
    return str((int(code) + 1) % 10**6).zfill(6)


def note_comparisons(monkeypatch) -> list[tuple[str, str]]:
    """What is compared from here on."""
    compared: list[tuple[str, str]] = []
    compare = hmac.compare_digest

    def noted(one: str, other: str) -> bool:
        compared.append((one, other))
        return compare(one, other)

    monkeypatch.setattr(hmac, "compare_digest", noted)
    return compared


def at_once(act) -> list:
    """Twenty threads, each with a connection of its own, at the same moment."""
    ready = Barrier(AT_ONCE)

    def one(number: int):
        try:
            connection.ensure_connection()
            ready.wait(timeout=30)
            return act(number)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(one, range(AT_ONCE)))


@pytest.fixture
def closing() -> Iterator[None]:
    yield
    connection.close()


@pytest.mark.django_db(transaction=True)
def test_five_tries_are_five_with_twenty_at_once(now, frozen, closing, monkeypatch):
    with transaction.atomic():
        code = passwords.code_of(passwords.issue(KIRAN, now=now).pk)
    looked = note_comparisons(monkeypatch)
    assert not any(at_once(lambda _: NotificationService.verify_otp(KIRAN, wrong(code))))
    assert len(looked) == passwords.MAX_TRIES
    assert OneTimePassword.objects.get().tries == passwords.MAX_TRIES
    assert not NotificationService.verify_otp(KIRAN, code)


@pytest.mark.django_db(transaction=True)
def test_a_limit_of_seven_lets_seven_of_twenty_through_at_once(now, closing):
    limit = Limit("test", most=7, within=timedelta(minutes=1))
    refused = at_once(lambda _: spend([(limit, "somebody")], now=now))
    assert refused.count(None) == 7
    assert Tries.objects.get().count == AT_ONCE


def test_a_limit_begins_anew_when_its_window_has_passed(db, now):
    limit = Limit("test", most=2, within=timedelta(minutes=10))
    assert [spend([(limit, "a")], now=now) for _ in range(3)] == [None, None, now + limit.within]
    assert spend([(limit, "b")], now=now) is None
    # Trying meanwhile makes it no longer.
    assert spend([(limit, "a")], now=now + timedelta(minutes=9)) == now + limit.within
    assert spend([(limit, "a")], now=now + limit.within) is None


def test_what_was_given_back_was_no_try(db, now):
    limit = Limit("test", most=1, within=timedelta(minutes=10))
    for _ in range(5):
        assert spend([(limit, "a")], now=now) is None
        give_back([(limit, "a")], now=now)
    give_back([(limit, "a")], now=now)
    assert Tries.objects.get().count == 0


def test_one_statement_counts_every_limit(db, now, django_assert_num_queries):
    tries = [(Limit(f"test{number}", most=9, within=timedelta(minutes=number + 1)), "a") for number in range(6)]
    with django_assert_num_queries(1):
        assert spend(tries, now=now) is None


def test_an_address_asks_for_so_many_codes_whoever_they_are_for(db, frozen):
    for number in range(passwords.ASKED[0].most):
        assert NotificationService.send_and_store_otp(f"person{number}@homeserve.example", asked_from="203.0.113.9")
    refused = NotificationService.send_and_store_otp(KIRAN, asked_from="203.0.113.9")
    assert (bool(refused), dict(refused.suppressed)) == (False, {"over_cap": 1})
    assert NotificationService.send_and_store_otp(KIRAN, asked_from="198.51.100.1")
    frozen.shift(passwords.WINDOW + timedelta(seconds=1))
    assert NotificationService.send_and_store_otp(KIRAN, asked_from="203.0.113.9")


@pytest.mark.parametrize("network", ["203.0.113.{}", "2001:db8:1:2::{:x}"])
def test_a_network_asks_for_so_many_codes_from_all_its_addresses(db, now, network):
    with transaction.atomic():
        for number in range(passwords.ASKED[1].most):
            passwords.issue(f"person{number}@homeserve.example", now=now, asked_from=network.format(number + 1))
        with pytest.raises(passwords.OverCap):
            passwords.issue(KIRAN, now=now, asked_from=network.format(200))
        passwords.issue(KIRAN, now=now, asked_from="198.51.100.1")


def test_an_address_that_guessed_too_often_is_wrong_even_when_it_is_right(open_code, now):
    for number in range(passwords.GUESSED[0].most):
        assert not passwords.verify(f"person{number}@homeserve.example", "000000", now=now, guessed_from="203.0.113.9")
    assert not passwords.verify(KIRAN, open_code, now=now, guessed_from="203.0.113.9")
    assert passwords.verify(KIRAN, open_code, now=now, guessed_from="198.51.100.1")


def test_a_network_that_guessed_too_often_is_wrong_even_when_it_is_right(open_code, now):
    for number in range(passwords.GUESSED[1].most):
        assert not passwords.verify(f"person{number}@homeserve.example", "000000", now=now, guessed_from=f"203.0.113.{number + 1}")
    assert not passwords.verify(KIRAN, open_code, now=now, guessed_from="203.0.113.250")
    assert passwords.verify(KIRAN, open_code, now=now, guessed_from="203.0.114.1")


def test_asking_tells_nobody_who_has_an_account(kiran, frozen):
    known = NotificationService.send_and_store_otp(kiran.email)
    stranger = NotificationService.send_and_store_otp("stranger@homeserve.example")
    assert known.as_dict() == stranger.as_dict()
    for _ in range(passwords.MAX_CODES):
        known = NotificationService.send_and_store_otp(kiran.email)
        stranger = NotificationService.send_and_store_otp("stranger@homeserve.example")
    assert known.as_dict() == stranger.as_dict()


def test_codes_are_compared_in_constant_time(open_code, now, monkeypatch):
    compared = note_comparisons(monkeypatch)
    passwords.verify(KIRAN, wrong(open_code), now=now)
    passwords.verify(KIRAN, open_code, now=now)
    # Hashes of one length, and not what was typed.
    assert [len(a) == len(b) == 64 for a, b in compared] == [True, True]


def test_where_a_code_was_asked_from_is_kept_as_a_hash(db, now):
    with transaction.atomic():
        passwords.issue(KIRAN, now=now, asked_from="203.0.113.9")
    assert "203.0.113" not in str(list(Tries.objects.values()) + list(OneTimePassword.objects.values()))

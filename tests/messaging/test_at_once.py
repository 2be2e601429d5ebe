"""Eight at once: not one message more. Threads with connections of their own, on a real database."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from django.db import connection, connections

from core.messaging.campaign import campaigns
from core.models import JobReminder, LeftOut, NotificationLog, OneTimePassword, PincodeAnalytics, Role
from core.notification_service import NotificationService
from core.notifications import passwords
from tests.messaging.market import SUNDAY, booked, ist, vendors
from tests.people import HOME, meet, people

pytestmark = pytest.mark.django_db(transaction=True)

EIGHT = 8
PINCODES = [str(560001 + number) for number in range(40)]


@pytest.fixture(autouse=True)
def market(frozen) -> Iterator[None]:
    """Forty pincodes with nine bookings of yesterday, two vendors and a customer each; and one quiet pincode."""
    for pincode in PINCODES:
        vendors(2, pincode=pincode)
        people(1, Role.CUSTOMER, pincode=pincode)
        booked(9, at=ist(SUNDAY), pincode=pincode)
    people(20, Role.CUSTOMER, pincode="570001")
    yield
    connection.close()


def at_once(act: Callable[[int], Any]) -> list[Any]:
    """Eight threads start the same thing at the same moment."""
    ready = Barrier(EIGHT)

    def one(number: int) -> Any:
        try:
            connection.ensure_connection()
            ready.wait(timeout=20)
            return act(number)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(EIGHT) as pool:
        return list(pool.map(one, range(EIGHT)))


def most_for_one_person() -> int:
    return max(Counter(NotificationLog.objects.values_list("recipient", "method")).values())


@pytest.mark.parametrize(("name", "expected"), [("high_demand", 160), ("vendor_bonus", 240), ("promotions", 40)])
def test_eight_runs_at_once_say_it_once(now, name, expected):
    results = at_once(lambda _: campaigns.get(name).run(now=now))
    assert NotificationLog.objects.count() == expected
    assert sum(result["queued"] for result in results) == expected
    assert most_for_one_person() == 1
    flag = campaigns.get(name).flag  # type: ignore[attr-defined]
    assert PincodeAnalytics.objects.filter(**{flag: True}).count() == (1 if name == "promotions" else 40)


def test_different_campaigns_at_once_do_not_wait_for_ever(now):
    names = ["high_demand", "vendor_bonus", "promotions", "completion_reminders"] * 2
    at_once(lambda number: campaigns.get(names[number]).run(now=now))
    assert NotificationLog.objects.count() == 160 + 240 + 40


def test_eight_reminders_at_once_nag_once(now):
    vera = meet("vera")
    jobs = booked(3, at=now - timedelta(days=1), vendor=vera, status="confirmed", scheduled_date=now + timedelta(hours=1))
    at_once(lambda _: campaigns.get("completion_reminders").run(now=now))
    assert NotificationLog.objects.filter(recipient=vera).count() == 3
    assert JobReminder.objects.count() == len(jobs)


def test_eight_explicit_calls_at_once_tell_nobody_twice():
    results = at_once(lambda _: NotificationService.send_bonus_alerts(HOME, 20))
    assert sum(result.queued for result in results) == 6
    assert sorted(map(bool, results)) == [False] * 7 + [True]
    assert LeftOut.objects.filter(reason="already_told").count() == 7 * 2


def test_the_cap_holds_when_eight_different_promotions_are_sent_at_once():
    results = at_once(lambda number: NotificationService.location_based_promotions("570001", {"title": f"Offer {number}"}))
    assert sum(result.queued for result in results) == 40
    assert sum(result.suppressed.get("over_cap", 0) for result in results) == 7 * 20


def test_of_eight_codes_asked_for_at_once_five_are_sent_and_one_is_open(now):
    results = at_once(lambda _: NotificationService.send_and_store_otp("kiran@homeserve.example"))
    assert sum(map(bool, results)) == OneTimePassword.objects.count() == passwords.MAX_CODES
    still_open = OneTimePassword.objects.get(used_at__isnull=True)
    assert NotificationService.verify_otp("kiran@homeserve.example", passwords.code_of(still_open.pk))


def test_of_eight_who_enter_the_same_code_one_is_let_in(now):
    NotificationService.send_and_store_otp("kiran@homeserve.example")
    code = passwords.code_of(OneTimePassword.objects.get().pk)
    assert sum(at_once(lambda _: NotificationService.verify_otp("kiran@homeserve.example", code))) == 1


def test_eight_guesses_at_once_are_all_counted(now):
    NotificationService.send_and_store_otp("kiran@homeserve.example")
    right = passwords.code_of(OneTimePassword.objects.get().pk)
    wrong = f"{(int(right) + 1) % 1_000_000:06}"
    assert not any(at_once(lambda _: NotificationService.verify_otp("kiran@homeserve.example", wrong)))
    assert OneTimePassword.objects.get().tries == passwords.MAX_TRIES
    assert not NotificationService.verify_otp("kiran@homeserve.example", right)

"""The mails of one alert are one thread in a mail program, whoever gets them and by whichever backend."""

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail as outbox
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core.alerts.check import checks
from core.alerts.lifecycle import reconcile
from core.models import BusinessAlert, NotificationLog
from core.notifications.composing import compose
from tests.alerts.stuck import held
from tests.notifications.post import deliver

pytestmark = pytest.mark.django_db

HOLDS = checks.get("payment_holds")
HOUR = timedelta(hours=1)


def an_alert_that_speaks_three_times(hands):
    """It opens, turns critical, and is still open; each is delivered."""
    start = hands()
    held(start, 30)
    for later in (timedelta(0), 20 * HOUR, 25 * HOUR):
        hands.now = start + later
        reconcile(HOLDS, now=hands())
        deliver(hands)


def threads(mails):
    """As mail programs group them (each by what it names first, else by itself), in the order they came."""
    found: dict[str, list[Any]] = {}
    for mail in mails:
        found.setdefault((mail["References"] or mail["Message-ID"]).strip().split()[0], []).append(mail)
    return list(found.values())


def test_all_mails_of_an_alert_to_a_person_are_one_thread(smtp, hands, omar, farah):
    an_alert_that_speaks_three_times(hands)
    for person in (omar, farah):
        mails = [received.mail for received in smtp.messages if received.recipient == person.email]
        (thread,) = threads(mails)
        assert len(thread) == 3
        first, *later = thread
        assert first["In-Reply-To"] is None
        assert {mail["In-Reply-To"].strip() for mail in later} == {first["Message-ID"].strip()}
        assert len({mail["Message-ID"] for mail in mails}) == 3
    everybody = [received.mail for received in smtp.messages]
    assert len(threads(everybody)) == 2
    assert all(str(BusinessAlert.objects.get().pk) not in mail["Message-ID"] for mail in everybody)


def test_another_alert_is_another_thread_and_other_messages_are_none(smtp, hands, omar):
    for _ in range(2):
        an_alert_that_speaks_three_times(hands)
        BusinessAlert.objects.update(status="resolved", resolved_at=hands() - 5 * HOUR)
    assert [len(thread) for thread in threads(received.mail for received in smtp.messages)] == [3, 3]
    row = NotificationLog.objects.filter(method="email")[0]
    row.key, row.alert_id = "promotion:1", None
    message = compose(row)
    assert (message.mail_id, dict(message.headers)) == ("", {})


def test_djangos_own_backends_thread_too(hands, omar, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    an_alert_that_speaks_three_times(hands)
    (thread,) = threads([mail.message() for mail in outbox.outbox])
    assert len(thread) == 3


def test_whoever_is_told_later_has_a_thread_of_what_they_were_told(smtp, hands, omar, farah):
    farah.is_active = False
    farah.save()
    held(hands(), 30)
    reconcile(HOLDS, now=hands())
    farah.is_active = True
    farah.save()
    start = hands()
    for later in (20 * HOUR, 25 * HOUR):
        hands.now = start + later
        reconcile(HOLDS, now=hands())
        deliver(hands)
    (thread,) = threads(received.mail for received in smtp.messages if received.recipient == farah.email)
    assert len(thread) == 2


def test_threading_asks_nothing_of_the_database(hands, omar):
    held(hands(), 30)
    reconcile(HOLDS, now=hands())
    row = NotificationLog.objects.select_related("content").get(method="email")
    with CaptureQueriesContext(connection) as asked:
        compose(row)
    assert len(asked) == 0

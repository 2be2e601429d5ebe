"""That messages do not leave is told to people by a way that does not stand in the queue."""

import threading
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connections

from core.alerts import stuck
from core.alerts.stuck import watch_queue
from core.models import BusinessAlert, Phase, ProviderState, Role, Switch
from core.notifications import delivery
from core.notifications.kinds import BUSINESS_ALERT, PROMOTION
from core.notifications.transports import close_transports
from tests.notifications.post import Hands, fresh, queued
from tests.people import person
from tests.servers import SmtpServer, TwilioServer
from tests.servers.twilio import Refusal

pytestmark = pytest.mark.django_db


@pytest.fixture
def twilio(settings: Any):
    with TwilioServer() as server:
        for name, value in server.settings.items():
            setattr(settings, name, value)
        yield server
        close_transports()


@pytest.fixture
def hands(now: datetime) -> Hands:
    return Hands(now)


def refuse_mail(settings: Any) -> None:
    """Nothing listens where mail should go."""
    with SmtpServer() as server:
        for name, value in server.settings.items():
            setattr(settings, name, value)
    settings.EMAIL_TIMEOUT = 1


def alerts() -> list[str]:
    return list(BusinessAlert.objects.filter(fingerprint=stuck.FINGERPRINT).values_list("status", flat=True))


def test_mail_that_does_not_leave_is_told_by_sms_to_the_super_admin(sara, omar, twilio, settings, hands):
    refuse_mail(settings)
    row = queued(omar, BUSINESS_ALERT, now=hands.now)
    delivery.deliver_due("email", clock=hands)
    assert fresh(row).phase == Phase.QUEUED
    hands.forward(minutes=5)
    assert watch_queue(now=hands.now) == {}
    hands.forward(minutes=1)
    told = watch_queue(now=hands.now)
    assert (told["sms"], told["email"]) == (1, 0)
    assert [sms.to for sms in twilio.messages] == [sara.phone]
    assert "email: the oldest for 5 minutes" in twilio.messages[0].body
    assert alerts() == ["active"]
    assert BusinessAlert.objects.get().alert_type == "system_error"


def test_mail_goes_to_super_admins_and_ops_managers_or_to_whom_the_operator_named(sara, omar, farah, settings, hands, mailoutbox):
    queued(omar, BUSINESS_ALERT, "sms", now=hands.now)
    person(Role.OPS_MANAGER, username="gone", is_active=False)
    hands.forward(minutes=6)
    assert watch_queue(now=hands.now) == {"email": 2}
    assert sorted(mail.to[0] for mail in mailoutbox) == ["omar@homeserve.example", "sara@homeserve.example"]
    settings.OPS_EMAILS = ["oncall@homeserve.example"]
    hands.forward(minutes=31)
    assert watch_queue(now=hands.now) == {"email": 1}
    assert mailoutbox[-1].to == ["oncall@homeserve.example"]


def test_it_is_told_again_each_half_hour_until_somebody_acknowledges_it(sara, omar, twilio, hands):
    queued(omar, BUSINESS_ALERT, now=hands.now)
    hands.forward(minutes=6)
    for _ in range(31):
        watch_queue(now=hands.now)
        hands.forward(minutes=1)
    assert len(twilio.messages) == 2
    BusinessAlert.objects.update(status="acknowledged")
    hands.forward(hours=2)
    assert watch_queue(now=hands.now) == {}
    assert len(twilio.messages) == 2


def test_that_all_is_well_again_is_told_once(sara, omar, twilio, hands):
    row = queued(omar, BUSINESS_ALERT, now=hands.now)
    hands.forward(minutes=6)
    watch_queue(now=hands.now)
    type(row).objects.update(phase=Phase.ACCEPTED, status="sent")
    watch_queue(now=hands.now)
    watch_queue(now=hands.now)
    assert [sms.body.split(": ")[-1][:20] for sms in twilio.messages[1:]] == ["messages leave again"]
    assert alerts() == ["resolved"]
    # And when it happens again, it is news again.
    queued(omar, BUSINESS_ALERT, now=hands.now)
    hands.forward(minutes=6)
    assert watch_queue(now=hands.now)["sms"] == 1


def test_whom_nobody_could_tell_is_tried_again_within_minutes(sara, omar, twilio, settings, hands):
    refuse_mail(settings)
    queued(omar, BUSINESS_ALERT, now=hands.now)
    twilio.refused_numbers[sara.phone] = Refusal(429, 20429, "Too many")
    hands.forward(minutes=6)
    assert watch_queue(now=hands.now) == {"sms": 0, "email": 0}
    assert watch_queue(now=hands.now) == {}
    twilio.refused_numbers.clear()
    hands.forward(minutes=4)
    assert watch_queue(now=hands.now)["sms"] == 1


def test_what_is_paused_is_not_stuck(sara, omar, twilio, hands):
    queued(omar, BUSINESS_ALERT, now=hands.now)
    Switch.objects.create(scope=Switch.Scope.METHOD, name="email")
    hands.forward(hours=2)
    assert watch_queue(now=hands.now) == {}
    assert (alerts(), twilio.messages) == ([], [])
    # Let go, it has its five minutes.
    Switch.objects.update(is_paused=False, changed_at=hands.now)
    hands.forward(minutes=4)
    assert watch_queue(now=hands.now) == {}
    hands.forward(minutes=2)
    assert watch_queue(now=hands.now)["sms"] == 1


def test_offers_that_wait_for_the_morning_are_not_stuck(sara, kiran, twilio, hands):
    night = hands.now.replace(hour=22)
    queued(kiran, PROMOTION, "sms", now=night)
    assert watch_queue(now=night + timedelta(hours=2)) == {}
    assert watch_queue(now=night + timedelta(hours=12, minutes=4)) == {}
    assert watch_queue(now=night + timedelta(hours=12, minutes=6))["sms"] == 1


def test_what_is_tried_in_vain_again_and_again_has_waited_since_the_provider_stopped(sara, omar, twilio, settings, hands):
    refuse_mail(settings)
    queued(omar, BUSINESS_ALERT, now=hands.now, tries=3, error_code="refused", due_at=hands.now + timedelta(minutes=30))
    ProviderState.objects.create(provider="smtp:127.0.0.1", breaker="open", opened_at=hands.now)
    assert watch_queue(now=hands.now + timedelta(minutes=4)) == {}
    assert watch_queue(now=hands.now + timedelta(minutes=6))["sms"] == 1


@pytest.mark.django_db(transaction=True)
def test_of_four_that_look_at_once_one_tells(sara, omar, twilio, hands):
    queued(omar, BUSINESS_ALERT, now=hands.now)
    hands.forward(minutes=6)
    barrier = threading.Barrier(4)
    failures: list[Exception] = []

    def look() -> None:
        try:
            barrier.wait(10)
            watch_queue(now=hands.now)
        except Exception as error:
            failures.append(error)
        finally:
            close_transports()
            connections.close_all()

    four = [threading.Thread(target=look) for _ in range(4)]
    for thread in four:
        thread.start()
    for thread in four:
        thread.join(30)
    assert failures == []
    assert len(twilio.messages) == 1
    assert alerts() == ["active"]

"""What the outside sees of a message follows from where delivery stands, whoever writes the row, and however."""

import itertools

import pytest
from django.db import IntegrityError, connection, transaction

from core.models import NotificationLog, Phase, Status
from core.models.notifications import STATUS_OF
from core.notifications.kinds import BUSINESS_ALERT
from tests.notifications.post import fresh, queued

pytestmark = pytest.mark.django_db

STANDS_FOR = [("pending", Phase.QUEUED), ("sent", Phase.ACCEPTED), ("delivered", Phase.DELIVERED), ("failed", Phase.REJECTED)]
BY_HAND = {"notification_type": "promotional", "method": "email", "message": "Hello"}


def test_every_phase_belongs_to_one_status():
    assert set(STATUS_OF) == set(Phase)
    assert {phase for phase, status in STATUS_OF.items() if status == Status.PENDING} == {"queued", "sending", "uncertain"}
    assert [phase for phase, status in STATUS_OF.items() if status == Status.SENT] == ["accepted"]
    assert [phase for phase, status in STATUS_OF.items() if status == Status.DELIVERED] == ["delivered"]


def test_the_database_refuses_a_status_that_contradicts_the_phase(omar, now):
    row = queued(omar, BUSINESS_ALERT, now=now)
    token, until = row.pk.hex, "2026-11-16 09:00:00+00:00"
    for phase, status in itertools.product(Phase, Status):
        with connection.cursor() as cursor:
            change = (
                "UPDATE core_notificationlog SET phase = %s, status = %s, lease_token = %s, lease_until = %s",
                [phase.value, status.value, token, until],
            )
            if STATUS_OF[phase] == status:
                cursor.execute(*change)
                continue
            with pytest.raises(IntegrityError), transaction.atomic():
                cursor.execute(*change)


def test_what_is_in_hand_has_a_lease(omar, now):
    row = queued(omar, BUSINESS_ALERT, now=now)
    with pytest.raises(IntegrityError), transaction.atomic():
        NotificationLog.objects.filter(pk=row.pk).update(phase="sending")


@pytest.mark.parametrize(("status", "phase"), STANDS_FOR)
def test_a_status_named_alone_brings_its_phase(status, phase, omar, now):
    created = NotificationLog.objects.create(recipient=omar, status=status, **BY_HAND)
    assert (fresh(created).status, fresh(created).phase) == (status, phase)

    row = queued(omar, BUSINESS_ALERT, now=now)
    NotificationLog.objects.filter(pk=row.pk).update(status=status)
    assert (fresh(row).status, fresh(row).phase) == (status, phase)

    row = queued(omar, BUSINESS_ALERT, now=now)
    row.status = status
    row.save(update_fields=["status"])
    assert (fresh(row).status, fresh(row).phase) == (status, phase)

    row = queued(omar, BUSINESS_ALERT, now=now)
    row.status = status
    row.save()
    assert (fresh(row).status, fresh(row).phase) == (status, phase)

    row = queued(omar, BUSINESS_ALERT, now=now)
    row.status = status
    NotificationLog.objects.bulk_update([row], ["status"])
    assert (fresh(row).status, fresh(row).phase) == (status, phase)

    (made,) = NotificationLog.objects.bulk_create([NotificationLog(recipient=omar, status=status, **BY_HAND)])
    assert (fresh(made).status, fresh(made).phase) == (status, phase)


@pytest.mark.parametrize(("status", "phase"), STANDS_FOR)
def test_get_or_create_and_update_or_create_agree_too(status, phase, omar, now):
    row, _ = NotificationLog.objects.get_or_create(recipient=omar, key="by hand", defaults={"status": status, **BY_HAND})
    assert fresh(row).phase == phase
    other = queued(omar, BUSINESS_ALERT, now=now)
    NotificationLog.objects.update_or_create(pk=other.pk, defaults={"status": status})
    assert (fresh(other).status, fresh(other).phase) == (status, phase)


def test_saving_a_failed_message_again_keeps_why_it_failed(omar, now):
    row = queued(omar, BUSINESS_ALERT, now=now, phase=Phase.EXPIRED, status="failed")
    row.error_message = "Too late to send."
    row.save()
    assert fresh(row).phase == Phase.EXPIRED


def test_one_row_per_cause_person_and_method_whatever_writes_it(omar, sara, now):
    queued(omar, BUSINESS_ALERT, now=now, key="alert:17")
    queued(omar, BUSINESS_ALERT, "sms", now=now, key="alert:17")
    queued(sara, BUSINESS_ALERT, now=now, key="alert:17")
    queued(omar, BUSINESS_ALERT, now=now, key="")
    queued(omar, BUSINESS_ALERT, now=now, key="")
    with pytest.raises(IntegrityError), transaction.atomic():
        queued(omar, BUSINESS_ALERT, now=now, key="alert:17")

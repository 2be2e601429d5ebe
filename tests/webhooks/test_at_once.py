"""Many callbacks at the same moment, against our own commit and against one another."""

import random
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, connections, transaction
from django.test import Client

from core.models import DeliveryEvent, NotificationLog, Phase, ProviderReceipt
from core.notifications import receipts
from tests import people
from tests.webhooks.post import at, mail, payload, status, twilio

CREW = 6
# SQLite lets one write at a time.
MESSAGES = 40 if connection.vendor == "postgresql" else 8
WORDS = ("queued", "sent", "undelivered", "delivered")


def together(work, share):
    """Let each of a crew do its share of the work at the same time."""
    start = threading.Barrier(CREW)

    def one(own):
        start.wait()
        try:
            return [work(item) for item in own]
        finally:
            connections.close_all()

    with ThreadPoolExecutor(CREW) as crew:
        return [answer for answers in crew.map(one, [share[n::CREW] for n in range(CREW)]) for answer in answers]


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_statuses_posted_at_once_end_right_and_are_kept_once(now):
    chance = random.Random(1)
    rows = [at(Phase.SENDING, person, key=f"k{n}") for n, person in enumerate(people.people(MESSAGES))]
    posts = [(row, word) for row in rows for word in WORDS] * 3
    chance.shuffle(posts)
    # Every other message is known by its own id; of the others our commit comes in the middle of it all.
    names = {row.pk: row.pk if n % 2 else None for n, row in enumerate(rows)}

    def post(item):
        row, word = item
        if word == "sent":
            NotificationLog.objects.filter(pk=row.pk, phase=Phase.SENDING).update(
                phase=Phase.ACCEPTED, status="sent", provider_message_id=f"SM{row.pk.hex}", lease_token=None, lease_until=None
            )
        return twilio(Client(), status(word, sid=f"SM{row.pk.hex}"), about=names[row.pk]).status_code

    assert set(together(post, posts)) == {204}
    while receipts.apply_waiting(now=now):
        pass
    assert set(NotificationLog.objects.values_list("phase", flat=True)) == {Phase.DELIVERED}
    assert ProviderReceipt.objects.count() == DeliveryEvent.objects.count() == MESSAGES * len(WORDS)
    assert not ProviderReceipt.objects.filter(applied_at=None).exists()


@pytest.mark.django_db(transaction=True)
def test_the_same_batch_brought_by_many_at_once_is_kept_once(now):
    names = [f"T{n}" for n in range(30)]
    for name, person in zip(names, people.people(len(names)), strict=True):
        at(Phase.ACCEPTED, person, method="email", provider_message_id=name, key=name)
    events = [payload("sparkpost_batch", name).replace("923569276938138", f"{n:05}").strip()[1:-1] for n, name in enumerate(names)]

    def bring(seed):
        random.Random(seed).shuffle(own := list(events))
        return mail(Client(), "sparkpost", "[" + ",".join(own) + "]").status_code

    assert set(together(bring, list(range(CREW * 2)))) == {200}
    while receipts.apply_waiting(now=now):
        pass
    assert set(NotificationLog.objects.values_list("phase", flat=True)) == {Phase.DELIVERED}
    assert ProviderReceipt.objects.count() == DeliveryEvent.objects.count() == 3 * len(names)


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_a_callback_waits_for_nobody_who_holds_its_message(now):
    """A sender's commit that takes long, or the answer that comes while it is made: the provider gets its 204 at once."""
    [person] = people.people(1)
    row = at(Phase.SENDING, person)
    with transaction.atomic():
        NotificationLog.objects.select_for_update().get(pk=row.pk)
        with ThreadPoolExecutor(1) as crew:

            def post():
                try:
                    return twilio(Client(), status("delivered"), about=row.pk).status_code
                finally:
                    connections.close_all()

            assert crew.submit(post).result(timeout=20) == 204
    assert ProviderReceipt.objects.get().applied_at is None
    assert receipts.apply_waiting(now=now) == 1
    assert NotificationLog.objects.get(pk=row.pk).phase == Phase.DELIVERED


@pytest.mark.django_db(transaction=True)
def test_many_sweeps_at_once_apply_each_waiting_receipt_once(now):
    rows = [at(Phase.SENDING, person, key=f"k{n}") for n, person in enumerate(people.people(50))]
    for row in rows:
        twilio(Client(), status("delivered", sid=f"SM{row.pk.hex}"))
        NotificationLog.objects.filter(pk=row.pk).update(provider_message_id=f"SM{row.pk.hex}")
    together(lambda _: receipts.apply_waiting(now=now), list(range(CREW * 3)))
    while receipts.apply_waiting(now=now):
        pass
    assert DeliveryEvent.objects.count() == 50
    assert set(NotificationLog.objects.values_list("phase", flat=True)) == {Phase.DELIVERED}

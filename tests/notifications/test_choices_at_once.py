"""An opt-out wins over every send that had not begun, however many senders are at work. Threads, on a real database."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from threading import Barrier, Event, Thread
from uuid import UUID, uuid4

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone

from core.models import NotificationLog, Phase, Suppression
from core.notifications import choices, delivery
from core.notifications.kinds import BONUS, PROMOTION, REMINDER
from core.notifications.transport import TransportError, Verdict
from core.notifications.transports import close_transports
from tests.notifications.carriers import Carrier
from tests.notifications.post import fresh, queued
from tests.people import people

pytestmark = pytest.mark.django_db(transaction=True)

SENDERS = 3
EACH = 6


@pytest.fixture(autouse=True)
def own_connection() -> Iterator[None]:
    yield
    connection.close()


@contextmanager
def at_work(hands, stop: Event, ready: Barrier):
    """Senders that take what is due, two at a time, until they are told to stop and nothing is left."""

    def send() -> None:
        try:
            connection.ensure_connection()
            ready.wait(20)
            told = False
            # Told before it looked: what was written until then is seen by the last look.
            while delivery.deliver_due("email", clock=hands, limit=2) or not told:
                told = stop.is_set()
        finally:
            close_transports()
            connections.close_all()

    with ThreadPoolExecutor(SENDERS) as pool:
        senders = [pool.submit(send) for _ in range(SENDERS)]
        try:
            yield
        finally:
            stop.set()
        for sender in senders:
            sender.result(60)


def begun(person) -> set:
    """What of this person's has begun to leave by now, or is over."""
    return set(NotificationLog.objects.filter(recipient=person).exclude(phase="queued").values_list("pk", flat=True))


def carried() -> list:
    return [message.id for message in list(Carrier.carried)]


@pytest.mark.parametrize(
    ("kind", "how"),
    [
        (PROMOTION, "stop"),
        (PROMOTION, "set_choice"),
        (PROMOTION, "stop_all_offers"),
        (PROMOTION, "set_aside"),
        (REMINDER, "stop"),
        (REMINDER, "set_aside"),
    ],
)
def test_no_send_begins_after_the_opt_out_returned(carried_by, hands, kind, how):
    carried_by(Carrier)
    crowd = people(24)
    for person in crowd * EACH:
        queued(person, kind, now=hands())
    begun_by_then = {}

    def opt_out(person) -> None:
        match how:
            case "stop":
                choices.stop(person.pk, kind, source="page", now=hands())
            case "set_choice":
                choices.set_choice(person.pk, kind.category, "email", False, source="page", now=hands())
            case "stop_all_offers":
                choices.stop_all_offers([person.pk], source="sms stop", now=hands())
            case _:
                choices.set_aside("email", person.email, reason="bounced", now=hands())
        begun_by_then[person.pk] = begun(person)
        # Decided by somebody who had not seen the word yet.
        queued(person, kind, now=hands())

    ready = Barrier(SENDERS + 1)
    with at_work(hands, Event(), ready):
        ready.wait(20)
        for person in crowd:
            opt_out(person)
    left = carried()
    for person in crowd:
        own = set(NotificationLog.objects.filter(recipient=person, pk__in=left).values_list("pk", flat=True))
        assert own <= begun_by_then[person.pk]
    assert len(left) == len(set(left))
    refused_as = Phase.SUPPRESSED if how == "set_aside" else Phase.CANCELLED
    # More offers than a day may bring are another story.
    phases = set(NotificationLog.objects.exclude(error_code="over_cap").values_list("phase", flat=True))
    assert phases <= {Phase.ACCEPTED, refused_as}
    assert refused_as in phases


def test_nothing_at_all_leaves_when_everybody_opted_out_before_the_senders_came(carried_by, hands):
    carried_by(Carrier)
    crowd = people(10)
    for person in crowd * EACH:
        queued(person, PROMOTION, now=hands())
    for person in crowd:
        choices.stop(person.pk, PROMOTION, source="page", now=hands())
        queued(person, PROMOTION, now=hands())
    with at_work(hands, Event(), Barrier(SENDERS)):
        pass
    assert carried() == []
    assert set(NotificationLog.objects.values_list("phase", "error_code")) == {("cancelled", "opted_out")}


@pytest.mark.parametrize("how", ["stop", "set_aside"])
def test_an_opt_out_waits_for_the_sender_that_is_just_taking_and_leaves_it_what_it_took(vera, hands, how):
    """A sender holds its rows until the mark that the send began is committed. Who opts out meanwhile hears "done" only then."""
    row = queued(vera, BONUS, now=hands())
    done = Event()

    def opt_out() -> None:
        try:
            if how == "stop":
                choices.stop(vera.pk, BONUS, source="page", now=hands())
            else:
                choices.set_aside("email", vera.email, reason="bounced", now=hands())
            done.set()
        finally:
            connections.close_all()

    thread = Thread(target=opt_out)
    with transaction.atomic():
        NotificationLog.objects.select_for_update().get(pk=row.pk)
        thread.start()
        # Long enough for it to come to the lock; were it not to wait, it would be done by then.
        assert not done.wait(0.5)
        NotificationLog.objects.filter(pk=row.pk).update(phase=Phase.SENDING, lease_token=row.pk, lease_until=hands(), tries=1)
    thread.join(20)
    assert done.is_set()
    assert fresh(row).phase == Phase.SENDING


def test_two_who_set_the_same_addresses_aside_and_stop_the_same_people_do_not_wait_for_ever(hands):
    crowd = people(12)
    for person in crowd * 2:
        queued(person, PROMOTION, now=hands())
    ready = Barrier(4)

    def one(number: int) -> None:
        try:
            connection.ensure_connection()
            ready.wait(20)
            order = crowd if number % 2 else list(reversed(crowd))
            choices.stop_all_offers([person.pk for person in order], source="complaint", now=hands())
            for person in order:
                choices.set_aside("email", person.email, reason="complained", now=hands())
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(one, range(4)))
    assert Suppression.objects.count() == 12
    assert set(NotificationLog.objects.values_list("phase", flat=True)) == {Phase.CANCELLED}


def test_two_senders_to_whom_the_same_addresses_are_refused_do_not_wait_for_ever(hands):
    """Answers come in any order; each sender records its own in one transaction."""
    crowd = people(40)
    groups = [[queued(person, PROMOTION, now=hands()) for person in order] for order in (crowd, list(reversed(crowd)))]
    refused = TransportError("550 5.1.1 unknown", verdict=Verdict.STOPPED, code="5.1.1")
    ready, tokens = Barrier(2), [uuid4(), uuid4()]
    for group, token in zip(groups, tokens, strict=True):
        mine = NotificationLog.objects.filter(pk__in=[row.pk for row in group])
        mine.update(phase=Phase.SENDING, lease_token=token, lease_until=timezone.now() + timedelta(minutes=1), tries=1)

    def record(group: list[NotificationLog], token: UUID) -> None:
        try:
            connection.ensure_connection()
            ready.wait(20)
            delivery.record([(row, refused) for row in group], token, now=hands(), provider="smtp:x")
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(record, groups, tokens))
    assert set(NotificationLog.objects.values_list("phase", flat=True)) == {Phase.REJECTED}
    assert Suppression.objects.count() == 40

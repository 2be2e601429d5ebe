"""Of all who deliver at once, one has a message; and whoever dies with it lets go by silence."""

import json
import os
import signal
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connections
from django.utils import timezone

from core.models import Lane, NotificationLog, Phase
from core.notifications import claims, delivery
from core.notifications.kinds import BONUS, BUSINESS_ALERT, OTP, PROMOTION, REMINDER
from core.notifications.transport import Accepted, TransportError, Verdict
from tests import people, processes
from tests.notifications.carriers import Carrier
from tests.notifications.post import deliver, end_lease, fresh, queued

ACCEPTED = Accepted("smtp:elsewhere", "<its-name@there>")
REFUSED = TransportError("550 No", verdict=Verdict.REJECT, code="550")


def at_the_provider(row, hands):
    """A sender has taken the row and begun the call. Returns its token and its copy of the row."""
    token = uuid4()
    (taken,) = claims.take(row.method, token, at_once=10, now=hands(), ids=[row.pk])
    return token, taken


def take(now, *, at_once=10, **only):
    """What somebody who looks now may send."""
    return claims.take("email", uuid4(), at_once=at_once, now=now, **only)


def answer(row, token, outcome, hands):
    delivery.record([(row, outcome)], token, now=hands(), provider="smtp:elsewhere")


# --- Many at once -----------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_eight_senders_never_get_the_same_message(now):
    for person in people.people(160):
        queued(person, PROMOTION, now=now)
    barrier = threading.Barrier(8)

    def send(_):
        mine = []
        barrier.wait()
        try:
            while rows := take(now, at_once=7):
                mine += [row.pk for row in rows]
        finally:
            connections.close_all()
        return mine

    with ThreadPoolExecutor(8) as crew:
        taken = Counter(pk for mine in crew.map(send, range(8)) for pk in mine)
    assert len(taken) == 160
    assert set(taken.values()) == {1}


TAKE_ALL = """
import json, sys
from datetime import datetime
from uuid import uuid4
from core.notifications import claims
now, mine = datetime.fromisoformat(sys.argv[1]), []
print("ready", flush=True)
sys.stdin.readline()
while rows := claims.take("email", uuid4(), at_once=5, now=now):
    mine += [str(row.pk) for row in rows]
print(json.dumps(mine))
"""


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_three_processes_never_get_the_same_message(now):
    for person in people.people(120):
        queued(person, PROMOTION, now=now)
    printed = processes.together([processes.start(TAKE_ALL, now.isoformat()) for _ in range(3)])
    taken = Counter(pk for mine in printed for pk in json.loads(mine))
    assert len(taken) == 120
    assert set(taken.values()) == {1}


# --- Order ------------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_password_is_taken_before_a_thousand_older_offers(now, kiran):
    for person in people.people(1_000):
        queued(person, PROMOTION, now=now - timedelta(minutes=10))
    reminder = queued(kiran, REMINDER, now=now - timedelta(minutes=5))
    password = queued(kiran, OTP, now=now)
    assert [row.pk for row in take(now)] == [password.pk]
    assert [row.pk for row in take(now)] == [reminder.pk]
    assert {row.notification_type for row in take(now)} == {"promotional"}


@pytest.mark.django_db
def test_what_may_be_repeated_is_taken_one_by_one_and_offers_by_the_window(now, kiran):
    for person in people.people(5):
        queued(person, REMINDER, now=now)
        queued(person, PROMOTION, now=now)
    queued(kiran, PROMOTION, now=now, repeatable=True)
    assert [len(take(now, at_once=4)) for _ in range(9)] == [1, 1, 1, 1, 1, 4, 1, 1, 0]


@pytest.mark.django_db
def test_who_serves_the_urgent_lane_alone_takes_nothing_else(now, kiran):
    queued(kiran, REMINDER, now=now)
    queued(kiran, PROMOTION, now=now)
    assert take(now, lanes=[Lane.URGENT]) == []
    password = queued(kiran, OTP, now=now)
    assert [row.pk for row in take(now, lanes=[Lane.URGENT])] == [password.pk]
    assert [row.notification_type for row in take(now, lanes=[Lane.BULK])] == ["promotional"]


@pytest.mark.django_db(transaction=True)
def test_a_password_waits_at_most_for_the_window_of_offers_that_is_on_its_way(now, hands, kiran, carried_by, settings):
    settings.DELIVERY_WINDOW = 4
    carried_by(Carrier)
    for person in people.people(40):
        queued(person, PROMOTION, now=now)

    def a_password_is_asked_for(_):
        Carrier.meanwhile = None
        queued(kiran, OTP, now=now)

    Carrier.meanwhile = a_password_is_asked_for
    deliver(hands)
    assert len(Carrier.carried) == 41
    assert [message.notification_type for message in Carrier.carried].index("otp") <= 4


@pytest.mark.django_db
def test_what_is_not_due_yet_is_not_taken(now, omar):
    queued(omar, now=now, due_at=now + timedelta(seconds=1))
    assert take(now) == []
    assert len(take(now + timedelta(seconds=1))) == 1


# --- Death before, during and after the call ----------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_lease_under_which_nothing_was_sent_is_put_back_with_no_try_used(now, hands, omar):
    row = queued(omar, now=now)
    token, _ = at_the_provider(row, hands)
    claims.recover(now=now)
    assert fresh(row).phase == Phase.SENDING, "A lease that still runs was taken away."
    assert claims.put_back(uuid4(), now=now) == 0
    assert claims.put_back(token, now=hands()) == 1
    row = fresh(row)
    assert (row.phase, row.status, row.tries, row.dup_risk, row.due_at, row.lease_token) == (Phase.QUEUED, "pending", 0, False, now, None)
    assert len(take(now)) == 1
    assert claims.put_back(token, now=hands()) == 0


@pytest.mark.django_db
@pytest.mark.parametrize("kind", [OTP, BUSINESS_ALERT, REMINDER], ids=lambda kind: kind.name)
def test_what_may_be_repeated_is_sent_again_after_a_wait_and_marked(kind, now, hands, omar):
    row = queued(omar, kind, now=now)
    at_the_provider(row, hands)
    end_lease(row)
    claims.recover(now=hands())
    assert (fresh(row).phase, fresh(row).status) == (Phase.UNCERTAIN, "pending")
    claims.recover(now=hands())
    assert fresh(row).phase == Phase.UNCERTAIN, "Nobody waited for a late word."
    hands.forward(minutes=2)
    claims.recover(now=hands())
    assert (fresh(row).phase, fresh(row).dup_risk) == (Phase.QUEUED, True)
    at_the_provider(row, hands)


@pytest.mark.django_db
@pytest.mark.parametrize("kind", [PROMOTION, BONUS], ids=lambda kind: kind.name)
def test_an_offer_is_never_sent_again_when_nobody_knows_whether_it_arrived(kind, now, hands, omar):
    row = queued(omar, kind, now=now)
    at_the_provider(row, hands)
    end_lease(row)
    for _ in range(30):
        claims.recover(now=hands())
        assert take(hands()) == []
        hands.forward(minutes=3)
    row = fresh(row)
    assert (row.phase, row.status, row.error_code) == (Phase.UNKNOWN_OUTCOME, "failed", "unknown_outcome")
    assert row.dup_risk is False


@pytest.mark.django_db
def test_what_is_too_late_when_the_wait_is_over_is_not_repeated(now, hands, kiran):
    row = queued(kiran, OTP, now=now, expires_at=now + timedelta(minutes=1))
    at_the_provider(row, hands)
    end_lease(row)
    claims.recover(now=hands())
    hands.forward(minutes=2)
    claims.recover(now=hands())
    assert fresh(row).phase == Phase.UNKNOWN_OUTCOME


@pytest.mark.django_db
def test_a_message_whose_outcome_stays_uncertain_is_not_repeated_for_ever(now, hands, omar):
    row = queued(omar, now=now, expires_at=None)
    for _ in range(20):
        if fresh(row).phase == Phase.QUEUED:
            at_the_provider(row, hands)
            end_lease(row)
        claims.recover(now=hands())
        hands.forward(minutes=5)
    assert (fresh(row).phase, fresh(row).tries) == (Phase.UNKNOWN_OUTCOME, claims.MAX_TRIES)


SEND = """
from core import clock
from core.notifications import delivery
delivery.deliver_due("email", clock=clock.now)
"""


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", [BUSINESS_ALERT, PROMOTION], ids=lambda kind: kind.name)
def test_a_sender_killed_at_the_provider_leaves_what_was_at_the_provider_uncertain(kind, smtp, omar, sara, hands, settings):
    hands.now = timezone.now()
    first = queued(omar, kind, now=hands() - timedelta(minutes=2))
    rest = queued(sara, kind, now=hands() - timedelta(minutes=1))
    smtp.slow_seconds = 60
    smtp.answers["DOT"].append("slow")
    sender = processes.start(SEND, EMAIL_HOST="127.0.0.1", EMAIL_PORT=str(smtp.port), DELIVERY_WINDOW="1", EMAIL_CONNECTIONS="1")
    until = time.monotonic() + 60
    while smtp.answers["DOT"] and time.monotonic() < until:
        time.sleep(0.05)
    os.kill(sender.pid, signal.SIGKILL)
    sender.communicate()
    assert (fresh(first).phase, fresh(rest).phase) == (Phase.SENDING, Phase.QUEUED)

    end_lease(first)
    claims.recover(now=hands())
    assert (fresh(first).phase, fresh(rest).phase) == (Phase.UNCERTAIN, Phase.QUEUED)
    assert fresh(rest).tries == 0
    smtp.answers["DOT"].clear()
    hands.forward(hours=1)
    claims.recover(now=hands())
    deliver(hands)
    assert [received.recipient for received in smtp.messages].count(sara.email) == 1
    # The alert is repeated, and says that it may be a second one; the offer is not.
    assert fresh(first).status == ("sent" if kind.repeatable else "failed")
    assert fresh(first).dup_risk is kind.repeatable


# --- The late writer ---------------------------------------------------------------------------------------------------


def lost_at_the_provider(row, hands):
    token, mine = at_the_provider(row, hands)
    end_lease(row)
    claims.recover(now=hands())
    assert fresh(row).phase == Phase.UNCERTAIN
    return token, mine


@pytest.mark.django_db
def test_a_late_yes_is_the_truth_and_nothing_is_sent_again(now, hands, omar):
    row = queued(omar, now=now)
    token, mine = lost_at_the_provider(row, hands)
    answer(mine, token, ACCEPTED, hands)
    row = fresh(row)
    assert (row.phase, row.provider_message_id, row.sent_at) == (Phase.ACCEPTED, "<its-name@there>", now)
    hands.forward(hours=2)
    claims.recover(now=hands())
    assert take(hands()) == []


@pytest.mark.django_db
def test_a_late_yes_calls_a_repetition_back_that_has_not_begun(now, hands, omar):
    row = queued(omar, now=now)
    token, mine = lost_at_the_provider(row, hands)
    hands.forward(minutes=2)
    claims.recover(now=hands())
    assert fresh(row).phase == Phase.QUEUED
    answer(mine, token, ACCEPTED, hands)
    assert fresh(row).phase == Phase.ACCEPTED
    assert take(hands()) == []


@pytest.mark.django_db
@pytest.mark.parametrize("end", [Accepted("smtp:elsewhere", "<second@there>"), REFUSED, TransportError("451 Later")], ids=str)
def test_a_late_yes_while_another_sends_it_leaves_one_sent_message_that_may_have_come_twice(end, now, hands, omar):
    row = queued(omar, now=now)
    token, mine = lost_at_the_provider(row, hands)
    hands.forward(minutes=2)
    claims.recover(now=hands())
    second, again = at_the_provider(row, hands)
    answer(mine, token, ACCEPTED, hands)
    answer(again, second, end, hands)
    row = fresh(row)
    assert (row.phase, row.status, row.provider_message_id, row.dup_risk) == (Phase.ACCEPTED, "sent", "<its-name@there>", True)
    hands.forward(hours=1)
    claims.recover(now=hands())
    assert take(hands()) == [], "A provider has it: there is nothing to repeat."


NOES = [
    (REFUSED, Phase.REJECTED),
    (TransportError("451 Later"), Phase.QUEUED),
    (TransportError("535", verdict=Verdict.HOLD), Phase.QUEUED),
    (TransportError("Not begun", begun=False), Phase.QUEUED),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("outcome", "phase"), NOES, ids=str)
@pytest.mark.parametrize("kind", [PROMOTION, BUSINESS_ALERT], ids=lambda kind: kind.name)
def test_a_late_no_of_one_who_lost_the_lease_ends_the_uncertainty(kind, outcome, phase, now, hands, omar):
    row = queued(omar, kind, now=now)
    token, mine = lost_at_the_provider(row, hands)
    answer(mine, token, outcome, hands)
    row = fresh(row)
    assert (row.phase, row.lease_token, row.dup_risk) == (phase, None, False)
    assert row.tries == (0 if not outcome.begun or outcome.verdict is Verdict.HOLD else 1)


@pytest.mark.django_db
@pytest.mark.parametrize("outcome", [no for no, _ in NOES], ids=str)
def test_a_late_no_changes_nothing_once_it_is_repeated(outcome, now, hands, omar):
    row = queued(omar, now=now)
    token, mine = lost_at_the_provider(row, hands)
    hands.forward(minutes=2)
    claims.recover(now=hands())
    answer(mine, token, outcome, hands)
    assert (fresh(row).phase, fresh(row).dup_risk) == (Phase.QUEUED, True)
    second, again = at_the_provider(row, hands)
    answer(mine, token, outcome, hands)
    row = fresh(row)
    assert (row.phase, row.lease_token, row.tries) == (Phase.SENDING, second, 2)
    answer(again, second, ACCEPTED, hands)
    assert fresh(row).phase == Phase.ACCEPTED


@pytest.mark.django_db
def test_a_lease_under_which_nothing_was_sent_is_put_back_also_when_it_was_found_lost(now, hands, omar):
    row = queued(omar, PROMOTION, now=now)
    token, _ = lost_at_the_provider(row, hands)
    assert claims.put_back(token, now=hands()) == 1
    row = fresh(row)
    assert (row.phase, row.tries, row.due_at, row.error_message) == (Phase.QUEUED, 0, hands(), "")


@pytest.mark.django_db
@pytest.mark.parametrize("kind", [PROMOTION, BUSINESS_ALERT], ids=lambda kind: kind.name)
def test_a_yes_that_comes_after_everybody_gave_up_still_counts(kind, now, hands, omar):
    row = queued(omar, kind, now=now, expires_at=now + timedelta(minutes=30))
    token, mine = lost_at_the_provider(row, hands)
    hands.forward(hours=1)
    claims.recover(now=hands())
    assert fresh(row).status == "failed"
    answer(mine, token, ACCEPTED, hands)
    row = fresh(row)
    assert (row.phase, row.status, row.error_code, row.error_message) == (Phase.ACCEPTED, "sent", "", "")


@pytest.mark.django_db
def test_a_yes_that_comes_after_its_repetition_ran_out_of_time_still_counts(now, hands, omar):
    row = queued(omar, now=now, expires_at=now + timedelta(minutes=30))
    token, mine = lost_at_the_provider(row, hands)
    hands.forward(minutes=2)
    claims.recover(now=hands())
    hands.forward(hours=1)
    claims.recover(now=hands())
    assert fresh(row).phase == Phase.EXPIRED
    answer(mine, token, ACCEPTED, hands)
    assert fresh(row).phase == Phase.ACCEPTED


# --- Stopping ----------------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_who_is_asked_to_stop_finishes_what_is_in_hand_and_puts_back_the_rest(now, hands, carried_by):
    carried_by(Carrier)
    for person in people.people(5):
        queued(person, now=now)
    delivery.deliver_due("email", clock=hands, should_stop=lambda: len(Carrier.carried) == 2)
    assert len(Carrier.carried) == 2
    assert Counter(NotificationLog.objects.values_list("phase", flat=True)) == {Phase.ACCEPTED: 2, Phase.QUEUED: 3}
    assert set(NotificationLog.objects.filter(phase=Phase.QUEUED).values_list("tries", "lease_token")) == {(0, None)}
    assert NotificationLog.objects.filter(lane=Lane.PERSONAL).count() == 5

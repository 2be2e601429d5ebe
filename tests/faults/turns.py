"""Whose turn it is: passwords before promotions, no more than a bucket gives, nothing while paused."""

import time

from tests.faults.experiment import PATIENT, Control, Experiment, Report, Size, declare, overwritten
from tests.faults.laboratory import SENDERS, STALLED, Laboratory, Progress
from tests.faults.ledger import ACCEPTED
from tests.faults.orders import Rule
from tests.faults.referee import over_the_bucket, typical

A_SECOND = 10
# Few at once, so that a rate that is not kept shows soon.
BURST = 2
# A password that was asked for is there within so many seconds, however long the queue.
THERE_WITHIN = 5.0
# So slow that much is still queued when the switch has been turned.
SLOW = Rule("wait", seconds=0.2)


def passwords(lab: Laboratory, size: Size) -> Report:
    """One password a second, with a queue of promotions that a slow server makes last."""
    # Passwords are not to wait for workers that still start.
    lab.alert(1, "Are you there")
    lab.until_moved_on(1)
    lab.smtp_says(Rule("wait", to="customer", seconds=size.seconds))
    lab.promote(size.messages)
    for nth in range(size.faults):
        began = time.monotonic()
        lab.password(f"otp{nth}@lab.example")
        time.sleep(max(0.0, 1 - (time.monotonic() - began)))
    time.sleep(1)
    still_waiting = lab.value(
        "SELECT count(*) FROM core_notificationlog WHERE phase IN ('queued', 'sending') AND notification_type = 'promotional'"
    )
    promised = lab.ids()
    lab.smtp_says()
    lab.settle()
    created = dict(lab.created("otp"))
    waits = [entry.at - created[entry.message] for entry in lab.entries() if entry.what == ACCEPTED and entry.message in created]
    report = Report("otp", size.faults, lab.verdict(promised), p99=typical(waits))
    report.must_be_true_of_everything()
    report.must(len(waits) == size.faults, f"{len(waits)} of {size.faults} passwords arrived")
    report.must(still_waiting > 0, "the queue lasted as long as passwords were asked for")
    report.must((report.p99 or 0) <= THERE_WITHIN, f"passwords took {report.p99:.1f} s, at most {max(waits, default=0):.1f} s")
    return report


def bucket(lab: Laboratory, size: Size) -> Report:
    """All senders share one bucket."""
    lab.clerk.do(
        f"ProviderState.objects.create(provider='smtp:127.0.0.1', per_second={A_SECOND}, burst={BURST}, tokens={BURST},"
        " tokens_at=timezone.now())"
    )
    lab.alert(size.messages)
    promised = lab.ids()
    look = Progress(lab.accepted)
    while look() < size.messages and look.stood_still < STALLED:
        lab.hurry()
        time.sleep(0.25)
    moments = [entry.at for entry in lab.entries() if entry.what == ACCEPTED]
    # What left the bucket and is still on its way when the machine stalls arrives together with what leaves it afterwards: each
    # sender has one in hand.
    over = over_the_bucket(moments, per_second=A_SECOND, burst=BURST, slack=SENDERS * lab.how_many_workers)
    lab.settle()
    report = Report("bucket", SENDERS * lab.how_many_workers, lab.verdict(promised))
    report.must_be_true_of_everything()
    report.must(len(moments) == size.messages, f"{len(moments)} of {size.messages} have left")
    report.must(not over, f"{over} more left than the bucket gives")
    return report


def pause(lab: Laboratory, size: Size) -> Report:
    """Everything switched off in the middle of sending, and on again."""
    lab.smtp_says(SLOW)
    lab.alert(size.messages)
    promised = lab.ids()
    lab.until_moved_on(size.messages // 4)
    lab.clerk.do("Switch.objects.create(scope='all', name='', is_paused=True)")
    paused_at = time.time()
    time.sleep(size.seconds)
    late = sum(entry.what == ACCEPTED and entry.at > paused_at for entry in lab.entries())
    waiting = lab.value("SELECT count(*) FROM core_notificationlog WHERE phase = 'queued'")
    lab.clerk.do("Switch.objects.update(is_paused=False)")
    lab.smtp_says()
    lab.settle()
    report = Report("pause", 1, lab.verdict(promised))
    in_flight = SENDERS * lab.how_many_workers
    report.must_be_true_of_everything()
    report.must(waiting > 0, "something was left to hold back")
    report.must(late <= in_flight, f"{late} left while paused, not at most the {in_flight} in flight")
    report.must(not report.verdict.duplicates, f"{report.verdict.duplicates} duplicates, not 0")
    report.must(not report.verdict.waiting, f"{len(report.verdict.waiting)} still wait at the end")
    return report


declare(
    Experiment(
        name="otp",
        promise="one password a second while promotions queue: p99 of passwords at most 5 s",
        run=passwords,
        short=Size(400, 8, seconds=0.8),
        long=Size(50_000, 60, seconds=0.01),
        environment=PATIENT,
        control=Control(
            what="passwords go in the promotions' lane, after them",
            sql=overwritten("notificationlog", "NEW.lane := 2", "NEW.notification_type = 'otp'"),
        ),
    )
)
declare(
    Experiment(
        name="bucket",
        promise="ten a second over all senders: never more than the bucket gives",
        run=bucket,
        short=Size(60, 1),
        long=Size(600, 1),
        control=Control(what="no provider has a rate", sql=overwritten("providerstate", "NEW.per_second := NULL")),
    )
)
declare(
    Experiment(
        name="pause",
        promise="switched off while sending: at most what is in flight still leaves, and nothing is lost",
        run=pause,
        short=Size(120, 1, seconds=2),
        long=Size(5_000, 1, seconds=30),
        environment=PATIENT,
        control=Control(what="a switch is never off", sql=overwritten("switch", "NEW.is_paused := false")),
    )
)

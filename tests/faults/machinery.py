"""The broker and the database, gone and back again, while messages are decided and sent."""

import time

from tests.faults.experiment import NOTHING_KEPT, PATIENT, Control, Experiment, Report, Size, declare
from tests.faults.laboratory import Laboratory
from tests.faults.orders import Rule
from tests.faults.referee import typical

# A load that lasts while faults strike.
UNHURRIED = Rule("wait", seconds=0.05)
DECIDED_WITHIN = 1.0


def redis(lab: Laboratory, size: Size) -> Report:
    """Flushed under load; then killed, then deaf, while people go on deciding."""
    lab.smtp_says(UNHURRIED)
    queued = lab.alert(size.messages)
    for nth in range(size.faults):
        lab.until_moved_on((nth + 1) * queued // (size.faults + 2))
        lab.redis.flush()
        lab.let_time_pass()
        lab.hurry()
    gone, deaf = list[float](), list[float]()

    def decide(times: list[float], what: str) -> None:
        nonlocal queued
        queued += lab.alert(5, f"{what} {len(times)}")
        times.append(lab.clerk.seconds)
        time.sleep(0.2)

    with lab.without_redis():
        until = time.monotonic() + size.seconds
        while len(gone) < 5 or time.monotonic() < until:
            decide(gone, "Without Redis")
    lab.redis.freeze()
    try:
        while len(deaf) < 5:
            decide(deaf, "With a deaf Redis")
    finally:
        lab.redis.thaw()
    promised = lab.ids()
    lab.smtp_says()
    lab.settle()
    report = Report("redis", size.faults + 2, lab.verdict(promised), p99=max(typical(gone), typical(deaf)))
    report.must_be_true_of_everything()
    report.must(not report.verdict.duplicates, f"{report.verdict.duplicates} duplicates, not 0")
    report.must(not report.verdict.waiting, f"{len(report.verdict.waiting)} still wait at the end")
    for times, how in ((gone, "without Redis"), (deaf, "with a Redis that does not answer")):
        report.must(typical(times) < DECIDED_WITHIN, f"deciding {how} took {typical(times):.1f} s, at most {max(times):.1f} s")
    return report


def postgresql(lab: Laboratory, size: Size) -> Report:
    """As by a power cut, in the middle of sending."""
    lab.smtp_says(UNHURRIED)
    queued = lab.alert(size.messages // 2) + lab.promote(size.messages - size.messages // 2)
    promised = lab.ids()
    for nth in range(size.faults):
        lab.until_moved_on((nth + 1) * queued // (size.faults + 2))
        lab.postgres.restart_at_once()
        lab.keep_workers()
    lab.smtp_says()
    lab.settle()
    report = Report("postgresql", size.faults, lab.verdict(promised))
    report.must_be_true_of_everything()
    report.must(not report.verdict.duplicates, f"{report.verdict.duplicates} duplicates, not 0")
    report.must(not report.verdict.waiting, f"{len(report.verdict.waiting)} still wait at the end")
    return report


declare(
    Experiment(
        name="redis",
        promise="Redis flushed under load, then gone, then deaf: nothing lost, nothing twice, and deciding takes less than a second",
        run=redis,
        short=Size(100, 2, seconds=1),
        long=Size(10_000, 10, seconds=600),
        environment=PATIENT,
        control=Control(
            what="deciding waits for the broker",
            changes=(("core/notifications/wake.py", "        hints.wanted()", "        send()"),),
        ),
    )
)
declare(
    Experiment(
        name="postgresql",
        promise="PostgreSQL restarted in the middle of sending: nothing lost, nothing twice",
        run=postgresql,
        short=Size(150, 2),
        long=Size(10_000, 10),
        environment=PATIENT,
        control=NOTHING_KEPT,
    )
)

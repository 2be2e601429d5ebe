"""Workers that are killed, stopped and asked to go while they send."""

import os
import signal
import time

from tests.faults.experiment import ALWAYS_REPEATED, NEVER_MARKED, PATIENT, Control, Experiment, Report, Size, declare
from tests.faults.laboratory import LEASE, SENDERS, Laboratory
from tests.faults.orders import Rule


def unhurried(size: Size) -> Rule:
    """So long does the provider take for each message: a load that lasts while faults strike, also where they strike slowly."""
    return Rule("wait", seconds=size.seconds)


def _kill_under_load(lab: Laboratory, size: Size, name: str, *, queued: int) -> Report:
    promised = lab.ids()
    at_risk = 0
    for nth in range(size.faults):
        lab.until_moved_on((nth + 1) * queued // (size.faults + 2))
        mains = {worker.process.pid for worker in lab.workers}
        victim = lab.signal_one(signal.SIGKILL, sending=nth % 3 < 2)
        # With its main process a whole worker goes.
        at_risk += SENDERS if victim is not None and victim.pid in mains else 1
        lab.keep_workers()
    lab.smtp_says()
    lab.settle()
    report = Report(name, size.faults, lab.verdict(promised))
    report.must(queued == size.messages, f"{size.messages} are queued, not {queued}")
    report.must_be_true_of_everything()
    report.must(not report.verdict.waiting, f"{len(report.verdict.waiting)} still wait at the end")
    lab.at_risk = at_risk
    return report


def kill_repeatable(lab: Laboratory, size: Size) -> Report:
    lab.smtp_says(unhurried(size))
    report = _kill_under_load(lab, size, "kill", queued=lab.alert(size.messages))
    report.must(report.verdict.duplicates <= lab.at_risk, f"{report.verdict.duplicates} duplicates of {lab.at_risk} in flight")
    return report


def kill_promotions(lab: Laboratory, size: Size) -> Report:
    lab.smtp_says(unhurried(size))
    report = _kill_under_load(lab, size, "kill-promotions", queued=lab.promote(size.messages))
    report.must(not report.verdict.duplicates, f"{report.verdict.duplicates} duplicates, not 0")
    return report


def terminate(lab: Laboratory, size: Size) -> Report:
    """Workers asked to go finish what they have begun, and others take over."""
    lab.smtp_says(unhurried(size))
    queued = lab.alert(size.messages)
    promised = lab.ids()
    for nth in range(size.faults):
        lab.until_moved_on((nth + 1) * queued // (size.faults + 2))
        worker = lab.workers.pop(0)
        # Its main process alone, as by Kubernetes, or all of its processes, as by systemd.
        (os.killpg if nth % 2 == 0 else os.kill)(worker.process.pid, signal.SIGTERM)
        lab.keep_workers()
        lab.let_time_pass()
        lab.hurry()
    lab.smtp_says()
    lab.settle()
    report = Report("terminate", size.faults, lab.verdict(promised))
    report.must_be_true_of_everything()
    report.must(not report.verdict.duplicates, f"{report.verdict.duplicates} duplicates, not 0")
    report.must(not report.verdict.waiting, f"{len(report.verdict.waiting)} still wait at the end")
    return report


def freeze(lab: Laboratory, size: Size) -> Report:
    """All but one of the sending processes stand still for three leases, then go on as if nothing had been."""
    lab.smtp_says(unhurried(size))
    queued = lab.alert(size.messages)
    promised = lab.ids()
    lab.until_moved_on(queued // 4)
    sending = lab.senders()
    frozen = sending[1:] or sending
    for process in frozen:
        process.send_signal(signal.SIGSTOP)
    until = time.monotonic() + 3 * LEASE
    while time.monotonic() < until:
        # What they hold becomes uncertain and is sent again by the others, before they wake up.
        time.sleep(1)
        lab.let_time_pass()
        lab.hurry()
    for process in frozen:
        process.send_signal(signal.SIGCONT)
    lab.smtp_says()
    lab.settle()
    report = Report("freeze", len(frozen), lab.verdict(promised))
    report.must(bool(frozen), "somebody was sending")
    report.must_be_true_of_everything()
    report.must(report.verdict.duplicates <= len(frozen), f"{report.verdict.duplicates} duplicates of {len(frozen)} in flight")
    report.must(not report.verdict.waiting, f"{len(report.verdict.waiting)} still wait at the end")
    return report


declare(
    Experiment(
        name="kill",
        promise="kill -9 of random worker processes under load: nothing lost or untrue, at most what was in flight twice, and marked",
        run=kill_repeatable,
        short=Size(150, 3, seconds=0.3),
        long=Size(10_000, 50, seconds=0.05),
        environment=PATIENT,
        control=NEVER_MARKED,
    )
)
declare(
    Experiment(
        name="kill-promotions",
        promise="the same with promotions: nothing twice, every undecided one listed",
        run=kill_promotions,
        short=Size(400, 2, seconds=0.3),
        long=Size(10_000, 50, seconds=0.05),
        environment=PATIENT,
        control=ALWAYS_REPEATED,
    )
)
declare(
    Experiment(
        name="terminate",
        promise="workers restarted by SIGTERM under load: nothing lost, nothing twice",
        run=terminate,
        short=Size(150, 2, seconds=0.3),
        long=Size(10_000, 20, seconds=0.05),
        environment=PATIENT,
        control=Control(
            what="a process that sends dies of SIGTERM",
            changes=(("core/stopping.py", "if threading.current_thread() is not threading.main_thread():", "if True:"),),
        ),
    )
)
declare(
    Experiment(
        name="freeze",
        promise="senders stopped for three leases: at most what was in flight twice, and marked",
        run=freeze,
        short=Size(100, 1, seconds=0.2),
        long=Size(10_000, 1, seconds=0.02),
        control=NEVER_MARKED,
    )
)

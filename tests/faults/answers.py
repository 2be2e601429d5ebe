"""Providers that dawdle, hang up at the worst moment, or accept and then say otherwise."""

import time

from tests.faults.experiment import ALWAYS_REPEATED, NEVER_MARKED, Control, Experiment, Report, Size, declare
from tests.faults.laboratory import LEASE, STALLED, Laboratory, Progress
from tests.faults.ledger import ACCEPTED, CUT, REFUSED, Entry
from tests.faults.orders import Rule
from tests.faults.referee import quantile
from tests.journeys.processes import wait_until

# A whole call takes at most so many times EMAIL_TIMEOUT.
WHOLE = 4
RETRY_AFTER = 60
# How long a refused message waits from the moment its refusal was recorded; nothing: it was not yet.
PUT_OFF = """
SELECT extract(epoch FROM row.due_at - event.at) FROM core_notificationlog row
JOIN core_deliveryevent event ON event.notification_id = row.id AND event.code = '20429' WHERE row.address = %s
"""


def _accepted(entries: list[Entry], to: str) -> int:
    return sum(entry.what == ACCEPTED and entry.to == to for entry in entries)


def _until(lab: Laboratory, what: str, seconds: float) -> None:
    """Until a provider has noted this, or time is up: the referee sees that it has not."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and not any(entry.what == what for entry in lab.entries()):
        time.sleep(0.1)


def _until_all_are_tried(lab: Laboratory) -> None:
    """Until each message was taken to its provider, and what came of it is in the table; or nothing moves any more."""
    in_hand = (
        "SELECT count(*) FROM core_notificationlog WHERE (phase = 'sending' OR (phase = 'queued' AND tries = 0)) AND method <> 'websocket'"
    )
    look = Progress(lambda: -int(lab.value(in_hand)))
    while look() and look.stood_still < STALLED:
        time.sleep(0.2)


def resets(lab: Laboratory, size: Size) -> Report:
    """The connection is reset before the dot, after it (taken or not), and after 250."""
    lab.smtp_says(
        *(
            Rule(do, step=step, to=f"{whom}@", times=1)
            for who in ("mail", "customer")
            for step, do, whom in (
                ("DATA", "reset", f"{who}1"),
                ("DOT", "reset", f"{who}2"),
                ("DOT", "accept_and_reset", f"{who}3"),
                ("DOT", "confirm_and_reset", f"{who}4"),
                # In the middle of it: a sender that has written everything by then cannot tell it from after the dot.
                ("DATA", "reset_before_dot", f"{who}5"),
            )
        )
    )
    lab.alert(size.messages // 2)
    lab.promote(size.messages - size.messages // 2)
    promised = lab.ids()
    lab.settle()
    report = Report("resets", 10, lab.verdict(promised))
    report.must_be_true_of_everything()
    report.must(not report.verdict.waiting, f"{len(report.verdict.waiting)} still wait at the end")
    entries, rows = lab.entries(), {row.address: row for row in lab.rows()}

    def ended(who: str, status: str, times: int) -> None:
        row, found = rows[f"{who}@lab.example"], _accepted(entries, f"{who}@lab.example")
        report.must((row.status, found) == (status, times), f"{who}: {row.phase}, accepted {found} times; not {status} and {times}")

    for who in ("mail1", "mail2", "mail4", "customer1", "customer4"):
        ended(who, "sent", 1)
    ended("mail5", "sent", 1)
    ended("mail3", "sent", 2)
    ended("customer2", "failed", 0)
    ended("customer3", "failed", 1)
    report.must(report.verdict.duplicates == 1, f"{report.verdict.duplicates} duplicates, not the one of mail3")
    return report


def dribble(lab: Laboratory, size: Size) -> Report:
    """One line a second after the dot: for as long as is allowed, and for longer."""
    deadline = WHOLE * float(lab.home.extra["EMAIL_TIMEOUT"])
    patient, endless = deadline * 0.6, deadline * 3.75  # With EMAIL_TIMEOUT 20: about a minute, and five.
    every = min(1.0, deadline / WHOLE / 2)
    # Workers that still start would be counted as ones that wait.
    lab.alert(1, "Are you there", by=f"mail{lab.people - 1}")
    lab.until_moved_on(1)
    early = set(lab.ids())
    lab.smtp_says(
        Rule("dribble", to="mail1@", seconds=patient, every=every, times=1),
        Rule("dribble", to="mail2@", seconds=endless, every=every, times=1),
    )
    lab.alert(size.messages)
    promised = lab.ids()
    _until(lab, CUT, endless + 30)
    _until_all_are_tried(lab)
    created = dict(lab.created())
    others = [
        entry.at - created[entry.message]
        for entry in lab.entries()
        if entry.what == ACCEPTED and not entry.to.startswith(("mail1@", "mail2@")) and entry.message in created.keys() - early
    ]
    cuts = [entry for entry in lab.entries() if entry.what == CUT]
    held = {row.address: row.phase for row in lab.rows()}
    lab.smtp_says()
    lab.settle()
    report = Report("dribble", 2, lab.verdict(promised), p99=quantile(others, 0.99))
    report.must_be_true_of_everything()
    report.must(_accepted(lab.entries(), "mail1@lab.example") == 1, f"waited {patient:.0f} s for, it is accepted once")
    report.must([cut.to for cut in cuts] == ["mail2@lab.example"], f"one is cut: {[cut.to for cut in cuts]}")
    report.must(all(abs(cut.seconds - deadline) <= 2 for cut in cuts), f"cut at {deadline:.0f} s: {[cut.seconds for cut in cuts]}")
    report.must(held.get("mail2@lab.example") == "uncertain", f"held when cut: {held.get('mail2@lab.example')}")
    report.must(report.verdict.duplicates <= 1, f"{report.verdict.duplicates} duplicates, of one that was cut")
    report.must((report.p99 or 0) < deadline, f"the others' p99 is {report.p99:.1f} s: they waited for the slow one")
    return report


def twilio(lab: Laboratory, size: Size) -> Report:
    """Accepts and answers 500, accepts and says nothing, is asked too much."""
    busy = "+919810000009"
    faults = max(1, size.faults // 4)
    lab.twilio_says(
        Rule("refuse", step="POST", to=busy, status=429, text="20429", retry_after=RETRY_AFTER, times=1),
        Rule("accept_and_fail", step="POST", to="+91981", status=500, times=faults),
        Rule("accept_and_fail", step="POST", to="+91983", status=500, times=faults),
        Rule("accept_and_be_silent", step="POST", to="+91981", times=faults),
        Rule("accept_and_be_silent", step="POST", to="+91983", times=faults),
    )
    phones = min(size.messages // 2, lab.people)
    lab.alert(phones, by="phone")
    lab.bonus()
    promised = lab.ids()
    _until(lab, REFUSED, STALLED)
    refused_at = next((entry.at for entry in lab.entries() if entry.what == REFUSED), 0.0)
    wait_until(lambda: lab.value(PUT_OFF, busy) is not None, seconds=STALLED, what="the refusal to be recorded")
    waits = float(lab.value(PUT_OFF, busy))
    lab.settle()
    report = Report("twilio", 4 * faults + 1, lab.verdict(promised))
    report.must_be_true_of_everything()
    report.must(RETRY_AFTER <= waits <= RETRY_AFTER + 1, f"asked to wait {RETRY_AFTER} s, it waits {waits:.1f} s")
    # What had been begun by then leaves; nothing else does before the provider wants it.
    later = [entry.at - refused_at for entry in lab.entries() if entry.at - refused_at > LEASE / 2]
    report.must(
        not later or min(later) >= RETRY_AFTER,
        f"asked to be left alone for {RETRY_AFTER} s, it was asked after {min(later, default=0):.1f} s",
    )
    twice = set(report.verdict.duplicated)
    never = {row.id for row in lab.rows() if not row.repeatable or row.address.startswith("+91983")}
    report.must(not twice & never, f"{len(twice & never)} bonuses are doubled, not 0")
    report.must(report.verdict.duplicates <= 2 * faults, f"{report.verdict.duplicates} duplicates of {2 * faults} in question")
    report.must(not report.verdict.waiting, f"{len(report.verdict.waiting)} still wait at the end")
    return report


declare(
    Experiment(
        name="resets",
        promise="the connection reset before the dot, after it, after 250: retried, uncertain, sent",
        run=resets,
        short=Size(100, 8),
        long=Size(1_000, 8),
        control=NEVER_MARKED,
    )
)
declare(
    Experiment(
        name="dribble",
        promise="one line a second after the dot: once when it ends in time, cut at the deadline and held when not, others unaffected",
        run=dribble,
        short=Size(100, 2),
        long=Size(1_000, 2),
        control=Control(
            what="only silence is cut, not a call that takes too long",
            changes=(
                (
                    "core/notifications/smtp_lines.py",
                    "cut = min(line.heard_at + self._lines.patience.each, line.began + self._lines.patience.whole, self._end)",
                    "cut = line.heard_at + self._lines.patience.each",
                ),
            ),
        ),
        environment=(("EMAIL_TIMEOUT", "20"), ("DELIVERY_LEASE_SECONDS", "120")),
    )
)
declare(
    Experiment(
        name="twilio",
        promise="Twilio accepts and answers 500 or nothing: bonuses never twice, others at most those, marked; Retry-After to the second",
        run=twilio,
        short=Size(120, 8),
        long=Size(2_000, 40),
        control=ALWAYS_REPEATED,
    )
)

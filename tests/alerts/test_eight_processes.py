"""Eight processes run the same check from a barrier, round after round: never two open alerts, never two messages for one event."""

import subprocess
import time
from collections import Counter
from datetime import datetime, timedelta

import pytest

from core.models import AlertEvent, BusinessAlert, NotificationLog, Payment
from tests import processes
from tests.alerts.effort import CYCLES
from tests.alerts.stuck import held
from tests.people import meet

pytestmark = pytest.mark.django_db(transaction=True)

EIGHT = 8
HOUR = timedelta(hours=1)

# Each line it reads is a round: when to begin, by a clock that all processes share, and what time it is then.
LOOKS = """
import sys, time
from datetime import datetime
from core.alerts.check import checks
from core.alerts.escalation import escalate_due
from core.alerts.lifecycle import reconcile

check = checks.get("payment_holds")
print("ready", flush=True)
for line in sys.stdin:
    begin, now = line.split()
    time.sleep(max(0, float(begin) - time.monotonic()))
    reconcile(check, now=datetime.fromisoformat(now))
    escalate_due(now=datetime.fromisoformat(now))
    print("done", flush=True)
"""

# What happens to the payments, so many hours after the round before; and the one thing that is said then, if any.
CYCLE: tuple[tuple[str, float, str], ...] = (
    ("hold", 3, "opened"),
    ("", 0, ""),
    ("hold", 1, "new items"),
    ("", 22, "raised"),
    ("", 4, "still open"),
    ("release", 1, ""),
    ("hold", 1, "reopened"),
    ("release", 2, ""),
)


def round_of(eight: list[subprocess.Popen[str]], *, now: datetime) -> None:
    begin = time.monotonic() + 0.02
    for process in eight:
        assert process.stdin is not None
        process.stdin.write(f"{begin} {now.isoformat()}\n")
        process.stdin.flush()
    for process in eight:
        assert process.stdout is not None
        assert process.stdout.readline() == "done\n"


@pytest.mark.slow
def test_a_check_run_by_eight_processes_at_once_is_a_check_run_once(now: datetime) -> None:
    meet("omar")
    meet("farah")
    eight = [processes.start(LOOKS) for _ in range(EIGHT)]
    try:
        for process in eight:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for _ in range(CYCLES):
            for happens, hours, reason in CYCLE:
                now += hours * HOUR
                if happens == "hold":
                    held(now, 26)
                elif happens == "release":
                    Payment.objects.update(status="completed")
                events, messages = set(AlertEvent.objects.values_list("pk")), set(NotificationLog.objects.values_list("pk"))
                round_of(eight, now=now)
                told = [pk for pk in AlertEvent.objects.filter(kind="told").values_list("pk", "reason") if (pk[0],) not in events]
                assert [why for _, why in told] == ([reason] if reason else []), now
                sent = [
                    row for row in NotificationLog.objects.values_list("pk", "recipient__username", "method") if (row[0],) not in messages
                ]
                assert set(Counter(row[1:] for row in sent).values()) <= {1}
                assert {who for _, who, _ in sent} == ({"omar", "farah"} if reason else set())
                assert BusinessAlert.objects.exclude(status="resolved").count() == (happens != "release")
    finally:
        for process in eight:
            process.communicate(timeout=60)
    assert BusinessAlert.objects.count() == CYCLES
    assert AlertEvent.objects.filter(kind="opened").count() == CYCLES
    assert AlertEvent.objects.filter(kind="reopened").count() == CYCLES

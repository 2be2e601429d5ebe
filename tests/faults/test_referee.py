"""The referee itself: what it calls lost, untrue, doubled and unmarked."""

from typing import Any

import pytest

from tests.faults.ledger import ACCEPTED, CUT, HEARD, Entry, at_the_provider
from tests.faults.referee import MANY, Row, judge, most_within, over_the_bucket, quantile, typical


def row(id: str = "a", status: str = "sent", phase: str = "accepted", **more: Any) -> Row:
    return Row(id=id, status=status, phase=phase, address=f"{id}@x", **more)


def accepted(message: str = "a", to: str = "", provider_id: str = "") -> Entry:
    return Entry(ACCEPTED, to or f"{message}@x", message=message, provider_id=provider_id)


def test_a_message_accepted_once_and_called_sent_is_nothing_to_complain_of():
    verdict = judge([row()], [accepted()], promised=["a"])
    assert verdict.messages == 1
    assert not any(verdict.worst.values())
    assert (verdict.duplicates, verdict.undecided, verdict.waiting) == (0, [], [])


@pytest.mark.parametrize("status", ["sent", "delivered"])
def test_called_sent_and_accepted_nowhere_is_untrue(status):
    assert judge([row(status=status)], []).untrue == ["a"]


def test_pending_without_a_reason_is_lost_and_with_one_waits():
    silent, held = row("a", "pending", "queued"), row("b", "pending", "queued", reason="421")
    verdict = judge([silent, held], [])
    assert (verdict.lost, verdict.waiting) == (["a"], ["b"])


def test_failed_without_a_reason_is_lost():
    assert judge([row(status="failed", phase="dead")], []).lost == ["a"]


def test_a_row_that_was_committed_and_is_gone_is_lost():
    assert judge([], [], promised=["a"]).lost == ["a"]


def test_accepted_and_called_failed_for_certain_is_a_denial():
    assert judge([row(status="failed", phase="dead", reason="8 tries")], [accepted()]).denied == ["a"]
    assert judge([row(status="failed", phase="unknown_outcome", reason="unknown")], [accepted()]).denied == []


def test_accepted_twice_is_a_duplicate_and_must_be_marked():
    unmarked, marked = row("a"), row("b", dup_risk=True)
    verdict = judge([unmarked, marked], [accepted("a"), accepted("a"), accepted("b"), accepted("b"), accepted("b")])
    assert verdict.duplicates == 3
    assert verdict.duplicated == ["a", "b"]
    assert verdict.unmarked == ["a"]


def test_the_undecided_are_listed():
    rows = [row("a", "pending", "uncertain", reason="lease_lost"), row("b", "failed", "unknown_outcome", reason="unknown_outcome")]
    assert judge(rows, []).undecided == ["a", "b"]


def test_without_an_id_on_the_wire_the_providers_name_or_the_number_tells_the_message():
    rows = [row("a", provider_id="SM1"), row("b")]
    verdict = judge(rows, [accepted("", to="+91", provider_id="SM1"), accepted("", to="b@x", provider_id="SM2")])
    assert not any(verdict.worst.values())


def test_what_no_row_knows_of_is_a_stranger_and_a_hang_up_is_no_acceptance():
    assert judge([row()], [accepted(), accepted("z")]).strangers == 1
    assert judge([row()], [Entry(CUT, "a@x", message="a")]).untrue == ["a"]


def test_quantiles_and_windows():
    assert quantile([], 0.99) == 0.0
    assert quantile([float(n) for n in range(100)], 0.99) == 99.0
    assert most_within([0.0, 0.5, 0.99, 1.0, 1.2], 1.0) == 4


def test_of_many_the_p99_counts_and_of_a_few_the_median():
    assert typical([1.0, 1.0, 9.0]) == 1.0
    assert typical([9.0, 9.0, 1.0]) == 9.0
    assert typical([1.0] * MANY + [9.0]) == 9.0


def test_a_bucket_gives_out_its_burst_at_once_and_then_its_rate():
    assert over_the_bucket([0.0, 0.0, 0.1, 0.2], per_second=10, burst=2) == 0
    assert over_the_bucket([0.0, 0.0, 0.0], per_second=10, burst=2) == 1
    assert over_the_bucket([n / 20 for n in range(200)], per_second=10, burst=10) > 50
    assert over_the_bucket([], per_second=10, burst=1) == 0


def test_at_the_provider_is_what_it_has_heard_and_not_accepted():
    entries = [Entry(HEARD, "a@x", port=1), Entry(HEARD, "b@x", port=2), Entry(ACCEPTED, "a@x", port=1), Entry(ACCEPTED, "c@x")]
    assert at_the_provider(entries) == {2}
    assert judge([row("a"), row("b", "pending", "sending")], entries).strangers == 1

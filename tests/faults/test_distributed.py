"""Each experiment in its short form, on PostgreSQL and Redis of its own with two workers, beat and web."""

import pytest

from tests.faults.catalogue import EXPERIMENTS

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.distributed, pytest.mark.postgresql]


@pytest.mark.parametrize("name", list(EXPERIMENTS))
def test_what_is_promised_holds(name, lab):
    experiment = EXPERIMENTS[name]
    report = experiment.run(lab, experiment.short)
    assert report.broken == [], f"{experiment.promise}: {report.verdict}"

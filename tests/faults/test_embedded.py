"""`run_embedded` on SQLite: killed while it sends, and on a disk that is full."""

import os

import pytest

from tests.faults.embedded import EMBEDDED

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.embedded]


@pytest.mark.parametrize("experiment", EMBEDDED, ids=lambda experiment: experiment.name)
def test_what_is_promised_holds(experiment, tmp_path):
    try:
        report = experiment.perform(tmp_path)
    except OSError as error:  # Only root may mount a file system.
        (pytest.fail if os.environ.get("REQUIRE_SERVICES") == "1" else pytest.skip)(str(error))
    assert report.broken == [], f"{experiment.promise}: {report.verdict}"

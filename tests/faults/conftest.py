"""One laboratory for all short forms: starting the product takes longer than most experiments."""

import os
from collections.abc import Iterator

import pytest

from tests.faults.laboratory import Laboratory
from tests.faults.machines import what_is_missing


@pytest.fixture(scope="session")
def shared_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    if missing := what_is_missing():
        (pytest.fail if os.environ.get("REQUIRE_SERVICES") == "1" else pytest.skip)(f"This machine lacks {missing}.")
    with Laboratory(tmp_path_factory.mktemp("faults")) as lab:
        yield lab


@pytest.fixture
def lab(shared_lab: Laboratory) -> Laboratory:
    """Everything runs, nothing is queued."""
    shared_lab.afresh()
    return shared_lab

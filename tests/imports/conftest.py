"""What these tests ask for."""

from pathlib import Path

import pytest

from tests.imports.export import Export


@pytest.fixture
def export(tmp_path: Path, db: None) -> Export:
    """A small export of one good row in each file."""
    return Export(tmp_path)

"""Callers of the API: anybody by a token, as a machine, or in a session, as a browser."""

import pytest

from tests.api.callers import Caller


@pytest.fixture
def api():
    """`api(user)` calls as that person, by a token; `api()` as nobody."""
    return Caller


@pytest.fixture(autouse=True)
def nothing_takes_long(monkeypatch):
    """On a busy machine a count may take long; whether it is remembered is then chance. Tests say themselves when it is."""
    monkeypatch.setattr("core.dashboard.pages.LONG", float("inf"))

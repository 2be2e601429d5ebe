"""Callers of the API: anybody by a token, as a machine, or in a session, as a browser."""

from collections import Counter

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


def pytest_terminal_summary(terminalreporter):
    """After calls made from the schema: how many there were, and how they were answered."""
    calls: Counter[tuple[str, int]] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, value in getattr(report, "user_properties", ()) if getattr(report, "when", "") == "teardown" else ():
                if name == "calls":
                    calls.update({(role, status): many for role, status, many in value})
    if calls:
        roles = sorted({role for role, _ in calls})
        terminalreporter.section(f"{calls.total():,} calls as {len(roles)} roles")
        for role in roles:
            answers = ", ".join(f"{status}: {many:,}" for (who, status), many in sorted(calls.items()) if who == role)
            terminalreporter.write_line(f"{role:12} {answers}")

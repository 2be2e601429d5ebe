"""Whatever happens to alerts in whatever order, what is promised of them holds (docs/rules.md, 5). `make proofs`: 2,000 lives."""

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from core.alerts.policies import create_defaults
from tests.alerts.effort import LIVES, STEPS_OF_A_LIFE
from tests.alerts.life import Life
from tests.people import meet


@pytest.mark.slow
@pytest.mark.django_db
def test_whatever_happens_an_alert_keeps_what_is_promised_of_it() -> None:
    create_defaults()
    for name in ("omar", "sara", "farah", "kiran", "vera"):
        meet(name)
    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=LIVES,
            stateful_step_count=STEPS_OF_A_LIFE,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )

"""What the three checks find in the sample city, against what was counted from its rows alone."""

import gzip
import json
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db.models import Sum

from core.alerts.check import checks
from core.alerts.lifecycle import reconcile
from core.models import AlertItem, BusinessAlert, Role
from tests.people import person

pytestmark = pytest.mark.django_db


@pytest.fixture
def expected(bengaluru_dir: Path) -> dict[str, Any]:
    call_command("import_marketplace", str(bengaluru_dir), verbosity=0)
    return json.loads(gzip.decompress((bengaluru_dir / "expected.json.gz").read_bytes()))


def test_the_checks_find_what_is_stuck_in_the_sample_city(expected):
    now = datetime.fromisoformat(expected["now"])
    person(Role.OPS_MANAGER)
    for check in map(checks.get, ("pending_signatures", "payment_holds", "booking_timeouts")):
        result = reconcile(check, now=now)
        assert (result["found"], result["critical"]) == (expected[check.name], expected[f"{check.name}_critical"])
        again = reconcile(check, now=now)
        assert (again["found"], again["new_items"], again["queued"]) == (result["found"], 0, 0)
    assert BusinessAlert.objects.count() == 3
    holds = BusinessAlert.objects.get(alert_type="payment_hold")
    assert holds.rupees_at_risk == Decimal(expected["payment_holds_amount"])
    assert holds.title.startswith("163 payments held, ₹1,49,887, oldest ")
    assert AlertItem.objects.filter(alert=holds).aggregate(total=Sum("rupees"))["total"] == holds.rupees_at_risk

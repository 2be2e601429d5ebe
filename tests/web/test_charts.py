"""Where an axis ends, and what it says."""

from decimal import Decimal

import pytest

from core.web.charts import axis_label, ticks, top_of


@pytest.mark.parametrize(
    ("most", "top"),
    [
        (0, 1),
        (-3, 1),
        (1, 1),
        (3, 5),
        (7, 10),
        (21, 25),
        (25, 25),
        (26, 50),
        (Decimal("486200"), 500_000),
        (0.3, 0.5),
        (1_000_001, 2_000_000),
    ],
)
def test_an_axis_ends_at_the_least_round_number_that_holds_everything(most, top):
    assert top_of(most) == pytest.approx(top)


@pytest.mark.parametrize(
    ("number", "label"),
    [(0, "0"), (2.5, "2.5"), (999, "999"), (1_000, "1 k"), (250_000, "2.5 L"), (500_000, "5 L"), (12_000_000, "1.2 Cr")],
)
def test_an_axis_counts_in_lakhs_and_crores(number, label):
    assert axis_label(number) == label


def test_an_axis_of_money_says_so_at_its_foot():
    assert [(tick.y, tick.label) for tick in ticks(500_000, height=92, money=True)] == [(0.0, "5 L"), (46.0, "2.5 L"), (92.0, "₹0")]

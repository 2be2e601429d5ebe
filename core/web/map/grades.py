"""What the map's colours show: four measures, and the grade that a pincode's day has in each, 0 to 4 and the worst last."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isinf
from typing import Any, Final, Protocol

from core.analytics.thresholds import Limits, Values
from core.web.charts import axis_label

# What nobody rated, or nobody could take.
NO_GRADE: Final = -1
# Of a limit, where the second grade and those after it begin; the last one is what is over it.
SHARES_OF_DEMAND: Final = (0.2, 0.4, 0.8)
SHARES_OF_RATIO: Final = (0.16667, 0.33333, 0.66667)
RATINGS: Final = (3.0, 3.5, 4.0, 4.5)
GRADES: Final = 5


class Measured(Protocol):
    """What is graded and said of a pincode's day."""

    @property
    def pincode(self) -> str: ...
    @property
    def total_bookings(self) -> int: ...
    @property
    def available_vendors(self) -> int: ...
    @property
    def customer_satisfaction_avg(self) -> float | None: ...
    @property
    def total_revenue(self) -> Any: ...
    @property
    def demand_ratio(self) -> float: ...
    @property
    def high_demand_alert_sent(self) -> bool: ...
    @property
    def bonus_alert_sent(self) -> bool: ...
    @property
    def promotional_alert_sent(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Metric:
    """What the colours show."""

    name: str
    label: str
    title: str


METRICS: Final = {
    metric.name: metric
    for metric in (
        Metric("ratio", "Per vendor", "Bookings per free vendor"),
        Metric("demand", "Bookings", "Bookings"),
        Metric("revenue", "Revenue", "Revenue of completed bookings"),
        Metric("satisfaction", "Rating", "Mean rating of signed bookings"),
    )
}
Grade = Callable[[Measured], int]


def grades(metric: Metric, rows: Sequence[Measured], limits: Limits, held: Callable[[str], Values]) -> tuple[Grade, list[str]]:
    """The grade of a row, and what each grade begins with in the legend's words."""
    if metric.name == "satisfaction":
        return rating_grade, ["4.5", "4", "3.5", "3", "under 3"]
    if metric.name == "revenue":
        return revenue_grades(rows)
    name, shares = ("bookings_over", SHARES_OF_DEMAND) if metric.name == "demand" else ("bookings_per_vendor_over", SHARES_OF_RATIO)
    everywhere = float(limits.everywhere()[name])
    scale = ["0", *(f"{share * everywhere:.2g}" for share in shares), f"over {everywhere:g}"]

    def grade(row: Measured) -> int:
        value = float(row.total_bookings) if metric.name == "demand" else row.demand_ratio
        limit = float(held(row.pincode)[name])
        if isinf(value) or not limit:
            return GRADES - 1 if value else 0
        # What is exactly at a limit is not over it.
        return GRADES - 1 if value > limit else bisect_right(shares, round(value / limit, 5))

    return grade, scale


def rating_grade(row: Measured) -> int:
    """The lower the rating, the higher the grade."""
    rating = row.customer_satisfaction_avg
    return NO_GRADE if rating is None else GRADES - 1 - bisect_right(RATINGS, rating)


def revenue_grades(rows: Sequence[Measured]) -> tuple[Grade, list[str]]:
    """Fifths of the pincodes that earned anything: amounts have no limit to be held against."""
    earned = sorted(row.total_revenue for row in rows if row.total_revenue)
    ends = [earned[len(earned) * fifth // GRADES] for fifth in range(1, GRADES)] if earned else []
    scale = ["₹0", *(axis_label(end) for end in ends)] if earned else ["₹0"]
    return (lambda row: bisect_right(ends, row.total_revenue) if row.total_revenue else 0), scale

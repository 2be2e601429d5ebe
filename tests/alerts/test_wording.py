"""What alerts say of themselves."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from core.alerts.check import STUCK, checks
from core.alerts.findings import Found
from core.alerts.items import News
from core.alerts.wording import age, description, headline, subject

HOLDS = checks.get("payment_holds")


def found(count: int, now, *, critical: int = 0, rupees: str | None = "18450", days: int = 3) -> Found:
    return Found(count, critical, None if rupees is None else Decimal(rupees), now - timedelta(days=days), "high")


@pytest.mark.parametrize(
    ("count", "rupees", "words"),
    [
        (4, "18450", "4 payments held, ₹18,450, oldest 3 days"),
        (1, "1449.50", "1 payment held, ₹1,449.50, for 3 days"),
        (1234567, "149887", "12,34,567 payments held, ₹1,49,887, oldest 3 days"),
        (2, None, "2 payments held, oldest 3 days"),
    ],
)
def test_a_headline_says_what_how_many_how_much_and_how_old(count, rupees, words, now):
    assert headline(HOLDS.nouns, found(count, now, rupees=rupees), now=now) == words


def test_a_region_is_named_by_its_first_digits(now):
    assert headline(HOLDS.nouns, found(4, now), now=now, region="400") == "4 payments held in 400…, ₹18,450, oldest 3 days"


@pytest.mark.parametrize(
    ("severity", "reason", "new", "words"),
    [
        ("high", "opened", 0, "4 held"),
        ("critical", "opened", 0, "Critical: 4 held"),
        ("critical", "raised", 0, "Now critical: 4 held"),
        ("high", "raised", 0, "Now high: 4 held"),
        ("high", "new items", 2, "2 new: 4 held"),
        ("critical", "new items", 1200, "Critical, 1,200 new: 4 held"),
        ("high", "still open", 0, "Still open: 4 held"),
        ("critical", "still open", 0, "Critical, still open: 4 held"),
        ("high", "reopened", 0, "Back: 4 held"),
    ],
)
def test_a_subject_says_how_bad_it_is_and_why_now(severity, reason, new, words):
    assert subject("4 held", severity=severity, reason=reason, unheard=News(new)) == words


@pytest.mark.parametrize(
    ("critical", "words"), [(0, "48 hours. It closes"), (1, "1 of 4 is critical."), (3, "3 of 4 are critical."), (4, "All 4 are critical.")]
)
def test_a_description_says_the_rule_in_force_and_how_many_are_critical(critical, words, now):
    assert words in description(HOLDS, replace(found(4, now), critical=critical), STUCK)


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(seconds=30), "0 minutes"),
        (timedelta(minutes=1), "1 minute"),
        (timedelta(minutes=119), "1 hour"),
        (timedelta(hours=47, minutes=59), "47 hours"),
        (timedelta(hours=48), "2 days"),
        (timedelta(days=40), "40 days"),
        (timedelta(seconds=-5), "0 minutes"),
    ],
)
def test_an_age_has_one_unit_and_is_rounded_down(span, words):
    assert age(span) == words

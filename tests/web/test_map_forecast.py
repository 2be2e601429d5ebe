"""What a pincode may expect in the week ahead: worked out by hand here, drawn apart from what was measured, and not said of too little."""

import random
from datetime import date, timedelta

import pytest

from core import clock
from core.models import PincodeAnalytics
from core.web.map.forecast import days_ahead, expected
from tests.people import HOME
from tests.web.test_map import a_day, found, get, today, words

TUESDAY = date(2026, 11, 17)
# Of the eight Tuesdays before, newest first. In order 4, 6, 8, 10, 12, 14, 16, 18: the median is 11; a tenth of the seven steps from the
# least to the most is 0.7 of the first, which leads from 4 to 6: 5.4; nine tenths are 6.3, so 16.6.
TUESDAYS = (10, 4, 18, 12, 6, 16, 8, 14)


def weeks_before(day, totals):
    return {day - timedelta(weeks=back): total for back, total in enumerate(totals, start=1)}


def test_a_day_is_expected_to_be_as_the_middle_of_its_weekday_in_eight_weeks():
    totals = weeks_before(TUESDAY, TUESDAYS)
    shuffled = dict(random.sample(sorted(totals.items()), len(totals)))
    one = expected(shuffled, TUESDAY)
    assert (one.low, one.middle, one.high) == (5.4, 11.0, 16.6)
    assert one.words == "5 to 17"
    # Neither another weekday nor the ninth week has a say.
    beside = {TUESDAY - timedelta(days=1): 500, TUESDAY - timedelta(weeks=9): 900}
    assert expected(totals | beside, TUESDAY) == one


def test_of_three_days_nothing_is_said_and_of_four_something():
    assert expected(weeks_before(TUESDAY, (1, 2, 3)), TUESDAY) is None
    # 1, 2, 3, 6: the median is 2.5; 0.3 of the way from 1 to 2, and 0.7 of that from 3 to 6.
    four = expected(weeks_before(TUESDAY, (6, 2, 3, 1)), TUESDAY)
    assert (four.low, four.middle, four.high) == (1.3, 2.5, 5.1)


def test_a_day_that_is_not_over_is_expected_as_a_whole_and_one_that_is_over_is_not():
    totals = {TUESDAY - timedelta(days=back): 3 for back in range(1, 57)}
    assert [one.day for one in days_ahead(totals, TUESDAY, is_over=True)] == [TUESDAY + timedelta(days=n) for n in range(1, 8)]
    assert [one.day for one in days_ahead(totals, TUESDAY, is_over=False)] == [TUESDAY + timedelta(days=n) for n in range(8)]


@pytest.mark.django_db
@pytest.mark.usefixtures("frozen")
def test_the_forecast_is_dotted_within_a_band_and_never_joined_to_the_open_day(as_omar):
    """Today is Monday and not over: 3 so far, where 2 are usual. Tomorrow 11, within 5.4 and 16.6; all other days 2."""
    assert today() + timedelta(days=1) == TUESDAY
    tuesdays = weeks_before(TUESDAY, TUESDAYS)
    PincodeAnalytics.objects.bulk_create(
        PincodeAnalytics(pincode=HOME, date=day, total_bookings=tuesdays.get(day, 2), available_vendors=2, is_final=True)
        for day in (today() - timedelta(days=back) for back in range(1, 57))
    )
    a_day(bookings=3, free=2)
    page = get(as_omar, f"?pincode={HOME}")
    # The axis ends at 20, which is 120 high. 34 steps in 360 wide: today is the 27th after the first day, at 289.9.
    assert found(r'<path class="this" d="([^"]+)"', page).endswith("L289.9 102")
    assert 'class="c-open" cx="289.9" cy="102.0"' in page
    assert found(r'<path class="fc" d="([^"]+)"/><line', page).startswith("M289.9 108L300.5 54L311.1 108L")
    assert found(r'<path class="band" d="([^"]+)"/><path class="fc" d="M2', page).startswith("M289.9 108L300.5 20.4L311.1 108")
    said = words(page)
    assert "forecast, 8 in 10" in said
    assert "3 by" in said
    assert "Expect 5 to 17 on Tue 17 Nov, the busiest of the seven days ahead." in said
    assert "With 2 free vendors that is about 5.5 each; at 3 each it takes 4 free vendors." in said
    assert "3 on 16 Nov so far; forecast for the days ahead: 2 to 17." in page
    # Of the week after a day long over nothing has to be expected.
    for back, is_said in ((1, True), (2, False)):
        earlier = get(as_omar, f"?pincode={HOME}&day={today() - timedelta(days=back)}")
        assert ('class="fc"' in earlier, "Expect " in words(earlier)) == (is_said, is_said)
        assert "Not enough history" not in earlier


@pytest.mark.django_db
@pytest.mark.usefixtures("frozen")
def test_without_four_whole_days_of_a_weekday_it_says_so_and_draws_none(as_omar):
    """Three Tuesdays, and a fourth that is not marked as over."""
    for back in (*range(14), 20, 27):
        a_day(bookings=4, free=1, back=back)
    PincodeAnalytics.objects.filter(date__lt=clock.business_day(clock.now()) - timedelta(days=20)).update(is_final=False)
    page = get(as_omar, f"?pincode={HOME}")
    assert "Not enough history for a forecast" in page
    assert 'class="fc"' not in page

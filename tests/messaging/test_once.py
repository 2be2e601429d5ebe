"""Nobody is told twice, whatever is re-run, by whom, however often; and no message silences another (docs/rules.md, 4 and 10)."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command

from core import tasks
from core.models import NotificationLog, PincodeAnalytics, ScheduleRun
from tests.messaging.market import MONDAY, SUNDAY, bonus, booked, demand, ist, left_out, messages, promote, row, told, vendors

pytestmark = pytest.mark.django_db

YESTERDAY = ist(SUNDAY)
TODAY = ist(MONDAY, 8, 30)


def flags(day=SUNDAY) -> tuple[bool, bool, bool]:
    measured = row(day)
    return measured.high_demand_alert_sent, measured.bonus_alert_sent, measured.promotional_alert_sent


def test_each_campaign_has_a_flag_of_its_own(frozen, vera):
    booked(9, at=YESTERDAY)
    demand()
    assert flags() == (True, False, False)
    frozen.move_to(ist(MONDAY, 10))
    assert bonus()["queued"] == 3
    assert flags() == (True, True, False)


def test_a_promotions_flag_is_the_third(frozen, kiran):
    promote()
    assert flags() == (False, False, True)


def test_yesterday_and_today_both_matching_is_one_message_and_flags_both(frozen, vera):
    booked(6, at=YESTERDAY)
    booked(8, at=TODAY)
    assert (demand()["matched"], len(messages())) == (1, 2)
    assert flags(SUNDAY)[0]
    assert flags(MONDAY)[0]
    assert NotificationLog.objects.first().metadata["total_bookings"] == 8


def test_only_the_row_that_matched_is_flagged(frozen, vera):
    booked(6, at=YESTERDAY)
    demand()
    assert (flags(SUNDAY)[0], flags(MONDAY)[0]) == (True, False)


def test_a_row_that_has_fired_does_not_fire_tomorrow(frozen, vera, now):
    booked(6, at=TODAY)
    demand()
    frozen.move_to(now + timedelta(days=1))
    assert demand()["matched"] == 0
    assert len(messages()) == 2


def test_a_day_that_grew_hot_after_nine_fires_tomorrow(frozen, vera, now):
    assert demand()["matched"] == 0
    booked(6, at=ist(MONDAY, 20))
    frozen.move_to(now + timedelta(days=1))
    assert demand()["queued"] == 2


def test_two_hot_days_are_two_messages(frozen, vera, now):
    booked(6, at=YESTERDAY)
    booked(6, at=ist(MONDAY, 12))
    demand()
    frozen.move_to(now + timedelta(days=1))
    demand()
    assert messages() == [("vera", "email")] * 2 + [("vera", "websocket")] * 2


@pytest.mark.parametrize("run", [demand, bonus, promote])
def test_run_five_times_by_hand_it_tells_everybody_once(frozen, vera, viren, kiran, chitra, run):
    booked(9, at=YESTERDAY)
    first = run()
    before = messages()
    for minutes in (0, 1, 60, 180):
        frozen.shift(timedelta(minutes=minutes))
        assert run()["queued"] == 0
    assert messages() == before
    assert len(before) == first["queued"] > 0


def test_today_turning_hot_too_does_not_tell_the_same_people_again_today(frozen, vera):
    booked(6, at=YESTERDAY)
    demand()
    booked(7, at=ist(MONDAY, 10))
    frozen.move_to(ist(MONDAY, 11))
    result = demand()
    assert (result["queued"], result["suppressed"]) == (0, {"already_told": 1})
    assert left_out() == [("vera", "already_told", "email,websocket")]
    assert len(messages()) == 2


def test_somebody_who_came_later_is_told_when_the_pincode_fires_again(frozen, vera):
    booked(6, at=YESTERDAY)
    demand()
    (late,) = vendors(1)
    booked(9, at=ist(MONDAY, 10))
    frozen.move_to(ist(MONDAY, 11))
    assert demand()["queued"] == 2
    assert told() == sorted(["vera", late.username])


def test_the_flags_survive_the_night(frozen, vera):
    booked(6, at=YESTERDAY)
    demand()
    tasks.generate_pincode_analytics()
    assert flags()[0]
    assert demand()["queued"] == 0


def test_without_their_flags_people_are_still_told_once_a_day(frozen, vera):
    booked(6, at=YESTERDAY)
    demand()
    PincodeAnalytics.objects.update(high_demand_alert_sent=False)
    assert demand()["suppressed"] == {"already_told": 1}
    assert len(messages()) == 2


def test_by_the_clock_and_by_hand_together_it_is_once(frozen, vera):
    frozen.move_to(ist(MONDAY, 8, 59))
    call_command("setup_periodic_tasks", stdout=StringIO())
    booked(6, at=YESTERDAY)
    frozen.move_to(ist(MONDAY, 9, 0, 1))
    assert tasks.send_pincode_demand_alerts(scheduled=True)["queued"] == 2
    assert "skipped" in tasks.send_pincode_demand_alerts(scheduled=True)
    assert demand()["queued"] == 0
    assert sorted(ScheduleRun.objects.filter(job="high_demand").values_list("status", flat=True)) == ["done", "done", "opened"]
    assert len(messages()) == 2


def test_a_day_of_the_clock_runs_each_campaign_at_its_hour(frozen, vera, kiran, chitra):
    frozen.move_to(ist(MONDAY, 0, 1))
    call_command("setup_periodic_tasks", stdout=StringIO())
    booked(9, at=YESTERDAY)
    when: dict[str, int] = {}
    for hour in range(24):
        frozen.move_to(ist(MONDAY, hour, 0, 30))
        tasks.run_due_jobs()
        for kind in set(NotificationLog.objects.values_list("notification_type", flat=True)) - set(when):
            when[kind] = hour
    assert when == {"demand_notification": 9, "bonus_alert": 10, "promotional": 11}
    assert told("promotional") == ["chitra"]


@pytest.mark.parametrize(("day", "runs"), [(16, 1), (17, 0), (18, 1), (19, 0), (20, 1), (21, 0), (22, 0)])
def test_promotions_run_on_mondays_wednesdays_and_fridays(frozen, kiran, day, runs):
    today = MONDAY.replace(day=day)
    frozen.move_to(ist(today, 10, 59))
    call_command("setup_periodic_tasks", stdout=StringIO())
    frozen.move_to(ist(today, 11, 0, 30))
    tasks.run_due_jobs()
    assert ScheduleRun.objects.filter(job="promotions", status="done").count() == runs


def test_run_campaign_runs_any_of_them_by_its_name(frozen, vera):
    booked(6, at=YESTERDAY)
    assert tasks.run_campaign("high_demand")["queued"] == 2
    with pytest.raises(LookupError, match="There is no job named 'no_such'"):
        tasks.run_campaign("no_such")

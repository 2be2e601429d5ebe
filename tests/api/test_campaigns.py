"""Campaigns over the API: their rule and state, whom they would write to, and their pause."""

from datetime import timedelta

import pytest
from django.core.management import call_command

from core.messaging.campaign import campaigns
from core.models import Booking, MessagingRun, NotificationLog, Switch, Threshold
from tests.alerts.stuck import booking
from tests.api.callers import named_fields
from tests.api.conventions import queries_of
from tests.people import HOME

URL = "/admin-dashboard/campaigns/"
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen")]


def row(api, user, name="high_demand"):
    return {row["name"]: row for row in api(user).get(URL).json()["campaigns"]}[name]


def test_a_campaign_shows_its_rule_its_schedule_its_pauses_and_its_last_run(api, omar, sara, now):
    call_command("setup_periodic_tasks")
    Threshold.objects.create(rule="high_demand", name="bookings_over", scope="", value=6, effective_from=now - timedelta(hours=1))
    Threshold.objects.create(rule="high_demand", name="bookings_over", scope=HOME, value=9, effective_from=now - timedelta(hours=1))
    Switch.objects.create(scope="type", name="demand_notification", reason="Wrong words", changed_by=sara)
    Switch.objects.create(scope="type", name="promotional", reason="Another's")
    for hours in (48, 24):
        MessagingRun.objects.create(name="high_demand", started_at=now - timedelta(hours=hours), result={"matched": hours})
    told = row(api, omar)
    assert {limit["name"]: limit["value"] for limit in told["limits"]["limits"]}["bookings_over"] == "6.00"
    assert told["regional_limits"] == 1
    assert (told["schedule"]["times"]["hour"], told["schedule"]["next_slot"][:16]) == ("9", "2026-11-17T09:00")
    assert [switch["name"] for switch in told["paused_by"]] == ["demand_notification"]
    assert told["last_run"]["result"] == {"matched": 24}
    assert row(api, omar, "completion_reminders")["limits"] is None


def test_the_list_costs_the_same_however_much_there_is(api, omar, now):
    call_command("setup_periodic_tasks")

    def history(first, last):
        MessagingRun.objects.bulk_create(
            MessagingRun(name=campaign.name, started_at=now - timedelta(hours=n), actor=omar)
            for n in range(first, last)
            for campaign in campaigns
        )
        Switch.objects.bulk_create(Switch(scope="campaign", name=f"c{n}", changed_by=omar) for n in range(first, last))

    caller = api(omar)
    history(0, 3)
    few = queries_of(lambda: caller.get(URL))
    history(3, 30)
    assert queries_of(lambda: caller.get(URL)) == few


def test_a_preview_counts_whom_a_run_would_reach_and_writes_nothing(api, omar, vera, viren, now):
    for _ in range(6):
        booking(now, created_at=now - timedelta(hours=20), status="pending", vendor=None)
    answer = api(omar).post(f"{URL}high_demand/preview/")
    assert answer.status_code == 200
    result = answer.json()["result"]
    assert (result["matched"], result["people"], result["dry_run"]) == (1, 1, True)
    assert not NotificationLog.objects.exists()
    assert not MessagingRun.objects.exists()
    assert Booking.objects.count() == 6


def test_a_campaign_is_paused_and_resumed_with_a_reason(api, omar):
    caller = api(omar)
    assert named_fields(caller.post(f"{URL}vendor_bonus/pause/")) == ["reason"]
    assert caller.post(f"{URL}vendor_bonus/pause/", {"reason": "Budget"}).json()["is_paused"] is True
    assert Switch.objects.get(scope="campaign", name="vendor_bonus").is_paused
    assert [switch["reason"] for switch in row(api, omar, "vendor_bonus")["paused_by"]] == ["Budget"]
    assert caller.post(f"{URL}vendor_bonus/resume/", {"reason": "New month"}).json()["is_paused"] is False
    assert row(api, omar, "vendor_bonus")["paused_by"] == []


@pytest.mark.parametrize("step", ["preview", "pause", "resume"])
def test_a_campaign_there_is_none_of_is_not_found(api, omar, step):
    assert api(omar).post(f"{URL}no_such/{step}/", {} if step == "preview" else {"reason": "x"}).status_code == 404

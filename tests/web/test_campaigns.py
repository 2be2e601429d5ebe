"""Campaigns: the rule in words, whom it would write to, its pause, and sending by hand after being told to how many."""

import re
from datetime import timedelta
from unittest.mock import patch
from uuid import UUID

import pytest
from auditlog.models import LogEntry
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.html import escape

from core import by_hand
from core.dashboard import pages
from core.models import LeftOut, MessagingRun, NotificationLog, Preference, Role, ScheduleRun, Switch, TemplateVersion, Threshold
from tests.messaging.market import booked
from tests.people import HOME, NEXT_DOOR, people, person

URL = "/dashboard/campaigns/"
ONE = f"{URL}promotions/"
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen")]


@pytest.fixture
def quiet(kiran, chitra):
    """Two quiet pincodes: Kiran's, who has opted out of offers by mail, and Chitra's."""
    Preference.objects.create(person=kiran, category="promotional", method="email", allowed=False)
    Preference.objects.create(person=kiran, category="promotional", method="websocket", allowed=False)


def text_of(client, url=ONE):
    answer = client.get(url)
    assert answer.status_code == 200
    return answer.content.decode()


def hidden(page, name):
    found = re.search(rf'<input type="hidden" name="{name}" value="([^"]*)"', page)
    assert found
    return found[1]


def cost(client, url):
    # On a slow machine no other number.
    with patch.object(pages, "LONG", 3_600):
        text_of(client, url)
        with CaptureQueriesContext(connection) as seen:
            text_of(client, url)
    return len(seen)


def a_run(now, *, days=1, name="promotions", count=2, **fields):
    at = now - timedelta(days=days)
    run = MessagingRun.objects.create(name=name, started_at=at, result={"people": count, "queued": count, "matched": 1}, **fields)
    NotificationLog.objects.bulk_create(
        NotificationLog(recipient=one, run=run, notification_type="promotional", method="email", status="sent", created_at=at)
        for one in people(count)
    )
    return run


# --- What is shown ------------------------------------------------------------------------------------------------------


def test_the_list_says_when_each_runs_next_whether_it_is_paused_and_what_the_last_run_came_to(as_omar, sara, now):
    call_command("setup_periodic_tasks", verbosity=0)
    a_run(now, count=3)
    Switch.objects.create(scope="campaign", name="high_demand", reason="Wrong words", changed_by=sara, changed_at=now)
    page = text_of(as_omar, URL)
    assert "Runs next Mon 16 Nov at 11:00, in 2 h." in page
    assert escape("It is paused since 9:00 by Sara: “Wrong words”.") in page
    assert re.search(r'c-people"><b>3</b>', page)
    assert "100.0 %" in page
    assert "never ran" in page


def test_a_campaign_says_its_rule_in_words_with_the_limits_in_force(as_omar, now):
    call_command("setup_periodic_tasks", verbosity=0)
    Threshold.objects.create(rule="promotions", name="bookings_under", scope="", value=2, effective_from=now - timedelta(hours=1))
    Threshold.objects.create(rule="promotions", name="bookings_under", scope="5600", value=1, effective_from=now - timedelta(hours=1))
    page = text_of(as_omar)
    assert "pincodes with under 2 bookings, on the last full day" in page
    assert "Mon, Wed, Fri at 11:00" in page
    assert "1 a day and 3 a week for each person" in page
    assert "runs once if at most 4 h late" in page
    assert re.search(r"5600</td><td>under 1 booking<", page)


def test_limits_are_changed_by_super_admins_alone_and_the_page_says_so(as_omar, client, sara):
    assert "Only a super admin may change limits" in text_of(as_omar)
    client.force_login(sara)
    assert "Only a super admin" not in text_of(client)


def test_past_runs_show_what_went_out_who_booked_and_what_was_missed(as_omar, now, kiran):
    run = a_run(now, days=4)
    NotificationLog.objects.create(
        recipient=kiran,
        run=run,
        notification_type="promotional",
        method="email",
        status="delivered",
        read_at=now,
        created_at=run.started_at,
    )
    booked(1, at=run.started_at + timedelta(hours=3), customer=kiran)
    ScheduleRun.objects.create(job="promotions", slot=now - timedelta(days=2), status="missed", started_at=now - timedelta(days=1))
    page = text_of(as_omar)
    assert "Missed" in page
    assert "50.0 %" in page
    assert "Thu 12 Nov, 9:00" in page
    assert page.index("Sat 14 Nov") < page.index("Thu 12 Nov, 9:00</time>")


def test_any_past_run_is_shown_by_method_with_the_figures_of_the_api(as_omar, now):
    a_run(now, count=1)
    older = a_run(now, days=3, count=2)
    first = NotificationLog.objects.filter(run=older).first()
    NotificationLog.objects.filter(pk=first.pk).update(status="pending")
    for one in NotificationLog.objects.filter(run=older):
        NotificationLog.objects.create(
            recipient=one.recipient,
            run=older,
            notification_type="promotional",
            method="sms",
            status="delivered",
            clicked_at=now,
            read_at=now,
        )

    def rows(query=""):
        table = text_of(as_omar, ONE + query).partition('id="methods"')[2].partition("</section>")[0]
        cells = [re.findall(r'<td class="n p-num">(\d+)', row) for row in table.split("<tr>")[2:]]
        return [list(map(int, row)) for row in cells]

    assert rows() == rows("?by=nonsense") == [[1, 0, 1, 0, 0, 0, 0, 0]]
    assert rows(f"?by={older.pk}") == [[2, 1, 1, 0, 0, 0, 0, 0], [2, 0, 2, 2, 0, 2, 2, 0]]
    of_api = as_omar.get("/admin-dashboard/campaigns/promotions/results/").json()["runs"][1]["by_method"]
    names = ("messages", "pending", "sent", "delivered", "failed", "read", "clicked")
    assert [[*(one[name] for name in names), one["booked"]["people"]] for one in of_api] == rows(f"?by={older.pk}")


def test_what_the_outbox_shows_in_place_of_sending_is_not_called_sent_alone(as_omar, now):
    run = a_run(now, count=3)
    NotificationLog.objects.filter(run=run).update(provider="outbox")
    assert "3 shown, not sent" in text_of(as_omar, URL)
    page = text_of(as_omar)
    assert "of these 3 shown in the outbox and not sent" in page
    assert "3 in the outbox, not sent" in page


def test_a_campaign_there_is_none_of_is_not_found(as_omar):
    for url in (f"{URL}no_such/", f"{URL}no_such/pause/", f"{URL}no_such/mail/"):
        assert as_omar.get(url).status_code == 404
    for url in (f"{URL}no_such/preview/", f"{URL}no_such/send/", f"{URL}no_such/resume/"):
        assert as_omar.post(url).status_code == 404


def test_finance_has_no_campaigns(client, farah):
    client.force_login(farah)
    assert client.get(URL).status_code == client.get(ONE).status_code == client.post(f"{ONE}send/").status_code == 403
    assert "Campaigns" not in client.get("/dashboard/").content.decode()


def test_it_costs_the_same_for_thirty_runs_as_for_three(as_omar, now):
    call_command("setup_periodic_tasks", verbosity=0)
    for days in range(1, 4):
        a_run(now, days=days)
    few = [cost(as_omar, url) for url in (URL, ONE)]
    for days in range(4, 31):
        a_run(now, days=days, count=5)
        Switch.objects.create(scope="type", name=f"other{days}")
        Threshold.objects.create(rule="promotions", name="bookings_under", scope=f"56{days:02}", value=1, effective_from=now)
        TemplateVersion.objects.create(name="promotional", region=f"56{days:02}", status="published", subject="Offer", body="Offer")
    many = [cost(as_omar, url) for url in (URL, ONE)]
    assert many[0] == few[0] <= 14
    # The limits of regions are read where there are some.
    assert many[1] == few[1] + 1 <= 20


def test_what_people_wrote_is_shown_as_text(as_omar, sara, now):
    bad = "<img src=x onerror=alert(1)>"
    sara.first_name = bad
    sara.save()
    Switch.objects.create(scope="campaign", name="promotions", reason=bad, changed_by=sara, changed_at=now)
    TemplateVersion.objects.create(name="promotional", status="published", subject=bad, body=bad)
    a_run(now, actor=sara)
    ScheduleRun.objects.create(job="promotions", slot=now - timedelta(hours=2), status="failed", error=bad, attempts=3)
    for url in (URL, f"{ONE}?method=websocket", f"{ONE}pause/"):
        page = text_of(as_omar, url)
        assert "<img" not in page
    assert escape(bad) in text_of(as_omar)


# --- Whom it would write to ---------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("quiet")
def test_a_preview_is_made_when_asked_and_names_the_reasons_and_writes_nothing(as_omar):
    assert "would write to" not in text_of(as_omar)
    page = as_omar.post(f"{ONE}preview/").content.decode()
    assert "Now it would write to 1 person." in page
    assert re.search(r"opted out</td>.*?<b>1</b>", page, re.DOTALL)
    by_way = re.findall(r"</svg>([^<]+)</span></td><td class=\"n\"><b>(\d+)</b></td><td class=\"n q sm\">([^<]+)<", page)
    assert by_way == [("Email", "1", "everyone"), ("In-app", "1", "everyone")]
    of_api = as_omar.post("/admin-dashboard/campaigns/promotions/preview/").json()["result"]
    assert (of_api["queued"], of_api["people"], of_api["by_method"]) == (2, 1, {"email": 1, "websocket": 1})
    assert "Past runs" in page
    assert not NotificationLog.objects.exists()
    assert not MessagingRun.objects.exists()
    assert not LeftOut.objects.exists()


@pytest.mark.usefixtures("quiet")
def test_a_preview_for_a_part_of_the_page_is_that_part_alone(as_omar):
    page = as_omar.post(f"{ONE}preview/", headers={"HX-Request": "true"}).content.decode()
    assert "Now it would write to 1 person." in page
    assert "<html" not in page


def test_a_preview_of_nothing_says_so(as_omar):
    page = as_omar.post(f"{ONE}preview/").content.decode()
    assert "Now it would write to nobody." in page
    assert "Nothing fits the rule now" in page


# --- Pause and resume ---------------------------------------------------------------------------------------------------


def test_a_pause_says_how_many_wait_and_asks_why(as_omar, kiran, chitra):
    for one, campaign in ((kiran, "promotions"), (chitra, "promotions"), (kiran, "other")):
        NotificationLog.objects.create(recipient=one, notification_type="promotional", method="email", metadata={"campaign": campaign})
    assert "2 messages to 2 people wait now" in text_of(as_omar, f"{ONE}pause/")
    refused = as_omar.post(f"{ONE}pause/", {"reason": "  "})
    assert refused.status_code == 400
    assert "Say why" in refused.content.decode()
    long = as_omar.post(f"{ONE}pause/", {"reason": "x" * 201})
    assert long.status_code == 400
    assert "x" * 201 in long.content.decode()
    assert not Switch.objects.exists()


def test_letting_go_says_first_to_how_many_it_sends(as_omar, kiran, chitra):
    """And that it sends nothing while something wider is paused, too."""
    assert "Nothing waits: nobody is written to by this." in text_of(as_omar, f"{ONE}resume/")
    for one, campaign, method in (
        (kiran, "promotions", "email"),
        (kiran, "promotions", "sms"),
        (chitra, "promotions", "sms"),
        (chitra, "x", "sms"),
    ):
        NotificationLog.objects.create(recipient=one, notification_type="promotional", method=method, metadata={"campaign": campaign})
    page = text_of(as_omar, f"{ONE}resume/")
    assert "Resume “Weekend promotion”, and write to 2 people?" in page
    assert "3 messages to 2 people wait now; what is not too late by then leaves at once." in page
    assert "Resume, and write to 2 people</button>" in page
    assert "paused besides" not in page
    Switch.objects.create(scope="all", name="", reason="Storm")
    assert "Everything is paused besides: none of it leaves" in text_of(as_omar, f"{ONE}resume/")


def test_a_pause_and_its_end_are_kept_with_who_and_why(as_omar, omar):
    answer = as_omar.post(f"{ONE}pause/", {"reason": "Budget"})
    assert (answer.status_code, answer.headers["Location"]) == (303, ONE)
    switch = Switch.objects.get(scope="campaign", name="promotions")
    assert (switch.is_paused, switch.reason, switch.changed_by) == (True, "Budget", omar)
    page = text_of(as_omar)
    assert "Weekend promotion is paused." in page
    assert "Resume…" in page
    assert escape("by Omar: “Budget”") in page
    as_omar.post(f"{ONE}resume/", {"reason": "New month"})
    switch.refresh_from_db()
    assert (switch.is_paused, switch.reason) == (False, "New month")
    entries = LogEntry.objects.filter(content_type__model="switch").order_by("id")
    assert [entry.actor for entry in entries] == [omar, omar]


def test_who_comes_second_is_told_who_was_first_and_when(as_omar, sara, now):
    Switch.objects.create(scope="campaign", name="promotions", reason="Budget", changed_by=sara, changed_at=now - timedelta(minutes=5))
    as_omar.post(f"{ONE}pause/", {"reason": "Mine"})
    assert escape("Sara paused this at 8:55: “Budget”. Nothing changed.") in text_of(as_omar)
    assert Switch.objects.get().reason == "Budget"


# --- Sending by hand ----------------------------------------------------------------------------------------------------


def ask(client, url=f"{ONE}send/"):
    answer = client.post(url)
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.usefixtures("quiet")
def test_nothing_is_sent_before_it_is_said_to_how_many(as_omar):
    page = ask(as_omar)
    assert "Write to 1 person?" in page
    assert "Weekend promotion, for 2 pincodes. 2 messages by email and in the app." in page
    assert "Left out, by one way or all: 1 opted out." in page
    assert "Once sent it cannot be taken back." in page
    assert "Keep as is" in page
    assert not NotificationLog.objects.exists()
    assert not ScheduleRun.objects.exists()
    assert not LogEntry.objects.filter(additional_data__act__isnull=False).exists()


@pytest.mark.usefixtures("quiet")
@pytest.mark.django_db(transaction=True)
def test_once_told_it_is_sent_as_a_task_in_the_persons_name(as_omar, omar, settings):
    asked = hidden(ask(as_omar), "asked")
    answer = as_omar.post(f"{ONE}send/", {"asked": asked})
    run = ScheduleRun.objects.get(job="promotions")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{ONE}?run={run.pk}")
    assert (run.actor, run.slot, bool(run.task_id)) == (omar, None, True)
    [entry] = LogEntry.objects.filter(additional_data__act="begin send_promotions")
    assert (entry.actor, entry.additional_data["dry_run"]) == (omar, False)
    assert by_hand.asked(UUID(run.task_id)).status == "SUCCESS"
    page = text_of(as_omar, answer.headers["Location"])
    assert "This run" in page
    assert "1 people" in page
    assert set(NotificationLog.objects.values_list("recipient__username", flat=True)) == {"chitra"}
    assert MessagingRun.objects.get().actor == omar


@pytest.mark.usefixtures("quiet")
def test_a_run_that_has_not_ended_is_shown_as_such_and_stands_in_the_way_of_a_second_one(as_omar, sara, now):
    run = by_hand.ask("promotions", actor=sara, now=now)
    page = text_of(as_omar, f"{ONE}?run={run.pk}")
    assert "Under way" in page
    assert 'hx-trigger="every 2s"' in page
    answer = as_omar.post(f"{ONE}send/", {"asked": now.isoformat()})
    assert answer.status_code == 409
    assert "Sara asked for it at 9:00; that run has not ended." in answer.content.decode()
    assert ScheduleRun.objects.count() == 1


@pytest.mark.usefixtures("quiet")
def test_a_number_that_is_no_longer_true_is_said_anew(as_omar, sara, now):
    for old in (now - timedelta(minutes=11), now + timedelta(days=1)):
        answer = as_omar.post(f"{ONE}send/", {"asked": old.isoformat()})
        assert answer.status_code == 409
        assert "That number is old" in answer.content.decode()
    MessagingRun.objects.create(name="promotions", started_at=now - timedelta(minutes=1), actor=sara, result={"people": 4})
    answer = as_omar.post(f"{ONE}send/", {"asked": (now - timedelta(minutes=2)).isoformat()})
    assert answer.status_code == 409
    assert "Sara ran it at 8:59, after you were asked." in answer.content.decode()
    assert not ScheduleRun.objects.exists()
    for nonsense in ("x", "2026-13-45T99:00", "2026-11-16T09:00"):
        assert as_omar.post(f"{ONE}send/", {"asked": nonsense}).status_code == 200
    assert not ScheduleRun.objects.exists()


@pytest.mark.usefixtures("quiet")
def test_what_already_ran_today_says_so_and_writes_only_to_who_is_new(as_omar, now):
    MessagingRun.objects.create(name="promotions", started_at=now - timedelta(hours=1), result={"people": 391})
    page = ask(as_omar)
    assert "Already ran today at 8:00, 391 people. Running again writes only to the 1 person not told yet." in page


def test_nobody_to_write_to_is_said_and_there_is_nothing_to_confirm(as_omar, kiran):
    Preference.objects.bulk_create(
        Preference(person=kiran, category="promotional", method=method, allowed=False) for method in ("email", "websocket")
    )
    page = ask(as_omar)
    assert "This would write to nobody." in page
    assert "1 opted out" in page
    assert 'name="asked"' not in page
    kiran.delete()
    assert "Nothing to send." in ask(as_omar)


def test_offers_by_sms_outside_their_hours_are_said_to_wait(as_omar, vera, now):
    booked(9, at=now - timedelta(hours=20), pincode=HOME)
    page = ask(as_omar, f"{URL}vendor_bonus/send/")
    assert "Write to 1 person?" in page
    assert "SMS waits until 10:00" in page


def test_a_vendor_or_customer_sends_nothing(client):
    for role in (Role.VENDOR, Role.CUSTOMER, Role.FINANCE, Role.ONBOARD_MANAGER):
        client.force_login(person(role, pincode=NEXT_DOOR))
        assert client.post(f"{ONE}send/", {"asked": "2026-11-16T09:00:00+05:30"}).status_code == 403
    assert not ScheduleRun.objects.exists()

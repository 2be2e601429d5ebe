"""One alert's page: what is true of it, and each step once, by whoever was first."""

from datetime import timedelta

import pytest
from django.utils import timezone

from core import clock
from core.alerts import steps
from core.alerts.check import checks
from core.alerts.lifecycle import reconcile
from core.alerts.policies import create_defaults
from core.models import AlertEvent, BusinessAlert, NotificationLog
from tests.alerts.stuck import held
from tests.web.alerts_world import HOUR, an_alert, take, text_of, url_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen")]


# --- One alert ----------------------------------------------------------------------------------------------------------


def test_an_alert_of_a_check_says_why_it_is_open_what_is_next_and_what_it_holds(as_omar, now, omar, sara):
    create_defaults()
    held(now, 30, "1000.00")
    held(now, 60, "2500.00")
    reconcile(checks.get("payment_holds"), now=now)
    alert = BusinessAlert.objects.get()
    page = text_of(as_omar, url_of(alert))
    for words in (
        "Payments on hold for more than 24 hours; critical from 48 hours",
        "It closes by itself when none is left",
        "₹3,500",
        "2 payments held, oldest <b>2 d 12 h</b>",
        "Nobody is on this.",
        "Super admins hear by email, app and SMS at 9:30, in\N{NO-BREAK SPACE}30\N{NO-BREAK SPACE}min, unless someone acknowledges.",
        "An acknowledgement lasts 1 hour.",
        "Opened: 2 items",
    ):
        assert words in page
    assert page.index("₹2,500") < page.index("₹1,000")


def test_items_have_pages_new_ones_are_tagged_and_cleared_ones_are_kept_apart(as_omar):
    alert = an_alert(items=23, rupees=2300)
    alert.items.filter(label="Item 22 of Bookings overdue").update(first_seen_at=clock.now() - HOUR, rupees=9000)
    alert.items.filter(label="Item 3 of Bookings overdue").update(cleared_at=clock.now() - HOUR)
    page = text_of(as_omar, url_of(alert))
    assert page.count(">new</span>") == 1
    assert "1 cleared earlier" in page
    assert "Item 3 of" not in page
    assert page.count("of Bookings overdue</td>") == 20
    assert text_of(as_omar, f"{url_of(alert)}?items_page=2").count("of Bookings overdue</td>") == 2
    assert "Item 3 of" in text_of(as_omar, f"{url_of(alert)}?items=cleared")


def test_the_trend_is_drawn_from_when_items_came_and_went(as_omar):
    alert = an_alert(items=2, rupees=2000, hours=10)
    alert.items.filter(label__startswith="Item 1").update(first_seen_at=clock.now() - 5 * HOUR)
    AlertEvent.objects.create(alert=alert, kind="raised", at=clock.now() - 5 * HOUR, detail={"severity": "critical", "was": "high"})
    page = text_of(as_omar, url_of(alert))
    assert "Rupees at risk since the alert opened, from ₹1,000 to ₹2,000, most ₹2,000; turned critical 4:00" in page
    assert 'd="M0 46H193V0H386V0"' in page
    assert "▲ ₹1,000" in page


def test_the_timeline_is_in_plain_words_newest_first(as_omar, omar, sara):
    alert = an_alert(hours=1)
    now = clock.now()
    steps.acknowledge(alert.pk, actor=sara, now=now - timedelta(minutes=50))
    steps.assign(alert.pk, actor=omar, to=sara, now=now - timedelta(minutes=40))
    steps.comment(alert.pk, actor=sara, text="The bank is looking.", now=now - timedelta(minutes=30))
    steps.snooze(alert.pk, actor=sara, until=now + HOUR, now=now - timedelta(minutes=20))
    AlertEvent.objects.create(
        alert=alert, kind="escalated", at=now - timedelta(minutes=10), reason="super admins after 480 minutes (High)",
        detail={"minutes": 480, "methods": ["email", "sms"]},
    )  # fmt: skip
    page = text_of(as_omar, url_of(alert)).partition('id="alert-events"')[2]
    said = [
        "The snooze ends", "Escalated to super admins after 8 hours, by email and SMS", "<b>Sara</b> snoozed it to 10:00",
        "<b>Sara</b> commented", "The bank is looking.", "<b>You</b> gave it to Sara", "<b>Sara</b> acknowledged it",
    ]  # fmt: skip
    places = [page.index(words) for words in said]
    assert places == sorted(places)


def test_what_was_told_about_it_is_counted_by_what_became_of_it(as_omar, sara):
    alert = an_alert()
    for method, status in (("email", "sent"), ("websocket", "delivered"), ("sms", "failed")):
        NotificationLog.objects.create(recipient=sara, notification_type="booking_timeout", method=method, status=status, alert=alert)
    assert "3 messages to 1 person by app, email and SMS: 1 delivered, 1 accepted, 1 failed." in text_of(as_omar, url_of(alert))
    assert 'href="/dashboard/log/?type=booking_timeout&amp;date_from=2026-11-16"' in text_of(as_omar, url_of(alert))


def test_only_what_may_be_done_is_offered(as_omar):
    offered = {
        "active": {"acknowledge", "assign", "snooze", "ignore", "resolve", "comment"},
        "acknowledged": {"assign", "snooze", "ignore", "resolve", "comment"},
        "ignored": {"resolve", "reopen", "comment"},
        "resolved": {"reopen", "comment"},
    }
    for status, those in offered.items():
        alert = an_alert(status=status)
        page = text_of(as_omar, url_of(alert))
        assert {step for step in steps.DONE if f'action="{url_of(alert, step)}"' in page} == those, status


# --- Steps --------------------------------------------------------------------------------------------------------------


def test_each_step_is_taken_and_leads_back_to_the_alert(as_omar, omar, sara, frozen):
    alert = an_alert(fingerprint="mine")
    for step, typed, status in (
        ("acknowledge", {}, "acknowledged"),
        ("assign", {"user_id": sara.pk}, "acknowledged"),
        ("comment", {"text": "Called them."}, "acknowledged"),
        ("snooze", {"until": "4h"}, "acknowledged"),
        ("ignore", {"reason": "Known."}, "ignored"),
        ("reopen", {"reason": "Not known."}, "active"),
        ("resolve", {"notes": "Paid."}, "resolved"),
    ):
        answer = take(as_omar, alert, step, **typed)
        assert (answer.status_code, answer.headers["Location"]) == (303, url_of(alert)), step
        alert.refresh_from_db()
        assert alert.status == status, step
        frozen.shift(60)
    assert alert.resolved_by == omar
    assert list(AlertEvent.objects.order_by("at", "id").values_list("kind", flat=True)) == [
        "acknowledged", "assigned", "commented", "snoozed", "ignored", "reopened", "resolved",
    ]  # fmt: skip
    assert "Resolved. Should the cause remain, it reopens Tue 9:06" in text_of(as_omar, url_of(alert))


@pytest.mark.parametrize(
    ("typed", "until"),
    [
        ({"until": "1h"}, "2026-11-16T10:00:00+05:30"),
        ({"until": "morning"}, "2026-11-17T09:00:00+05:30"),
        ({"until": "at", "at": "2026-11-18T07:30"}, "2026-11-18T07:30:00+05:30"),
        ({"until": "at", "at": ""}, None),
        ({"until": "at", "at": "2026-11-18"}, None),
        ({"until": "at", "at": "2026-11-15T07:30"}, None),
        ({"until": "at", "at": "9999-99-99T99:99"}, None),
        ({"until": "at", "at": "2027-11-18T07:30"}, None),
        ({"until": "for ever"}, None),
        ({}, None),
    ],
)
def test_a_snooze_ends_when_it_is_told_to_in_indian_time(as_omar, typed, until):
    alert = an_alert()
    answer = take(as_omar, alert, "snooze", **typed)
    alert.refresh_from_db()
    assert (timezone.localtime(alert.snoozed_until).isoformat() if alert.snoozed_until else None) == until
    assert answer.status_code == (303 if until else 400)


def test_the_second_of_two_hears_who_was_first_and_when_and_loses_nothing_that_was_typed(as_omar, sara):
    alert = an_alert()
    steps.acknowledge(alert.pk, actor=sara, now=clock.now() - timedelta(minutes=2), version=alert.version)
    late = take(as_omar, alert, "acknowledge")
    page = late.content.decode()
    assert late.status_code == 409
    assert "Sara acknowledged it at 08:58." in page
    assert "assign it to whoever does it" in page
    also_late = take(as_omar, alert, "resolve", notes="I paid <them>.")
    assert also_late.status_code == 409
    assert "I paid &lt;them&gt;." in also_late.content.decode()
    assert AlertEvent.objects.count() == 1


def test_a_comment_is_never_too_late(as_omar, sara):
    alert = an_alert()
    steps.resolve(alert.pk, actor=sara, now=clock.now())
    assert take(as_omar, alert, "comment", text="Thank you.").status_code == 303


def test_resolving_asks_first_while_something_is_left(as_omar):
    alert = an_alert(items=3, rupees=300)
    asked = take(as_omar, alert, "resolve", notes="Done.")
    assert asked.status_code == 400
    page = asked.content.decode()
    assert "Resolve with 3 bookings still overdue?" in page
    assert "Resolve with 3 left" in page
    assert ">Done.</textarea>" in page
    alert.refresh_from_db()
    assert alert.status == "active"
    assert take(as_omar, alert, "resolve", notes="Done.", left="3").status_code == 303


@pytest.mark.parametrize(
    ("step", "typed", "words"),
    [
        ("comment", {"text": "  "}, "This may not be empty."),
        ("comment", {"text": "x" * 2001}, "This may have at most 2000 characters."),
        ("comment", {"text": "a\x00b"}, "This holds a character that cannot be stored."),
        ("ignore", {"reason": ""}, "This may not be empty."),
        ("assign", {}, "Choose whom to assign it to."),
        ("assign", {"user_id": "99999999"}, "There is no such person who may see this alert."),
        ("assign", {"user_id": "Ω"}, "There is no such person who may see this alert."),
    ],
)
def test_what_cannot_be_used_is_said_beside_the_form_and_changes_nothing(as_omar, step, typed, words):
    answer = take(as_omar, an_alert(), step, **typed)
    assert answer.status_code == 400
    assert words in answer.content.decode()
    assert not AlertEvent.objects.exists()


def test_without_scripts_each_form_has_an_address(as_omar):
    alert = an_alert()
    for step in ("assign", "snooze", "ignore", "resolve"):
        page = text_of(as_omar, f"{url_of(alert)}?do={step}")
        assert f'id="dialog-{step}"' not in page
        assert f'action="{url_of(alert, step)}"' in page


# --- Undo ---------------------------------------------------------------------------------------------------------------


def test_what_was_just_done_is_undone_from_the_toast(as_omar, omar, sara, frozen):
    alert = an_alert()
    undo = f'action="{url_of(alert, "undo")}"'
    take(as_omar, alert, "acknowledge")
    # Somebody else's word changes nothing that could be undone, and one's own is not what the toast would undo.
    page = text_of(as_omar, url_of(alert))
    assert undo in page.partition('id="toasts"')[2]
    assert undo not in text_of(as_omar, url_of(alert))
    alert.refresh_from_db()
    take(as_omar, alert, "comment", text="On it.")
    assert undo not in text_of(as_omar, url_of(alert))
    answer = take(as_omar, alert, "undo")
    assert (answer.status_code, answer.headers["Location"]) == (303, url_of(alert))
    page = text_of(as_omar, url_of(alert))
    for words in ("Undone. It is as it was before", "<b>You</b> took back the acknowledgement", "<b>You</b> acknowledged it"):
        assert words in page
    assert undo not in page


def test_an_undo_that_comes_too_late_names_who_was_first_and_when(as_omar, sara, frozen):
    alert = an_alert()
    take(as_omar, alert, "acknowledge")
    alert.refresh_from_db()
    frozen.shift(60)
    steps.assign(alert.pk, actor=sara, to=sara, now=clock.now())
    answer = take(as_omar, alert, "undo")
    assert answer.status_code == 409
    assert "<b>Sara assigned it at 09:01.</b> Nothing was undone. It is shown as it is now." in answer.content.decode()

"""The alerts' list and board: worst first, as filtered, at the same cost whatever there is."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.html import escape

from core import clock
from core.alerts import steps
from core.alerts.policies import create_defaults
from core.models import AlertEvent, AlertItem, BusinessAlert, Role, ScheduleRun, User
from tests.people import person
from tests.web.alerts_world import HOUR, LIST, an_alert, take, text_of, url_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen")]

EVIL = "<script>alert(1)</script>"


# --- The list ---------------------------------------------------------------------------------------------------------


def test_the_worst_is_first_and_what_is_closed_or_ignored_is_not_there(as_omar):
    an_alert("Second", rupees=1000, hours=2)
    an_alert("First", rupees=486200, hours=50, severity="critical")
    an_alert("Ignored", status="ignored")
    an_alert("Closed", status="resolved", resolved_at=clock.now() - timedelta(days=2))
    page = text_of(as_omar)
    assert page.index(">First<") < page.index(">Second<")
    assert "₹4,86,200" in page
    assert "2 alerts, 0 items, ₹4,87,200" in page
    assert ">Ignored</a>" not in page
    assert ">Closed</a>" not in page


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", {"Mine", "Hers", "Nobody's", "In Mumbai"}),
        ("status=active", {"Mine", "Nobody's", "In Mumbai"}),
        ("status=acknowledged", {"Hers"}),
        ("status=ignored", {"Ignored"}),
        ("status=resolved", {"Closed"}),
        ("severity=critical", {"Nobody's"}),
        ("type=payment_hold", {"Hers"}),
        ("assigned_to=me", {"Mine"}),
        ("assigned_to=nobody", {"Nobody's", "In Mumbai"}),
        ("region=400", {"In Mumbai"}),
        ("severity=critical&assigned_to=me", set()),
        ("severity=unheard-of", set()),
        ("assigned_to=99999999999999999999999", set()),
        ("status=%00", set()),
    ],
)
def test_filters_are_in_the_address(as_omar, omar, sara, query, shown):
    an_alert("Mine", assigned_to=omar)
    an_alert("Hers", kind="payment_hold", status="acknowledged", acknowledged_by=sara)
    an_alert("Nobody's", severity="critical")
    an_alert("In Mumbai", region="400")
    an_alert("Ignored", status="ignored")
    an_alert("Closed", status="resolved", resolved_at=clock.now() - timedelta(days=2))
    page = text_of(as_omar, f"{LIST}?{query}")
    names = {"Mine", "Hers", "Nobody's", "In Mumbai", "Ignored", "Closed"}
    assert {name for name in names if f">{escape(name)}</a>" in page} == shown
    if not shown:
        assert "Nothing matches" in page


def test_the_filter_by_a_person_finds_what_they_were_given_and_what_they_acknowledged(as_omar, sara):
    an_alert("Given", assigned_to=sara)
    an_alert("Acknowledged", status="acknowledged", acknowledged_by=sara)
    an_alert("Once acknowledged", acknowledged_by=sara)
    page = text_of(as_omar, f"{LIST}?assigned_to={sara.pk}")
    assert ">Given</a>" in page
    assert ">Acknowledged</a>" in page
    assert ">Once acknowledged</a>" not in page


def test_a_row_keeps_the_filters_of_the_list_it_stands_in(as_omar):
    alert = an_alert(severity="critical")
    page = text_of(as_omar, f"{LIST}?severity=critical&view=list")
    assert f'href="{LIST}{alert.pk}/?severity=critical' in page
    assert f'href="{LIST}?severity=critical' in text_of(as_omar, f"{url_of(alert)}?severity=critical")


def test_a_long_list_has_pages(as_omar):
    for number in range(53):
        an_alert(f"Number {number}", rupees=1000 * (60 - number))
    first, second = text_of(as_omar), text_of(as_omar, f"{LIST}?page=2")
    assert ">Number 49<" in first
    assert ">Number 50<" not in first
    assert 'href="/dashboard/alerts/?page=2"' in first
    assert ">Number 50<" in second
    assert ">Number 52<" in second
    assert ">Number 52<" in text_of(as_omar, f"{LIST}?page=900")


def test_what_is_resolved_goes_on_by_where_the_last_page_ended(as_omar):
    for number in range(53):
        an_alert(f"Number {number}", hours=number + 1, status="resolved", resolved_at=clock.now())
    first = text_of(as_omar, f"{LIST}?status=resolved")
    assert ">Number 49<" in first
    assert ">Number 50</a>" not in first.partition("Resolved today")[0]
    older = first.partition("Older")[0].rpartition('href="')[2].partition('"')[0].replace("&amp;", "&")
    assert ">Number 50<" in text_of(as_omar, older).partition("Resolved today")[0]


def test_an_empty_list_says_that_nothing_needs_you(as_omar):
    an_alert("Closed", status="resolved", resolved_at=clock.now() - HOUR)
    page = text_of(as_omar)
    assert "Nothing needs you" in page
    assert "The last one closed 8:00" in page


def test_the_board_is_by_whose_they_are(as_omar, omar):
    an_alert("Free", rupees=100)
    an_alert("Taken", rupees=200, assigned_to=omar)
    an_alert("Held", rupees=300, status="acknowledged", acknowledged_by=omar)
    an_alert("Put off", rupees=400, assigned_to=omar, snoozed_until=clock.now() + HOUR)
    an_alert("Awake", rupees=500, snoozed_until=clock.now() - HOUR)
    an_alert("Done", rupees=600, status="resolved", resolved_by=omar, resolved_at=clock.now() - HOUR)
    an_alert("Done before", status="resolved", resolved_by=omar, resolved_at=clock.now() - 20 * HOUR)
    page = text_of(as_omar, f"{LIST}?view=board")
    lanes = {lane.partition('"')[0]: lane for lane in page.split('<section class="lane" aria-label="')[1:]}
    names = ("Free", "Taken", "Held", "Put off", "Awake", "Done", "Done before")
    held = {lane: {name for name in names if f">{name}<" in tiles} for lane, tiles in lanes.items()}
    assert held == {
        "Nobody on it": {"Free", "Awake"}, "Somebody has it": {"Taken", "Held"}, "Snoozed": {"Put off"}, "Resolved today": {"Done"},
    }  # fmt: skip
    assert ["₹600" in lanes["Nobody on it"], "₹500" in lanes["Somebody has it"], "₹400" in lanes["Snoozed"]] == [True] * 3


def test_resolved_today_tells_people_and_the_system_apart_and_what_it_was_worth(as_omar, omar):
    an_alert(rupees=1000, status="resolved", resolved_by=omar, resolved_at=clock.now() - HOUR)
    by_system = an_alert(items=2, status="resolved", resolved_at=clock.now() - HOUR)
    AlertItem.objects.filter(alert=by_system).update(rupees=250, cleared_at=clock.now() - HOUR)
    an_alert(rupees=5000, status="resolved", resolved_by=omar, resolved_at=clock.now() - timedelta(days=1))
    assert "2, worth ₹1,500 · 1 by people, 1 by the system" in text_of(as_omar)


def test_what_was_open_at_this_time_yesterday_is_what_was_open_then(as_omar):
    now = clock.now()
    then = an_alert("Then and now", hours=40, items=2, rupees=1000)
    AlertItem.objects.filter(alert=then).update(first_seen_at=now - 39 * HOUR)
    AlertItem.objects.create(
        alert=then, object_type="booking", object_id="gone", label="", since=now - 50 * HOUR, severity="high", rupees=70,
        first_seen_at=now - 39 * HOUR, cleared_at=now - 2 * HOUR
    )  # fmt: skip
    an_alert("New", hours=3, items=1, rupees=9000)
    back = an_alert("Was closed then", hours=90, items=1, rupees=9000, reopened_count=1)
    for kind, hours in (("opened", 90), ("resolved", 30), ("reopened", 5)):
        AlertEvent.objects.create(alert=back, kind=kind, at=now - hours * HOUR)
    silent = an_alert("Ignored, and its resolution undone", hours=90, items=1, rupees=9000, status="ignored")
    for kind, hours, detail in (("ignored", 80, {}), ("resolved", 30, {}), ("undone", 29, {"status": "ignored"})):
        AlertEvent.objects.create(alert=silent, kind=kind, at=now - hours * HOUR, detail=detail)
    assert "This time yesterday: 1 alert, ₹1,070." in text_of(as_omar)


def test_how_fast_we_are_is_this_week_against_last_and_counts_what_one_has_just_done(as_omar, omar):
    assert "Nobody acknowledged or resolved anything" in text_of(as_omar)
    assert take(as_omar, an_alert(kind="payment_hold"), "acknowledge").status_code == 303
    assert "5 h" in text_of(as_omar).partition('id="speeds"')[2]
    for week, minutes in ((0, 10), (1, 40)):
        alert = an_alert(hours=5 + 24 * 7 * week)
        AlertEvent.objects.create(alert=alert, kind="opened", at=alert.created_at)
        AlertEvent.objects.create(alert=alert, kind="acknowledged", actor=omar, at=alert.created_at + timedelta(minutes=minutes))
    cache.clear()
    page = text_of(as_omar).partition('id="speeds"')[2]
    assert "10 min" in page
    assert "▼ 30 min" in page


# --- Who, and how dear --------------------------------------------------------------------------------------------------


def test_finance_sees_payments_and_nothing_else_is_there(as_farah, omar):
    mine, other = an_alert("Payments held", kind="payment_hold", rupees=700), an_alert("Bookings overdue", rupees=5000)
    an_alert("Done", rupees=9000, status="resolved", resolved_by=omar, resolved_at=clock.now())
    for url in (LIST, f"{LIST}?view=board", f"{LIST}?type=booking_timeout", url_of(mine)):
        page = text_of(as_farah, url)
        assert "Bookings overdue" not in page
        assert "₹5,000" not in page
        assert "₹9,000" not in page
    assert as_farah.get(url_of(other)).status_code == 404
    for step in steps.DONE:
        assert take(as_farah, other, step, text="x", reason="x", until="1h", user_id="nobody").status_code == 404
    assert take(as_farah, mine, "acknowledge").status_code == 303
    assert not AlertEvent.objects.exclude(alert=mine).exists()


def test_it_is_given_only_to_who_may_see_it(as_omar, farah):
    overdue, payments = an_alert(), an_alert(kind="payment_hold")
    assert f'<option value="{farah.pk}">Farah, finance</option>' not in text_of(as_omar, url_of(overdue))
    assert f'<option value="{farah.pk}">Farah, finance</option>' in text_of(as_omar, url_of(payments))
    assert take(as_omar, overdue, "assign", user_id=farah.pk).status_code == 400


def test_an_alert_there_never_was_is_not_found(as_omar):
    assert as_omar.get(f"{LIST}{uuid4()}/").status_code == 404
    assert as_omar.post(f"{LIST}{uuid4()}/acknowledge/").status_code == 404


def test_what_people_wrote_is_shown_as_text(as_omar, omar):
    User.objects.filter(pk=omar.pk).update(first_name=EVIL, last_name="")
    alert = an_alert(EVIL, items=1, rupees=10, description=EVIL)
    steps.comment(alert.pk, actor=omar, text=EVIL, now=clock.now())
    steps.assign(alert.pk, actor=omar, to=omar, now=clock.now())
    alert.items.update(label=EVIL)
    for url in (LIST, f"{LIST}?view=board", url_of(alert), f"{LIST}?severity={EVIL}&region={EVIL}"):
        assert EVIL not in text_of(as_omar, url)
    assert escape(EVIL) in text_of(as_omar, url_of(alert))


def test_it_costs_the_same_for_thirty_as_for_three(as_omar, omar):
    def more(count):
        for number in range(count):
            owner = person(Role.OPS_MANAGER)
            alert = an_alert(f"Alert {number}", rupees=number, items=2, assigned_to=owner)
            steps.comment(alert.pk, actor=owner, text="Hm.", now=clock.now())
            done = an_alert(f"Done {number}", items=1, rupees=5)
            steps.resolve(done.pk, actor=owner, now=clock.now())

    create_defaults()
    more(3)
    alert = BusinessAlert.objects.exclude(status="resolved").first()
    costs = {LIST: 19, f"{LIST}?view=board": 18, url_of(alert): 30}
    few = {}
    for url in costs:
        text_of(as_omar, url)
        with CaptureQueriesContext(connection) as counted:
            text_of(as_omar, url)
        few[url] = len(counted)
    more(27)
    for _ in range(30):
        steps.comment(alert.pk, actor=omar, text="Hm.", now=clock.now())
    for url, most in costs.items():
        with CaptureQueriesContext(connection) as counted:
            text_of(as_omar, url)
        assert len(counted) == few[url] <= most, url


# --- Checks, run by hand ------------------------------------------------------------------------------------------------


def test_where_nothing_is_open_it_says_when_each_check_looked_and_one_can_have_it_look_now(as_omar, farah):
    ScheduleRun.objects.create(job="payment_holds", status="done", started_at=clock.now() - HOUR, finished_at=clock.now())
    page = text_of(as_omar)
    checks = page.partition('id="checks"')[2]
    assert "Nothing needs you" in page
    assert checks.index("Payments on hold") < checks.index("8:00") < checks.index("1 h ago")
    action = f"{reverse('job-run', args=['payment_holds'])}?from=alerts"
    assert f'action="{action}"' in checks
    # Asked first, in the words of the run by hand; then back to the alerts, with what came of it.
    question = as_omar.post(action)
    assert "Run “Payments on hold” now?" in question.content.decode()
    answer = as_omar.post(action, {"asked": clock.now().isoformat()})
    assert answer.headers["Location"].startswith(f"{LIST}?run=")
    assert 'id="run"' in text_of(as_omar, answer.headers["Location"])


def test_finance_may_run_no_check_and_is_offered_none(as_farah):
    assert 'id="checks"' not in text_of(as_farah)

"""Vendors hear of their jobs that are due soon or overdue: one digest a run, each job once for each stage (docs/rules.md, 4 and 10)."""

from datetime import datetime, timedelta

import pytest

from core.models import Booking, JobReminder, NotificationLog, Preference, User
from tests.messaging.market import MONDAY, SUNDAY, booked, ist, left_out, messages, remind, service, told

pytestmark = pytest.mark.django_db

TUESDAY = MONDAY + timedelta(days=1)


@pytest.fixture
def eight(frozen, vera):
    """Monday, 8:00."""
    frozen.move_to(ist(MONDAY, 8))


def job(vendor: User | None, starts: datetime, *, status: str = "confirmed", minutes: int = 60) -> Booking:
    (made,) = booked(1, at=ist(SUNDAY), vendor=vendor, status=status, scheduled_date=starts, service=service(minutes))
    return made


def stages() -> list[str]:
    return list(JobReminder.objects.order_by("told_at", "id").values_list("stage", flat=True))


# --- Which jobs -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("run_at", "starts", "soon"),
    [
        (ist(MONDAY, 8), ist(MONDAY, 13, 59), True),
        (ist(MONDAY, 8), ist(MONDAY, 14, 0), False),
        (ist(MONDAY, 14), ist(MONDAY, 17, 59), True),
        (ist(MONDAY, 14), ist(MONDAY, 18, 0), False),
        (ist(MONDAY, 18), ist(TUESDAY, 7, 59), True),
        (ist(MONDAY, 18), ist(TUESDAY, 8, 0), False),
        (ist(MONDAY, 11), ist(MONDAY, 13, 59), True),
    ],
)
def test_due_soon_is_what_starts_before_the_next_run(frozen, vera, run_at, starts, soon):
    frozen.move_to(run_at)
    job(vera, starts)
    assert remind()["stages"]["due_soon"] == int(soon)


@pytest.mark.parametrize(
    ("ended", "stage"),
    [
        (timedelta(0), "overdue"),
        (timedelta(hours=23, minutes=59), "overdue"),
        (timedelta(hours=24), "overdue_24h"),
        (timedelta(days=9), "overdue_24h"),
        (-timedelta(minutes=1), "due_soon"),
    ],
)
def test_overdue_counts_from_the_jobs_own_end(eight, vera, ended, stage):
    job(vera, ist(MONDAY, 8) - ended - timedelta(minutes=90), status="in_progress", minutes=90)
    remind()
    assert stages() == [stage]


@pytest.mark.parametrize("status", Booking.Status.values)
def test_only_confirmed_and_running_jobs_are_nagged_about(eight, vera, status):
    job(vera, ist(MONDAY, 10), status=status)
    assert remind()["matched"] == int(status in ("confirmed", "in_progress"))


def test_a_job_without_a_vendor_reminds_nobody(eight):
    job(None, ist(MONDAY, 10))
    assert (remind()["matched"], messages()) == (0, [])


# --- One digest ---------------------------------------------------------------------------------------------------------------


def test_one_digest_for_each_vendor_and_run_by_sms_websocket_and_email(eight, vera, viren):
    for hour in (9, 10, 11):
        job(vera, ist(MONDAY, hour))
    job(viren, ist(MONDAY, 9))
    result = remind()
    assert (result["matched"], result["queued"], result["people"]) == (4, 6, 2)
    assert messages() == [(who, method) for who in ("vera", "viren") for method in ("email", "sms", "websocket")]


def test_a_digest_lists_the_worst_first(eight, vera):
    soon, late = job(vera, ist(MONDAY, 9)), job(vera, ist(MONDAY, 5))
    worst, later = job(vera, ist(SUNDAY - timedelta(days=2), 5)), job(vera, ist(MONDAY, 11))
    remind()
    told_of = NotificationLog.objects.get(method="email").metadata["jobs"]
    assert [(entry["booking"], entry["stage"]) for entry in told_of] == [
        (str(worst.pk), "overdue_24h"),
        (str(late.pk), "overdue"),
        (str(soon.pk), "due_soon"),
        (str(later.pk), "due_soon"),
    ]


def test_a_digest_says_service_customer_place_time_and_urgency(eight, vera):
    job(vera, ist(MONDAY, 10, 30))
    job(vera, ist(MONDAY, 5))
    remind()
    mail = NotificationLog.objects.select_related("content").get(method="email")
    for words in (mail.message, mail.content.html):
        for fact in ("Plumbing of 60 minutes", "Kiran", "560001", "due at 10:30", "overdue since 6:00"):
            assert fact.lower() in words.lower()


def test_a_long_list_names_twelve_and_counts_the_rest(eight, vera):
    for minute in range(20):
        job(vera, ist(MONDAY, 9, minute))
    remind()
    assert "8 more" in NotificationLog.objects.get(method="email").message
    assert JobReminder.objects.count() == 20


# --- Never twice ----------------------------------------------------------------------------------------------------------------


def test_a_job_is_told_of_once_at_each_stage_and_then_never_again(frozen, vera):
    job(vera, ist(MONDAY, 9), minutes=240)
    said = []
    for day in range(5):
        for hour in (8, 14, 18):
            frozen.move_to(ist(MONDAY + timedelta(days=day), hour))
            if remind()["queued"]:
                said.append((day, hour))
    assert stages() == ["due_soon", "overdue", "overdue_24h"]
    assert said == [(0, 8), (0, 14), (1, 14)]


def test_run_again_it_says_nothing(eight, vera, frozen):
    job(vera, ist(MONDAY, 10))
    remind()
    for minutes in (0, 5, 60):
        frozen.shift(timedelta(minutes=minutes))
        assert (remind()["queued"], len(messages())) == (0, 3)


def test_a_job_that_comes_in_later_has_a_digest_of_its_own(eight, vera, frozen):
    job(vera, ist(MONDAY, 10))
    remind()
    fresh = job(vera, ist(MONDAY, 12))
    frozen.shift(timedelta(hours=1))
    assert (remind()["matched"], len(messages())) == (1, 6)
    newest = NotificationLog.objects.filter(method="email").latest("created_at")
    assert [entry["booking"] for entry in newest.metadata["jobs"]] == [str(fresh.pk)]


def test_a_missed_run_skips_to_the_stage_of_now(frozen, vera):
    job(vera, ist(MONDAY, 9))
    frozen.move_to(ist(MONDAY + timedelta(days=3), 8))
    remind()
    assert stages() == ["overdue_24h"]


def test_a_vendor_who_could_not_be_told_is_told_as_soon_as_it_is_possible(eight, vera, frozen):
    choices = [
        Preference.objects.create(person=vera, category="service_completion_reminder", method=method, allowed=False)
        for method in ("sms", "email", "websocket")
    ]
    job(vera, ist(MONDAY, 10))
    assert remind()["suppressed"] == {"opted_out": 1}
    assert left_out() == [("vera", "opted_out", "sms,websocket,email")]
    assert stages() == []
    choices[0].delete()
    frozen.shift(timedelta(minutes=30))
    assert remind()["queued"] == 1


def test_a_vendor_who_left_is_left_out_by_name(eight, vera):
    User.objects.filter(pk=vera.pk).update(is_active=False)
    job(vera, ist(MONDAY, 10))
    assert remind()["suppressed"] == {"inactive": 1}
    assert told() == []


def test_a_job_given_to_another_vendor_is_not_told_of_again_at_the_same_stage(eight, vera, viren, frozen):
    moved = job(vera, ist(MONDAY, 13))
    remind()
    Booking.objects.filter(pk=moved.pk).update(vendor=viren)
    frozen.shift(timedelta(hours=1))
    assert remind()["queued"] == 0


def test_a_dry_run_nags_nobody(eight, vera):
    job(vera, ist(MONDAY, 10))
    result = remind(dry_run=True)
    assert (result["matched"], result["queued"]) == (1, 3)
    assert (messages(), stages()) == ([], [])
    assert remind()["queued"] == 3

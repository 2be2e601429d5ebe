"""Policies are rows: which one holds, what an admin may write, what it means, and when business hours begin."""

from datetime import datetime, time, timedelta

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.urls import reverse

from core.alerts.policies import Policies, create_defaults, in_words, opening, policy_of
from core.models import BusinessAlert, EscalationPolicy, EscalationStep, Role, User
from homeserve_pro import env
from tests.alerts.minutes import HOUR, MINUTE, an_alert, by, heard, look, looks
from tests.conftest import IST

pytestmark = pytest.mark.django_db

ADD = reverse("admin:core_escalationpolicy_add")


def policy(name, alert_type="", severity="", *, repeat=60, active=True):
    return EscalationPolicy.objects.create(name=name, alert_type=alert_type, severity=severity, repeat_minutes=repeat, is_active=active)


def holds_for(alert_type, severity):
    return Policies.in_force().of(BusinessAlert(alert_type=alert_type, severity=severity)).name


# --- Which one holds --------------------------------------------------------------------------------------------------


def test_the_most_exact_active_policy_holds():
    policy("any")
    policy("high", severity="high")
    policy("critical", severity="critical")
    policy("holds", "payment_hold")
    policy("high holds", "payment_hold", "high")
    policy("critical holds", "payment_hold", "critical", active=False)
    assert holds_for("payment_hold", "high") == "high holds"
    assert holds_for("payment_hold", "critical") == "holds"
    assert holds_for("system_error", "high") == "high"
    assert holds_for("system_error", "low") == "any"


@pytest.mark.parametrize(("severity", "hours"), [("critical", 4), ("high", 24), ("medium", 24), ("low", 24)])
def test_without_any_policy_the_products_own_intervals_hold(severity, hours):
    call_command("setup_periodic_tasks", verbosity=0)
    EscalationPolicy.objects.all().delete()
    assert Policies.in_force().of(BusinessAlert(severity=severity)).repeat == timedelta(hours=hours)


def test_policies_are_read_in_as_many_statements_for_thirty_as_for_three(django_assert_num_queries, omar):
    for number in range(30):
        EscalationStep.objects.create(policy=policy(f"P{number}", f"type_{number}"), person=omar, methods=["email"])
    with django_assert_num_queries(3):
        Policies.in_force()


# --- The rows an installation begins with -----------------------------------------------------------------------------


def test_before_the_first_set_up_the_products_policies_hold_all_the_same():
    before = [Policies.in_force().of(BusinessAlert(severity=severity)) for severity in BusinessAlert.Severity]
    call_command("setup_periodic_tasks", verbosity=0)
    assert [Policies.in_force().of(BusinessAlert(severity=severity)) for severity in BusinessAlert.Severity] == before


def test_the_first_set_up_makes_the_products_policies():
    call_command("setup_periodic_tasks", verbosity=0)
    rows = {row.severity: row for row in EscalationPolicy.objects.filter(alert_type="")}
    assert {severity: row.repeat_minutes for severity, row in rows.items()} == {"critical": 240, "high": 1440, "medium": 2880, "low": 10080}
    critical, high = rows["critical"].steps.get(), rows["high"].steps.get()
    assert (critical.after_minutes, critical.roles, sorted(critical.methods)) == (30, ["super_admin"], ["email", "sms", "websocket"])
    assert (high.after_minutes, high.roles, high.methods) == (480, ["super_admin"], ["email", "websocket"])
    assert not critical.business_hours_only
    assert all(row.is_active for row in rows.values())


def test_what_an_admin_changed_or_removed_stays_so():
    call_command("setup_periodic_tasks", verbosity=0)
    EscalationPolicy.objects.filter(severity__in=("medium", "low")).delete()
    EscalationPolicy.objects.filter(severity="high").update(repeat_minutes=7, is_active=False)
    call_command("setup_periodic_tasks", verbosity=0)
    assert sorted(EscalationPolicy.objects.values_list("severity", "repeat_minutes", "is_active")) == [
        ("critical", 240, True),
        ("high", 7, False),
    ]
    assert create_defaults() == 0
    EscalationPolicy.objects.all().delete()
    call_command("setup_periodic_tasks", verbosity=0)
    assert not EscalationPolicy.objects.exists()


# --- Business hours ---------------------------------------------------------------------------------------------------


def at(day, hour, minute=0):
    """A day of November 2026 in India; the 16th is a Monday."""
    return datetime(2026, 11, day, hour, minute, tzinfo=IST)


@pytest.mark.parametrize(
    ("moment", "begins"),
    [
        (at(16, 9), at(16, 9)),
        (at(16, 18, 59), at(16, 18, 59)),
        (at(16, 19), at(17, 9)),
        (at(16, 3), at(16, 9)),
        (at(21, 12), at(21, 12)),
        (at(21, 19, 30), at(23, 9)),
        (at(22, 12), at(23, 9)),
    ],
)
def test_business_hours_are_nine_to_seven_from_monday_to_saturday_in_india(moment, begins):
    assert opening(moment) == begins


def test_a_step_due_outside_business_hours_waits_until_they_begin(omar, sara):
    slow = policy("slow", severity="medium", repeat=100_000)
    EscalationStep.objects.create(policy=slow, after_minutes=60, roles=["super_admin"], methods=["email"], business_hours_only=True)
    saturday = at(21, 18, 30)
    an_alert(saturday, severity="medium")
    looks(saturday, at(23, 10), every=30 * MINUTE)
    assert heard(recipient=sara) == [(at(23, 9), "sara", "email", "escalated")]


def test_a_critical_alert_waits_for_no_office_to_open(omar, sara):
    create_defaults()
    sunday_night = at(22, 2)
    an_alert(sunday_night)
    look(sunday_night)
    look(sunday_night + HOUR / 2)
    assert heard(recipient=sara) == by("email sms websocket", sunday_night + HOUR / 2, "sara", "escalated")


def test_hours_are_read_from_the_environment(monkeypatch):
    monkeypatch.setenv("BUSINESS_HOURS", "sat-Mon 8:30-12:00")
    assert env.office_hours("BUSINESS_HOURS", "") == (frozenset({5, 6, 0}), time(8, 30), time(12))
    monkeypatch.setenv("BUSINESS_HOURS", "Wed 0:00-23:59")
    assert env.office_hours("BUSINESS_HOURS", "")[0] == frozenset({2})


@pytest.mark.parametrize(
    "given", ["9-19", "Mon-Sat", "Mon-Foo 9:00-19:00", "Mon-Sat 19:00-9:00", "Mon-Sat 9:00-9:00", "Mon-Sat 9:00-25:00"]
)
def test_hours_that_are_none_are_refused_by_name(given, monkeypatch):
    monkeypatch.setenv("BUSINESS_HOURS", given)
    with pytest.raises(ImproperlyConfigured, match="BUSINESS_HOURS"):
        env.office_hours("BUSINESS_HOURS", "")


# --- What an admin writes ---------------------------------------------------------------------------------------------


def form(*steps, **fields):
    """What the page sends: each step as (minutes, roles, methods) or more fields in a dict."""
    data = {"name": "Nights", "alert_type": "payment_hold", "severity": "high", "repeat_minutes": "60", "is_active": "on", **fields}
    data |= {"steps-TOTAL_FORMS": str(len(steps)), "steps-INITIAL_FORMS": "0", "steps-MIN_NUM_FORMS": "0", "steps-MAX_NUM_FORMS": "1000"}
    for number, step in enumerate(steps):
        minutes, roles, by_methods, more = (*step, {})[:4]
        given = {"after_minutes": str(minutes), "roles": roles, "methods": by_methods, "person": "", **more}
        data |= {f"steps-{number}-{name}": value for name, value in given.items()}
    return data


def test_an_admin_adds_a_policy_and_reads_what_it_means(as_sara):
    answer = as_sara.post(ADD, form((0, ["finance"], ["sms"]), (30, ["super_admin", "ops_manager"], ["email", "websocket"])))
    assert answer.status_code == 302
    row = EscalationPolicy.objects.get()
    assert [(step.after_minutes, step.roles, step.methods) for step in row.steps.all()] == [
        (0, ["finance"], ["sms"]),
        (30, ["super_admin", "ops_manager"], ["email", "websocket"]),
    ]
    words = (
        "A high alert of type payment hold tells ops managers, finance and finance (SMS) at once. While nobody acknowledges it, it tells "
        "after 30 minutes super admins and ops managers (mail and the app); and all of them again every hour."
    )
    for page in (reverse("admin:core_escalationpolicy_changelist"), reverse("admin:core_escalationpolicy_change", args=[row.pk])):
        assert words in as_sara.get(page).content.decode()


@pytest.mark.parametrize(
    ("steps", "fields", "words"),
    [
        ((), {}, "A policy without a step tells nobody."),
        (((30, [], ["email"]),), {}, "A step tells somebody: some roles, or one person."),
        (((30, ["wizard"], ["email"]),), {}, "wizard is no role of the staff."),
        (((30, ["customer"], ["email"]),), {}, "customer is no role of the staff."),
        (((30, ["finance"], ["pigeon"]),), {}, "Nothing carries messages by pigeon."),
        (((30, ["finance"], []),), {}, "By which way? Tick at least one."),
        (((30, ["finance"], ["email"]), (30, ["super_admin"], ["sms"])), {}, "There are two steps after 30 minutes."),
        (
            ((30, ["finance"], ["email"], {"business_hours_only": "on"}), (60, ["super_admin"], ["sms"])),
            {},
            "The step after 60 minutes would wait for the business hours of the one before it.",
        ),
        (((30, ["finance"], ["email"]),), {"repeat_minutes": "0"}, "At least one minute."),
        (((30, ["finance"], ["email"]),), {"alert_type": "no_such"}, "Select a valid choice."),
        (((30, ["finance"], ["email"]),), {"name": "Taken"}, "already exists"),
        (((30, ["finance"], ["email"]),), {"alert_type": "", "severity": "low"}, "Another active policy is for the same type and severity"),
    ],
)
def test_what_makes_no_sense_is_refused_in_plain_words(as_sara, steps, fields, words):
    policy("Taken", severity="low")
    answer = as_sara.post(ADD, form(*steps, **fields))
    assert answer.status_code == 200
    assert words in answer.content.decode()
    assert EscalationPolicy.objects.count() == 1


def test_a_step_for_one_who_is_not_of_the_staff_is_refused(as_sara, kiran, omar):
    User.objects.filter(pk=omar.pk).update(is_active=False)
    for somebody in (kiran, omar):
        answer = as_sara.post(ADD, form((30, [], ["email"], {"person": str(somebody.pk)})))
        assert "is not an active member of the staff" in answer.content.decode()


def test_a_step_for_one_person_needs_no_role(as_sara, omar):
    assert as_sara.post(ADD, form((30, [], ["email"], {"person": str(omar.pk)}))).status_code == 302
    assert policy_of(EscalationPolicy.objects.get()).steps[0].who == "Omar"


def test_ops_may_change_a_policy_and_finance_not(client, omar, farah):
    create_defaults()
    row = EscalationPolicy.objects.get(severity="high")
    step = row.steps.get()
    data = form((120, ["super_admin"], ["email"], {"id": str(step.pk), "policy": str(row.pk)}), name="High", alert_type="", severity="high")
    data["steps-INITIAL_FORMS"] = "1"
    change = reverse("admin:core_escalationpolicy_change", args=[row.pk])
    client.force_login(farah)
    assert client.post(change, data).status_code == 403
    client.force_login(omar)
    assert client.post(change, data).status_code == 302
    step.refresh_from_db()
    assert (step.after_minutes, step.roles) == (120, ["super_admin"])


def test_what_a_default_means_is_said_in_a_sentence():
    create_defaults()
    row = EscalationPolicy.objects.get(severity="critical")
    assert in_words(policy_of(row), alert_type="", severity="critical") == (
        "A critical alert of any type tells those whom it concerns at once. While nobody acknowledges it, it tells after 30 minutes super "
        "admins (mail, the app and SMS); and all of them again every 4 hours."
    )
    assert Role.SUPER_ADMIN in row.steps.get().roles

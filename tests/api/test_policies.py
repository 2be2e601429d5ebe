"""Escalation policies over the API: rewritten as a whole, one active for each type and severity, and in force from the next look on."""

import pytest

from core.alerts import policies as in_force
from core.models import BusinessAlert, EscalationPolicy, EscalationStep, Role
from tests.api.callers import named_fields
from tests.api.conventions import NONSENSE, entries, queries_of, survives_nonsense
from tests.people import person

URL = "/admin-dashboard/policies/"
pytestmark = pytest.mark.django_db


def step(minutes=30, **fields):
    return {"after_minutes": minutes, "roles": ["super_admin"], "methods": ["email", "sms"], **fields}


def said(**fields):
    return {
        "name": "Held payments",
        "alert_type": "payment_hold",
        "severity": "critical",
        "repeat_minutes": 120,
        "steps": [step()],
        **fields,
    }


def policy_of_a_payment():
    return in_force.Policies.in_force().of(BusinessAlert(alert_type="payment_hold", severity="critical"))


def test_a_policy_holds_from_the_next_look_on(api, omar, farah):
    answer = api(omar).post(URL, said(steps=[step(60, person_id=farah.pk, roles=[]), step()]))
    assert answer.status_code == 201
    assert [(one["after_minutes"], one["person"] and one["person"]["username"]) for one in answer.json()["steps"]] == [
        (30, None),
        (60, "farah"),
    ]
    policy = policy_of_a_payment()
    assert (policy.name, policy.repeat.total_seconds(), [one.who for one in policy.steps]) == (
        "Held payments",
        7200,
        ["super admins", "Farah"],
    )
    assert {entry.actor for entry in entries(content_type__model="escalationpolicy")} == {omar}


def test_rewritten_it_is_what_was_said_and_only_what_differs_is_written(api, omar):
    caller = api(omar)
    told = caller.post(URL, said(steps=[step(30), step(60), step(90)])).json()
    before = len(entries(content_type__model="escalationstep"))
    answer = caller.call("PUT", f"{URL}{told['id']}/", said(steps=[step(30), step(60, methods=["email"])], revision=told["revision"]))
    assert [(one["after_minutes"], one["methods"]) for one in answer.json()["steps"]] == [(30, ["email", "sms"]), (60, ["email"])]
    changed = entries(content_type__model="escalationstep")[before:]
    assert sorted(entry.action for entry in changed) == [1, 2]


def test_of_two_who_rewrite_it_the_second_is_told(api, omar, sara):
    told = api(omar).post(URL, said()).json()
    url = f"{URL}{told['id']}/"
    assert api(omar).call("PUT", url, said(repeat_minutes=60, revision=told["revision"])).status_code == 200
    late = api(sara).call("PUT", url, said(repeat_minutes=30, revision=told["revision"]))
    assert (late.status_code, late.json()["policy"]["repeat_minutes"]) == (409, 60)
    assert EscalationPolicy.objects.get().repeat_minutes == 60


def test_of_one_type_and_severity_one_is_active(api, omar):
    caller = api(omar)
    assert caller.post(URL, said()).status_code == 201
    assert caller.post(URL, said(name="Another")).status_code == 409
    assert named_fields(caller.post(URL, said(severity="high"))) == ["name"]
    assert caller.post(URL, said(name="Another", is_active=False)).status_code == 201


def test_removed_it_holds_no_more(api, omar):
    caller = api(omar)
    told = caller.post(URL, said()).json()
    assert caller.call("DELETE", f"{URL}{told['id']}/").status_code == 200
    assert policy_of_a_payment().name != told["name"]
    assert caller.call("DELETE", f"{URL}{told['id']}/").status_code == 404
    assert caller.call("PUT", f"{URL}{10**30}/", said()).status_code == 404


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"alert_type": "galaxy"}, "alert_type"),
        ({"severity": "worst"}, "severity"),
        ({"repeat_minutes": 0}, "repeat_minutes"),
        ({"steps": [step(roles=[])]}, "steps.0.roles"),
        ({"steps": [step(roles=["vendor"])]}, "steps.0.roles.0"),
        ({"steps": [step(methods=[])]}, "steps.0.methods"),
        ({"steps": [step(methods=["pigeon"])]}, "steps.0.methods.0"),
        ({"steps": [step(), step()]}, "steps"),
        ({"steps": [step(n) for n in range(21)]}, "steps"),
        ({"steps": [step(person_id=999_999)]}, "steps"),
        ({"steps": [step(-1)]}, "steps.0.after_minutes"),
    ],
)
def test_what_is_wrong_is_named(api, omar, fields, named):
    assert named_fields(api(omar).post(URL, said(**fields))) == [named]
    assert not EscalationPolicy.objects.exists()


def test_nobody_but_active_staff_is_told(api, omar, kiran):
    assert named_fields(api(omar).post(URL, said(steps=[step(person_id=kiran.pk)]))) == ["steps"]
    assert named_fields(api(omar).post(URL, said(steps=[step(person_id=person(Role.FINANCE, is_active=False).pk)]))) == ["steps"]


def test_nonsense_is_refused(api, omar):
    caller = api(omar)
    survives_nonsense(lambda body: caller.post(URL, body), said())
    for name in (*step(), "person_id", "business_hours_only"):
        for nonsense in NONSENSE:
            assert caller.post(URL, said(name=name, steps=[step(**{name: nonsense})])).status_code < 500


def test_the_list_costs_the_same_however_many(api, omar, sara):
    def policies(first, last):
        for n in range(first, last):
            policy = EscalationPolicy.objects.create(name=f"P{n}", is_active=False)
            EscalationStep.objects.create(policy=policy, after_minutes=n, roles=[], person=person(Role.FINANCE), methods=["email"])

    caller = api(omar)
    policies(0, 3)
    few = queries_of(lambda: caller.get(URL))
    policies(3, 30)
    assert queries_of(lambda: caller.get(URL)) == few

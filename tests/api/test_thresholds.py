"""Limits over the API: added and never rewritten, in force by the narrowest scope, and tried out before they are."""

from datetime import date, timedelta

import pytest

from core.analytics.thresholds import in_force
from core.messaging.campaigns.high_demand import HighDemand
from core.models import Payment, PincodeAnalytics, Role, Threshold
from tests.alerts.stuck import booking
from tests.api.callers import named_fields
from tests.api.conventions import entries, queries_of, survives_nonsense
from tests.people import HOME, NEXT_DOOR, people

URL = "/admin-dashboard/thresholds/"
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen")]
SUNDAY = date(2026, 11, 15)


def said(**fields):
    return {"rule": "high_demand", "name": "bookings_over", "value": "7", **fields}


def limit_in(pincode, now):
    return in_force("high_demand", HighDemand.limits, now=now).for_pincode(pincode)["bookings_over"]


def test_a_limit_holds_from_now_on_where_it_was_set(api, sara, now):
    answer = api(sara).post(URL, said(scope="5600", note="Quiet area"))
    assert answer.status_code == 201
    told = answer.json()
    assert (told["value"], told["state"], told["created_by"]["username"]) == ("7.00", "in_force", "sara")
    assert (limit_in(HOME, now), limit_in("110001", now)) == (7, 5)
    (entry,) = entries(content_type__model="threshold")
    assert (entry.actor, entry.changes["value"]) == (sara, ["None", "7.00"])


def test_a_limit_to_come_waits_and_can_be_taken_back_until_it_holds(api, sara, now, frozen):
    caller = api(sara)
    told = caller.post(URL, said(effective_from="2026-11-17T09:00:00+05:30")).json()
    assert (told["state"], limit_in(HOME, now)) == ("to_come", 5)
    other = caller.post(URL, said(effective_from="2026-11-18T09:00:00+05:30")).json()
    assert caller.call("DELETE", f"{URL}{other['id']}/").status_code == 200
    frozen.shift(timedelta(days=2))
    assert limit_in(HOME, now + timedelta(days=2)) == 7
    refused = caller.call("DELETE", f"{URL}{told['id']}/")
    assert (refused.status_code, refused.json()["code"]) == (409, "in_force")
    assert entries(content_type__model="threshold")[-1].action == 2
    assert caller.call("DELETE", f"{URL}{10**30}/").status_code == 404


def test_of_two_who_looked_at_the_same_limit_the_second_is_told_who_was_faster(api, sara, frozen):
    caller = api(sara)
    first = caller.post(URL, said(seen=None))
    assert first.status_code == 201
    frozen.shift(timedelta(seconds=1))
    late = caller.post(URL, said(value="9", seen=None))
    assert late.status_code == 409
    assert (late.json()["code"], late.json()["threshold"]["value"]) == ("faster", "7.00")
    assert "Sara" in late.json()["message"]
    assert caller.post(URL, said(value="9", seen=first.json()["id"])).status_code == 201


def test_the_moment_of_another_limit_is_taken(api, sara):
    caller = api(sara)
    assert caller.post(URL, said()).status_code == 201
    assert caller.post(URL, said(value="8")).status_code == 409


def test_what_is_in_force_says_whose_limit_it_is(api, sara, omar, frozen):
    for scope, value in (("", "6"), ("5600", "7"), (HOME, "8")):
        assert api(sara).post(URL, said(scope=scope, value=value)).status_code == 201

    def bookings_over(**query):
        rules = {rule["rule"]: rule for rule in api(omar).get(f"{URL}in-force/", **query).json()["rules"]}
        found = {limit["name"]: limit for limit in rules["high_demand"]["limits"]}["bookings_over"]
        return found["value"], found["scope"]

    assert [bookings_over(pincode=pincode) for pincode in (HOME, NEXT_DOOR, "110001")] == [("8.00", HOME), ("7.00", "5600"), ("6.00", "")]
    frozen.shift(timedelta(seconds=1))
    api(sara).post(URL, said(scope=HOME, value=None))
    assert bookings_over(pincode=HOME) == ("7.00", "5600")
    assert bookings_over() == ("6.00", "")
    assert named_fields(api(omar).get(f"{URL}in-force/", pincode="012345")) == ["pincode"]


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"rule": "no_such_rule"}, "rule"),
        ({"name": "vendors_under"}, "name"),
        ({"scope": "0"}, "scope"),
        ({"scope": "56000a"}, "scope"),
        ({"scope": "5600011"}, "scope"),
        ({"value": "-1"}, "value"),
        ({"value": "1000001"}, "value"),
        ({"value": "NaN"}, "value"),
        ({"value": "1.234"}, "value"),
        ({"rule": "payment_holds", "name": "after_hours", "value": "8785"}, "value"),
        ({"rule": "payment_holds", "name": "after_hours", "scope": "5600"}, "scope"),
        ({"effective_from": "tomorrow"}, "effective_from"),
        ({"note": "x" * 201}, "note"),
        ({"seen": "first"}, "seen"),
    ],
)
def test_what_is_wrong_is_named(api, sara, fields, named):
    assert named_fields(api(sara).post(URL, said(**fields))) == [named]
    assert not Threshold.objects.exists()


def test_nonsense_is_refused(api, sara):
    caller = api(sara)
    survives_nonsense(lambda body: caller.post(URL, body), said(scope="", note="x", effective_from=None, seen=None))
    survives_nonsense(lambda body: caller.post(f"{URL}preview/", body), said(scope=""))


def test_the_list_knows_states_and_costs_the_same_however_long(api, sara, omar, now):
    def dated(first, last):
        days = [now + timedelta(days=n - 20) for n in range(first, last)]
        Threshold.objects.bulk_create(
            Threshold(rule="high_demand", name="bookings_over", value=5, effective_from=day, created_by=sara) for day in days
        )

    caller = api(omar)
    dated(0, 3)
    few = queries_of(lambda: caller.get(URL))
    dated(3, 30)
    assert queries_of(lambda: caller.get(URL)) == few
    totals = {state: caller.get(URL, state=state).json()["pagination"]["total"] for state in ("past", "in_force", "to_come")}
    assert totals == {"past": 20, "in_force": 1, "to_come": 9}
    assert {row["state"] for row in caller.get(URL, state="past").json()["thresholds"]} == {"past"}
    assert caller.get(URL, scope="5600").json()["thresholds"] == []


# --- What it would do -------------------------------------------------------------------------------------------------------


def measured(day, bookings, *, pincode=HOME, vendors=4):
    return PincodeAnalytics(pincode=pincode, date=day, total_bookings=bookings, available_vendors=vendors, is_final=True)


def effect(api, user, **fields):
    answer = api(user).post(f"{URL}preview/", said(**fields))
    assert answer.status_code == 200, answer.content
    return answer.json()


def test_a_preview_says_how_often_it_would_have_fired_and_for_how_many(api, omar, vera, viren):
    people(2, Role.VENDOR, pincode=NEXT_DOOR)
    PincodeAnalytics.objects.bulk_create(
        [
            *(measured(SUNDAY - timedelta(days=n), 6) for n in range(3)),
            measured(SUNDAY, 8, pincode=NEXT_DOOR),
            measured(SUNDAY, 9, pincode="110001"),
            measured(SUNDAY - timedelta(days=28), 99),
            measured(SUNDAY + timedelta(days=1), 99),
        ]
    )
    told = effect(api, omar)
    assert told["days"] == 28
    present, proposed = told["campaign"]["present"], told["campaign"]["proposed"]
    # One vendor of two is available at home, two are next door, none in 110001.
    assert (present["fired"], present["pincodes"], present["people"], present["messages_to"], present["nobody_to_tell"]) == (5, 3, 3, 5, 1)
    assert (proposed["fired"], proposed["pincodes"], proposed["people"], proposed["messages_to"], proposed["nobody_to_tell"]) == (
        2,
        2,
        2,
        2,
        1,
    )
    assert proposed["by_day"] == [{"date": "2026-11-15", "fired": 2}]
    assert not Threshold.objects.exists()


def test_a_preview_of_one_region_changes_that_region_alone(api, omar):
    PincodeAnalytics.objects.bulk_create([measured(SUNDAY, 6), measured(SUNDAY, 6, pincode="110001")])
    assert effect(api, omar, scope="11")["campaign"]["proposed"]["fired"] == 1
    assert effect(api, omar, scope="5600", value=None)["campaign"]["proposed"]["fired"] == 2


def test_a_preview_of_promotions_counts_the_days_their_runs_look_at(api, omar):
    # Runs of Monday, Wednesday and Friday look at Sunday, Tuesday and Thursday.
    PincodeAnalytics.objects.bulk_create(measured(SUNDAY - timedelta(days=n), 0) for n in range(7))
    told = effect(api, omar, rule="promotions", name="bookings_under", value="1")["campaign"]["proposed"]
    assert [day["date"] for day in told["by_day"]] == ["2026-11-10", "2026-11-12", "2026-11-15"]


def test_a_preview_of_a_check_counts_what_is_stuck_now(api, omar, farah, now):
    for hours in (10, 30, 60):
        Payment.objects.create(booking=booking(now), amount=100, status="on_hold", held_at=now - timedelta(hours=hours))
    told = effect(api, omar, rule="payment_holds", name="after_hours", value="5")["check"]
    assert told["present"] == {"items": 2, "critical": 1, "rupees": "200.00", "people": 2}
    assert told["proposed"] == {"items": 3, "critical": 1, "rupees": "300.00", "people": 2}


def test_a_preview_costs_the_same_for_many_pincodes(api, omar):
    def days(first, last):
        PincodeAnalytics.objects.bulk_create(measured(SUNDAY, 9, pincode=str(560001 + n)) for n in range(first, last))

    caller = api(omar)
    days(0, 3)
    few = queries_of(lambda: caller.post(f"{URL}preview/", said()))
    days(3, 30)
    assert queries_of(lambda: caller.post(f"{URL}preview/", said())) == few

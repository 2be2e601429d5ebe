"""What is everybody's own: inbox, preferences, logging in and out."""

import pytest

from core.models import NotificationLog, Preference, Role
from tests.api.callers import Caller, named_fields
from tests.api.conventions import queries_of
from tests.api.world import message_of
from tests.people import PASSWORD, person

pytestmark = pytest.mark.django_db


# --- Inbox ----------------------------------------------------------------------------------------------------------------


def test_the_inbox_is_ones_own_and_counts_what_is_unread(api, vera, kiran):
    own = message_of(vera, subject="Job today")
    message_of(vera, method="email")
    message_of(vera, status="pending")
    other = message_of(kiran)
    caller = api(vera)
    answer = caller.get("/api/inbox/").json()
    assert [message["subject"] for message in answer["messages"]] == ["Job today"]
    assert answer["unread"] == 1
    assert caller.get(f"/api/inbox/{own.pk}/").json()["read_at"] is None
    assert caller.get(f"/api/inbox/{other.pk}/").status_code == 404
    assert caller.post(f"/api/inbox/{other.pk}/read/").status_code == 404
    assert NotificationLog.objects.get(pk=other.pk).read_at is None


def test_reading_counts_once_and_means_it_arrived(api, vera):
    own, caller = message_of(vera), api(vera)
    first = caller.post(f"/api/inbox/{own.pk}/read/").json()["read_at"]
    assert first
    assert caller.post(f"/api/inbox/{own.pk}/read/").json()["read_at"] == first
    assert NotificationLog.objects.get(pk=own.pk).status == "delivered"
    assert caller.get("/api/inbox/", unread="true").json()["messages"] == []
    assert len(caller.get("/api/inbox/", unread="false").json()["messages"]) == 1


def test_everything_is_read_at_once(api, vera, kiran):
    for _ in range(3):
        message_of(vera)
    theirs = message_of(kiran)
    done = api(vera).post("/api/inbox/read/").json()
    assert (done["read"], done["unread"]) == (3, 0)
    assert NotificationLog.objects.get(pk=theirs.pk).read_at is None


def test_the_inbox_costs_as_many_statements_with_thirty_messages_as_with_three(api, vera):
    caller = api(vera)
    for _ in range(3):
        message_of(vera)
    few = queries_of(lambda: caller.get("/api/inbox/"))
    for _ in range(27):
        message_of(vera)
    assert queries_of(lambda: caller.get("/api/inbox/", per_page=100)) == few <= 5


# --- Preferences ------------------------------------------------------------------------------------------------------------


def choices_of(answer):
    assert answer.status_code == 200, answer.content
    return {choice["category"]: choice["methods"] for choice in answer.json()["preferences"]}


def test_a_choice_holds_and_the_rest_stays_as_it_is(api, kiran):
    caller = api(kiran)
    before = choices_of(caller.get("/api/preferences/"))
    wish = {"category": "promotional", "method": "email", "allowed": False}
    after = choices_of(caller.patch("/api/preferences/", {"preferences": [wish]}))
    assert (before["promotional"]["email"], after["promotional"]["email"]) == (True, False)
    assert {name: methods for name, methods in after.items() if name != "promotional"} == {
        name: methods for name, methods in before.items() if name != "promotional"
    }
    assert Preference.objects.get(person=kiran).source == "api"


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({"category": "otp", "method": "email", "allowed": False}, "preferences.0"),
        ({"category": "bonus_alert", "method": "email", "allowed": False}, "preferences.0"),
        ({"category": "x", "method": "email", "allowed": False}, "preferences.0.category"),
        ({"category": "promotional", "method": "email", "allowed": "no"}, "preferences.0.allowed"),
        ({"category": "promotional", "method": "email"}, "preferences.0.allowed"),
        ({"category": "promotional", "method": "email", "allowed": True, "x": 1}, "preferences.0.x"),
    ],
)
def test_what_nobody_may_choose_is_said_by_name_and_nothing_changes(api, kiran, wish, field):
    assert named_fields(api(kiran).patch("/api/preferences/", {"preferences": [wish]})) == [field]
    assert not Preference.objects.exists()


@pytest.mark.parametrize("body", [{}, {"preferences": []}, {"preferences": {}}, {"preferences": [1]}, {"preferences": None}])
def test_preferences_that_are_none_are_refused(api, kiran, body):
    assert api(kiran).patch("/api/preferences/", body).status_code == 400


# --- Logging in -------------------------------------------------------------------------------------------------------------


def log_in(password=PASSWORD, username="omar"):
    return Caller().post("/api/auth/login/", {"username": username, "password": password})


def test_a_token_is_given_for_a_password_and_ends_with_logging_out(omar):
    answer = log_in()
    assert set(answer.json()) == {"token", "expires_at"}
    caller = Caller()
    caller.headers["Authorization"] = f"Bearer {answer.json()['token']}"
    assert caller.get("/api/inbox/").status_code == 200
    assert caller.post("/api/auth/logout/").status_code == 200
    assert caller.get("/api/inbox/").status_code == 401


def test_wrong_passwords_lock_out_and_nothing_tells_whether_there_is_such_a_person(omar):
    refused = [log_in("wrong"), log_in("wrong", "nobody-of-that-name")]
    assert [answer.status_code for answer in refused] == [401, 401]
    assert len({answer.json()["message"] for answer in refused}) == 1
    for _ in range(4):
        log_in("wrong")
    locked = log_in()
    assert (locked.status_code, locked.json()["code"]) == (429, "locked_out")
    assert int(locked.headers["Retry-After"]) > 0


def test_somebody_inactive_gets_no_token(db):
    user = person(Role.OPS_MANAGER, is_active=False)
    assert log_in(username=user.username).status_code == 401


def test_a_super_admin_needs_a_code_where_one_is_needed(sara, settings):
    settings.SECOND_FACTOR = True
    assert log_in(username="sara").json()["code"] == "code_needed"
    answer = Caller().post("/api/auth/login/", {"username": "sara", "password": PASSWORD, "code": "000000"})
    assert (answer.status_code, answer.json()["code"]) == (401, "code_wrong")


@pytest.mark.parametrize(
    ("body", "field"),
    [({"username": "omar"}, "password"), ({"username": 1, "password": "x"}, "username"), ({"username": "\0", "password": "x"}, "username")],
)
def test_a_login_that_is_none_is_said_by_name(omar, body, field):
    assert named_fields(Caller().post("/api/auth/login/", body)) == [field]


def test_changes_are_held_back_after_too_many(api, kiran, monkeypatch):
    monkeypatch.setattr("core.dashboard.throttles.Writes.THROTTLE_RATES", {"writes": "2/min"})
    caller = api(kiran)
    answers = [caller.post("/api/inbox/read/") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert int(answers[-1].headers["Retry-After"]) > 0
    assert caller.get("/api/inbox/").status_code == 200

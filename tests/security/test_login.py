"""Logging in: what it takes, what it tells, how often it may be tried, and when a session ends."""

from datetime import timedelta

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.hashers import MD5PasswordHasher
from django.contrib.sessions.models import Session
from django.test import Client

from core.models import Role, Tries, User
from core.security.logins import BY_ADDRESS, BY_USERNAME, LONGEST_FORM
from tests.people import PASSWORD, person
from tests.security.strict import assert_strict

pytestmark = pytest.mark.django_db

LOGIN = "/accounts/login/"
NEW = "entirely different words 7"


def log_in(client: Client, username: str, password: str = PASSWORD, *, address: str = "203.0.113.9", **more: str):
    return client.post(LOGIN, {"username": username, "password": password, **more}, REMOTE_ADDR=address)


def is_in(client: Client) -> bool:
    return client.get("/inbox/").status_code == 200


# --- What it tells ----------------------------------------------------------------------------------------------------


def test_nobody_learns_who_has_an_account(client, kiran, monkeypatch):
    """Neither by words, nor by the time it takes: a password is hashed once, whatever is wrong."""
    hashed: list[str] = []
    encode = MD5PasswordHasher.encode

    def noted(self, password, salt):
        hashed.append(password)
        return encode(self, password, salt)

    monkeypatch.setattr(MD5PasswordHasher, "encode", noted)
    person(Role.CUSTOMER, username="gone", is_active=False)
    person(Role.CUSTOMER, username="never").set_unusable_password()
    answers, times = [], []
    for username, password in (("kiran", "wrong words"), ("nobody", "wrong words"), ("gone", PASSWORD), ("gone", "wrong words")):
        hashed.clear()
        answer = log_in(client, username, password)
        assert answer.status_code == 200
        answers.append(answer.content.decode().replace(username, "NAME").split('csrfmiddlewaretoken" value="')[0])
        times.append(len(hashed))
    assert len(set(answers)) == 1
    assert set(times) == {1}


def test_a_lockout_is_the_same_for_who_does_not_exist(client, kiran):
    pages = []
    for username in ("kiran", "nobody"):
        for _ in range(5):
            log_in(client, username, "wrong")
        answer = log_in(client, username, PASSWORD)
        assert answer.status_code == 429
        pages.append(answer.content)
    assert pages[0] == pages[1]


# --- How often --------------------------------------------------------------------------------------------------------


def test_the_sixth_try_is_told_when_to_come_back(client, kiran):
    for _ in range(5):
        log_in(client, "kiran", "wrong")
    answer = log_in(client, "kiran")
    assert answer.status_code == 429
    assert "Try again in 15 minutes" in answer.content.decode()
    assert 14 * 60 < int(answer.headers["Retry-After"]) <= 15 * 60 + 1
    assert_strict(answer)


def test_trying_meanwhile_does_not_make_it_longer(client, kiran, frozen):
    for _ in range(5):
        log_in(client, "kiran", "wrong")
    frozen.shift(timedelta(minutes=10))
    assert "Try again in 5 minutes" in log_in(client, "kiran").content.decode()
    frozen.shift(timedelta(minutes=5, seconds=1))
    assert log_in(client, "kiran").status_code == 302


def test_others_log_in_meanwhile_and_so_does_the_owner_from_elsewhere(client, kiran, vera):
    for _ in range(6):
        log_in(client, "kiran", "wrong", address="198.51.100.1")
    assert log_in(Client(), "vera", address="198.51.100.1").status_code == 302
    assert log_in(Client(), "kiran", address="203.0.113.9").status_code == 302


def test_a_header_that_nobody_declared_brings_no_new_tries(client, kiran):
    for number in range(5):
        client.post(LOGIN, {"username": "kiran", "password": "wrong"}, headers={"x-forwarded-for": f"198.51.100.{number}"})
    assert client.post(LOGIN, {"username": "kiran", "password": PASSWORD}, headers={"x-forwarded-for": "9.9.9.9"}).status_code == 429


def test_an_ipv6_client_has_one_address_and_not_a_quintillion(client, kiran):
    for number in range(5):
        log_in(client, "kiran", "wrong", address=f"2001:db8:1:2::{number + 1}")
    assert log_in(client, "kiran", address="2001:db8:1:2::ffff").status_code == 429
    assert log_in(Client(), "kiran", address="2001:db8:1:3::1").status_code == 302


def test_one_password_tried_on_everybody_is_stopped_by_address(client, kiran):
    for number in range(BY_ADDRESS.most):
        assert log_in(client, f"name{number}", "Password1!").status_code == 200
    assert log_in(client, "kiran").status_code == 429
    assert log_in(Client(), "kiran", address="198.51.100.1").status_code == 302


def test_one_username_tried_from_everywhere_is_stopped(client, kiran):
    for number in range(BY_USERNAME.most):
        assert log_in(client, "kiran", "wrong", address=f"198.18.{number}.1").status_code == 200
    assert log_in(client, "kiran").status_code == 429


def test_right_passwords_are_no_guesses(kiran):
    for _ in range(BY_ADDRESS.most + 5):
        assert log_in(Client(), "kiran").status_code == 302
    assert set(Tries.objects.values_list("count", flat=True)) <= {0}


def test_the_tries_are_kept_by_a_hash_of_whose_they_are(client):
    log_in(client, "kiran", "wrong")
    kept = str(list(Tries.objects.values()))
    assert "kiran" not in kept
    assert "203.0.113" not in kept


def test_what_failed_is_not_kept_at_any_length(client):
    answer = log_in(client, "kiran", "wrong", junk="x" * LONGEST_FORM)
    assert answer.status_code == 413
    assert not AccessAttempt.objects.exists()


def test_a_password_that_failed_is_not_kept(client):
    log_in(client, "kiran", "hunter2hunter2")
    assert "hunter2" not in str(list(AccessAttempt.objects.values()))


# --- Where it leads ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/",
        "//evil.example/",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "https:evil.example",
        "javascript:alert(1)",
        "data:text/html,x",
        "http://testserver@evil.example/",
        "http://testserver.evil.example/",
        "\t//evil.example",
        "/\t/evil.example",
        "%2F%2Fevil.example%0d%0aSet-Cookie: a=b",
    ],
)
def test_the_way_back_leads_nowhere_else(client, kiran, elsewhere):
    target = log_in(client, "kiran", next=elsewhere).headers["Location"]
    assert target == "/" or (target.startswith("%2F") and "\n" not in target)
    assert "evil" not in log_in(client, "kiran", next=elsewhere).headers["Location"].split("%")[0]


def test_the_way_back_stays_within_the_site(client, kiran):
    assert log_in(client, "kiran", next="/preferences/?a=1").headers["Location"] == "/preferences/?a=1"


# --- The session ------------------------------------------------------------------------------------------------------


def test_a_login_brings_a_new_session_and_a_new_token(kiran):
    client = Client()
    client.get(LOGIN)
    planted = client.session
    planted["planted"] = "yes"
    planted.save()
    client.cookies["sessionid"] = str(planted.session_key)
    token = client.cookies["csrftoken"].value
    log_in(client, "kiran")
    assert client.cookies["sessionid"].value != planted.session_key
    assert not Session.objects.filter(session_key=planted.session_key).exists()
    assert client.cookies["csrftoken"].value != token


def test_a_key_that_was_made_up_becomes_no_session(kiran):
    client = Client()
    client.cookies["sessionid"] = "a" * 32
    log_in(client, "kiran")
    assert client.cookies["sessionid"].value != "a" * 32


def test_logging_out_leaves_no_session_behind(kiran):
    client = Client(enforce_csrf_checks=True)
    client.force_login(kiran)
    assert client.post("/accounts/logout/").status_code == 403
    assert is_in(client)
    client.get("/preferences/")
    client.post("/accounts/logout/", {"csrfmiddlewaretoken": client.cookies["csrftoken"].value})
    assert not Session.objects.exists()


def ends_everywhere(user: User, change) -> None:
    clients = [Client(), Client()]
    for client in clients:
        client.force_login(user)
        assert is_in(client)
    change()
    assert [is_in(client) for client in clients] == [False, False]


def test_a_lost_role_ends_every_session(omar):
    ends_everywhere(omar, lambda: User.objects.filter(pk=omar.pk).update(role=Role.VENDOR))


def test_a_deactivation_ends_every_session(omar):
    ends_everywhere(omar, lambda: User.objects.filter(pk=omar.pk).update(is_active=False))


def test_a_password_set_by_an_admin_ends_every_session(omar):
    def change():
        omar.set_password(NEW)
        omar.save()

    ends_everywhere(omar, change)


def test_a_session_signed_with_an_earlier_key_goes_on_and_one_of_no_key_of_ours_does_not(kiran, settings):
    used, unused = Client(), Client()
    used.force_login(kiran)
    unused.force_login(kiran)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "a new key, long enough to be one, and entirely different"
    assert is_in(used)
    settings.SECRET_KEY_FALLBACKS = []
    # It was signed anew when it was used.
    assert is_in(used)
    assert not is_in(unused)


def test_staff_log_in_each_morning(client, omar, kiran):
    log_in(client, "omar")
    assert client.session.get_expiry_age() <= 12 * 3600
    other = Client()
    log_in(other, "kiran")
    assert other.session.get_expiry_age() > 24 * 3600


# --- One's own password -----------------------------------------------------------------------------------------------


def change_password(client: Client, old: str, new: str):
    return client.post("/accounts/password/", {"old_password": old, "new_password1": new, "new_password2": new})


def test_a_new_password_ends_the_other_sessions_and_not_this_one(kiran):
    here, there = Client(), Client()
    here.force_login(kiran)
    there.force_login(kiran)
    key = here.session.session_key
    assert change_password(here, PASSWORD, NEW).headers["Location"] == "/accounts/"
    assert is_in(here)
    assert not is_in(there)
    assert here.session.session_key != key
    assert log_in(Client(), "kiran", NEW).status_code == 302


def test_the_old_password_is_asked_and_not_guessed(client, kiran):
    client.force_login(kiran)
    for _ in range(10):
        assert change_password(client, "guess", NEW).status_code == 200
    assert "Too many tries" in client.get(change_password(client, PASSWORD, NEW).headers["Location"]).content.decode()
    assert User.objects.get(pk=kiran.pk).check_password(PASSWORD)


@pytest.mark.parametrize("weak", ["short1!", "password123", "12345678901234", "kiran@homeserve"])
def test_a_weak_password_is_refused_with_the_reason(client, kiran, weak):
    client.force_login(kiran)
    answer = change_password(client, PASSWORD, weak)
    assert answer.status_code == 200
    assert 'aria-invalid="true"' in answer.content.decode()
    assert_strict(answer)


def test_ones_own_pages_are_strict_and_take_a_login(client, kiran):
    for url in ("/accounts/", "/accounts/password/"):
        assert client.get(url).headers["Location"] == f"/accounts/login/?next={url}"
    client.force_login(kiran)
    for url in ("/accounts/", "/accounts/password/"):
        assert_strict(client.get(url))


def test_there_is_no_reset_that_a_forged_host_could_point_elsewhere(client):
    for url in ("/accounts/password_reset/", "/accounts/reset/", "/admin/password_reset/"):
        assert client.get(url, headers={"host": "localhost"}).status_code in (302, 404)
        assert "reset" not in client.get(LOGIN).content.decode()

"""Super admins need a code beside their password; without it they are nobody, wherever they turn."""

import re
from datetime import timedelta
from io import StringIO

import pytest
from auditlog.models import LogEntry
from django.core.management import CommandError, call_command
from django.test import Client
from django_otp.oath import totp
from django_otp.plugins.otp_static.models import StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from core.models import Role, User
from core.security import second_factor
from tests.people import PASSWORD
from tests.security.strict import assert_strict

pytestmark = pytest.mark.django_db

CODE = "/accounts/second-factor/"


@pytest.fixture(autouse=True)
def _needed(settings) -> None:
    settings.SECOND_FACTOR = True


@pytest.fixture
def app(sara) -> TOTPDevice:
    """Sara's app, set up."""
    return TOTPDevice.objects.create(user=sara, name="app", confirmed=True)


def code_of(device: TOTPDevice, *, later: int = 0) -> str:
    """What the app shows."""
    return str(totp(device.bin_key, drift=later)).zfill(6)


def say_password(client: Client, name: str = "sara", **more: str):
    return client.post("/accounts/login/", {"username": name, "password": PASSWORD, **more})


def say(client: Client, code: str):
    return client.post(CODE, {"code": code})


def is_in(client: Client) -> bool:
    return client.get("/dashboard/").status_code == 200


# --- With an app ------------------------------------------------------------------------------------------------------


def test_the_password_alone_opens_nothing(client, app):
    assert say_password(client).headers["Location"] == CODE
    for url in ("/dashboard/", "/inbox/", "/preferences/", "/accounts/", "/admin/", "/admin/core/user/"):
        assert client.get(url).status_code == 302, url
        assert "/login/" in client.get(url).headers["Location"], url
    assert client.post("/accounts/recovery-codes/").status_code == 302
    assert "_auth_user_id" not in client.session
    assert StaticToken.objects.count() == 0


def test_the_code_lets_in_to_where_one_was_going(client, app):
    say_password(client, next="/admin/")
    key = client.session.session_key
    answer = say(client, code_of(app))
    assert answer.headers["Location"] == "/admin/"
    assert is_in(client)
    assert client.get("/admin/").status_code == 200
    assert client.session.session_key != key


def test_the_way_on_leads_nowhere_else(client, app):
    say_password(client, next="https://evil.example/")
    assert say(client, code_of(app)).headers["Location"] == "/"


def test_a_wrong_code_is_said_and_opens_nothing(client, app):
    say_password(client)
    wrong = str((int(code_of(app)) + 1) % 10**6).zfill(6)
    answer = say(client, wrong)
    assert 'aria-invalid="true"' in answer.content.decode()
    assert_strict(answer)
    assert not is_in(client)


@pytest.mark.parametrize("code", ["", " ", "x" * 5000, "१२३४५६", "123456\0", "-1", "0" * 400, "None", "1e5"])
def test_nonsense_is_a_wrong_code(client, app, code):
    say_password(client)
    assert say(client, code).status_code == 200
    assert not is_in(client)


def test_a_code_works_once(app, frozen):
    first, second = Client(), Client()
    code = code_of(app)
    say_password(first)
    say_password(second)
    assert say(first, code).status_code == 302
    assert say(second, code).status_code == 200
    assert not is_in(second)


def test_codes_are_not_guessed(client, app, frozen):
    """Ten tries in a quarter of an hour, from wherever; then the right one is wrong too."""
    for _ in range(10):
        say_password(client)
        say(client, "000000" if code_of(app) != "000000" else "000001")
        frozen.shift(timedelta(seconds=1))
    TOTPDevice.objects.update(throttling_failure_count=0)
    other = Client()
    say_password(other)
    assert say(other, code_of(app)).status_code == 200
    frozen.shift(timedelta(minutes=16))
    say_password(other)
    assert say(other, code_of(app)).status_code == 302


def test_the_claim_of_a_password_ages(client, app, frozen):
    say_password(client)
    frozen.shift(second_factor.CLAIM_LIFE)
    assert say(client, code_of(app)).headers["Location"] == "/accounts/login/"
    assert not is_in(client)


@pytest.mark.parametrize("change", [{"is_active": False}, {"password": "!"}, {"role": Role.OPS_MANAGER}])
def test_the_claim_ends_with_what_it_was_made_by(client, app, change):
    say_password(client)
    User.objects.filter(username="sara").update(**change)
    assert say(client, code_of(app)).headers["Location"] == "/accounts/login/"


def test_without_a_password_there_is_no_page_of_codes(client, app):
    assert client.get(CODE).headers["Location"] == "/accounts/login/"
    assert say(client, code_of(app)).headers["Location"] == "/accounts/login/"


def test_a_session_from_before_it_was_needed_ends(client, sara, settings):
    settings.SECOND_FACTOR = False
    client.force_login(sara)
    assert is_in(client)
    settings.SECOND_FACTOR = True
    assert not is_in(client)
    settings.SECOND_FACTOR = False
    assert not is_in(client)


def test_a_session_ends_with_its_device(client, app):
    say_password(client)
    say(client, code_of(app))
    assert is_in(client)
    app.delete()
    assert not is_in(client)


def test_others_need_no_code(client, omar, vera):
    assert say_password(client, "omar").headers["Location"] == "/"
    assert is_in(client)


def test_it_may_be_left_out_where_nobody_comes_from_outside(client, sara, settings):
    settings.SECOND_FACTOR = False
    say_password(client)
    assert is_in(client)


# --- Setting it up ----------------------------------------------------------------------------------------------------


def set_up(client: Client) -> list[str]:
    """Scan and confirm; returns the recovery codes."""
    say_password(client)
    assert_strict(client.get(CODE))
    answer = say(client, code_of(TOTPDevice.objects.get(confirmed=False)))
    assert_strict(answer)
    return re.findall(r'<li class="mono">([a-z0-9-]{11})</li>', answer.content.decode())


def test_the_first_login_sets_an_app_up(client, sara):
    say_password(client)
    page = client.get(CODE).content.decode()
    device = TOTPDevice.objects.get(user=sara)
    assert not device.confirmed
    assert "data:image/svg+xml;base64," in page
    assert second_factor.invite(sara).secret in page
    assert not is_in(client)
    assert len(set_up(client)) == 10
    assert is_in(client)
    assert LogEntry.objects.get_for_object(sara).filter(changes__has_key="second factor").count() == 1


def test_a_page_loaded_twice_shows_the_same_secret(client, sara):
    say_password(client)
    shown = [re.findall(r'<img class="qr" src="([^"]+)"', client.get(CODE).content.decode()) for _ in range(2)]
    assert shown[0] == shown[1]
    assert len(shown[0]) == 1
    assert TOTPDevice.objects.count() == 1


def test_an_app_that_is_set_up_is_not_replaced_by_whoever_knows_the_password(client, app):
    say_password(client)
    page = client.get(CODE).content.decode()
    assert "data:image" not in page
    TOTPDevice.objects.create(user=app.user, name="planted", confirmed=False)
    say(client, code_of(TOTPDevice.objects.get(name="planted")))
    assert not is_in(client)


def test_each_recovery_code_lets_in_once(sara, frozen):
    codes = set_up(Client())
    for attempt, expected in ((codes[0].upper().replace("-", " "), True), (codes[0], False), (codes[1], True)):
        client = Client()
        say_password(client)
        say(client, attempt)
        assert is_in(client) is expected
        frozen.shift(timedelta(minutes=2))


def test_recovery_codes_are_kept_as_hashes(client, sara):
    codes = set_up(client)
    kept = set(StaticToken.objects.values_list("token", flat=True))
    assert len(kept) == 10
    assert not kept & {code.replace("-", "") for code in codes}
    other = Client()
    say_password(other)
    say(other, kept.pop())
    assert not is_in(other)


def test_new_recovery_codes_end_the_old_ones(client, sara, frozen):
    old = set_up(client)
    new = re.findall(r'<li class="mono">([a-z0-9-]{11})</li>', client.post("/accounts/recovery-codes/").content.decode())
    assert not set(old) & set(new)
    other = Client()
    say_password(other)
    say(other, old[0])
    assert not is_in(other)


def test_who_lost_everything_is_reset_from_the_shell(client, app):
    say_password(client)
    say(client, code_of(app))
    call_command("reset_second_factor", "sara", stdout=StringIO())
    assert not is_in(client)
    assert LogEntry.objects.get_for_object(app.user).filter(changes__has_key="second factor").exists()
    assert len(set_up(Client())) == 10
    with pytest.raises(CommandError):
        call_command("reset_second_factor", "nobody")


# --- Machines ---------------------------------------------------------------------------------------------------------


def token(client: Client, **more: str):
    body = {"username": "sara", "password": PASSWORD} | more
    return client.post("/api/auth/login/", body, content_type="application/json")


def test_a_token_takes_the_code_as_well(client, app):
    assert token(client).status_code == 401
    assert token(client, code="000000" if code_of(app) != "000000" else "000001").status_code == 401
    TOTPDevice.objects.update(throttling_failure_count=0)
    answer = token(client, code=code_of(app))
    assert answer.status_code == 200
    assert len(answer.json()["token"]) == 64


def test_whose_app_is_not_set_up_gets_no_token(client, sara):
    assert token(client).status_code == 401
    assert token(client, code="123456").status_code == 401


def test_tokens_got_with_right_passwords_are_no_guesses(client, omar):
    for _ in range(55):
        assert token(client, username="omar").status_code == 200

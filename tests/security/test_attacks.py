"""What people with bad intentions send. Each of these is tried as they would: through a page, an address, a row that an import brought."""

import json
from pathlib import Path
from urllib.parse import quote

import pytest
from django.db import transaction

from core.models import BusinessAlert, MessagingRun, NotificationLog, Role, User
from core.notification_service import NotificationService
from core.notifications.kinds import PROMOTION
from core.notifications.outbox import Notice, enqueue
from tests.people import PASSWORD, people, person

pytestmark = pytest.mark.django_db

SCRIPT = "<script>alert('x')</script>"
HANDLER = '"><img src=x onerror=alert(1)>'
TEMPLATE = "{{ settings.SECRET_KEY }}{% load log %}{% debug %}${7*7}{{7*7}}"
NASTY = (SCRIPT, HANDLER, TEMPLATE, "'; DROP TABLE core_user; --", "\u202eevil", "=cmd|' /C calc'!A0")


@pytest.fixture
def nasty(db) -> User:
    """Somebody whose every text is an attack."""
    return person(Role.VENDOR, first_name=SCRIPT, last_name=HANDLER, username="nasty")


def message_to(user: User, **more: str) -> NotificationLog:
    return NotificationLog.objects.create(
        recipient=user, notification_type="bonus_alert", method="websocket", status="sent", phase="accepted", provider="outbox", **more
    )


def assert_harmless(page: str) -> None:
    assert "<script>alert" not in page
    assert "onerror=alert(1)>" not in page or "&lt;img" in page
    assert "<img src=x" not in page
    assert "49" not in page.rsplit("${7*7}", maxsplit=1)[-1][:10]


# --- What is stored and shown -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", NASTY)
def test_what_a_message_says_is_shown_and_never_run(client, nasty, omar, text):
    message_to(nasty, subject=text, message=text)
    for user, urls in ((nasty, ("/inbox/", "/inbox/news/", "/preferences/", "/accounts/")), (omar, ("/dashboard/outbox/",))):
        client.force_login(user)
        for url in urls:
            answer = client.get(url)
            assert answer.status_code == 200
            assert_harmless(answer.content.decode())


@pytest.mark.parametrize("text", NASTY)
def test_what_an_alert_says_is_shown_and_never_run(client, omar, sara, nasty, text):
    alert = BusinessAlert.objects.create(
        alert_type="system_error", severity="critical", title=text, description=text, assigned_to=omar, resolution_notes=text
    )
    client.force_login(sara)
    for url in ("/dashboard/", "/admin/core/businessalert/", f"/admin/core/businessalert/{alert.pk}/change/", "/admin/core/user/"):
        answer = client.get(url)
        assert answer.status_code == 200
        assert_harmless(answer.content.decode())


def test_a_search_in_the_admin_is_shown_and_never_run(client, sara):
    client.force_login(sara)
    assert_harmless(client.get("/admin/core/user/", {"q": SCRIPT}).content.decode())


# --- Templates and mail -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [TEMPLATE, "{{ person.password }}", "{% include 'web/page.html' %}", "{{''.__class__}}"])
def test_data_is_no_template(kiran, settings, text):
    kiran.first_name = text
    kiran.save()
    assert NotificationService.location_based_promotions("560001", {"subject": text, "title": text, "description": text})
    rows = list(NotificationLog.objects.filter(recipient=kiran))
    assert rows
    for row in rows:
        said = row.subject + row.message + row.content.subject + row.content.body
        assert settings.SECRET_KEY not in said
        assert kiran.password not in said
        assert "<class" not in said


@pytest.mark.parametrize("ending", ["\r\n", "\n", "\r", "\u2028", "\x0b", "\x00"])
def test_a_subject_brings_no_header_with_it(kiran, settings, ending):
    subject = f"Offer{ending}Bcc: everybody@homeserve.example"
    assert NotificationService.location_based_promotions("560001", {"subject": subject})
    for row in NotificationLog.objects.filter(recipient=kiran, method="email"):
        assert not set(row.subject + row.content.subject) & set("\r\n\x0b\x00")


@pytest.mark.parametrize(
    "identifier", ["a@b.example\r\nBcc: c@d.example", "a@b.example\nTo: x", "a@b.example,c@d.example", "<a@b.example>"]
)
def test_an_address_brings_no_other_with_it(identifier):
    sent = NotificationService.send_and_store_otp(identifier)
    assert (bool(sent), sent.suppressed) == (False, {"no_address": 1})
    assert not NotificationLog.objects.exists()


@pytest.mark.parametrize("url", ["javascript:alert(1)", "//evil.example", "data:text/html,x", " javascript:alert(1)", "file:///etc/passwd"])
def test_a_link_leads_to_the_web_or_nowhere(kiran, client, url):
    sent = NotificationService.location_based_promotions("560001", {"subject": "Offer", "action_url": url})
    assert sent.warnings
    assert {row.content.link_url for row in NotificationLog.objects.filter(recipient=kiran)} <= {"/", ""}


# --- Whose it is ------------------------------------------------------------------------------------------------------


def test_anothers_message_is_as_if_it_were_not_there(client, vera, kiran):
    theirs = message_to(kiran, subject="private")
    client.force_login(vera)
    assert client.post(f"/inbox/{theirs.pk}/read/").status_code == 404
    assert client.get(f"/dashboard/outbox/{theirs.pk}/").status_code == 403
    assert client.get(f"/dashboard/outbox/{theirs.pk}/mail/").status_code == 403
    theirs.refresh_from_db()
    assert theirs.read_at is None


def test_finance_reads_no_message_that_is_not_about_payments(client, farah, kiran):
    other = message_to(kiran, subject="private")
    client.force_login(farah)
    assert client.get(f"/dashboard/outbox/{other.pk}/").status_code == 404
    assert client.get(f"/admin/core/notificationlog/{other.pk}/change/").status_code in (302, 404)


@pytest.mark.parametrize("url", ["/preferences/", "/accounts/password/", "/accounts/login/", "/inbox/read/"])
def test_a_form_takes_no_more_than_it_shows(client, kiran, url):
    client.force_login(kiran)
    more = {"role": "super_admin", "is_superuser": "1", "is_staff": "1", "is_active": "0", "user": "1", "pk": "1", "email": "x@y.example"}
    client.post(url, more | {"username": "kiran", "password": PASSWORD, "old_password": PASSWORD})
    after = User.objects.get(pk=kiran.pk)
    assert (after.role, after.is_superuser, after.is_staff, after.is_active, after.email) == (
        "customer",
        False,
        False,
        True,
        "kiran@homeserve.example",
    )


def test_an_ops_manager_makes_nobody_a_super_admin(client, omar):
    client.force_login(omar)
    page = f"/admin/core/user/{omar.pk}/change/"
    assert client.post(page, {"username": "omar", "role": "super_admin", "is_active": "on", "language": "en"}).status_code == 403
    assert User.objects.get(pk=omar.pk).role == "ops_manager"


def test_finance_learns_from_no_number_who_there_is(client, farah, kiran):
    alert = BusinessAlert.objects.create(alert_type="payment_hold", severity="high", title="x")
    client.force_login(farah)
    url = f"/admin-dashboard/notifications/alerts/{alert.pk}/assign/"
    said = [client.post(url, {"user_id": number}, content_type="application/json").json()["errors"] for number in (kiran.pk, 10**9)]
    assert said[0] == said[1]


@pytest.mark.parametrize("by", ["oneself", "a super admin"])
def test_a_new_password_ends_tokens_too(client, kiran, sara, by):
    """Whoever knew the old one may have made one with it."""
    login = {"username": "kiran", "password": PASSWORD}
    token = client.post("/api/auth/login/", login, content_type="application/json").json()["token"]
    client.force_login(kiran if by == "oneself" else sara)
    new = "correct horse battery staple"
    url = "/accounts/password/" if by == "oneself" else f"/admin/core/user/{kiran.pk}/password/"
    passwords = {"old_password": PASSWORD, "new_password1": new, "new_password2": new, "password1": new, "password2": new}
    assert client.post(url, {**passwords, "usable_password": "true"}).status_code == 302
    client.logout()
    assert client.get("/api/inbox/", headers={"authorization": f"Bearer {token}"}).status_code == 401


@pytest.mark.parametrize("username", ["оmar", "omаr", "OMAR", "Omar", "ＯＭＡＲ", "omar\u200b", "omar "])
def test_nobody_is_given_a_name_that_is_taken_for_anothers(client, sara, omar, username):
    client.force_login(sara)
    form = {"username": username, "usable_password": "true", "password1": PASSWORD, "password2": PASSWORD, "role": "vendor"}
    before = User.objects.count()
    answer = client.post("/admin/core/user/add/", form)
    assert answer.status_code == 200
    assert User.objects.count() == before


# --- What is asked ----------------------------------------------------------------------------------------------------

QUERIES = [
    "' OR 1=1 --",
    "%",
    "_",
    "\\",
    "%%",
    "') UNION SELECT password FROM core_user --",
    "x" * 5000,
    "1; SELECT pg_sleep(9)",
    "{}",
    "\0x\0",
]


@pytest.mark.parametrize("text", QUERIES)
def test_a_search_finds_no_more_than_it_says_and_never_breaks(client, sara, text):
    client.force_login(sara)
    there = people(3)
    for url in ("/admin/core/user/", "/admin/core/notificationlog/", "/admin/core/suppression/", "/admin/auditlog/logentry/"):
        assert client.get(url, {"q": text}).status_code < 500, url
    page = client.get("/admin/core/user/", {"q": text}).content.decode()
    # Django takes a NUL for no search at all.
    assert "\0" in text or [user.username for user in there if f"/admin/core/user/{user.pk}/change/" in page] == []
    for url in ("/dashboard/outbox/", "/inbox/", "/dashboard/"):
        for name in ("method", "type", "before", "after", "page", "q"):
            assert client.get(url, {name: text}).status_code < 500, (url, name)


@pytest.mark.parametrize(
    "path",
    [
        "../homeserve_pro/settings.py",
        "..%2fhomeserve_pro/settings.py",
        "%2e%2e/%2e%2e/db.sqlite3",
        "homeserve/../../settings.py",
        "//etc/passwd",
        "/etc/passwd",
        "..\\..\\.env",
        "homeserve/%00.css",
        "....//....//.env",
    ],
)
def test_no_file_but_those_of_the_pages_is_served(client, path):
    for url in (f"/static/{path}", f"/static/{quote(path)}"):
        assert client.get(url).status_code in (301, 400, 404)


@pytest.mark.parametrize(
    "body", ["[" * 100_000, '{"a":' * 50_000, '{"username": ' + "9" * 50_000 + "}", '"\\ud800"', "NaN", "\0", "{" * 10]
)
def test_a_body_that_makes_no_sense_is_a_clear_refusal(client, body):
    answer = client.post("/api/auth/login/", body, content_type="application/json")
    assert 400 <= answer.status_code < 500
    assert answer.headers["Content-Type"].startswith("application/json")


def test_a_body_full_of_names_is_not_answered_name_by_name(client):
    answer = client.post("/api/auth/login/", json.dumps(dict.fromkeys(map(str, range(5_000)), 1)), content_type="application/json")
    assert (answer.status_code, len(answer.json()["errors"])) == (400, 10)
    assert len(answer.content) < 5_000


@pytest.mark.parametrize("method", ["put", "patch", "delete", "options", "trace"])
@pytest.mark.parametrize("url", ["/", "/accounts/login/", "/accounts/logout/", "/accounts/second-factor/", "/healthz"])
def test_an_unusual_method_does_nothing(client, url, method):
    assert getattr(client, method)(url).status_code in (200, 204, 302, 405)


@pytest.mark.parametrize("token", ["", "x", "A" * 43, "../..", "%00", "a" * 5000])
def test_a_made_up_link_leads_nowhere(client, token):
    for url in (f"/r/{quote(token, safe='')}/", f"/unsubscribe/{quote(token, safe='')}/"):
        assert client.get(url).status_code in (404, 301)


def test_every_form_of_ours_takes_its_token(kiran):
    from django.test import Client

    client = Client(enforce_csrf_checks=True)
    client.force_login(kiran)
    for url in ("/preferences/", "/inbox/read/", "/accounts/logout/", "/accounts/password/", "/accounts/recovery-codes/"):
        assert client.post(url).status_code == 403, url
    assert client.post("/admin-dashboard/notifications/", "{}", content_type="application/json").status_code in (401, 403)


def test_links_in_messages_are_ours_whatever_host_is_asked(client, kiran, settings):
    settings.PUBLIC_URL = "https://homeserve.example"
    with transaction.atomic():
        run = MessagingRun.objects.create(name="test")
        enqueue(
            Notice(kind=PROMOTION, key="test", context={}, link_url="/inbox/"),
            User.objects.filter(pk=kiran.pk),
            run=run,
            now=run.started_at,
        )
    row = NotificationLog.objects.filter(recipient=kiran).first()
    assert row is not None
    client.force_login(kiran)
    answer = client.get("/inbox/", headers={"host": "evil.example"})
    assert answer.status_code == 400
    assert b"evil.example" not in answer.content


# --- What is logged, named and filtered --------------------------------------------------------------------------------


FORGED = 'x\r\n{"event": "forged", "level": "error"}\n2026-11-23 [error] forged\x1b[2J'


def test_nobody_writes_a_line_of_their_own_into_the_log(client, settings):
    file = Path(settings.LOG_FILE)
    before = len(file.read_text(encoding="utf-8")) if file.is_file() else 0
    client.get(f"/nowhere/{quote(FORGED)}/?{quote(FORGED)}={quote(FORGED)}", headers={"user-agent": FORGED.replace("\r\n", "\n ")})
    client.post("/accounts/login/", {"username": FORGED, "password": FORGED})
    client.post("/api/auth/login/", {"username": FORGED, "password": FORGED}, content_type="application/json")
    lines = file.read_text(encoding="utf-8")[before:].splitlines()
    assert len(lines) >= 3
    assert "forged" not in {json.loads(line)["event"] for line in lines}
    assert not any("\x1b" in line for line in lines)


@pytest.mark.parametrize("name", ["\0", "a\0b", "\u202egnp.exe", "x" * 10_000, "\U0001f600" * 3, "\u200b", "\r\nBcc: x"])
def test_a_name_that_is_none_breaks_nothing(client, sara, kiran, name):
    """Of a person, a comment, a note, a search: taken as it is, or refused by name."""
    alert = BusinessAlert.objects.create(alert_type="system_error", severity="high", title="x")
    client.force_login(sara)
    page = f"/admin/core/user/{kiran.pk}/change/"
    form = {"username": "kiran", "first_name": name, "last_name": name, "role": "customer", "language": "en", "is_active": "on"}
    forms = (
        (page, form),
        (f"/dashboard/alerts/{alert.pk}/comment/", {"text": name, "version": alert.version}),
        ("/dashboard/thresholds/", {"rule": "promotions", "name": "bookings_under", "value": "2", "note": name, "scope": name}),
        ("/dashboard/wording/otp/draft/", {"subject": name, "body": name, "note": name, "region": name}),
        ("/dashboard/providers/switch/", {"scope": "all", "name": name, "reason": name, "is_paused": "1"}),
    )
    for url, said in forms:
        assert client.post(url, said).status_code < 500, url
    for url in ("/dashboard/people/", "/dashboard/log/", "/dashboard/alerts/", "/dashboard/audit/"):
        for field in ("q", "search", "model", "object_id", "name"):
            assert client.get(url, {field: name}).status_code < 500, (url, field)
    for row in (User.objects.get(pk=kiran.pk).first_name, *alert.events.values_list("reason", flat=True)):
        assert "\0" not in row
        assert len(row) <= 10_000


@pytest.mark.parametrize(
    "asked", ["recipient__password__startswith", "recipient__email__contains", "content__body__regex", "run__actor__is_superuser"]
)
def test_a_parameter_is_no_question_to_the_database(client, sara, kiran, asked):
    """Whoever may filter by one column learns nothing of another."""
    message_to(kiran, subject="private")
    client.force_login(sara)
    for url in ("/admin-dashboard/notifications/logs/", "/admin-dashboard/users/", "/admin-dashboard/audit/"):
        assert client.get(url, {asked: "p"}).status_code == 400, url
    for url in ("/admin/core/notificationlog/", "/admin/core/user/"):
        answers = [client.get(url, {asked: value}) for value in ("pbkdf2", "nothing")]
        assert {answer.status_code for answer in answers} <= {302, 400}, url

"""People: found as the API finds them, changed only by super admins, and shown no more of than is needed."""

import re
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from knox.models import AuthToken

from core import clock, tasks
from core.demo import city
from core.demo.services import OFFERS
from core.models import BusinessAlert, NotificationLog, Role, ScheduleRun, Service, Suppression, User
from core.notifications import choices
from tests.api.conventions import entries
from tests.people import HOME, person
from tests.web.alerts_world import an_alert

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen")]
URL = "/dashboard/people/"


def said_in(answer):
    return answer.content.decode()


def names_in(page):
    return re.findall(r'<a class="go" href="/dashboard/people/\d+/">([^<]+)</a>', page)


def one(user):
    return f"{URL}{user.pk}/"


# --- Found ------------------------------------------------------------------------------------------------------------


def test_people_are_found_by_role_pincode_and_beginning(as_omar, vera, viren, kiran):
    assert names_in(said_in(as_omar.get(URL, {"role": "vendor"}))) == ["Vera", "Viren"]
    assert names_in(said_in(as_omar.get(URL, {"search": "ver"}))) == ["Vera"]
    assert names_in(said_in(as_omar.get(URL, {"pincode": HOME, "role": "customer", "search": ""}))) == ["Kiran"]
    assert "Nobody matches" in said_in(as_omar.get(URL, {"search": "nobody"}))


def test_people_are_found_by_their_names_and_by_a_whole_phone_number(as_omar, vera, viren, kiran):
    User.objects.filter(pk=viren.pk).update(first_name="Viren", last_name="Van Rao", phone="+919876543210")
    for asked in ("van", "VIREN van", "van viren", "viren van rao"):
        found = names_in(said_in(as_omar.get(URL, {"search": asked})))
        assert found == (["Viren V."] if asked != "viren van rao" else []), asked
    for asked in ("+91 98765 43210", "098765-43210", "9876543210"):
        assert names_in(said_in(as_omar.get(URL, {"search": asked}))) == ["Viren V."], asked
    # A part of a number finds nobody: who reads masked numbers does not guess the rest.
    for asked in ("98765", "+9198765", "3210"):
        assert "Nobody matches" in said_in(as_omar.get(URL, {"search": asked})), asked


def test_a_list_masks_addresses_and_one_persons_page_shows_them_as_the_api_does(as_omar, vera):
    page = said_in(as_omar.get(URL))
    assert vera.email not in page
    assert vera.phone not in page
    assert "•••••004" in page
    assert vera.email in said_in(as_omar.get(one(vera)))


def test_fifty_a_page_forth_and_back(as_omar):
    for _ in range(60):
        person()
    page = said_in(as_omar.get(URL, {"role": "customer"}))
    assert len(names_in(page)) == 50
    assert "role=customer&amp;page=2" in page
    assert len(names_in(said_in(as_omar.get(URL, {"role": "customer", "page": "2"})))) == 10


@pytest.mark.parametrize("asked", [{"role": "king"}, {"pincode": "0x<b>"}, {"page": "0"}, {"search": "x" * 101}])
def test_what_cannot_be_asked_is_said(as_omar, asked):
    answer = as_omar.get(URL, asked)
    assert answer.status_code == 400
    assert "This cannot be looked for" in said_in(answer)
    assert "<b>" not in said_in(answer).partition('id="results"')[0].rpartition("<form")[2]


def test_the_pages_cost_the_same_whatever_there_is(as_omar, vera):
    def queries(url):
        with CaptureQueriesContext(connection) as asked:
            as_omar.get(url)
        return len(asked)

    def message():
        NotificationLog.objects.create(recipient=vera, notification_type="bonus_alert", method="email", status="sent", subject="Yes")

    AuthToken.objects.create(vera)
    message()
    queries(URL)
    few = queries(URL), queries(one(vera))
    for _ in range(20):
        AuthToken.objects.create(person(Role.VENDOR))
        AuthToken.objects.create(vera)
        message()
    assert (queries(URL), queries(one(vera))) == few
    assert max(few) <= 12


def test_finance_and_vendors_are_refused_and_nobody_is_a_404(client, as_omar, farah, vera):
    assert as_omar.get(f"{URL}999999/").status_code == 404
    assert as_omar.get(f"{URL}{10**30}/").status_code == 404
    for user in (farah, vera):
        client.force_login(user)
        assert client.get(URL).status_code == client.get(one(user)).status_code == 403


# --- One person -------------------------------------------------------------------------------------------------------


def test_a_person_shows_what_was_written_to_them_and_where_the_rest_is(as_omar, vera, kiran):
    NotificationLog.objects.create(recipient=vera, notification_type="bonus_alert", method="sms", status="failed", subject="15 % <more>")
    NotificationLog.objects.create(recipient=kiran, notification_type="otp", method="email", status="sent", subject="Not yours")
    page = said_in(as_omar.get(one(vera)))
    assert "15 % &lt;more&gt;" in page
    assert "Not yours" not in page
    assert f"/dashboard/log/?recipient_id={vera.pk}" in page


def test_an_address_set_aside_says_why_and_is_written_to_again_with_a_reason(as_omar, vera, omar):
    choices.set_aside("email", vera.email.upper(), reason="bounced", detail="550 no such user", now=clock.now() - timedelta(days=2))
    row = Suppression.objects.get()
    page = said_in(as_omar.get(one(vera)))
    assert "Set aside" in page
    assert "550 no such user" in page
    refused = as_omar.post(f"{URL}suppressions/{row.pk}/lift/", {"user": vera.pk, "reason": " "})
    assert refused.status_code == 400
    assert "Say why: it is kept in the trail." in said_in(refused)
    assert as_omar.post(f"{URL}suppressions/{row.pk}/lift/", {"user": vera.pk, "reason": "She mended it."}).status_code == 303
    assert "Set aside" not in said_in(as_omar.get(one(vera)))
    row.refresh_from_db()
    assert (row.expires_at, row.detail) == (clock.now(), "She mended it.")
    assert any(entry.actor == omar and entry.changes.get("detail", ["", ""])[1] == "She mended it." for entry in entries())


def test_a_role_is_changed_after_a_question_and_ends_what_came_with_it(as_sara, sara, omar):
    browser = Client()
    browser.force_login(omar)
    AuthToken.objects.create(omar)
    asked = said_in(as_sara.get(one(omar), {"role": "finance", "is_active": "yes", "ask": "1"}))
    assert "Make Omar finance?" in asked
    assert "They are logged out everywhere, and 1 token ends." in asked
    omar.refresh_from_db()
    assert omar.role == Role.OPS_MANAGER
    assert as_sara.post(f"{one(omar)}change/", {"role": "finance", "is_active": "yes"}).status_code == 303
    omar.refresh_from_db()
    assert omar.role == Role.FINANCE
    assert not AuthToken.objects.filter(user=omar).exists()
    assert browser.get("/dashboard/").status_code == 302
    assert [entry.changes["role"] for entry in entries(object_pk=str(omar.pk), actor=sara) if "role" in entry.changes] == [
        ["ops_manager", "finance"]
    ]


def test_the_last_super_admin_stays_and_nonsense_changes_nothing(as_sara, sara, omar):
    refused = as_sara.post(f"{one(sara)}change/", {"role": "vendor", "is_active": "yes"})
    assert refused.status_code == 409
    assert "is the last super admin" in said_in(refused)
    for said in ({}, {"role": "king", "is_active": "yes"}, {"role": "vendor", "is_active": "perhaps"}):
        assert as_sara.post(f"{one(omar)}change/", said).status_code == 400
    assert "Keep as is" not in said_in(as_sara.get(one(omar), {"role": "ops_manager", "is_active": "yes", "ask": "1"}))
    assert set(User.objects.filter(pk__in=[sara.pk, omar.pk]).values_list("role", flat=True)) == {"super_admin", "ops_manager"}


def test_who_gives_up_their_own_role_lands_where_they_may_be(as_sara, sara):
    person(Role.SUPER_ADMIN)
    assert "This is you" in said_in(as_sara.get(one(sara), {"role": "vendor", "is_active": "yes", "ask": "1"}))
    answer = as_sara.post(f"{one(sara)}change/", {"role": "vendor", "is_active": "yes"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")


# --- Programs ---------------------------------------------------------------------------------------------------------


def test_a_token_is_shown_once_works_and_is_revoked_after_a_question(as_sara, sara, omar):
    page = said_in(as_sara.post(f"{one(omar)}tokens/", {"days": "30"}))
    (token,) = re.findall(r'<p class="mono wrap">(\w+)</p>', page)
    row = AuthToken.objects.get()
    assert (row.user, row.expiry - row.created) == (omar, timedelta(days=30))
    assert Client().get("/api/schema/", headers={"Authorization": f"Bearer {token}"}).status_code == 200
    assert token not in said_in(as_sara.get(one(omar))) + said_in(as_sara.get(URL))
    assert f"Revoke the token {row.token_key} of Omar?" in said_in(as_sara.get(URL, {"revoke": row.token_key}))
    assert as_sara.post(f"{URL}tokens/{row.token_key}/revoke/").status_code == 303
    assert Client().get("/api/schema/", headers={"Authorization": f"Bearer {token}"}).status_code == 401
    assert as_sara.post(f"{URL}tokens/{row.token_key}/revoke/").status_code == 404
    assert [entry.changes for entry in entries(object_pk=str(omar.pk), actor=sara) if "api_token" in entry.changes] == [
        {"api_token": [None, "made"]}, {"api_token": ["good", "revoked"]},
    ]  # fmt: skip


@pytest.mark.parametrize("days", ["", "0", "367", "many", "1e3"])
def test_a_token_is_good_for_some_days(as_sara, omar, days):
    answer = as_sara.post(f"{one(omar)}tokens/", {"days": days})
    assert answer.status_code == 400
    assert "From 1 to 366 days." in said_in(answer)
    assert not AuthToken.objects.exists()


def test_an_ops_manager_sees_it_all_and_changes_nothing(as_omar, vera):
    row, _ = AuthToken.objects.create(vera)
    page = said_in(as_omar.get(one(vera), {"role": "finance", "is_active": "yes", "ask": "1"}))
    assert "Only a super admin may change roles and tokens." in page
    assert "Keep as is" not in page
    assert "Keep as is" not in said_in(as_omar.get(URL, {"revoke": row.token_key, "remove": "demo"}))
    for url in (f"{one(vera)}change/", f"{one(vera)}tokens/", f"{URL}tokens/{row.token_key}/revoke/", f"{URL}remove-demo/"):
        assert as_omar.post(url, {"role": "finance", "is_active": "yes", "days": "9"}).status_code == 403


# --- The demo city ----------------------------------------------------------------------------------------------------


def of_the_demo(username, role=Role.CUSTOMER):
    return person(role, username=username, email=f"{username}@demo.homeserve.example")


def test_the_demo_city_is_marked_on_a_page_of_the_team_while_it_is_there(as_omar):
    assert "demo-mark" not in said_in(as_omar.get(URL))


def test_the_demo_city_goes_after_a_question_with_counts_and_nothing_else_does(as_sara, sara, vera):
    of_the_demo("asha.rao")
    page = said_in(as_sara.get(URL, {"remove": "demo"}))
    assert "demo-mark" in page
    assert "1 person and 0 bookings go, with every message to them" in page
    answers = [as_sara.post(f"{URL}remove-demo/") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [303, 303]
    # Asked for, and not waited for; pressed twice, it is one order.
    assert city.exists()
    assert ScheduleRun.objects.count() == 1
    page = said_in(as_sara.get(answers[1].headers["Location"]))
    assert "It begins as soon as a worker is free." in page
    assert "Remove the demo city…" not in page
    stuck = an_alert(kind="payment_hold", fingerprint="payment_holds", items=1)
    assert tasks.run_all_asked() == 1
    assert not city.exists()
    # What was open about it closes at once, and not when its check comes round.
    assert tasks.run_all_asked() > 3
    assert BusinessAlert.objects.get(pk=stuck.pk).status == "resolved"
    page = said_in(as_sara.get(answers[1].headers["Location"]))
    assert "1 person" in page.partition('id="run"')[2].partition("</section>")[0]
    assert "demo-mark" not in page
    assert User.objects.filter(pk__in=[sara.pk, vera.pk]).count() == 2
    assert [entry.object_repr for entry in entries(actor=sara, action=3)] == ["begin remove_demo", "remove the demo city"]
    as_sara.post(f"{URL}remove-demo/")
    assert "The demo city has gone already." in said_in(as_sara.get(URL))


def test_a_removal_that_dies_half_way_leaves_the_city_whole_and_can_be_asked_for_again(as_sara, monkeypatch, frozen):
    of_the_demo("asha.rao")
    before = User.objects.count(), Service.objects.count()
    offer = OFFERS[0]
    Service.objects.create(name=offer.name, category=offer.category, base_price=1, duration_minutes=60)

    def die(*_, **__):
        raise SystemExit

    with monkeypatch.context() as dying:
        # After the people have gone, and before the figures of their pincodes do.
        dying.setattr("core.demo.removal.PincodeAnalytics", SimpleNamespace(objects=SimpleNamespace(filter=die)))
        as_sara.post(f"{URL}remove-demo/")
        with pytest.raises(SystemExit):
            tasks.run_all_asked()
    assert (User.objects.count(), Service.objects.count()) == (before[0], before[1] + 1)
    # Its process is gone and cannot say so. A minute later it still might be at it; after two it is asked for anew.
    frozen.shift(60)
    as_sara.post(f"{URL}remove-demo/")
    assert ScheduleRun.objects.count() == 1
    frozen.shift(61)
    as_sara.post(f"{URL}remove-demo/")
    assert tasks.run_all_asked() == 1
    assert not city.exists()


def test_where_no_demo_city_is_none_is_removed(as_sara, sara, settings):
    as_sara.post(f"{URL}remove-demo/")
    settings.DEMO = False
    of_the_demo("asha.rao")
    as_sara.post(f"{URL}remove-demo/")
    assert not ScheduleRun.objects.exists()


def test_one_of_the_demos_own_people_does_not_remove_it_and_herself(client):
    client.force_login(of_the_demo("sara.hegde", Role.SUPER_ADMIN))
    assert "You are one of its people" in said_in(client.get(URL, {"remove": "demo"}))
    client.post(f"{URL}remove-demo/")
    assert "make yourself an account" in said_in(client.get(URL)).lower()
    assert city.exists()

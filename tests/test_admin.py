"""The admin: whole, quick at any size, and open to each role as far as it should be."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from knox.models import AuthToken

from core import clock
from core import models as house
from core.admin.permissions import RECORDS, RIGHTS
from core.admin.rooms import ROOMS
from core.admin.site import site
from core.models import Role, User
from tests.admin_world import furnish
from tests.people import PASSWORD, person

pytestmark = pytest.mark.django_db

TABLES = sorted(site._registry, key=lambda model: model._meta.label)
HOUSE = [getattr(house, name) for name in house.__all__ if hasattr(getattr(house, name), "_meta")]


def name_of(model):
    return model._meta.label


def address(model, page, *args):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def queries_of(client, url):
    client.get(url)  # What is looked up once a process is looked up here.
    with CaptureQueriesContext(connection) as captured:
        response = client.get(url)
    assert response.status_code == 200, url
    return len(captured)


# --- Whole, and quick -------------------------------------------------------------------------------------------------


def test_every_table_of_the_product_is_in_the_admin():
    shown_within_another = {house.EscalationStep}
    assert {model for model in HOUSE if model not in site._registry} == shown_within_another


def test_every_table_of_the_admin_has_its_rights_in_the_table_of_rights():
    assert set(TABLES) <= set(RIGHTS[Role.SUPER_ADMIN])


def test_every_table_has_its_room():
    in_rooms = [model for models in ROOMS.values() for model in models]
    assert sorted(map(name_of, in_rooms)) == sorted(map(name_of, TABLES))


def test_the_first_page_shows_the_rooms_that_its_reader_may_enter(as_farah):
    page = as_farah.get("/admin/").content.decode()
    assert [title for title in ROOMS if f">{title}<" in re.sub(r">\s+|\s+<", lambda gap: gap[0].strip(), page)] == [
        "Alerts",
        "Messages",
        "Marketplace",
    ]


def test_a_state_is_a_word_in_the_list_and_on_the_page(as_sara):
    furnish(1)
    alert = house.BusinessAlert.objects.get()
    for url in (address(house.BusinessAlert, "changelist"), address(house.BusinessAlert, "change", alert.pk)):
        page = as_sara.get(url).content.decode()
        assert "High" in page
        assert "(&#x27;high&#x27;" not in page


def test_every_list_costs_as_much_for_thirty_rows_as_for_three(as_sara):
    furnish(3)
    before = {model: queries_of(as_sara, address(model, "changelist")) for model in TABLES}
    furnish(27, first=3)
    after = {model: queries_of(as_sara, address(model, "changelist")) for model in TABLES}
    assert {name_of(model): after[model] for model in TABLES if after[model] != before[model]} == {}
    assert max(after.values()) <= 15


def test_every_row_opens(as_sara):
    furnish(2)
    answers = {
        (name_of(model), row.pk): as_sara.get(address(model, "change", row.pk)) for model in TABLES for row in model._default_manager.all()
    }
    assert {key: answer.status_code for key, answer in answers.items() if answer.status_code != 200} == {}
    assert {name for name, _ in answers} == set(map(name_of, TABLES))


def test_every_form_for_a_new_row_opens_where_there_is_one(as_sara):
    answers = {name_of(model): as_sara.get(address(model, "add")).status_code for model in TABLES}
    assert answers == {name_of(model): 200 if site._registry[model].adding else 403 for model in TABLES}


@pytest.mark.parametrize("term", ["560001", "0190f3a1-0000-7000-8000-000000000000", "kir", "Kiran R", "100%_' \"x", "a\0b"])
def test_every_search_answers(as_sara, term):
    furnish(1)
    searched = [model for model in TABLES if site._registry[model].search_fields]
    answers = {name_of(model): as_sara.get(address(model, "changelist"), {"q": term}).status_code for model in searched}
    assert {name: code for name, code in answers.items() if code != 200} == {}


def parameters_of(item):
    """What a filter reads from the address."""
    if isinstance(item, str):
        return {f"{item}__exact": "1"}
    if isinstance(item, tuple):
        return {f"{item[0]}_from": "2026-11-01", f"{item[0]}_to": "nonsense"}
    return {item.parameter_name: "1"}


def test_every_filter_answers(as_sara):
    furnish(1)
    for model in TABLES:
        for item in site._registry[model].list_filter:
            answer = as_sara.get(address(model, "changelist"), parameters_of(item))
            assert (name_of(model), answer.status_code) == (name_of(model), 200), item


def test_a_filter_by_days_counts_both_ends_in_india(as_sara):
    for hour, title in ((18, "The day before"), (19, "The day itself")):
        moment = datetime(2026, 11, 15, hour, 0, tzinfo=UTC)  # 23:30 and 0:30 in India.
        house.BusinessAlert.objects.create(alert_type="system_error", severity="low", title=title, created_at=moment)
    days = {"created_at_from": "2026-11-16", "created_at_to": "2026-11-16"}
    page = as_sara.get(address(house.BusinessAlert, "changelist"), days).content.decode()
    assert "The day itself" in page
    assert "The day before" not in page


def test_a_page_opened_for_a_row_costs_the_same_whatever_hangs_on_it(as_sara):
    furnish(1)
    alert = house.BusinessAlert.objects.get()
    before = queries_of(as_sara, address(house.BusinessAlert, "change", alert.pk))
    for number in range(10):
        house.AlertItem.objects.create(
            alert=alert, object_type="payment", object_id=f"x{number}", label="Held", since=clock.now(), severity="high"
        )
        house.AlertEvent.objects.create(alert=alert, kind="comment", actor=person(Role.OPS_MANAGER))
    assert queries_of(as_sara, address(house.BusinessAlert, "change", alert.pk)) == before


def test_money_is_written_as_in_india(as_sara):
    furnish(1)
    assert "₹1,23,456.50" in as_sara.get(address(house.Payment, "changelist")).content.decode()


def test_a_person_is_found_by_the_beginning_of_a_name(as_sara, kiran, chitra):
    page = as_sara.get(address(User, "changelist"), {"q": "kir"}).content.decode()
    assert "kiran" in page
    assert "chitra" not in page


# --- Who gets in ------------------------------------------------------------------------------------------------------


def test_nobody_logged_in_is_led_to_the_one_login_page(client):
    response = client.get("/admin/", follow=True)
    assert response.redirect_chain[-1][0] == "/accounts/login/?next=/admin/"


@pytest.mark.parametrize("role", [Role.CUSTOMER, Role.VENDOR, Role.ONBOARD_MANAGER])
def test_people_without_a_role_for_it_are_refused(client, role):
    client.force_login(person(role, is_staff=True, is_superuser=True))
    for url in ("/admin/", "/admin/login/", *(address(model, "changelist") for model in TABLES)):
        assert client.get(url).status_code == 403, url


def test_an_account_that_was_closed_is_out_at_once(as_sara, sara):
    assert as_sara.get("/admin/").status_code == 200
    User.objects.filter(pk=sara.pk).update(is_active=False)
    assert as_sara.get("/admin/").status_code == 302


def test_ops_reads_every_table(as_omar):
    for model in TABLES:
        assert as_omar.get(address(model, "changelist")).status_code == 200, model


@pytest.mark.parametrize("model", [User, house.Threshold, house.TemplateVersion, AuthToken], ids=name_of)
def test_ops_may_read_but_not_change_what_is_super_admins(as_omar, model):
    furnish(1)
    row = model._default_manager.first()
    assert as_omar.get(address(model, "add")).status_code == 403
    assert as_omar.post(address(model, "change", row.pk), {}).status_code == 403
    assert as_omar.post(address(model, "delete", row.pk), {"post": "yes"}).status_code == 403


def test_ops_is_shown_no_password_not_even_its_hash(as_omar, kiran):
    page = as_omar.get(address(User, "change", kiran.pk)).content.decode()
    assert "Kiran" in page
    assert kiran.password not in page
    assert "md5" not in page
    assert as_omar.post(f"/admin/core/user/{kiran.pk}/password/", {"password1": "x", "password2": "x"}).status_code == 403


def test_ops_changes_a_booking(as_omar):
    furnish(1)
    suppression = house.Suppression.objects.get()
    answer = as_omar.post(
        address(house.Suppression, "change", suppression.pk),
        {"method": "email", "address": suppression.address, "reason": "complained", "detail": ""},
    )
    assert answer.status_code == 302
    suppression.refresh_from_db()
    assert suppression.reason == "complained"


def test_finance_sees_payments_and_what_is_said_of_them_alone(as_farah):
    furnish(2)
    may = {house.Payment, house.BusinessAlert, house.AlertItem, house.AlertEvent, house.NotificationLog, house.DeliveryEvent}
    for model in TABLES:
        assert as_farah.get(address(model, "changelist")).status_code == (200 if model in may else 403), model
    held = house.BusinessAlert.objects.get(alert_type="payment_hold")
    other = house.BusinessAlert.objects.get(alert_type="booking_timeout")
    page = as_farah.get(address(house.BusinessAlert, "changelist")).content.decode()
    assert held.title in page
    assert other.title not in page
    assert as_farah.get(address(house.BusinessAlert, "change", held.pk)).status_code == 200
    assert as_farah.get(address(house.BusinessAlert, "change", other.pk)).status_code == 302
    promotion = house.NotificationLog.objects.filter(notification_type="promotional")[0]
    assert as_farah.get(address(house.NotificationLog, "change", promotion.pk)).status_code == 302


def test_finance_changes_nothing(as_farah):
    furnish(1)
    payment = house.Payment.objects.get()
    assert as_farah.post(address(house.Payment, "change", payment.pk), {"status": "completed"}).status_code == 403
    assert as_farah.get(address(house.Payment, "add")).status_code == 403


def test_an_export_holds_only_what_its_reader_may_see(as_farah):
    furnish(2)
    answer = as_farah.post(
        address(house.NotificationLog, "export"),
        {"format": "0", "notificationlog_id": "on", "notificationlog_notification_type": "on", "resource": ""},
    )
    text = answer.content.decode()
    assert "payment_hold" in text
    assert "promotional" not in text


# --- The record -------------------------------------------------------------------------------------------------------


def test_the_record_is_not_written_by_hand_by_anybody(as_sara):
    furnish(1)
    for model in (model for model in RECORDS if model in TABLES):
        row = model._default_manager.all()[0]
        assert as_sara.get(address(model, "add")).status_code == 403, model
        assert as_sara.post(address(model, "change", row.pk), {}).status_code == 403, model
        assert as_sara.post(address(model, "delete", row.pk), {"post": "yes"}).status_code == 403, model
        as_sara.post(address(model, "changelist"), {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"})
        assert model._default_manager.filter(pk=row.pk).exists(), model


@pytest.mark.parametrize("model", [User, house.Booking, house.BusinessAlert, house.Payment], ids=name_of)
def test_what_the_record_speaks_of_is_not_deleted(as_sara, model):
    furnish(1)
    row = model._default_manager.last()
    assert as_sara.post(address(model, "delete", row.pk), {"post": "yes"}).status_code == 403
    as_sara.post(address(model, "changelist"), {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"})
    assert model._default_manager.filter(pk=row.pk).exists()


def test_a_one_time_password_shows_no_hash_and_cannot_be_guessed_by_filters(as_sara):
    furnish(1)
    row = house.OneTimePassword.objects.get()
    assert row.code_hash not in as_sara.get(address(house.OneTimePassword, "change", row.pk)).content.decode()
    assert as_sara.get(address(house.OneTimePassword, "changelist"), {"code_hash__startswith": "c"}).status_code == 400


# --- Acts -------------------------------------------------------------------------------------------------------------


def add_limit(client, **fields):
    day, time = clock.now().strftime("%Y-%m-%d"), "00:00:00"
    form = {"rule": "high_demand", "name": "bookings_over", "scope": "5600", "value": "7", "note": "Festival"}
    return client.post(address(house.Threshold, "add"), {**form, "effective_from_0": day, "effective_from_1": time, **fields})


def test_a_limit_is_added_from_now_on_in_the_name_of_who_added_it(as_sara, sara):
    before = clock.now()
    assert add_limit(as_sara).status_code == 302
    limit = house.Threshold.objects.get(scope="5600")
    assert (limit.created_by, limit.value) == (sara, Decimal(7))
    assert limit.effective_from >= before


def test_a_limit_that_no_rule_reads_is_refused(as_sara):
    answer = add_limit(as_sara, rule="pending_signatures")
    assert answer.status_code == 200
    assert "has no such limit" in answer.content.decode()


def test_a_limit_in_force_is_not_rewritten(as_sara):
    limit = house.Threshold.objects.create(
        rule="high_demand", name="bookings_over", value=6, effective_from=clock.now() - timedelta(days=1)
    )
    page = as_sara.get(address(house.Threshold, "change", limit.pk))
    assert "add a new limit" in page.content.decode()
    assert as_sara.post(address(house.Threshold, "change", limit.pk), {"value": "1"}).status_code == 403
    assert as_sara.post(address(house.Threshold, "delete", limit.pk), {"post": "yes"}).status_code == 403


def test_an_alert_raised_by_hand_is_an_alert_like_any_other(as_sara):
    words = {"title": "Gateway down", "description": "No payment goes through."}
    answer = as_sara.post(address(house.BusinessAlert, "add"), {"alert_type": "system_error", "severity": "critical", **words})
    assert answer.status_code == 302
    alert = house.BusinessAlert.objects.get()
    assert (alert.title, alert.status, alert.fingerprint) == ("Gateway down", "active", "")
    assert alert.events.filter(kind="opened").exists()


def test_saving_writes_only_what_was_changed(as_sara):
    """A check that counts the alert's items meanwhile is not undone."""
    alert = house.BusinessAlert.objects.create(alert_type="system_error", severity="high", title="Old", description="Words")
    form = {
        "title": "New",
        "description": "Words",
        "items-TOTAL_FORMS": 0,
        "items-INITIAL_FORMS": 0,
        "events-TOTAL_FORMS": 0,
        "events-INITIAL_FORMS": 0,
    }
    with CaptureQueriesContext(connection) as captured:
        answer = as_sara.post(address(house.BusinessAlert, "change", alert.pk), form)
    assert answer.status_code == 302
    alert.refresh_from_db()
    assert alert.title == "New"
    [update] = [query["sql"] for query in captured if query["sql"].startswith('UPDATE "core_businessalert"')]
    assert "item_count" not in update


def test_a_token_is_shown_once_and_opens_what_its_owner_may(as_sara, omar):
    answer = as_sara.post(address(AuthToken, "add"), {"user": omar.pk, "expiry_0": "", "expiry_1": ""}, follow=True)
    made = AuthToken.objects.get(user=omar)
    shown = [str(message) for message in answer.context["messages"] if "shown this once" in str(message)]
    assert made.token_key in shown[0]
    token = shown[0].rpartition(" ")[2]
    assert token not in as_sara.get(address(AuthToken, "changelist")).content.decode()
    assert [str(message) for message in answer.context["messages"]] == shown


def test_a_role_that_is_given_takes_effect_in_djangos_own_flags(as_sara, omar):
    form = {"username": "omar", "role": "super_admin", "is_active": "on", "email": omar.email, "language": "en"}
    assert as_sara.post(address(User, "change", omar.pk), form).status_code == 302
    omar.refresh_from_db()
    assert (omar.role, omar.is_superuser, omar.check_password(PASSWORD)) == (Role.SUPER_ADMIN, True, True)


def test_wording_that_is_broken_is_not_kept(as_sara):
    form = {"name": "promotional", "region": "", "language": "en", "subject": "{{ nonsense }}", "body": "Words", "email": "", "sms": ""}
    answer = as_sara.post(address(house.TemplateVersion, "add"), form)
    assert answer.status_code == 200
    assert not house.TemplateVersion.objects.exists()

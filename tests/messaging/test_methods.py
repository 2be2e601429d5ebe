"""By which methods, and when: defaults, an admin's choice, a person's own, the law's hours for SMS (docs/rules.md, 4 and 10)."""

from datetime import datetime, timedelta

import pytest

from core import tasks
from core.models import NotificationLog, Preference, Switch, TemplateVersion, TypeSetting, User
from core.notification_service import NotificationService
from core.notifications.kinds import kinds
from core.notifications.wordings import from_files
from tests.messaging.market import MONDAY, SUNDAY, bonus, booked, demand, ist, messages, promote
from tests.people import HOME

pytestmark = pytest.mark.django_db


@pytest.fixture
def hot(frozen, vera):
    booked(9, at=ist(SUNDAY))


@pytest.mark.parametrize(
    ("kind", "methods"),
    [
        ("demand_notification", {"email", "websocket"}),
        ("bonus_alert", {"email", "sms", "websocket"}),
        ("promotional", {"email", "websocket"}),
        ("service_completion_reminder", {"sms", "websocket", "email"}),
        ("business_alert", {"email", "websocket"}),
    ],
)
def test_each_type_has_its_default_methods(kind, methods):
    assert set(kinds.get(kind).methods) == methods


@pytest.mark.parametrize(
    ("kind", "marketing", "repeatable"),
    [
        ("demand_notification", True, False),
        ("bonus_alert", True, False),
        ("promotional", True, False),
        ("pincode_alert", False, False),
        ("otp", False, True),
        ("signature_request", False, True),
        ("service_completion_reminder", False, True),
        ("business_alert", False, True),
        ("payment_hold", False, True),
        ("booking_timeout", False, True),
        ("pending_signature", False, True),
    ],
)
def test_each_type_is_an_offer_or_not_and_may_be_repeated_or_not(kind, marketing, repeatable):
    assert (kinds.get(kind).marketing, kinds.get(kind).repeatable) == (marketing, repeatable)


def test_an_admin_chooses_a_types_methods(hot):
    TypeSetting.objects.create(notification_type="demand_notification", methods=["websocket"])
    demand()
    assert messages() == [("vera", "websocket")]


def test_an_admin_may_choose_none(hot):
    TypeSetting.objects.create(notification_type="demand_notification", methods=[])
    assert demand()["queued"] == 0


def test_a_person_may_add_a_method_for_oneself(hot, vera, frozen):
    frozen.move_to(ist(MONDAY, 12))
    Preference.objects.create(person=vera, category="demand_notification", method="sms", allowed=True)
    demand()
    assert messages() == [("vera", "email"), ("vera", "sms"), ("vera", "websocket")]


def test_what_one_person_adds_is_not_everybodys(hot, viren, vera):
    User.objects.filter(pk=viren.pk).update(is_available=True)
    Preference.objects.create(person=vera, category="demand_notification", method="sms", allowed=True)
    demand()
    assert messages(method="sms") == [("vera", "sms")]


def test_a_method_that_nothing_carries_any_more_is_passed_over(hot, vera):
    Preference.objects.create(person=vera, category="demand_notification", method="pigeon", allowed=True)
    assert demand()["queued"] == 2


def test_a_type_set_to_a_method_that_nothing_carries_goes_by_its_others_with_a_warning(hot):
    TypeSetting.objects.create(notification_type="demand_notification", methods=["pigeon", "email"])
    result = demand()
    assert messages() == [("vera", "email")]
    assert result["warnings"] == ["pigeon: left out, nothing carries it."]


# --- The law's hours ------------------------------------------------------------------------------------------------------


def due(kind: str = "promotional") -> datetime:
    return NotificationLog.objects.get(notification_type=kind, method="sms").due_at


@pytest.fixture
def promotions_by_sms(frozen, kiran, settings):
    # Nothing is sent but by the deliverer's task.
    settings.EMBEDDED = False
    TypeSetting.objects.create(notification_type="promotional", methods=["sms", "email"])


@pytest.mark.parametrize(
    ("at", "leaves"),
    [
        (ist(MONDAY, 0, 0), ist(MONDAY, 10)),
        (ist(MONDAY, 9, 59, 59), ist(MONDAY, 10)),
        (ist(MONDAY, 10, 0), ist(MONDAY, 10, 0)),
        (ist(MONDAY, 20, 59, 59), ist(MONDAY, 20, 59, 59)),
        (ist(MONDAY, 21, 0), ist(MONDAY + timedelta(days=1), 10)),
        (ist(MONDAY, 23, 30), ist(MONDAY + timedelta(days=1), 10)),
    ],
)
def test_promotional_sms_leaves_from_ten_until_before_nine_in_the_evening(promotions_by_sms, frozen, at, leaves):
    frozen.move_to(at)
    NotificationService.location_based_promotions(HOME, {"title": "An offer"})
    assert due() == leaves
    assert NotificationLog.objects.get(method="email").due_at == at


def test_what_waits_overnight_is_still_worth_sending_in_the_morning(promotions_by_sms, frozen):
    frozen.move_to(ist(MONDAY, 21, 30))
    NotificationService.location_based_promotions(HOME, {"title": "An offer"})
    tasks.deliver_outbox("sms")
    assert NotificationLog.objects.get(method="sms").status == "pending"
    frozen.move_to(ist(MONDAY + timedelta(days=1), 10))
    tasks.deliver_outbox("sms")
    assert NotificationLog.objects.get(method="sms").status == "sent"


def test_what_was_decided_in_time_and_comes_up_late_waits_for_the_morning(promotions_by_sms, frozen):
    frozen.move_to(ist(MONDAY, 20, 59))
    NotificationService.location_based_promotions(HOME, {"title": "An offer"})
    NotificationLog.objects.filter(method="sms").update(phase="queued", status="pending")
    frozen.move_to(ist(MONDAY, 21, 0))
    tasks.deliver_outbox("sms")
    assert NotificationLog.objects.get(method="sms").status == "pending"
    frozen.move_to(ist(MONDAY + timedelta(days=1), 10))
    tasks.deliver_outbox("sms")
    assert NotificationLog.objects.get(method="sms").status == "sent"


def test_a_service_wording_that_comes_up_late_still_leaves(promotions_by_sms, frozen):
    publish("promotional", is_service=True)
    frozen.move_to(ist(MONDAY, 21, 30))
    NotificationService.location_based_promotions(HOME, {"title": "An offer"})
    tasks.deliver_outbox("sms")
    assert NotificationLog.objects.get(method="sms").status == "sent"


def test_a_demand_sms_decided_at_nine_waits_until_ten(hot):
    TypeSetting.objects.create(notification_type="demand_notification", methods=["sms", "websocket"])
    demand()
    assert due("demand_notification") == ist(MONDAY, 10)
    assert NotificationLog.objects.get(method="websocket").due_at == ist(MONDAY, 9)


def test_a_reminder_by_sms_waits_for_no_hour(frozen, vera):
    booked(1, at=ist(SUNDAY), vendor=vera, status="confirmed", scheduled_date=ist(MONDAY, 7))
    frozen.move_to(ist(MONDAY, 8))
    tasks.send_vendor_completion_reminders()
    assert due("service_completion_reminder") == ist(MONDAY, 8)


def publish(name: str, **fields: object) -> TemplateVersion:
    words = from_files(name)
    return TemplateVersion.objects.create(
        name=name, status="published", subject=words.subject, body=words.body, email=words.email, sms=words.sms, **fields
    )


def test_a_wording_marked_service_leaves_at_any_hour(hot):
    TypeSetting.objects.create(notification_type="demand_notification", methods=["sms"])
    publish("demand_notification", is_service=True)
    demand()
    assert due("demand_notification") == ist(MONDAY, 9)


def test_a_service_wording_of_one_region_does_not_speak_for_another(hot):
    TypeSetting.objects.create(notification_type="demand_notification", methods=["sms"])
    publish("demand_notification", is_service=True, region="400")
    demand()
    assert due("demand_notification") == ist(MONDAY, 10)


def test_with_dlt_required_an_offer_without_a_template_id_does_not_leave_by_sms(promotions_by_sms, settings):
    settings.DLT_REQUIRED = True
    result = promote()
    assert (messages(), result["queued"]) == ([("kiran", "email")], 1)
    assert "DLT" in result["warnings"][0]


def test_with_dlt_required_a_registered_wording_leaves(promotions_by_sms, settings):
    settings.DLT_REQUIRED = True
    publish("promotional", dlt_template_id="1107160000000000001")
    assert promote()["queued"] == 2


def test_dlt_is_asked_of_offers_alone(frozen, vera, settings):
    settings.DLT_REQUIRED = True
    booked(1, at=ist(SUNDAY), vendor=vera, status="confirmed", scheduled_date=ist(MONDAY, 10))
    tasks.send_vendor_completion_reminders()
    assert ("vera", "sms") in messages()


# --- Pauses -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("scope", "name"), [("all", ""), ("campaign", "vendor_bonus"), ("type", "bonus_alert"), ("method", "email")])
def test_what_is_paused_waits_and_is_not_lost(hot, frozen, scope, name):
    frozen.move_to(ist(MONDAY, 10))
    switch = Switch.objects.create(scope=scope, name=name)
    assert bonus()["queued"] == 3
    tasks.deliver_outbox("email")
    assert NotificationLog.objects.get(method="email").status == "pending"
    switch.is_paused = False
    switch.save()
    tasks.deliver_outbox("email")
    assert NotificationLog.objects.get(method="email").status == "sent"


@pytest.mark.parametrize(("scope", "name"), [("campaign", "high_demand"), ("type", "promotional"), ("method", "sms")])
def test_a_pause_of_something_else_holds_nothing_back(hot, frozen, scope, name):
    frozen.move_to(ist(MONDAY, 10))
    Switch.objects.create(scope=scope, name=name)
    bonus()
    tasks.deliver_outbox("email")
    assert NotificationLog.objects.get(method="email").status == "sent"

"""`NotificationService`: the public verbs, as the README's examples use them (docs/rules.md, 2 and 10)."""

import json
import math
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import connection, transaction

from core.models import BusinessAlert, MessagingRun, NotificationLog, PincodeAnalytics, Preference, Role, Suppression, Switch, User
from core.notification_service import NotificationService
from core.notifications import handover
from tests.messaging.market import MONDAY, SUNDAY, booked, demand, ist, left_out, messages, told, vendors
from tests.people import HOME, NEXT_DOOR, people

pytestmark = pytest.mark.django_db

SEEDS_OFFER = {"subject": "Special Weekend Offer!", "title": "Flash Sale", "offer_text": "30% OFF", "expiry_date": "2024-12-31"}


@pytest.fixture(autouse=True)
def embedded(settings, frozen):
    """One process, as a shell beside no server: what is queued is sent before the call returns."""
    settings.EMBEDDED = True


def mail() -> NotificationLog:
    return NotificationLog.objects.select_related("content").get(method="email")


# --- What a verb returns ----------------------------------------------------------------------------------------------------


def test_a_result_says_what_came_of_it_and_is_true_when_something_was_queued(vera, viren):
    User.objects.filter(pk=viren.pk).update(phone="")
    sent = NotificationService.send_bonus_alerts(HOME)
    assert (sent.matched, sent.queued, sent.suppressed, sent.warnings) == (2, 5, {"no_address": 1}, ())
    assert sent
    assert sent.as_dict() == {"matched": 2, "queued": 5, "people": 2, "suppressed": {"no_address": 1}, "warnings": []}


def test_nobody_to_write_to_is_false_with_a_warning(db):
    sent = NotificationService.send_demand_notifications(HOME, {"total_bookings": 9})
    assert not sent
    assert (sent.matched, sent.queued) == (0, 0)
    assert sent.warnings == ("There is nobody to write to.",)


def test_every_result_is_plain_json(omar, vera, kiran):
    (job,) = booked(1, at=ist(SUNDAY))
    for sent in (
        NotificationService.send_demand_notifications(HOME, {"unknown": object()}),
        NotificationService.send_bonus_alerts(HOME, 15),
        NotificationService.location_based_promotions(HOME, SEEDS_OFFER),
        NotificationService.send_business_alert("system_error", None, {"title": "Gateway"}),
        NotificationService.send_and_store_otp(kiran.email),
        NotificationService.send_signature_notification(job, "https://sign.example/1"),
    ):
        assert sent
        assert json.loads(json.dumps(sent.as_dict()))["queued"] == sent.queued


@pytest.mark.parametrize("pincode", ["", "12345", "1234567", "012345", "56000a", "５６０００１", None, "560001; DROP"])
@pytest.mark.parametrize("verb", ["send_demand_notifications", "send_bonus_alerts", "location_based_promotions"])
def test_a_pincode_that_is_none_is_refused_by_name(db, verb, pincode):
    with pytest.raises(ValueError, match="pincode:"):
        getattr(NotificationService, verb)(pincode)
    assert not MessagingRun.objects.exists()


def test_a_pincode_may_be_given_as_a_number(kiran):
    assert NotificationService.location_based_promotions(560001, SEEDS_OFFER).queued == 2  # type: ignore[arg-type]


@pytest.mark.parametrize("verb", ["send_demand_notifications", "location_based_promotions"])
def test_an_unknown_key_is_a_warning_and_never_an_exception(vera, kiran, verb):
    sent = getattr(NotificationService, verb)(HOME, {"colour": "red", "title": None})
    assert sent
    assert any("colour" in warning for warning in sent.warnings)


# --- Demand -----------------------------------------------------------------------------------------------------------------


def test_demand_is_told_in_the_numbers_given(vera):
    NotificationService.send_demand_notifications(
        HOME, {"total_bookings": 12, "available_vendors": 2, "avg_booking_value": 1250, "demand_ratio": 6.0}
    )
    for fact in ("12 bookings", "2 vendors are free", "6.0", "₹1,250"):
        assert fact in mail().message


def test_what_is_not_given_is_measured_of_the_busier_day(vera):
    booked(7, at=ist(SUNDAY))
    booked(4, at=ist(MONDAY, 8), status="completed", total_price=Decimal(640))
    NotificationService.send_demand_notifications(HOME)
    for fact in ("7 bookings", "yesterday", "1 vendor is free", "₹640"):
        assert fact in mail().message


def test_today_so_far_counts_when_it_is_the_busier(vera):
    booked(7, at=ist(SUNDAY))
    booked(8, at=ist(MONDAY, 8))
    NotificationService.send_demand_notifications(HOME, {"available_vendors": 4})
    assert "8 bookings" in mail().message
    assert "today" in mail().message
    assert "2.0" in mail().message


@pytest.mark.parametrize("nonsense", ["many", -1, math.inf, math.nan, [], "1e400000"])
@pytest.mark.parametrize("key", ["total_bookings", "available_vendors", "avg_booking_value"])
def test_a_number_that_is_none_is_a_warning_and_the_measured_one_is_used(vera, key, nonsense):
    booked(7, at=ist(SUNDAY))
    sent = NotificationService.send_demand_notifications(HOME, {key: nonsense})
    assert sent.queued == 2
    assert any(key in warning for warning in sent.warnings)
    assert "7 bookings" in mail().message


def test_an_infinite_ratio_is_taken_as_measured_elsewhere(vera):
    sent = NotificationService.send_demand_notifications(HOME, {"total_bookings": 4, "available_vendors": 0, "demand_ratio": math.inf})
    assert (sent.queued, sent.warnings) == (2, ())
    assert "no vendor is free" in mail().message
    assert "nfinity" not in mail().message


def test_an_explicit_call_ignores_thresholds_and_flags_and_raises_none(vera):
    assert NotificationService.send_demand_notifications(HOME)
    assert not PincodeAnalytics.objects.filter(high_demand_alert_sent=True).exists()
    booked(6, at=ist(MONDAY, 8))
    assert demand()["queued"] == 2
    assert NotificationService.send_demand_notifications(HOME, {"total_bookings": 6}).queued == 2


def test_demand_is_told_to_available_vendors_of_the_pincode(vera, viren, kiran):
    vendors(1, pincode=NEXT_DOOR)
    NotificationService.send_demand_notifications(HOME)
    assert messages() == [("vera", "email"), ("vera", "websocket")]


# --- Bonus ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("given", "says"), [(15, "15"), (20, "20"), (12.5, "12.5"), ("10", "10"), (100, "100")])
def test_a_bonus_says_its_percentage(vera, given, says):
    NotificationService.send_bonus_alerts(HOME, given)
    assert f"{says} %" in mail().message or f"{says}%" in mail().message


def test_a_bonus_is_fifteen_percent_unless_told_otherwise_and_for_every_vendor(vera, viren):
    NotificationService.send_bonus_alerts(HOME)
    assert told("bonus_alert") == ["vera", "viren"]
    assert "15" in NotificationLog.objects.filter(method="sms")[0].message


@pytest.mark.parametrize("percentage", [0, -5, 100.5, math.nan, math.inf, "much", None])
def test_a_bonus_that_is_no_percentage_is_refused_by_name(vera, percentage):
    with pytest.raises(ValueError, match="bonus_percentage"):
        NotificationService.send_bonus_alerts(HOME, percentage)
    assert messages() == []


# --- Promotions -------------------------------------------------------------------------------------------------------------


def test_the_owners_example_is_sent_as_it_stands(kiran, mailoutbox):
    sent = NotificationService.location_based_promotions("560001", SEEDS_OFFER)
    assert sent.queued == 2
    assert len(sent.warnings) == 1
    assert "2024-12-31" in sent.warnings[0]
    (letter,) = mailoutbox
    assert letter.subject == "Special Weekend Offer!"
    for words in (letter.body, letter.alternatives[0].content):
        for fact in ("Flash Sale", "30% OFF", "2024-12-31"):
            assert fact in words
    assert letter.extra_headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail().status == "sent"


def test_the_words_given_stand_alone(kiran):
    NotificationService.location_based_promotions(HOME, SEEDS_OFFER)
    assert "25" not in mail().message.replace(mail().message[mail().message.index("http") :], "")


def test_without_words_it_is_the_weekends_own_offer(kiran):
    NotificationService.location_based_promotions(HOME)
    assert "25% off" in mail().message


@pytest.mark.parametrize("expiry", ["2026-11-16", "2026-11-30", date(2026, 11, 30), "Diwali", ""])
def test_an_expiry_that_has_not_passed_is_no_warning(kiran, expiry):
    assert NotificationService.location_based_promotions(HOME, {"title": "Sale", "expiry_date": expiry}).warnings == ()


@pytest.mark.parametrize(
    ("url", "leads"),
    [
        ("https://shop.example/sale?x=1", "https://shop.example/sale?x=1"),
        ("/offers/7/", "/offers/7/"),
        ("javascript:alert(1)", "/"),
        ("//evil.example/", "/"),
        ("shop.example", "/"),
    ],
)
def test_the_link_leads_to_a_web_address_or_nowhere_strange(kiran, url, leads):
    sent = NotificationService.location_based_promotions(HOME, {"title": "Sale", "action_text": "Go", "action_url": url})
    assert mail().content.link_url == leads
    assert bool(sent.warnings) is (leads == "/")
    assert "Go: http" in mail().message


def test_words_are_words_and_not_markup_or_template(kiran, mailoutbox):
    NotificationService.location_based_promotions(HOME, {"title": "<b>{{ code }}</b> {% if x %}", "description": "a\nb"})
    html = mailoutbox[0].alternatives[0].content
    assert "&lt;b&gt;{{ code }}&lt;/b&gt;" in html


def test_a_line_break_in_a_subject_does_not_add_a_header(kiran, mailoutbox):
    NotificationService.location_based_promotions(HOME, {"subject": "Sale\r\nBcc: all@example.com", "title": "Sale"})
    assert "\n" not in mailoutbox[0].subject
    assert mailoutbox[0].bcc == []


# --- Business alerts --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("alert_type", "kind", "who"),
    [
        ("payment_hold", "payment_hold", ["farah", "omar"]),
        ("pending_signature", "pending_signature", ["omar", "sara"]),
        ("booking_timeout", "booking_timeout", ["omar"]),
        ("system_error", "business_alert", ["omar", "sara"]),
    ],
)
def test_without_recipients_it_goes_to_the_roles_of_that_type(sara, omar, farah, vera, alert_type, kind, who):
    sent = NotificationService.send_business_alert(alert_type, None, {"title": "Look", "description": "Something is stuck."})
    assert (told(kind), sent.queued) == (who, 2 * len(who))


def test_recipients_may_be_one_user_a_list_or_a_queryset_sliced_or_not(sara, omar, farah):
    for number, recipients in enumerate(
        (omar, [omar], (omar,), iter([omar]), User.objects.filter(pk=omar.pk), User.objects.filter(username="omar").order_by("-pk")[:1])
    ):
        assert NotificationService.send_business_alert("system_error", recipients, {"title": f"Number {number}"}).queued == 2
    assert told() == ["omar"]


def test_no_recipients_at_all_is_nobody(omar):
    sent = NotificationService.send_business_alert("system_error", [], {"title": "Look"})
    assert (bool(sent), sent.matched) == (False, 0)


def test_a_critical_alert_goes_by_sms_too_and_first(omar):
    NotificationService.send_business_alert("system_error", omar, {"title": "Down", "severity": "critical"})
    assert [method for _, method in messages()] == ["email", "sms", "websocket"]
    assert set(NotificationLog.objects.values_list("lane", flat=True)) == {NotificationLog.Lane.URGENT}


def test_an_alert_says_what_it_was_given(omar, mailoutbox):
    alert = BusinessAlert.objects.create(alert_type="system_error", severity="critical", title="Down", description="No gateway.")
    data = {"title": "3 payments held", "description": "No gateway.", "count": 3, "total_amount": 84500, "alert_id": alert.pk}
    sent = NotificationService.send_business_alert("payment_hold", omar, data)
    assert sent.warnings == ()
    for fact in ("3 payments held", "No gateway.", "₹84,500"):
        assert fact in mailoutbox[0].body
    assert mail().metadata["alert_id"] == str(alert.pk)
    assert mail().content.link_url == f"/dashboard/alerts/{alert.pk}/"


def test_what_an_alert_cannot_use_is_a_warning(omar):
    sent = NotificationService.send_business_alert("system_error", omar, {"severity": "apocalyptic", "count": "several", "mood": "bad"})
    assert sent.queued == 2
    assert {warning.split(":")[0] for warning in sent.warnings} == {"severity", "count", "mood"}


# --- Signatures -------------------------------------------------------------------------------------------------------------


def test_the_customer_is_asked_to_sign(kiran, mailoutbox):
    (job,) = booked(1, at=ist(SUNDAY), status="completed")
    sent = NotificationService.send_signature_notification(job, "https://sign.example/abc")
    assert (sent.queued, messages()) == (3, [("kiran", "email"), ("kiran", "sms"), ("kiran", "websocket")])
    assert mail().content.link_url == "https://sign.example/abc"
    assert "Plumbing of 60 minutes" in mailoutbox[0].body


# --- The same again, and what holds an explicit call back -------------------------------------------------------------------


def test_the_same_arguments_on_the_same_day_tell_nobody_twice(vera, viren, frozen):
    assert NotificationService.send_bonus_alerts(HOME, 15).queued == 6
    for same in (15, 15.0, Decimal(15), "15"):
        again = NotificationService.send_bonus_alerts(HOME, same)  # type: ignore[arg-type]
        assert (again.queued, again.suppressed) == (0, {"already_told": 2})
        assert not again
    frozen.move_to(ist(MONDAY, 23, 59))
    assert not NotificationService.send_bonus_alerts(HOME, 15)


def test_other_data_another_pincode_or_another_day_is_another_message(vera, frozen):
    NotificationService.send_bonus_alerts(HOME, 15)
    assert NotificationService.send_bonus_alerts(HOME, 16).queued == 3
    vendors(1, pincode=NEXT_DOOR)
    assert NotificationService.send_bonus_alerts(NEXT_DOOR, 15).queued == 3
    frozen.move_to(ist(MONDAY + timedelta(days=1), 0, 1))
    assert NotificationService.send_bonus_alerts(HOME, 15).queued == 3


def test_the_order_of_keys_makes_no_other_message(omar):
    data = {"title": "Look", "description": "There"}
    assert NotificationService.send_business_alert("system_error", omar, data)
    assert not NotificationService.send_business_alert("system_error", omar, dict(reversed(data.items())))


def test_somebody_new_is_told_of_the_same_too(vera):
    NotificationService.send_bonus_alerts(HOME)
    people(1, Role.VENDOR)
    sent = NotificationService.send_bonus_alerts(HOME)
    assert (sent.queued, sent.suppressed) == (3, {"already_told": 1})


def test_opt_outs_suppression_and_inactivity_hold_for_a_persons_word_too(vera, viren):
    User.objects.filter(pk=viren.pk).update(is_active=False)
    Preference.objects.create(person=vera, category="bonus_alert", method="email", allowed=False)
    Suppression.objects.create(method="sms", address=vera.phone, reason="refused")
    sent = NotificationService.send_bonus_alerts(HOME)
    assert (sent.queued, sent.suppressed) == (1, {"inactive": 1, "opted_out": 1, "suppressed_address": 1})
    assert len(left_out()) == 3


@pytest.mark.parametrize(("scope", "name"), [("all", ""), ("campaign", "promotions"), ("type", "promotional"), ("method", "email")])
def test_a_pause_holds_an_explicit_call_back_too(kiran, mailoutbox, scope, name):
    Switch.objects.create(scope=scope, name=name)
    assert NotificationService.location_based_promotions(HOME, SEEDS_OFFER).queued == 2
    assert mailoutbox == []
    assert mail().status == "pending"


# --- Sent before it returns -------------------------------------------------------------------------------------------------


def test_embedded_it_is_sent_before_the_call_returns(vera, mailoutbox, frozen):
    frozen.move_to(ist(MONDAY, 10))
    assert NotificationService.send_bonus_alerts(HOME)
    assert [letter.to for letter in mailoutbox] == [["vera@homeserve.example"]]
    assert set(NotificationLog.objects.values_list("method", "status", "provider")) == {
        ("email", "sent", mail().provider),
        ("sms", "sent", "outbox"),
        ("websocket", "sent", NotificationLog.objects.get(method="websocket").provider),
    }


def test_inside_the_server_no_call_waits_for_a_provider(vera, mailoutbox, monkeypatch):
    monkeypatch.setattr(handover, "serving", True)
    assert NotificationService.send_bonus_alerts(HOME)
    assert mailoutbox == []


def test_distributed_the_deliverers_send(vera, mailoutbox, settings):
    settings.EMBEDDED = False
    assert NotificationService.send_bonus_alerts(HOME)
    assert mailoutbox == []
    assert mail().status == "pending"


@pytest.mark.django_db(transaction=True)
def test_inside_a_transaction_it_is_sent_after_the_commit(vera, mailoutbox):
    with transaction.atomic():
        assert NotificationService.send_bonus_alerts(HOME)
        assert mailoutbox == []
    assert len(mailoutbox) == 1
    connection.close()


@pytest.mark.django_db(transaction=True)
def test_what_is_rolled_back_is_never_sent(vera, mailoutbox):
    with transaction.atomic():
        NotificationService.send_bonus_alerts(HOME)
        transaction.set_rollback(True)
    assert (mailoutbox, messages()) == ([], [])
    connection.close()

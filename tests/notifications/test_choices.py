"""What people decide, and what follows: what was refused does not leave, and everything is on record."""

import pytest
from auditlog.context import set_actor
from auditlog.models import LogEntry
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from core.models import DeliveryEvent, Phase, Preference, Suppression, TypeSetting
from core.notifications import choices, receipts
from core.notifications.choices import NotToChoose
from core.notifications.kinds import BONUS, DEMAND, OTP, PROMOTION, REMINDER, SIGNATURE_REQUEST
from core.notifications.transports import methods
from tests.notifications.carriers import Carrier
from tests.notifications.post import deliver, fresh, queued
from tests.people import people

pytestmark = pytest.mark.django_db


def refused(person, **only):
    return sorted(Preference.objects.filter(person=person, allowed=False, **only).values_list("category", "method"))


def offered(person):
    """By category, the methods a person is shown, and whether they are on."""
    return {topic.kind.name: dict(topic.methods) for topic in choices.topics(person)}


# --- What there is to decide --------------------------------------------------------------------------------------------


def test_a_person_decides_about_what_their_role_may_ever_get(vera, kiran, farah):
    assert set(offered(vera)) == {"service_completion_reminder", "pincode_alert", "bonus_alert", "demand_notification", "otp"}
    assert set(offered(kiran)) == {"pincode_alert", "promotional", "otp", "signature_request"}
    assert set(offered(farah)) == {"business_alert", "payment_hold", "otp"}


def test_what_always_comes_is_last_and_offers_follow_ones_own_work(vera):
    kinds = [topic.kind for topic in choices.topics(vera)]
    assert [kind.mandatory for kind in kinds] == [False, False, False, False, True]
    assert [kind.marketing for kind in kinds] == [False, False, True, True, False]


def test_a_kind_is_offered_by_the_methods_it_goes_by_and_by_those_a_person_asked_for(vera, now):
    assert offered(vera)["demand_notification"] == {"email": True, "websocket": True}
    choices.set_choice(vera.pk, "demand_notification", "sms", True, source="page", now=now)
    choices.set_choice(vera.pk, "demand_notification", "email", False, source="page", now=now)
    assert offered(vera)["demand_notification"] == {"email": False, "sms": True, "websocket": True}
    TypeSetting.objects.create(notification_type="bonus_alert", methods=["email"])
    assert offered(vera)["bonus_alert"] == {"email": True}


def test_what_was_asked_for_is_shown_whatever_ones_role_is_and_what_was_refused_for_all_is_not(kiran, now):
    choices.stop_all_offers([kiran.pk], source="sms stop", now=now)
    assert "bonus_alert" not in offered(kiran)
    choices.set_choice(kiran.pk, "bonus_alert", "email", True, source="page", now=now)
    assert offered(kiran)["bonus_alert"] == {"email": True, "sms": False, "websocket": False}


@pytest.mark.parametrize(
    ("category", "method"), [("otp", "email"), ("signature_request", "sms"), ("weather", "email"), ("promotional", "pigeon")]
)
def test_what_nobody_decides_is_refused_and_changes_nothing(kiran, now, category, method):
    wanted = {("promotional", "email"): False, (category, method): False}
    with pytest.raises(NotToChoose):
        choices.set_choices(kiran.pk, wanted, source="page", now=now)
    assert not Preference.objects.exists()


# --- A word, and back ---------------------------------------------------------------------------------------------------


def test_a_choice_holds_for_its_category_and_method(kiran, now):
    assert choices.set_choice(kiran.pk, "promotional", "email", False, source="page", now=now)
    assert refused(kiran) == [("promotional", "email")]
    assert not choices.set_choice(kiran.pk, "promotional", "email", False, source="page", now=now)
    assert choices.set_choice(kiran.pk, "promotional", "email", True, source="page", now=now)
    assert refused(kiran) == []


def test_stopping_a_kind_is_by_every_method_there_is(vera, now):
    choices.stop(vera.pk, BONUS, source="page", now=now)
    assert refused(vera) == sorted(("bonus_alert", method) for method in methods())
    assert choices.has_stopped(vera.pk, BONUS)
    assert not choices.has_stopped(vera.pk, DEMAND)


def test_resuming_a_kind_restores_what_is_usual_and_adds_nothing(vera, now):
    before = offered(vera)
    choices.stop(vera.pk, DEMAND, source="page", now=now)
    choices.resume(vera.pk, DEMAND, source="page")
    assert offered(vera) == before


def test_all_offers_are_stopped_by_every_method_and_nothing_else_is(vera, kiran, now):
    assert choices.stop_all_offers([vera.pk, kiran.pk, vera.pk], source="sms stop", now=now) == 2
    for person in (vera, kiran):
        assert {category for category, _ in refused(person)} == {"bonus_alert", "demand_notification", "promotional"}
        assert all(choices.has_stopped(person.pk, kind) for kind in choices.offers())
        assert not choices.has_stopped(person.pk, REMINDER)
    assert choices.stop_all_offers([vera.pk, kiran.pk], source="complaint", now=now) == 0
    assert set(Preference.objects.values_list("source", flat=True)) == {"sms stop"}


def test_many_are_stopped_at_the_cost_of_a_few(now):
    def cost(how_many):
        crowd = [person.pk for person in people(how_many)]
        with CaptureQueriesContext(connection) as captured:
            choices.stop_all_offers(crowd, source="complaint", now=now)
        return len(captured)

    cost(1)
    # SQLite takes a few dozen rows a statement, PostgreSQL all of them.
    assert cost(60) - cost(3) < 60 / 3


def test_what_a_link_stopped_a_link_takes_back_and_nothing_that_was_said_otherwise(kiran, now):
    choices.set_choice(kiran.pk, "promotional", "sms", False, source=choices.PAGE, now=now)
    choices.stop(kiran.pk, PROMOTION, source=choices.ONE_CLICK, now=now)
    assert choices.stopped_by_link(kiran.pk)
    assert choices.take_back(kiran.pk, source=choices.LINK)
    assert refused(kiran) == [("promotional", "sms")]
    assert not choices.take_back(kiran.pk, source=choices.LINK)
    choices.stop_all_offers([kiran.pk], source="sms stop", now=now)
    assert not choices.take_back(kiran.pk, source=choices.LINK)


# --- The trail ----------------------------------------------------------------------------------------------------------


def trail():
    entries = LogEntry.objects.filter(content_type__model="preference").order_by("pk")
    return [(entry.get_action_display(), entry.object_repr, entry.changes_dict.get("allowed"), entry.additional_data) for entry in entries]


def test_every_change_is_entered_with_before_after_and_how_it_was_said(kiran, now):
    with set_actor(kiran, remote_addr="192.0.2.7"):
        choices.set_choice(kiran.pk, "promotional", "email", False, source="page", now=now)
    choices.set_choice(kiran.pk, "promotional", "email", False, source="page", now=now)
    choices.set_choice(kiran.pk, "promotional", "email", True, source="the API", now=now)
    choices.set_choice(kiran.pk, "promotional", "email", False, source=choices.LINK, now=now)
    choices.take_back(kiran.pk, source=choices.LINK)
    assert trail() == [
        ("create", "promotional by email: no", ["None", "False"], {"source": "page"}),
        ("update", "promotional by email: yes", ["False", "True"], {"source": "the API"}),
        ("update", "promotional by email: no", ["True", "False"], {"source": "link"}),
        ("delete", "promotional by email: no", ["False", "None"], {"source": "link"}),
    ]
    first = LogEntry.objects.filter(content_type__model="preference").earliest("pk")
    assert (first.actor, first.remote_addr, first.object_id) == (kiran, "192.0.2.7", int(first.object_pk))
    assert first.changes_dict["person_id"] == ["None", str(kiran.pk)]
    assert [entry.actor for entry in LogEntry.objects.filter(content_type__model="preference").order_by("pk")][1:] == [None] * 3


def test_a_complaint_of_many_is_entered_for_each(now):
    crowd = people(3)
    choices.stop_all_offers([person.pk for person in crowd], source="complaint", now=now)
    assert len(trail()) == Preference.objects.count() == 3 * 3 * len(methods())


# --- What is queued -----------------------------------------------------------------------------------------------------


def phases(*rows):
    return [fresh(row).phase for row in rows]


def test_what_is_queued_ends_where_it_was_refused_and_says_why(vera, viren, now):
    gone = queued(vera, BONUS, now=now)
    others = [queued(vera, DEMAND, now=now), queued(vera, BONUS, "websocket", now=now), queued(viren, BONUS, now=now)]
    choices.set_choice(vera.pk, "bonus_alert", "email", False, source="page", now=now)
    row = fresh(gone)
    assert (row.phase, row.status, row.error_code) == (Phase.CANCELLED, "failed", "opted_out")
    event = DeliveryEvent.objects.get()
    assert (event.notification_id, event.kind, event.code, event.detail, event.at) == (row.pk, "cancelled", "opted_out", "page", now)
    assert phases(*others) == [Phase.QUEUED] * 3


def test_switching_on_cancels_nothing(vera, now):
    row = queued(vera, BONUS, now=now)
    choices.set_choice(vera.pk, "bonus_alert", "email", True, source="page", now=now)
    assert phases(row) == [Phase.QUEUED]


def test_what_waits_to_be_sent_again_counts_as_queued(vera, now):
    again = queued(vera, REMINDER, now=now, dup_risk=True, tries=1)
    choices.stop(vera.pk, REMINDER, source="page", now=now)
    assert phases(again) == [Phase.CANCELLED]


def test_what_may_have_arrived_is_not_repeated_and_not_called_cancelled(vera, now):
    undecided = queued(vera, REMINDER, "websocket", now=now, phase=Phase.UNCERTAIN, tries=1)
    to_her = queued(vera, REMINDER, now=now, phase=Phase.UNCERTAIN, tries=1)
    choices.stop(vera.pk, REMINDER, source="page", now=now)
    choices.set_aside("email", vera.email, reason="bounced", now=now)
    assert phases(undecided, to_her) == [Phase.UNKNOWN_OUTCOME] * 2
    assert {fresh(row).error_code for row in (undecided, to_her)} == {"unknown_outcome"}
    assert receipts.acknowledge(undecided.pk, vera.pk, now=now), "Her page has shown it after all."
    assert phases(undecided) == [Phase.DELIVERED]


def test_what_has_left_or_never_leaves_again_stays_what_it_is(vera, now):
    offer = queued(vera, BONUS, now=now, phase=Phase.UNCERTAIN, tries=1)
    sent = queued(vera, BONUS, now=now, phase=Phase.ACCEPTED, status="sent")
    choices.stop(vera.pk, BONUS, source="page", now=now)
    assert phases(offer, sent) == [Phase.UNCERTAIN, Phase.ACCEPTED]
    assert not DeliveryEvent.objects.exists()


def test_a_stop_ends_offers_in_the_queue_and_lets_the_rest_go(carried_by, hands, vera, kiran):
    carried_by(Carrier)
    for person, kind in ((vera, BONUS), (vera, DEMAND), (kiran, PROMOTION), (kiran, OTP), (vera, REMINDER)):
        queued(person, kind, now=hands())
    choices.stop_all_offers([vera.pk, kiran.pk], source="sms stop", now=hands())
    deliver(hands)
    assert {message.notification_type for message in Carrier.carried} == {"otp", "service_completion_reminder"}


# --- Addresses set aside ------------------------------------------------------------------------------------------------


def test_an_address_set_aside_ends_whatever_is_queued_to_it(vera, viren, now):
    rows = [queued(vera, SIGNATURE_REQUEST, now=now), queued(vera, BONUS, now=now, address="Vera@HomeServe.example")]
    others = [queued(viren, BONUS, now=now), queued(vera, BONUS, "sms", now=now)]
    assert choices.set_aside("email", " Vera@homeserve.example", reason="bounced", detail="550 5.1.1 unknown", now=now)
    assert phases(*rows, *others) == [Phase.SUPPRESSED] * 2 + [Phase.QUEUED] * 2
    assert {fresh(row).error_code for row in rows} == {"suppressed_address"}
    assert set(DeliveryEvent.objects.values_list("kind", "detail")) == {("suppressed", "bounced")}
    aside = Suppression.objects.get()
    assert (aside.method, aside.address, aside.reason, aside.detail) == ("email", "vera@homeserve.example", "bounced", "550 5.1.1 unknown")
    assert LogEntry.objects.get_for_object(aside).count() == 1


def test_many_addresses_are_set_aside_at_the_cost_of_one(now, django_assert_max_num_queries):
    everybody = people(30)
    rows = [queued(person, method=method, now=now) for person in everybody for method in ("email", "sms")]
    choices.set_aside("email", everybody[0].email, reason="full", now=now, expires_at=now)
    found = [choices.Aside(row.method, row.address, "bounced", "550") for row in rows]
    with django_assert_max_num_queries(14):
        assert choices.set_aside_all([*found, choices.Aside("email", everybody[0].email, "complained")], now=now) == 60
    assert set(phases(*rows)) == {Phase.SUPPRESSED}
    assert set(Suppression.objects.values_list("reason", "detail", "expires_at")) == {("bounced", "550", None)}
    assert LogEntry.objects.get_for_model(Suppression).count() == 61
    assert choices.set_aside_all(found, now=now) == 0
    assert LogEntry.objects.get_for_model(Suppression).count() == 61


def test_said_twice_it_is_set_aside_once_with_the_first_reason(vera, now):
    assert choices.set_aside("email", vera.email, reason="bounced", now=now)
    assert not choices.set_aside("email", vera.email.upper(), reason="complained", now=now)
    assert Suppression.objects.get().reason == "bounced"


def test_what_was_aside_for_a_time_may_be_aside_for_good(vera, now, hands):
    choices.set_aside("email", vera.email, reason="full", now=now, expires_at=now)
    assert choices.set_aside("email", vera.email, reason="bounced", now=now)
    assert Suppression.objects.values_list("reason", "expires_at").get() == ("bounced", None)
    assert not choices.set_aside("email", vera.email, reason="full", now=now, expires_at=now)
    assert Suppression.objects.get().expires_at is None


@pytest.mark.parametrize(("method", "address"), [("pigeon", "loft"), ("email", " ")])
def test_what_is_no_address_is_not_set_aside(now, method, address):
    with pytest.raises(ValueError):  # noqa: PT011
        choices.set_aside(method, address, reason="bounced", now=now)
    assert not Suppression.objects.exists()


# --- Inside another transaction -----------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_in_a_transaction_of_the_callers_what_is_queued_until_its_commit_ends_too(vera, now):
    with transaction.atomic():
        choices.stop(vera.pk, BONUS, source="page", now=now)
        meanwhile = queued(vera, BONUS, now=now)
    assert phases(meanwhile) == [Phase.CANCELLED]


@pytest.mark.django_db(transaction=True)
def test_a_transaction_taken_back_takes_the_word_and_its_consequences_back(vera, now):
    row = queued(vera, BONUS, now=now)
    with transaction.atomic():
        choices.stop(vera.pk, BONUS, source="page", now=now)
        transaction.set_rollback(True)
    assert refused(vera) == []
    assert phases(row) == [Phase.QUEUED]

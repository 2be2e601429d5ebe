"""Ops' list of addresses that are not written to: found, added by hand, lifted with a reason, and on record."""

import pytest
from auditlog.models import LogEntry
from django.urls import reverse

from core import clock
from core.models import Suppression
from core.notifications import choices
from core.notifications.kinds import REMINDER
from tests.notifications.carriers import Carrier
from tests.notifications.post import Hands, deliver, fresh, queued

pytestmark = pytest.mark.django_db

LIST = reverse("admin:core_suppression_changelist")
ADD = reverse("admin:core_suppression_add")


def form(**given):
    return {"method": "email", "address": "Vera@HomeServe.example ", "reason": "asked by phone", "detail": "", **given}


def on_page(row):
    return reverse("admin:core_suppression_change", args=[row.pk])


def test_ops_set_an_address_aside_by_hand_and_what_is_queued_to_it_ends(as_omar, omar, vera):
    waiting = queued(vera, REMINDER, now=clock.now())
    assert as_omar.post(ADD, form()).status_code == 302
    row = Suppression.objects.get()
    assert (row.method, row.address, row.reason, row.expires_at) == ("email", "vera@homeserve.example", "asked by phone", None)
    assert fresh(waiting).phase == "suppressed"
    assert LogEntry.objects.get_for_object(row).get().actor == omar


@pytest.mark.parametrize(
    "given", [{"method": "pigeon"}, {"address": "vera"}, {"method": "sms"}, {"method": "sms", "address": "98450"}, {"reason": ""}]
)
def test_what_is_no_address_or_has_no_reason_is_refused_at_the_field(as_omar, given):
    assert as_omar.post(ADD, form(**given)).status_code == 200
    assert not Suppression.objects.exists()


def test_an_address_is_found_however_it_is_spelt(as_omar, vera, kiran):
    for person in (vera, kiran):
        choices.set_aside("email", person.email, reason="bounced", now=clock.now())
    page = as_omar.get(LIST, {"q": "VERA@homeserve.example"}).content.decode()
    assert "vera@homeserve.example" in page
    assert "kiran@homeserve.example" not in page
    assert "Set aside" in page


def test_lifting_takes_a_reason_and_lets_the_next_message_go(as_omar, omar, vera, carried_by_us):
    choices.set_aside("email", vera.email, reason="bounced", detail="550 no such user", now=clock.now())
    row = Suppression.objects.get()
    refused = as_omar.post(on_page(row), {"reason": "bounced", "detail": "550 no such user", "lift": "on"})
    assert "Say why this address is written to again" in refused.content.decode()
    row.refresh_from_db()
    assert row.expires_at is None
    answer = as_omar.post(on_page(row), {"reason": "bounced", "detail": "Mailbox mended, says Vera", "lift": "on"})
    assert answer.status_code == 302
    entry = LogEntry.objects.get_for_object(row).first()
    assert entry.actor == omar
    assert entry.changes_dict["detail"] == ["550 no such user", "Mailbox mended, says Vera"]
    assert entry.changes_dict["expires_at"][0] == "None"
    assert "Written to" in as_omar.get(LIST).content.decode()
    message = queued(vera, REMINDER, now=clock.now())
    deliver(Hands(clock.now()))
    assert fresh(message).status == "sent"


def test_the_next_bounce_sets_it_aside_again(as_omar, vera):
    choices.set_aside("email", vera.email, reason="bounced", now=clock.now())
    row = Suppression.objects.get()
    as_omar.post(on_page(row), {"reason": "bounced", "detail": "Mended", "lift": "on"})
    assert choices.set_aside("email", vera.email, reason="bounced", now=clock.now())
    row.refresh_from_db()
    assert row.expires_at is None


def test_nobody_deletes_what_is_on_record(client, sara, vera):
    client.force_login(sara)
    choices.set_aside("email", vera.email, reason="bounced", now=clock.now())
    assert client.post(reverse("admin:core_suppression_delete", args=[Suppression.objects.get().pk]), {"post": "yes"}).status_code == 403


@pytest.fixture
def carried_by_us(settings):
    settings.TRANSPORTS = {**settings.TRANSPORTS, "email": f"{Carrier.__module__}.{Carrier.__qualname__}"}
    Carrier.carried.clear()

"""What mail providers report, in the shapes that they document, at the addresses they are given."""

import pytest
from auditlog.models import LogEntry

from core.models import DeliveryEvent, NotificationLog, Phase, Preference, ProviderReceipt, Status, Suppression
from core.notifications.choices import offers
from core.notifications.kinds import BUSINESS_ALERT, DEMAND
from tests.notifications.post import queued
from tests.webhooks.post import at, basic, fresh, mail, payload

# anymail says at each call that it has no account of SendGrid's to try its view with.
pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:(?s).*dropped official support for SendGrid")]

NAME = "20261116090000.1.ABC@mg.homeserve.example"
DELIVERED = {"mailgun": "mailgun_delivered", "postmark": "postmark_delivery", "sparkpost": "sparkpost_batch", "sendgrid": "sendgrid_batch"}
HARD = {"mailgun": "mailgun_failed", "postmark": "postmark_bounce", "sparkpost": "sparkpost_bounce", "sendgrid": "sendgrid_bounce"}
# What makes of each hard bounce a soft one.
SOFT = {
    "mailgun": {"permanent": "temporary"},
    "postmark": {"HardBounce": "SoftBounce"},
    "sparkpost": {'"bounce_class": "10"': '"bounce_class": "22"'},
    "sendgrid": {'"type": "bounce"': '"type": "blocked"'},
}


def mailed(person, phase=Phase.ACCEPTED, name=NAME, **fields):
    return at(phase, person, method="email", provider="anymail.esp", provider_message_id=name, **fields)


# --- Who may say it ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("provider", DELIVERED)
@pytest.mark.parametrize("secret", ["", "hooks:guessed", ":"])
def test_without_the_secret_nothing_is_believed(client, vera, provider, secret):
    row = mailed(vera)
    assert mail(client, provider, payload(DELIVERED[provider], NAME), secret=secret).status_code == 403
    assert fresh(row).phase == Phase.ACCEPTED
    assert not ProviderReceipt.objects.exists()


@pytest.mark.parametrize("provider", [*DELIVERED, "amazon_ses", "brevo", "mailersend", "mailjet", "mandrill", "postal", "resend"])
def test_where_no_secret_is_set_every_door_is_shut(client, settings, provider):
    settings.ANYMAIL = {"WEBHOOK_SECRET": ""}
    assert mail(client, provider, "{}", secret=":").status_code == 403


def test_a_providers_own_signature_is_asked_for_beside_the_secret(client, vera):
    row = mailed(vera)
    forged = payload("mailgun_delivered", NAME, **{'"signature": ""': '"signature": "00"', '"token": ""': '"token": "t"'})
    answer = client.post("/webhooks/anymail/mailgun/tracking/", forged, content_type="application/json", headers=basic())
    assert answer.status_code == 403
    assert fresh(row).phase == Phase.ACCEPTED


def test_a_provider_that_is_not_configured_is_refused(client, settings):
    settings.ANYMAIL = {"WEBHOOK_SECRET": settings.ANYMAIL["WEBHOOK_SECRET"]}
    assert mail(client, "mailgun", payload("mailgun_delivered", NAME)).status_code == 403


def test_mail_to_us_has_no_address_here(client):
    assert client.post("/webhooks/anymail/postmark/inbound/", "{}", content_type="application/json", headers=basic()).status_code == 404


# --- What it means ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("provider", DELIVERED)
@pytest.mark.parametrize("ours", [NAME, f"<{NAME}>"])
def test_delivered_mail_is_delivered_once_its_provider_says_so(client, vera, provider, ours):
    row = mailed(vera, name=ours)
    for _ in range(3):
        assert mail(client, provider, payload(DELIVERED[provider], NAME)).status_code in (200, 204)
    row = fresh(row)
    assert (row.status, row.phase, row.provider_message_id) == (Status.DELIVERED, Phase.DELIVERED, ours)
    assert not ProviderReceipt.objects.filter(applied_at=None).exists()
    assert DeliveryEvent.objects.count() == ProviderReceipt.objects.count()


@pytest.mark.parametrize("provider", HARD)
def test_a_hard_bounce_sets_the_address_aside(client, vera, provider):
    row = mailed(vera)
    mail(client, provider, payload(HARD[provider], NAME))
    assert fresh(row).phase == Phase.UNDELIVERED
    assert "5.1.1" in fresh(row).error_message
    assert list(Suppression.objects.values_list("method", "address", "reason")) == [("email", vera.email, "dead_address")]


def test_what_is_queued_to_a_dead_address_ends_and_the_trail_says_so(client, vera, now):
    mailed(vera)
    waiting = queued(vera, now=now, address=vera.email.upper())
    mail(client, "mailgun", payload(HARD["mailgun"], NAME))
    assert (fresh(waiting).phase, fresh(waiting).error_code) == (Phase.SUPPRESSED, "suppressed_address")
    (entered,) = LogEntry.objects.get_for_object(Suppression.objects.get())
    assert entered.action == LogEntry.Action.CREATE
    assert entered.changes["address"] == ["None", vera.email]


@pytest.mark.parametrize("provider", SOFT)
def test_a_soft_bounce_does_not(client, vera, provider):
    row = mailed(vera)
    mail(client, provider, payload(HARD[provider], NAME, **SOFT[provider]))
    # Mailgun tries on after a temporary failure; the others have given up on this one.
    assert fresh(row).phase == (Phase.ACCEPTED if provider == "mailgun" else Phase.UNDELIVERED)
    assert not Suppression.objects.exists()


def test_who_complains_hears_of_no_offer_again_and_still_of_what_matters(client, vera):
    row = mailed(vera, kind=DEMAND)
    mail(client, "mailgun", payload("mailgun_complained", NAME))
    refused = set(Preference.objects.filter(person=vera, allowed=False).values_list("category", "method"))
    assert refused == {(kind.category, method) for kind in offers() for method in ("email", "sms", "websocket")}
    assert not Suppression.objects.exists()
    assert fresh(row).phase == Phase.ACCEPTED


@pytest.mark.parametrize(("kind", "stopped"), [(DEMAND, {DEMAND.category}), (BUSINESS_ALERT, {kind.category for kind in offers()})])
def test_who_unsubscribes_at_the_provider_has_unsubscribed(client, vera, kind, stopped):
    mailed(vera, kind=kind)
    mail(client, "postmark", payload("postmark_subscription_change", NAME))
    assert set(Preference.objects.filter(person=vera, allowed=False).values_list("category", flat=True)) == stopped


def test_the_first_click_is_noted(client, vera):
    row = mailed(vera)
    mail(client, "postmark", payload("postmark_click", NAME))
    first = fresh(row).clicked_at
    assert first is not None
    mail(client, "postmark", payload("postmark_click", NAME, **{"09:21:55": "09:25:55"}))
    assert fresh(row).clicked_at == first


@pytest.mark.parametrize("tracked", [False, True])
def test_an_opening_counts_as_read_only_where_openings_are_tracked(client, vera, settings, tracked):
    settings.TRACK_OPENS = tracked
    row = mailed(vera)
    mail(client, "postmark", payload("postmark_open", NAME))
    assert (fresh(row).read_at is not None) is tracked


@pytest.mark.parametrize("phase", [Phase.SENDING, Phase.UNCERTAIN, Phase.UNKNOWN_OUTCOME])
def test_mail_whose_call_was_lost_is_known_by_the_message_id_that_we_made(client, vera, phase):
    row = mailed(vera, phase=phase, name="")
    mail(client, "mailgun", payload("mailgun_delivered", f"{row.pk.hex}@homeserve.example"))
    assert (fresh(row).phase, fresh(row).error_code, fresh(row).lease_token) == (Phase.DELIVERED, "", None)


def test_a_batch_costs_as_many_statements_as_one(client, vera, django_assert_max_num_queries):
    events = [payload("sparkpost_batch", f"T{number}").replace("923569276938138", f"{number:05}") for number in range(60)]
    for number in range(60):
        mailed(vera, name=f"T{number}")
    body = "[" + ",".join(event.strip()[1:-1] for event in events) + "]"
    # The transaction's two, one to keep, one to find, and what follows; less than the sixty that one for each would be.
    with django_assert_max_num_queries(14):
        assert mail(client, "sparkpost", body).status_code == 200
    assert NotificationLog.objects.filter(phase=Phase.DELIVERED, clicked_at__isnull=False).count() == 60

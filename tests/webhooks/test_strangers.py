"""These addresses are open to everybody, and believe nobody without a signature; whatever is sent, they do not break."""

import json
import random
from typing import Any

import pytest
from django.test import Client

from core.models import NotificationLog, ProviderReceipt
from tests.people import CAST, meet
from tests.webhooks.post import PUBLIC, STATUS, basic, mail, payload, signature, status, twilio

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:(?s).*dropped official support for SendGrid")]

PROVIDERS = ["amazon_ses", "brevo", "mailersend", "mailgun", "mailjet", "mailtrap", "postal", "postmark", "resend", "sendgrid",
             "sparkpost", "unisender_go"]  # fmt: skip
KEPT = ["mailgun_delivered", "mailgun_failed", "postmark_delivery", "postmark_bounce", "sparkpost_batch", "sendgrid_batch"]
NASTY: list[Any] = [
    "",
    "\0",
    "'; --",
    "💥" * 300,
    "null",
    "-1",
    "NaN",
    "x" * 5_000,
    None,
    True,
    -1,
    10**400,
    1e400,
    {},
    [],
    {"a": {}},
    "\ud800",
    "<>",
]
SIGNED = ["", "é", "AAAA="]
KINDS = ["application/x-www-form-urlencoded", "application/json", "multipart/form-data; boundary=x", "text/plain; charset=no"]


@pytest.mark.parametrize("who", [None, *CAST])
def test_nobodys_login_is_a_signature(who):
    client = Client()
    if who:
        client.force_login(meet(who))
    assert twilio(client, status("delivered"), signed="").status_code == 403
    for provider in PROVIDERS:
        assert mail(client, provider, "{}", secret="").status_code == 403
    assert not ProviderReceipt.objects.exists()


@pytest.mark.parametrize("seed", range(3))
def test_whatever_twilio_or_somebody_sends_it_is_no_failure_of_ours(client, seed):
    chance = random.Random(seed)
    for _ in range(60):
        raw = bytes(chance.randrange(256) for _ in range(chance.randrange(200)))
        kind = chance.choice(KINDS)
        query = "".join(chance.choice("abc=&%;+?#\x7fé/0") for _ in range(chance.randrange(20)))
        answer = client.generic("POST", f"{STATUS}?{query}", raw, content_type=kind, headers={"X-Twilio-Signature": chance.choice(SIGNED)})
        assert answer.status_code in (400, 403)
        form = {chance.choice([*status("sent"), "ErrorCode", "é"]): str(chance.choice(NASTY)) for _ in range(6)}
        form = {name: value for name, value in form.items() if value.isprintable() or value == "\0"}
        assert twilio(client, form).status_code in (204, 400)


@pytest.mark.parametrize("named", ["", "x", "%00", "0" * 32, "00000000-0000-0000-0000-000000000000&notification=1", "1" * 3_000])
def test_whatever_the_address_names_it_is_kept_or_refused(client, named):
    form = status("delivered")
    signed = signature(f"{PUBLIC}{STATUS}?notification={named}", form)
    answer = client.post(f"{STATUS}?notification={named}", form | {}, headers={"X-Twilio-Signature": signed})
    assert answer.status_code == 403  # Not as Twilio posts it.
    answer = twilio(client, form)
    assert answer.status_code == 204


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(
    "body",
    ["", "{", "[]", "{}", "null", "1", '"x"', "[1]", "[null]", "[{}]", '{"a": "\\u0000"}', pytest.param("[" * 50_000, id="deep"), "\0"],
)
def test_what_a_mail_providers_name_is_lent_to_is_read_or_refused(client, provider, body):
    raw = client.post(f"/webhooks/anymail/{provider}/tracking/", body, content_type="application/json", headers=basic())
    assert raw.status_code in (200, 400, 403)


@pytest.mark.parametrize("name", KEPT)
def test_a_payload_with_anything_in_the_place_of_anything_is_read_or_refused(client, name):
    chance = random.Random(name)
    for _ in range(80):
        body = json.loads(payload(name, "M1"))
        _spoil(body, chance)
        text = json.dumps(body)
        assert mail(client, name.split("_", maxsplit=1)[0], text).status_code in (200, 400, 403), text
    assert not NotificationLog.objects.exists()


def _spoil(node, chance):
    """Put something nasty somewhere in it."""
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        if not keys:
            return
        key = chance.choice(keys)
        if not isinstance(node[key], dict | list) or chance.random() < 0.2:
            node[key] = chance.choice(NASTY)
            return
        node = node[key]

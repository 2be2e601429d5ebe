"""An installation that providers can call back."""

from typing import Any

import pytest

from tests.webhooks.post import MAILGUN_KEY, PUBLIC, SECRET, TOKEN


@pytest.fixture(autouse=True)
def reachable(settings: Any) -> None:
    settings.PUBLIC_URL = PUBLIC
    settings.TWILIO_AUTH_TOKEN = TOKEN
    settings.ANYMAIL = {"WEBHOOK_SECRET": SECRET, "MAILGUN_WEBHOOK_SIGNING_KEY": MAILGUN_KEY}

"""A provider's rate is kept by all processes together (docs/rules.md, 6)."""

import json
from datetime import timedelta

import pytest
from django.core.exceptions import ImproperlyConfigured

from core.models import ProviderState
from core.notifications import providers
from homeserve_pro import env
from tests import processes
from tests.notifications.gates import NOT_CONNECTED, PROVIDER, TAKEN, begun, broken, state, tried

pytestmark = pytest.mark.django_db


@pytest.fixture
def ten_a_second(db):
    return ProviderState.objects.create(provider=PROVIDER, per_second=10, burst=5)


def test_a_full_bucket_gives_its_burst_and_then_what_the_rate_brings(ten_a_second, hands):
    assert begun(100, now=hands()).granted == 5
    assert begun(100, now=hands()).granted == 0
    hands.forward(seconds=0.25)
    assert begun(100, now=hands()).granted == 2
    hands.forward(seconds=0.05)
    assert begun(100, now=hands()).granted == 1
    hands.forward(hours=1)
    assert begun(100, now=hands()).granted == 5


def test_what_is_granted_and_not_begun_goes_back(ten_a_second, hands):
    assert begun(100, due=2, now=hands()).granted == 5
    assert begun(100, now=hands()).granted == 3


def test_more_than_full_it_never_is(ten_a_second, hands):
    admission = begun(5, now=hands())
    hands.forward(minutes=1)
    providers.give_back(PROVIDER, 5, admission=admission, now=hands())
    assert begun(100, now=hands()).granted == 5


def test_a_clock_that_is_behind_refills_nothing_and_takes_nothing_away(ten_a_second, hands):
    begun(5, now=hands())
    behind = hands() - timedelta(minutes=1)
    assert begun(5, now=behind).granted == 0
    hands.forward(seconds=0.1)
    assert begun(5, now=hands()).granted == 1
    assert begun(5, now=behind).granted == 0


def test_it_is_known_when_the_next_may_leave(ten_a_second, hands):
    assert providers.retry_at(PROVIDER, now=hands()) is None
    begun(5, now=hands())
    following = providers.retry_at(PROVIDER, now=hands())
    assert following == hands() + timedelta(seconds=0.1)
    hands.now = following
    assert begun(5, now=hands()).granted == 1


def test_without_a_burst_a_second_brings_what_may_go_at_once(hands):
    ProviderState.objects.create(provider=PROVIDER, per_second=50)
    assert begun(1000, now=hands()).granted == 50


def test_a_rate_below_one_a_second_lets_one_go_at_a_time(hands):
    ProviderState.objects.create(provider=PROVIDER, per_second=0.1)
    assert begun(10, now=hands()).granted == 1
    hands.forward(seconds=9.999)
    assert begun(10, now=hands()).granted == 0
    hands.forward(seconds=0.001)
    assert begun(10, now=hands()).granted == 1


def test_the_environment_sets_a_rate_and_an_admins_own_wins(settings, hands):
    settings.PROVIDER_RATES = {PROVIDER: (10, 20)}
    assert begun(100, now=hands()).granted == 20
    ProviderState.objects.update(per_second=2)
    hands.forward(minutes=1)
    assert begun(100, now=hands()).granted == 2
    assert begun(100, now=hands(), provider="twilio").granted == 100


def test_a_success_within_a_rate_needs_no_note(ten_a_second, hands):
    assert begun(1, now=hands()) == providers.Admission(1, clear=True, metered=True)


def test_a_probe_is_counted_against_the_rate_and_given_back_with_it(ten_a_second, hands):
    broken(5, now=hands())
    assert state().breaker == ProviderState.Breaker.OPEN
    ProviderState.objects.update(tokens=0, tokens_at=hands() + timedelta(seconds=30))
    hands.forward(seconds=30)
    assert begun(5, now=hands()).granted == 0
    hands.forward(seconds=0.1)
    assert begun(5, due=0, now=hands()).probe is True
    assert tried(TAKEN, NOT_CONNECTED, now=hands()) == 1
    assert begun(5, now=hands()).granted == 0


# --- As the environment says it ----------------------------------------------------------------------------------------


def test_rates_are_read_with_the_providers_own_colons(monkeypatch):
    monkeypatch.setenv("PROVIDER_RATES", "twilio=10, smtp:mail.example=50/100,anymail.mailgun=0.5")
    assert env.rates("PROVIDER_RATES") == {"twilio": (10, None), "smtp:mail.example": (50, 100), "anymail.mailgun": (0.5, None)}
    monkeypatch.delenv("PROVIDER_RATES")
    assert env.rates("PROVIDER_RATES") == {}


@pytest.mark.parametrize(
    "wrong",
    ["twilio", "twilio=", "=10", "twilio=ten", "twilio=0", "twilio=-1", "twilio=inf", "twilio=nan", "twilio=1/0", "twilio=1/", "a=1,a=2"],
)
def test_a_wrong_rate_stops_the_start_and_names_the_variable(wrong, monkeypatch):
    monkeypatch.setenv("PROVIDER_RATES", wrong)
    with pytest.raises(ImproperlyConfigured, match="PROVIDER_RATES: "):
        env.rates("PROVIDER_RATES")


# --- Four processes ----------------------------------------------------------------------------------------------------

SENDER = """
import json, sys, time
from django.db import connection, transaction
from django.utils import timezone
from core.notifications import providers

provider, seconds = sys.argv[1], float(sys.argv[2])
connection.ensure_connection()
print("ready", flush=True)
sys.stdin.readline()
grants, until = [], time.monotonic() + seconds
while time.monotonic() < until:
    with transaction.atomic():
        now = timezone.now()
        granted = providers.admit(provider, 3, now=now).granted
    if granted:
        grants.append((now.timestamp(), timezone.now().timestamp(), granted))
print(json.dumps(grants))
"""


@pytest.mark.django_db(transaction=True)
@pytest.mark.slow
def test_four_processes_together_never_send_more_than_the_bucket_allows():
    rate, burst = 100, 20
    four = [processes.start(SENDER, PROVIDER, "3", PROVIDER_RATES=f"{PROVIDER}={rate}/{burst}") for _ in range(4)]
    grants = [json.loads(printed) for printed in processes.together(four)]
    every = [grant for sender in grants for grant in sender]
    assert sum(count for *_, count in every) > 2 * burst
    # What was asked for and granted between any two moments is at most a bucket full and what came in between. A grant is put
    # down by both its moments: its process may have waited in between.
    for since, *_ in every:
        for _, until, _ in every:
            within = sum(count for asked, granted, count in every if since <= asked and granted <= until)
            assert within <= burst + rate * max(0.0, until - since) + 1

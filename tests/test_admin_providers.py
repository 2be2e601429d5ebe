"""An admin says how fast a provider may be written to, when a held one is tried again, and lets go of what is paused."""

import pytest
from django.urls import reverse

from core.models import NotificationLog, ProviderState, Switch
from core.notifications import providers
from tests.notifications.gates import WRONG_PASSWORD, begun, tried
from tests.people import meet

pytestmark = pytest.mark.django_db

TABLE = reverse("admin:core_providerstate_changelist")
NEW = reverse("admin:core_providerstate_add")


def page(state):
    return reverse("admin:core_providerstate_change", args=[state.pk])


def test_a_rate_set_before_the_first_message_holds_from_it_on(as_omar, now):
    assert as_omar.post(NEW, {"provider": "locmem", "per_second": "2", "burst": "3"}).status_code == 302
    assert begun(100, now=now, provider="locmem").granted == 3


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"provider": "pigeon", "per_second": "2"}, "Nothing is carried by pigeon"),
        ({"provider": "locmem", "per_second": "0"}, "greater than or equal to 0.01"),
        ({"provider": "locmem", "per_second": "nan"}, "Enter a number"),
        ({"provider": "locmem", "per_second": "5", "burst": "0.5"}, "greater than or equal to 1"),
        ({"provider": "locmem", "burst": "5"}, "nothing to save up for"),
    ],
)
def test_a_rate_that_cannot_be_is_refused_with_the_reason(given, words, as_omar):
    response = as_omar.post(NEW, given)
    assert (response.status_code, words in response.content.decode()) == (200, True)
    assert not ProviderState.objects.exists()


def test_a_burst_beside_the_environments_rate_is_taken(as_omar, settings, now):
    settings.PROVIDER_RATES = {"locmem": (2, None)}
    as_omar.post(NEW, {"provider": "locmem", "burst": "7"})
    assert begun(100, now=now, provider="locmem").granted == 7


def test_setting_a_rate_leaves_the_breaker_as_it_is(as_omar, now):
    tried(WRONG_PASSWORD, now=now)
    state = ProviderState.objects.get()
    as_omar.post(page(state), {"per_second": "5", "breaker": "closed", "failures": "0"})
    state.refresh_from_db()
    assert (state.per_second, state.breaker, state.failures) == (5, ProviderState.Breaker.OPEN, 1)


def test_what_was_mended_is_tried_with_the_next_message(as_omar, frozen, now):
    tried(WRONG_PASSWORD, now=now)
    state = ProviderState.objects.get()
    as_omar.post(TABLE, {"action": "try_now", "_selected_action": [state.pk]})
    assert providers.retry_at(state.provider, now=now) is None
    assert begun(100, now=now).probe is True


def test_who_may_only_look_tries_nothing(client, farah, now):
    tried(WRONG_PASSWORD, now=now)
    client.force_login(meet("farah"))
    client.post(TABLE, {"action": "try_now", "_selected_action": [ProviderState.objects.get().pk]})
    assert begun(100, now=now).granted == 0


def test_a_table_without_a_row_says_that_all_is_well(as_omar):
    assert "One that is not listed works" in as_omar.get(TABLE).content.decode()


def test_whoever_sets_a_rate_reads_what_providers_are_called(as_omar):
    assert "locmem" in as_omar.get(NEW).content.decode()


@pytest.mark.parametrize(("outage", "words"), [(True, "It does not answer"), (False, "It refuses us")])
def test_an_operator_reads_whether_to_wait_or_to_mend(as_omar, outage, words):
    held = ProviderState.objects.create(provider="locmem", breaker="open", is_outage=outage, failures=5)
    assert words in as_omar.get(TABLE).content.decode()
    assert words in as_omar.get(page(held)).content.decode()


def test_what_is_paused_says_to_how_many_it_goes_and_is_not_let_go_by_deleting_it(as_omar, vera, chitra):
    switch = Switch.objects.create(scope="method", name="email", reason="Storm")
    for one, method in ((vera, "email"), (vera, "email"), (chitra, "email"), (chitra, "sms")):
        NotificationLog.objects.create(recipient=one, notification_type="bonus_alert", method=method)
    shown = as_omar.get(reverse("admin:core_switch_change", args=[switch.pk])).content.decode()
    assert "3 messages to 2 people wait now; what is not too late by then leaves at once." in shown
    assert as_omar.post(reverse("admin:core_switch_delete", args=[switch.pk]), {"post": "yes"}).status_code == 403
    table = reverse("admin:core_switch_changelist")
    as_omar.post(table, {"action": "delete_selected", "_selected_action": [switch.pk], "post": "yes"})
    assert Switch.objects.filter(is_paused=True).exists()

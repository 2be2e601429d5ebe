"""What is held back, said as a condition of Django's and as SQL: the same of every row, at one statement's cost."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import clock
from core.models import NotificationLog, Phase, Switch
from core.notifications import delivery, limits
from core.notifications.kinds import BONUS, DEMAND, OTP, PROMOTION, REMINDER
from tests import people
from tests.notifications.carriers import Carrier
from tests.notifications.post import deliver, fresh, queued

pytestmark = pytest.mark.django_db

IST = ZoneInfo("Asia/Kolkata")
NOON = datetime(2026, 11, 16, 12, 0, tzinfo=IST)
NIGHT = datetime(2026, 11, 16, 23, 0, tzinfo=IST)
KINDS = (OTP.name, BONUS.name, DEMAND.name, PROMOTION.name, REMINDER.name, "of nobody's")
METHODS = ("email", "sms", "websocket", "pigeon")
CAMPAIGNS = ("vendor_bonus", "promotions", "o'neill", '"', "%s", "")

switches = st.lists(
    st.one_of(
        st.just(("all", "")),
        st.tuples(st.just("method"), st.sampled_from(METHODS)),
        st.tuples(st.just("type"), st.sampled_from(KINDS)),
        st.tuples(st.just("campaign"), st.sampled_from(CAMPAIGNS[:-1])),
    ),
    unique=True,
    max_size=4,
)
metadata = st.fixed_dictionaries(
    {},
    optional={
        "campaign": st.one_of(st.sampled_from(CAMPAIGNS), st.none(), st.integers(0, 3), st.booleans()),
        "any_hour": st.one_of(st.booleans(), st.none()),
        "pincode": st.just("560001"),
    },
)
messages = st.lists(st.tuples(st.sampled_from(KINDS), st.sampled_from(METHODS), metadata), min_size=1, max_size=12)


def held_by_sql(now: datetime) -> set[str]:
    found = limits.held_sql(now=now)
    if found is None:
        return set()
    condition, values = found
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT CAST(n.id AS varchar(36)) FROM core_notificationlog n WHERE {condition}", values)
        held = {str(row[0]).replace("-", "") for row in cursor.fetchall()}
        cursor.execute(f"SELECT COUNT(*) FROM core_notificationlog n WHERE ({condition}) IS NULL", values)
        assert cursor.fetchone() == (0,)
    return held


@pytest.mark.parametrize("now", [NOON, NIGHT])
@given(paused=switches, rows=messages)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_both_ways_of_saying_it_hold_the_same_messages(db, now, paused, rows):
    NotificationLog.objects.all().delete()
    Switch.objects.all().delete()
    Switch.objects.bulk_create([Switch(scope=scope, name=name) for scope, name in paused])
    NotificationLog.objects.bulk_create(
        [NotificationLog(notification_type=kind, method=method, metadata=extra) for kind, method, extra in rows]
    )
    condition = limits.held_back(now=now)
    if condition is None:
        assert limits.held_sql(now=now) is None
        return
    held = {pk.hex for pk in NotificationLog.objects.filter(condition).values_list("pk", flat=True)}
    let_go = {pk.hex for pk in NotificationLog.objects.exclude(condition).values_list("pk", flat=True)}
    assert held == held_by_sql(now)
    assert held | let_go == {pk.hex for pk in NotificationLog.objects.values_list("pk", flat=True)}
    assert not held & let_go


@pytest.mark.parametrize("now", [NOON, NIGHT])
def test_it_costs_one_statement(db, now, django_assert_num_queries):
    Switch.objects.create(scope="campaign", name="vendor_bonus")
    for ask in (limits.held_back, limits.held_sql):
        with django_assert_num_queries(1):
            ask(now=now)


def test_with_nothing_paused_by_day_nothing_is_held(db):
    Switch.objects.create(scope="all", is_paused=False)
    assert (limits.held_back(now=NOON), limits.held_sql(now=NOON)) == (None, None)


@pytest.mark.parametrize(("hour", "held"), [(9, True), (10, False), (20, False), (21, True)])
def test_offers_by_sms_wait_for_their_hours(db, hands, hour, held):
    now = NOON.replace(hour=hour)
    row = queued(people.meet("vera"), BONUS, "sms", now=now)
    registered = queued(people.meet("vera"), BONUS, "sms", now=now, metadata={"any_hour": True})
    assert (row.pk.hex in held_by_sql(now)) is held
    assert registered.pk.hex not in held_by_sql(now)


# --- A switch that is set while messages leave -------------------------------------------------------------------------


@pytest.mark.parametrize(("scope", "name"), [("all", ""), ("campaign", "vendor_bonus"), ("type", "bonus_alert"), ("method", "email")])
def test_after_a_switch_is_set_nothing_more_is_begun_and_everything_leaves_when_it_is_lifted(scope, name, carried_by, hands, settings):
    carried_by(Carrier)
    settings.DELIVERY_WINDOW = 5
    rows = [queued(person, BONUS, now=hands(), metadata={"campaign": "vendor_bonus"}) for person in people.people(40)]

    def throw(message):
        if len(Carrier.carried) == 12:
            Switch.objects.create(scope=scope, name=name)

    Carrier.meanwhile = throw
    deliver(hands)
    # The group that was at the provider: it had begun.
    assert 12 < len(Carrier.carried) <= 15
    assert {fresh(row).phase for row in rows} == {Phase.ACCEPTED, Phase.QUEUED}
    assert {row.tries for row in NotificationLog.objects.filter(phase=Phase.QUEUED)} == {0}

    Carrier.meanwhile = None
    hands.forward(minutes=10)
    assert delivery.deliver_due("email", clock=hands) == 0
    Switch.objects.update(is_paused=False)
    deliver(hands)
    assert len(Carrier.carried) == 40
    assert {fresh(row).phase for row in rows} == {Phase.ACCEPTED}


# --- Persons -----------------------------------------------------------------------------------------------------------


def test_a_persons_rate_is_twenty_an_hour_unless_set_otherwise_and_codes_do_not_count(settings):
    assert limits.person_rate() == 20
    settings.PERSON_RATE = 0
    assert limits.person_rate() == 0
    assert limits.unlimited_kinds() == ["otp", "signature_request"]


def test_promotions_are_what_is_capped():
    (daily, weekly) = limits.caps(now=NOON)
    assert (daily[0], daily[2], weekly[0], weekly[2]) == ("promotional", 1, "promotional", 3)
    assert daily[1] == clock.day_start(clock.business_day(NOON))
    assert NOON - timedelta(days=7) < weekly[1] < NOON - timedelta(days=6, hours=23)

"""The figures of the first page."""

from datetime import UTC, date, timedelta

import pytest

from core import clock
from core.models import PincodeAnalytics, Threshold
from tests.api.conventions import queries_of
from tests.api.world import alert_of, message_of

pytestmark = pytest.mark.django_db

URL = "/admin-dashboard/notifications/"


@pytest.fixture
def week(frozen, now, vera):
    """Today: three sent, one delivered, one failed, one waiting; one sent six days ago, one seven."""
    for status in ("sent", "sent", "sent", "delivered", "failed", "pending"):
        message_of(vera, status=status, created_at=now, method="email" if status == "failed" else "sms")
    message_of(vera, notification_type="bonus_alert", created_at=now - timedelta(days=6))
    message_of(vera, created_at=now - timedelta(days=7))
    alert_of(severity="critical")
    alert_of(alert_type="system_error")
    alert_of(status="acknowledged")
    for pincode, bookings, vendors in (("560001", 6, 3), ("560002", 4, 1), ("560003", 3, 1), ("560004", 5, 2), ("560005", 0, 0)):
        PincodeAnalytics.objects.create(pincode=pincode, date=date(2026, 11, 16), total_bookings=bookings, available_vendors=vendors)
    PincodeAnalytics.objects.create(pincode="560009", date=date(2026, 11, 15), total_bookings=99)


def test_the_figures_are_as_the_rules_have_them(api, omar, week):
    assert api(omar).get(URL).json() == {
        "status": "success",
        "notification_stats": {
            "total_sent_today": 4,
            "total_sent_week": 5,
            "success_rate_today": 80.0,
            "failed_today": 1,
            "pending": 1,
            "by_type_today": {"payment_hold": 6},
            "by_method_today": {"email": 1, "sms": 5},
            "by_status_today": {"delivered": 1, "failed": 1, "pending": 1, "sent": 3},
        },
        "business_alerts": {"active_alerts": 2, "critical_alerts": 1},
        "pincode_analytics": {"date": "2026-11-16", "total_pincodes_analyzed": 5, "high_demand_areas": 2, "low_vendor_areas": 3},
        "timestamp": "2026-11-16T03:30:00Z",
    }


def test_areas_follow_the_limits_of_their_pincodes(api, omar, week, now):
    Threshold.objects.create(rule="high_demand", name="bookings_over", scope="560004", value=4, effective_from=now)
    Threshold.objects.create(rule="high_demand", name="bookings_over", scope="5600", value=50, effective_from=now)
    figures = api(omar).get(URL).json()["pincode_analytics"]
    # 560001 no longer, 560002 by bookings per vendor, 560004 by its own limit.
    assert figures["high_demand_areas"] == 2


def test_nothing_was_sent_is_no_rate(api, omar):
    answer = api(omar).get(URL).json()
    assert answer["notification_stats"]["success_rate_today"] is None
    assert answer["pincode_analytics"] == {"date": None, "total_pincodes_analyzed": 0, "high_demand_areas": 0, "low_vendor_areas": 0}


def test_finance_sees_its_own_part(api, farah, week, vera, now):
    message_of(vera, notification_type="promotional", created_at=now)
    answer = api(farah).get(URL).json()
    assert answer["notification_stats"]["by_type_today"] == {"payment_hold": 6}
    assert answer["business_alerts"]["active_alerts"] == 1
    assert answer["pincode_analytics"] is None


def test_the_figures_cost_as_many_statements_over_thirty_rows_as_over_three(api, omar, vera):
    caller = api(omar)
    few = queries_of(lambda: caller.get(URL))
    for _ in range(30):
        message_of(vera)
        alert_of()
    assert queries_of(lambda: caller.get(URL)) <= few + 3 <= 12


def test_long_figures_are_counted_again_after_a_while_and_name_their_moment(api, omar, vera, frozen, monkeypatch):
    monkeypatch.setattr("core.dashboard.figures.COUNTED_EACH_TIME", 2)
    began, caller = clock.now(), api(omar)
    message_of(vera, created_at=began)
    for after, sent, counted_after in ((0, 2, 0), (10, 2, 0), (16, 4, 16)):
        frozen.move_to(began + timedelta(seconds=after))
        message_of(vera, created_at=began)
        answer = caller.get(URL).json()
        assert answer["notification_stats"]["total_sent_today"] == sent
        assert answer["timestamp"] == (began + timedelta(seconds=counted_after)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_what_is_no_longer_declared_is_counted(api, omar, vera, now, frozen):
    message_of(vera, created_at=now)
    message_of(vera, created_at=now, notification_type="of_last_year", method="pigeon")
    stats = api(omar).get(URL).json()["notification_stats"]
    assert stats["by_type_today"] == {"of_last_year": 1, "payment_hold": 1}
    assert stats["by_method_today"]["pigeon"] == 1

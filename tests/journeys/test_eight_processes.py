"""Eight processes do the whole day at once, from a barrier: not one message more than one process would send."""

from collections import Counter
from datetime import datetime, timedelta

import pytest

from core.models import NotificationLog, Role
from tests import people, processes
from tests.messaging.market import booked

pytestmark = pytest.mark.django_db(transaction=True)

DAY = """
import sys
from datetime import datetime, timedelta
import time_machine
from django.conf import settings
from core import tasks
from core.notification_service import NotificationService

settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
nine = datetime.fromisoformat(sys.argv[1])
print("ready", flush=True)
input()
for hours, task in ((0, tasks.generate_pincode_analytics), (0, tasks.send_pincode_demand_alerts), (1, tasks.send_vendor_bonus_alerts),
                    (2, tasks.send_promotional_campaigns), (2, tasks.send_vendor_completion_reminders), (2, tasks.check_booking_timeouts)):
    with time_machine.travel(nine + timedelta(hours=hours)):
        task()
with time_machine.travel(nine + timedelta(hours=3)):
    NotificationService.send_bonus_alerts("560001", 20)
print("done")
"""


@pytest.mark.slow
def test_eight_days_at_once_are_one_day(now: datetime) -> None:
    vendors = people.people(2, Role.VENDOR, pincode="560001")
    customers = people.people(30, Role.CUSTOMER, pincode="560002")
    people.meet("omar")
    booked(10, at=now - timedelta(hours=1), pincode="560001")
    booked(1, at=now - timedelta(days=4), pincode="560001", vendor=vendors[0], status="confirmed", scheduled_date=now - timedelta(days=3))
    eight = [processes.start(DAY, now.isoformat()) for _ in range(8)]
    assert processes.together(eight, seconds=120) == ["done\n"] * 8

    told = Counter(NotificationLog.objects.values_list("notification_type", "method", "recipient"))
    # The campaign's bonus and the one asked for are two causes; everything else is said once.
    assert {count for (kind, _, _), count in told.items() if kind == "bonus_alert"} == {2}
    assert {count for (kind, _, _), count in told.items() if kind != "bonus_alert"} == {1}
    kinds = Counter((kind, method) for kind, method, _ in told)
    assert kinds["demand_notification", "email"] == len(vendors)
    assert kinds["promotional", "email"] >= len(customers)
    assert kinds["service_completion_reminder", "email"] == 1
    assert kinds["booking_timeout", "email"] == 1

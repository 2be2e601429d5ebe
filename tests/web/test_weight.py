"""What a page weighs on the wire, as a browser that has nothing of us yet takes it: below 150 kB, before charts and the map's own."""

import re
from datetime import timedelta

import httpx
import pytest
from django.test import Client

from core import clock
from core.models import AlertItem, BusinessAlert, NotificationLog, PincodeAnalytics
from tests.people import people
from tests.screens import LOOKS
from tests.servers.asgi import AsgiServer

MOST = 150_000
# As a browser asks, over http.
ACCEPTED = "gzip, deflate"
FILES = re.compile(r'(?:src|href)="(/static/[^"]+\.(?:css|js|svg|png|ico|woff2))"')
# What a map needs besides the page.
OF_MAPS = ("leaflet", "/map", "india")


@pytest.fixture
def full_house(transactional_db, sara, omar, vera):
    """As many of everything as a page shows at once."""
    now = clock.now()
    NotificationLog.objects.bulk_create(
        NotificationLog(
            recipient=one, notification_type="promotional", method=method, status=status, provider="outbox",
            subject="25% off home services this weekend", message="The words of the offer, as they are told.",
            created_at=now - timedelta(minutes=number), pincode="560001",
        )
        for number, one in enumerate([*people(60), *[vera] * 60])
        for method, status in (("email", "sent"), ("sms", "failed"), ("websocket", "delivered"))
    )  # fmt: skip
    alerts = BusinessAlert.objects.bulk_create(
        BusinessAlert(alert_type="system_error", severity="high", title=f"Payments on hold in {n}", rupees_at_risk=n * 100, item_count=50)
        for n in range(60)
    )
    AlertItem.objects.bulk_create(
        AlertItem(alert=alert, object_type="payment", object_id=str(n), label="Deep cleaning", since=now, severity="high", rupees=100)
        for alert in alerts
        for n in range(3)
    )
    PincodeAnalytics.objects.bulk_create(
        PincodeAnalytics(pincode=str(560_001 + n), date=clock.business_day(now) - timedelta(days=day), total_bookings=n % 20)
        for n in range(300)
        for day in range(3)
    )


def test_every_page_weighs_less_than_150_kB_on_the_wire(full_house, sara, omar, vera, farah):
    cookies = {}
    for person in (sara, omar, vera, farah):
        client = Client()
        client.force_login(person)
        cookies[person.username] = client.cookies["sessionid"].value
    known: dict[str, int] = {}
    weighed = {}
    with AsgiServer() as server, httpx.Client(base_url=server.url, headers={"Accept-Encoding": ACCEPTED}) as browser:

        def weight(address: str) -> int:
            """Of a file, on the wire."""
            if address not in known:
                answer = browser.get(address)
                assert answer.status_code == 200, address
                known[address] = answer.num_bytes_downloaded
            return known[address]

        for look in LOOKS:
            if look.follow:
                continue
            cookie = {"Cookie": f"sessionid={cookies[look.who]}"} if look.who else {}
            page = browser.get(look.address, headers=cookie)
            assert page.status_code == 200, look.address
            files = {name for name in FILES.findall(page.text) if not any(part in name for part in OF_MAPS)}
            assert files, look.address
            weighed[look.name] = page.num_bytes_downloaded + sum(map(weight, files))
    assert {name: total for name, total in weighed.items() if total > MOST} == {}

"""Alerts for the tests of their pages, and the ways there."""

from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

from core import clock
from core.models import AlertItem, BusinessAlert

LIST = "/dashboard/alerts/"
HOUR = timedelta(hours=1)


def an_alert(title="Bookings overdue", *, rupees=0, severity="high", hours=5, kind="booking_timeout", items=0, **fields):
    created = clock.now() - timedelta(hours=hours)
    fields.setdefault("description", "Stuck.")
    alert = BusinessAlert.objects.create(
        title=title, alert_type=kind, severity=severity, rupees_at_risk=Decimal(rupees), created_at=created,
        item_count=items, version=1, **fields
    )  # fmt: skip
    AlertItem.objects.bulk_create(
        AlertItem(
            alert=alert, object_type="booking", object_id=str(uuid4()), label=f"Item {number} of {title}", since=created - HOUR,
            severity=severity, rupees=Decimal(rupees) / items, first_seen_at=created
        )
        for number in range(items)
    )  # fmt: skip
    return alert


def text_of(client, url=LIST):
    answer = client.get(url)
    assert answer.status_code == 200
    return answer.content.decode()


def url_of(alert, step=""):
    return f"{LIST}{alert.pk}/{step}/" if step else f"{LIST}{alert.pk}/"


def take(client, alert, step, **typed):
    return client.post(url_of(alert, step), {"version": alert.version, **typed})

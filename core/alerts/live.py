"""Dashboards that are open hear at once that an alert has changed. A hint: what is true is read from the database."""

from functools import partial

from django.db import transaction

from core.models import BusinessAlert
from core.notifications.transports import websocket

# The groups that dashboards are in: everything, and what finance may see.
DASHBOARD = "dashboard"
DASHBOARD_OF_PAYMENTS = "dashboard.finance"
PAYMENTS = "payment_hold"


def hint(alert: BusinessAlert) -> None:
    """Tell the dashboards that may show this alert what it is now, once the transaction is committed."""
    frame = {
        "type": "alert",
        "id": str(alert.pk),
        "alert_type": alert.alert_type,
        "status": str(alert.status),
        "severity": str(alert.severity),
        "version": alert.version,
    }
    for group in (DASHBOARD, DASHBOARD_OF_PAYMENTS) if alert.alert_type == PAYMENTS else (DASHBOARD,):
        transaction.on_commit(partial(websocket.hint, group, frame))

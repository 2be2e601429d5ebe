"""An alert's items, kept by sets: what was found is compared with what is open, and only the difference is written.

So a hundred thousand findings cost the same few statements as ten, and no row is written for an item that has not changed.
"""

# ruff: noqa: S608  (the statements are put together from names of our own; every value is a parameter)

from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.db.models import Count

from core.alerts.findings import COLUMNS, DIFFERS, ITEMS, STAGED, Compared, Found, stored
from core.alerts.priority import items_worst_first
from core.models import AlertItem, BusinessAlert


@dataclass(frozen=True, slots=True)
class News:
    """Open items that were first seen after the alert last spoke."""

    count: int = 0
    critical: int = 0


@dataclass(frozen=True, slots=True)
class Change:
    """What became of an alert's open items, and what of them nobody has been told of yet."""

    new: int = 0
    cleared: int = 0
    unheard: News = News()


def merge(alert: BusinessAlert, found: Found, *, region: str, is_new: bool = False, now: datetime) -> Change:
    """Make the alert's open items those found for the region: new ones are added, changed ones mended, the rest cleared.

    Within `findings.staged`. What a comparison with this alert has ruled out is not tried; nor is, of an alert that has
    just been opened (`is_new`), what only older ones need.
    """
    if found.count == 0:
        return Change(cleared=clear(alert, now=now))
    compared = found.compared if found.compared and found.compared.alert_id == alert.pk else None
    cleared = _clear_gone(alert, region, now=now) if (compared.gone if compared else not is_new) else 0
    if compared.changed if compared else not is_new:
        _mend(alert, region)
    new = _add(alert, region, now=now) if compared is None or compared.new else 0
    return Change(new, cleared, _unheard(alert, compared, new))


def clear(alert: BusinessAlert, *, now: datetime) -> int:
    """Clear whatever is still open of an alert; how many that were."""
    return AlertItem.objects.filter(alert=alert, cleared_at=None).update(cleared_at=now)


def news(alert: BusinessAlert) -> News:
    """What nobody has been told of yet."""
    if alert.last_notified_at is None:
        return News()
    unheard = AlertItem.objects.filter(alert=alert, cleared_at=None, first_seen_at__gt=alert.last_notified_at)
    severities = list(unheard.order_by().values_list("severity").annotate(count=Count("id")))
    return News(sum(count for _, count in severities), dict(severities).get(BusinessAlert.Severity.CRITICAL.value, 0))


def worst(alert: BusinessAlert, limit: int, *, now: datetime) -> list[AlertItem]:
    """The open items that come first."""
    return list(items_worst_first(AlertItem.objects.filter(alert=alert, cleared_at=None), now=now)[:limit])


def _clear_gone(alert: BusinessAlert, region: str, *, now: datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {ITEMS} AS i SET cleared_at = %s WHERE i.alert_id = %s AND i.cleared_at IS NULL AND NOT EXISTS "
            f"(SELECT 1 FROM {STAGED} AS f WHERE f.region = %s AND f.object_type = i.object_type AND f.object_id = i.object_id)",
            [stored("cleared_at", now), stored("alert", alert.pk), region],
        )
        return cursor.rowcount


def _mend(alert: BusinessAlert, region: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {ITEMS} AS i SET label = f.label, since = f.since, severity = f.severity, rupees = f.rupees, pincode = f.pincode "
            f"FROM {STAGED} AS f WHERE i.alert_id = %s AND i.cleared_at IS NULL AND f.object_type = i.object_type "
            f"AND f.object_id = i.object_id AND f.region = %s AND ({DIFFERS})",
            [stored("alert", alert.pk), region],
        )


def _add(alert: BusinessAlert, region: str, *, now: datetime) -> int:
    columns = ", ".join(COLUMNS)
    with connection.cursor() as cursor:
        # By the constraint `one_open_item_per_object`, not by a join: see `findings`.
        cursor.execute(
            f"INSERT INTO {ITEMS} ({columns}, alert_id, first_seen_at) SELECT {columns}, %s, %s FROM {STAGED} AS f "
            "WHERE f.region = %s ON CONFLICT (alert_id, object_type, object_id) WHERE cleared_at IS NULL DO NOTHING",
            [stored("alert", alert.pk), stored("first_seen_at", now), region],
        )
        return cursor.rowcount


def _unheard(alert: BusinessAlert, compared: Compared | None, new: int) -> News:
    if compared is None:
        return news(alert)
    if alert.last_notified_at is None:
        return News()
    return News(compared.unheard + new, compared.unheard_critical + compared.new_critical)

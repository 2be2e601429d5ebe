"""Where the pages of a thing are, by what it is."""

from uuid import UUID

from django.urls import NoReverseMatch, Resolver404, resolve, reverse


def alert_address(alert_id: UUID) -> str:
    """An alert's own page."""
    return _or(f"/dashboard/alerts/{alert_id}/", reverse("admin:core_businessalert_change", args=[alert_id]))


def campaign_address(name: str) -> str:
    """A campaign's own page; empty: it has none."""
    return _or(f"/dashboard/campaigns/{name}/", "")


def _or(address: str, otherwise: str) -> str:
    try:
        resolve(address)
    except (Resolver404, NoReverseMatch):
        return otherwise
    return address

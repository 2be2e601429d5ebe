"""Alerts that no check looks for: a gap in coverage, a run that was missed, a provider that is held, or a person's own words."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from core import audiences
from core.alerts import unheard
from core.alerts.check import Finding, Nouns, Severity, kind_for, roles_for
from core.alerts.findings import Found, staged
from core.alerts.settle import Cause, Outcome, Words, latest, settle
from core.formatting import indian
from core.models import BusinessAlert, Role, User

PINCODES = Nouns("pincode", "pincodes")
# A sentence names so many; the alert's items name all.
NAMED = 5


def raise_alert(
    *,
    alert_type: str,
    severity: str,
    title: str,
    description: str,
    fingerprint: str = "",
    metadata: Mapping[str, Any] | None = None,
    roles: Collection[str] | None = None,
    people: QuerySet[User] | None = None,
    items: Sequence[Finding] = (),
    now: datetime,
) -> BusinessAlert:
    """Open an alert, or bring the one of this fingerprint in line with a cause that stands: its words, severity (only up), items.

    `items` replace the earlier ones. It is told to `people`, else to the staff of `roles`, else to those the type concerns.
    With a fingerprint it lives as a check's alert does: whoever raises it says each time they look that the cause remains, and
    `clear_alert` that it has gone. So it may come back resolved: a person did that less than a day ago, and it is quiet. Without a
    fingerprint every call opens another, which stands for itself.
    """
    if severity not in Severity.values:
        raise ValueError(f"There is no severity {severity!r}. There are: {', '.join(Severity.values)}.")
    whom = tuple(roles) if roles is not None else roles_for(alert_type)
    audience = people if people is not None else audiences.staff(whom)
    cause = Cause(
        fingerprint=fingerprint,
        alert_type=alert_type,
        name=alert_type,
        kind=kind_for(alert_type),
        people=audience,
        words=lambda _: Words(title, description),
        rule={"alert_type": alert_type},
        # Whom escalation tells again.
        metadata={
            **(metadata or {}),
            **({"roles": list(whom)} if people is None else {"people": list(people.values_list("pk", flat=True))}),
        },
    )
    with transaction.atomic():
        with staged(items) as found:
            in_sum = replace(found[""], severity=severity) if found else Found(0, 0, None, None, severity)
            outcome = settle(cause, in_sum, alert=latest(fingerprint), now=now)
        # Where super admins are among those who should hear, there is nobody left to tell that nobody does.
        if outcome.unheard and people is None and Role.SUPER_ADMIN not in whom:
            unheard.report(alert_type, alert_type.replace("_", " "), whom, nobody=True, now=now)
    assert outcome.alert is not None
    return outcome.alert


def clear_alert(fingerprint: str, *, now: datetime) -> bool:
    """The cause has gone away: the system resolves the open alert of this fingerprint. False when there was none."""
    return _gone(fingerprint, now=now).resolved == 1


def report_coverage_gaps(campaign: str, label: str, gaps: Sequence[Finding], *, now: datetime) -> BusinessAlert | None:
    """The pincodes where this run of a campaign found nobody to tell: one alert for ops, resolved when there is none left.

    `label` names the campaign in a sentence ("high demand"); each gap is a finding about a pincode. Another campaign's
    gaps are another alert's.
    """
    fingerprint = f"coverage:{campaign}"
    if not gaps:
        _gone(fingerprint, now=now)
        return None
    pincodes = sorted({gap.pincode for gap in gaps})
    where = ", ".join(pincodes[:NAMED]) + (f" and {indian(len(pincodes) - NAMED)} more" if len(pincodes) > NAMED else "")
    return raise_alert(
        alert_type="low_vendor_count",
        severity=Severity.HIGH,
        title=f"No vendor to tell of {label} in {indian(len(gaps))} {PINCODES.of(len(gaps))}",
        description=f"There is work ({label}) and no vendor to offer it to: {where}. It closes by itself when a run finds no such pincode.",
        fingerprint=fingerprint,
        metadata={"campaign": campaign},
        items=gaps,
        now=now,
    )


def _gone(fingerprint: str, *, now: datetime) -> Outcome:
    with transaction.atomic():
        return settle(_any(fingerprint), None, alert=latest(fingerprint), now=now)


def _any(fingerprint: str) -> Cause:
    """To resolve an alert it is enough to name it."""
    return Cause(
        fingerprint=fingerprint,
        alert_type="",
        name=fingerprint,
        kind=kind_for(""),
        people=User.objects.none(),
        words=lambda _: Words("", ""),
    )

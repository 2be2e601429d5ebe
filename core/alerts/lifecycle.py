"""What an evaluation of a check makes of its alerts.

Everything that one evaluation changes (the alerts, their items, their events, the messages) is one transaction. Evaluations
of one check follow each other, so that none acts on what it saw before another one's end. Whoever else raises the same
alert at once meets at the constraint `one_open_alert_per_fingerprint`: the later carries on with the alert of the earlier.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, Q, QuerySet

from core import audiences, locks
from core.alerts import policies, unheard, wording
from core.alerts.check import Check, Values
from core.alerts.digest import Telling
from core.alerts.findings import Found, Standing, staged
from core.alerts.settle import Cause, Outcome, Words, latest_of, settle
from core.analytics import thresholds
from core.models import User
from core.notifications.outbox import Tally

log = structlog.get_logger(__name__)

STEPS = ("opened", "reopened", "raised", "new_items", "cleared", "resolved", "quiet")


def reconcile(check: Check, *, now: datetime, dry_run: bool = False) -> dict[str, Any]:
    """Run a check: what it finds is open afterwards, what it no longer finds is cleared, and with nothing left resolved.

    Counts a person can read, ready for JSON. A check that raises changes nothing. A dry run decides everything, counts
    it, and takes it back.
    """
    limits = thresholds.in_force(check.name, check.limits, now=now).everywhere()
    with transaction.atomic():
        locks.hold(f"check:{check.name}")
        telling = Telling(now=now)
        found, outcomes = _evaluate(check, limits, telling, now=now)
        telling.tell()
        if dry_run:
            transaction.set_rollback(True)
    result = _counts(found, outcomes, telling.tally, dry_run=dry_run)
    log.info("check.evaluated", check=check.name, dry_run=dry_run, **result)
    return result


def _evaluate(check: Check, limits: Values, telling: Telling, *, now: datetime) -> tuple[list[Found], list[Outcome]]:
    regions: Sequence[str] = settings.ALERT_REGIONS
    people = audiences.staff(check.roles)
    reachable = people.filter(is_active=True)
    own = Q(fingerprint=check.name) | Q(fingerprint__startswith=f"{check.name}:")
    known = latest_of(own | Q(fingerprint=unheard.PREFIX + check.name), somebody=Exists(reachable), shortest_repeat=policies.SHORTEST)
    # Answered beside the alerts, unless there has never been one.
    somebody = next((alert.somebody for alert in known.values()), None)
    of_nobody = known.pop(unheard.PREFIX + check.name, None)
    by_region = {alert.region: alert for alert in known.values()}
    standing = {region: Standing(alert.pk, alert.last_notified_at, alert.open_items) for region, alert in by_region.items()}
    stuck = check.select(now=now, limits=limits) if check.has_select else check.find(now=now, limits=limits)
    outcomes = []
    with staged(stuck, regions=regions, standing=standing) as found:
        for region in sorted({"", *regions, *by_region, *found}):
            cause = _cause(check, limits, region=region, people=people, now=now)
            outcomes.append(settle(cause, found.get(region), alert=by_region.get(region), telling=telling, now=now))
    nobody = bool(found) and not (reachable.exists() if somebody is None else somebody)
    if nobody or of_nobody is not None:
        unheard.report(check.name, check.label, check.roles, nobody=nobody, now=now)
    return list(found.values()), outcomes


def _fingerprint(check: Check, region: str) -> str:
    return f"{check.name}:{region}" if region else check.name


def _cause(check: Check, limits: Values, *, region: str, people: QuerySet[User], now: datetime) -> Cause:
    rule = {"check": check.name, "limits": {name: wording.plain(value) for name, value in limits.items()}}
    return Cause(
        fingerprint=_fingerprint(check, region),
        alert_type=check.alert_type,
        name=check.name,
        kind=check.kind,
        people=people,
        words=lambda found: Words(
            wording.headline(check.nouns, found, region=region, now=now), wording.description(check, found, limits)
        ),
        region=region,
        rule=rule,
        metadata=rule,
    )  # fmt: skip


def _counts(found: list[Found], outcomes: list[Outcome], said: Tally, *, dry_run: bool) -> dict[str, Any]:
    prices = [each.rupees for each in found if each.rupees is not None]
    alerts = [str(o.alert.pk) for o in outcomes if o.alert is not None and o.alert.is_open and not (dry_run and o.opened)]
    counts = {
        "found": sum(each.count for each in found),
        "critical": sum(each.critical for each in found),
        "rupees": str(sum(prices, Decimal(0)).quantize(Decimal("0.01"))) if prices else None,
        "alert": alerts[0] if alerts else None,
        **{step: sum(getattr(outcome, step) for outcome in outcomes) for step in STEPS},
        "queued": said.queued,
        "people": said.people,
        "suppressed": said.suppressed,
    }
    return counts | {"alerts": alerts} if len(alerts) > 1 else counts

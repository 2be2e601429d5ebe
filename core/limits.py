"""The limits that people may set: which rules have which, what a value may be, and how one comes into force.

A limit that is in force is never rewritten: what was decided yesterday can then always be explained (docs/rules.md, 4).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from django.db import transaction

from core import locks
from core.alerts.check import Check, checks
from core.analytics.thresholds import Values
from core.messaging.campaign import Campaign, campaigns
from core.models import Threshold, User

# Beyond a year, hours are a slip of the hand, and far beyond it no calendar has such a day.
MOST_HOURS: Final = Decimal(366 * 24)
MOST: Final = Decimal(1_000_000)


@dataclass(frozen=True, slots=True)
class Rule:
    """A campaign or check, and the limits it declares with what holds until somebody says otherwise."""

    declared: Campaign | Check
    limits: Values

    @property
    def name(self) -> str:
        return self.declared.name

    @property
    def label(self) -> str:
        return self.declared.label

    @property
    def kind(self) -> str:
        return "check" if isinstance(self.declared, Check) else "campaign"

    @property
    def is_regional(self) -> bool:
        """A check looks at everything at once: its limits hold everywhere."""
        return self.kind == "campaign"


def rules() -> dict[str, Rule]:
    """Every rule that has limits, by name."""
    declared: tuple[Campaign | Check, ...] = (*campaigns, *checks)
    return {one.name: Rule(one, one.limits) for one in declared if getattr(one, "limits", None)}  # type: ignore[union-attr]


def most(name: str) -> Decimal:
    """The largest value that a limit of this name may have."""
    return MOST_HOURS if name.endswith("_hours") else MOST


def faults(rule: str, name: str, scope: str, value: Decimal | None) -> Mapping[str, str]:
    """Why this cannot be a limit, by field; empty when it can."""
    known = rules()
    if rule not in known:
        return {"rule": f"There is none of that name. There are: {', '.join(sorted(known))}."}
    found = {}
    if name not in known[rule].limits:
        found["name"] = f"{known[rule].label} has no such limit. It has: {', '.join(sorted(known[rule].limits))}."
    if scope and not known[rule].is_regional:
        found["scope"] = "A check looks at everything at once: its limits hold everywhere."
    if value is not None and not 0 <= value <= most(name):
        found["value"] = f"Must be from 0 to {most(name)}."
    return found


class Faster(Exception):
    """Somebody else has set this limit meanwhile. `present` is what holds now; None: what the rule declares."""

    def __init__(self, present: Threshold | None) -> None:
        super().__init__("Somebody was faster.")
        self.present = present


class InForce(Exception):
    """A limit that holds, or has held: what was decided by it must stay explained."""


# Nothing was said of what one looked at.
UNSEEN: Final = -1


def set_limit(
    *,
    rule: str,
    name: str,
    scope: str,
    value: Decimal | None,
    starts: datetime | None,
    note: str,
    actor: User | None,
    now: datetime,
    seen: int | None = UNSEEN,
) -> Threshold:
    """Let a limit hold from a moment on; None or a moment gone by: from now on. Without a value the wider scope's holds again.

    `seen` is the row of this very scope that the person looked at, None where there was none: raises Faster when another one holds.
    Raises it, too, when the moment is taken.
    """
    with transaction.atomic():
        locks.hold(f"threshold:{rule}")
        same = Threshold.objects.filter(rule=rule, name=name, scope=scope).select_related("created_by")
        present = same.filter(effective_from__lte=now).order_by("-effective_from", "-pk").first()
        if seen != UNSEEN and (present.pk if present else None) != seen:
            raise Faster(present)
        moment = max(starts or now, now)
        if taken := same.filter(effective_from=moment).first():
            raise Faster(taken)
        return Threshold.objects.create(
            rule=rule, name=name, scope=scope, value=value, effective_from=moment, note=note, created_by=actor, created_at=now
        )


def take_back(pk: int, *, now: datetime) -> Threshold:
    """Take away a limit to come. Raises Threshold.DoesNotExist, and InForce once its moment has come."""
    with transaction.atomic():
        row = Threshold.objects.select_for_update().get(pk=pk)
        if row.effective_from <= now:
            raise InForce("This limit has been in force: it is on record. Set another one.")
        row.delete()
    return row

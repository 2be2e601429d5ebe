"""That something is to be told and nobody is there to hear it is an alert of its own, to the super admins (docs/rules.md, 5)."""

from collections.abc import Collection
from datetime import datetime

from core import audiences
from core.alerts.check import kind_for
from core.alerts.findings import Found
from core.alerts.settle import Cause, Words, latest, settle
from core.models import BusinessAlert, Role

PREFIX = "nobody_to_tell:"


def report(name: str, label: str, roles: Collection[str], *, nobody: bool, now: datetime) -> None:
    """Open or keep open, else resolve, the alert that nobody in these roles is there, inside the caller's transaction.

    `name` is of what is to be told, a check or a type of alert; `label` names it in a title.
    """
    found = Found(0, 0, None, None, BusinessAlert.Severity.CRITICAL) if nobody else None
    settle(_cause(name, label, tuple(roles)), found, alert=latest(PREFIX + name), now=now)


def look_again(*, now: datetime) -> int:
    """Resolve those alerts whose roles have somebody now; what waits to be told is told by the next look at it."""
    resolved = 0
    for alert in BusinessAlert.objects.filter(fingerprint__startswith=PREFIX).exclude(status=BusinessAlert.Status.RESOLVED):
        roles = alert.metadata["missing_roles"]
        if audiences.staff(roles).filter(is_active=True).exists():
            cause = _cause(alert.fingerprint.removeprefix(PREFIX), "", tuple(roles))
            resolved += settle(cause, None, alert=latest(cause.fingerprint), now=now).resolved
    return resolved


def _cause(name: str, label: str, roles: tuple[str, ...]) -> Cause:
    staff = " or ".join(Role(role).label.lower() for role in roles)
    words = Words(
        f"Nobody to tell: {label.lower()}",
        f"There is an alert ({label.lower()}), and no active {staff} to tell. Give somebody the role; they are told then.",
    )
    return Cause(
        fingerprint=f"{PREFIX}{name}",
        alert_type="system_error",
        name="nobody_to_tell",
        kind=kind_for("system_error"),
        people=audiences.staff([Role.SUPER_ADMIN]),
        words=lambda _: words,
        rule={"of": name},
        metadata={"of": name, "missing_roles": list(roles), "roles": [Role.SUPER_ADMIN]},
    )

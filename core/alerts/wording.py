"""What alerts say of themselves: what, how many, how much money, how old; in a message also how bad, and why now."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from types import MappingProxyType

from core.alerts.check import Check, Nouns, Values
from core.alerts.findings import Found
from core.alerts.items import News
from core.formatting import indian, rupees
from core.models import BusinessAlert

OPENED, REOPENED, RAISED, NEW_ITEMS, STILL_OPEN = "opened", "reopened", "raised", "new items", "still open"
FLAPPING, ESCALATED, EXPIRED = "keeps coming back", "escalated", "acknowledgement expired"

_BEFORE: Mapping[str, str] = MappingProxyType(
    {
        REOPENED: "Back",
        FLAPPING: "Keeps coming back",
        STILL_OPEN: "Still open",
        ESCALATED: "Nobody acknowledged",
        EXPIRED: "Acknowledged and still open",
    }
)


def headline(nouns: Nouns, found: Found, *, now: datetime, region: str = "") -> str:
    """As "4 payments held, ₹18,450, oldest 3 days"."""
    parts = [f"{indian(found.count)} {nouns.of(found.count)}" + (f" in {region}…" if region else "")]
    if found.rupees is not None:
        parts.append(rupees(found.rupees))
    if found.oldest is not None:
        parts.append(f"oldest {age(now - found.oldest)}" if found.count > 1 else f"for {age(now - found.oldest)}")
    return ", ".join(parts)


def description(check: Check, found: Found, limits: Values) -> str:
    """The rule that was broken, with the hours in force, how many are critical, and how the alert ends."""
    sentences = [check.rule.format(**{name: plain(value) for name, value in limits.items()})]
    if found.critical == found.count:
        sentences.append("It is critical." if found.count == 1 else f"All {indian(found.count)} are critical.")
    elif found.critical:
        sentences.append(f"{indian(found.critical)} of {indian(found.count)} {'is' if found.critical == 1 else 'are'} critical.")
    sentences.append("It closes by itself when none is left.")
    return " ".join(sentences)


def subject(title: str, *, severity: str, reason: str, unheard: News) -> str:
    """The title, after how bad it is and why it is said now: "Critical, 2 new: 4 payments held, ₹18,450, oldest 3 days"."""
    before = []
    if severity == "critical":
        before.append("Now critical" if reason == RAISED else "Critical")
    elif reason == RAISED:
        before.append(f"Now {severity}")
    if reason == NEW_ITEMS:
        before.append(f"{indian(unheard.count)} new")
    elif reason in _BEFORE:
        before.append(_BEFORE[reason] if not before else _BEFORE[reason].lower())
    return f"{', '.join(before)}: {title}" if before else title


def why_now(alert: BusinessAlert, *, severity: str, reason: str, unheard: News, now: datetime) -> str:
    """The reason it is said now, as a sentence."""
    match reason:
        case "opened":
            return "It has just been opened."
        case "reopened":
            return "It was resolved, and is back."
        case "keeps coming back":
            return "It keeps coming back. Until it has been steady for a while, it says only how it stands."
        case "raised":
            return f"It has turned {severity}."
        case "new items":
            critical = f", {indian(unheard.critical)} of them critical" if unheard.critical else ""
            return f"{indian(unheard.count)} new since the last message{critical}."
        case "escalated":
            return f"Nobody has acknowledged it for {age(now - (alert.escalating_since or alert.created_at))}."
        case "acknowledgement expired":
            who = f"{alert.acknowledged_by} acknowledged it" if alert.acknowledged_by else "It was acknowledged"
            return f"{who}, that has run out, and it is still open."
        case "still open":
            return f"It has been open for {age(now - alert.created_at)}, and nobody has acknowledged it."
    return f"{reason[:1].upper()}{reason[1:]}."


def who_has_it(alert: BusinessAlert) -> str:
    """Whose it is, as a sentence."""
    if alert.assigned_to is not None:
        return f"{alert.assigned_to} has it."
    if alert.status == BusinessAlert.Status.ACKNOWLEDGED and alert.acknowledged_by is not None:
        return f"{alert.acknowledged_by} is on it."
    return "Nobody has it yet."


def many_subject(count: int, *, critical: int, worst: str) -> str:
    """Of many alerts in one message: "12 alerts, 3 critical: 4 payments held, ₹18,450, oldest 3 days and more"."""
    bad = f", {indian(critical)} critical" if critical else ""
    return f"{indian(count)} alerts{bad}: {worst} and more"


def age(span: timedelta) -> str:
    """A span in one unit, rounded down: "3 days" from two days on, "25 hours", "40 minutes"."""
    minutes = max(0, int(span.total_seconds() // 60))
    if minutes >= 48 * 60:
        number, unit = minutes // (24 * 60), "day"
    elif minutes >= 60:
        number, unit = minutes // 60, "hour"
    else:
        number, unit = minutes, "minute"
    return f"{number} {unit}" + ("" if number == 1 else "s")


def plain(value: Decimal) -> str:
    """24 for 24.00, 1.5 for 1.50."""
    return format(value.normalize(), "f")

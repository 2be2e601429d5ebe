"""Something behind each address, for whoever calls: their own rows where the address shows one's own."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

from django.utils import timezone

from core import links
from core.models import AlertItem, BusinessAlert, MessageContent, NotificationLog, ScheduleRun, User
from core.notifications import choices
from tests.api.settings_world import BODIES as SETTINGS
from tests.api.settings_world import furnish_settings
from tests.people import PASSWORD

# By the last part of an address, the smallest body that it takes.
BODIES: dict[str, dict[str, Any]] = {
    "notifications": {"action": "generate_analytics", "dry_run": True},
    "assign": {"user_id": None},
    "comment": {"text": "Seen."},
    "snooze": {"until": (timezone.now() + timedelta(days=1)).isoformat()},
    "ignore": {"reason": "Known."},
    "resolve": {"notes": "Paid."},
    "reopen": {"reason": "Not over."},
}
AT = datetime(2026, 11, 16, 3, 30, tzinfo=UTC)


@dataclass
class World:
    """The objects by the names that addresses give them."""

    user: User
    named: dict[str, Any] = field(default_factory=dict)

    def body_of(self, route: str, method: str) -> Any:
        """The smallest body that the address takes."""
        if method in ("GET", "DELETE"):
            return None
        if route == "api/preferences/":
            topic = next(topic for topic in choices.topics(self.user) if not topic.kind.mandatory)
            return {"preferences": [{"category": topic.kind.category, "method": next(iter(topic.methods)), "allowed": False}]}
        if route in SETTINGS:
            body = SETTINGS[route]
            return body(self.named) if callable(body) else body
        return BODIES.get(route.rstrip("/").rpartition("/")[2], {}) | (
            {"username": self.user.username, "password": PASSWORD} if route == "api/auth/login/" else {}
        )


def address(route: str, world: World) -> str:
    """A route with its parts filled in."""

    def part(match: re.Match[str]) -> str:
        if match["name"] == "token":
            purpose = {"unsubscribe": links.UNSUBSCRIBE, "act": links.ACT}.get(route.partition("/")[0], links.LINK)
            return links.token(purpose, world.named["offer"])
        name = "shown" if route.startswith("dashboard/outbox/") or route.endswith("_id>/mail/") else match["name"]
        return str(world.named[name])

    return "/" + re.sub(r"<\w+:(?P<name>\w+)>", part, route)


def message_of(user: User, **fields: Any) -> NotificationLog:
    """A message that reached its person in the app."""
    given = {
        "notification_type": "payment_hold", "method": "websocket", "status": "sent", "subject": "Payments on hold",
        "message": "2 payments wait.", "created_at": AT, "key": f"test:{uuid4()}",
    }  # fmt: skip
    return NotificationLog.objects.create(**{"recipient": user, **given, **fields})


def furnish(user: User, settings: dict[str, Any] | None = None) -> World:
    """A message of one's own, one in the outbox page, an offer with links; and what people set up, unless it is there already."""
    content = MessageContent.objects.create(
        template="promotional", version="file", subject="25 % off", body="Now.", html="<p>Now.</p>", link_url="/inbox/"
    )
    offer = message_of(user, notification_type="promotional", method="email", content=content, status="sent")
    shown = message_of(user, method="email", content=content, provider="outbox")
    own = message_of(user)
    alert = alert_of()
    task = ScheduleRun.objects.create(job="analytics", task_id=str(uuid4()), status="done", result={"pincodes": 1}, finished_at=AT)
    return World(
        user,
        {
            "message_id": own.pk,
            "shown": shown.pk,
            "offer": offer.pk,
            "notification_id": own.pk,
            "alert_id": alert.pk,
            "task_id": task.task_id,
            **(settings or furnish_settings()),
        },
    )


def alert_of(**fields: Any) -> BusinessAlert:
    """An open alert of held payments, with one item."""
    given = {"alert_type": "payment_hold", "severity": "high", "title": "2 payments on hold", "created_at": AT, "item_count": 1}
    alert = BusinessAlert.objects.create(**{**given, **fields})
    AlertItem.objects.create(
        alert=alert, object_type="payment", object_id=str(uuid4()), label="₹500", since=AT, severity="high", rupees=Decimal("500.50")
    )
    return alert

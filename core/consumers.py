"""Live connections: a person's own notifications, and the dashboard's events and counts.

A connection lives no longer than the login and the role it was opened with: `core.security.lookout` looks at both every few seconds.
What a client sends is never trusted; a bad frame is answered with an error, a flood ends the connection.
"""

import asyncio
import json
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from uuid import UUID

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.db import DatabaseError
from django.db.models import Count, Q

from core import clock
from core.alerts.live import DASHBOARD, DASHBOARD_OF_PAYMENTS, PAYMENTS
from core.models import BusinessAlert, NotificationLog, Role, Status, User
from core.notifications.receipts import acknowledge, mark_read, unread_count
from core.notifications.transports.websocket import group_of, use_loop
from core.security.lookout import holders_of, lookout

LONGEST_FRAME = 4096
FRAMES_A_SECOND = 20
# Of one person, in one process: more are no pages that somebody looks at.
MOST_PAGES = 20
# A burst of events is followed by one set of counts.
COUNTS_AFTER_SECONDS = 0.5

NOT_KNOWN = 1013
LOGGED_OUT = 4401
NOT_ALLOWED = 4403
FLOOD = 4429

DASHBOARD_OF_ROLE: dict[str, str] = {
    Role.SUPER_ADMIN: DASHBOARD,
    Role.OPS_MANAGER: DASHBOARD,
    Role.FINANCE: DASHBOARD_OF_PAYMENTS,
}


class BadFrame(ValueError):
    """What a client sent cannot be used. The text is for them."""


class LiveConsumer(AsyncWebsocketConsumer, ABC):
    """One logged-in connection in one group. `frame` events of the group go to the client as they are."""

    group = ""
    user: User

    @abstractmethod
    def group_for(self, user: User) -> str:
        """The group of this person's connection; empty: not allowed."""

    async def greet(self) -> None:
        """What a new connection is told first."""

    @abstractmethod
    async def take(self, frame: dict[str, Any]) -> None:
        """A client's frame. Raises BadFrame."""

    async def connect(self) -> None:
        self._ended = False
        self._arrivals: deque[float] = deque(maxlen=FRAMES_A_SECOND)
        self.session_key: str = self.scope["session"].session_key or ""
        try:
            user = (await holders_of([self.session_key])).get(self.session_key)
        except DatabaseError:
            await self.close(code=NOT_KNOWN)
            return
        if user is None:
            await self.close(code=LOGGED_OUT)
            return
        self.user = user
        self.group = self.group_for(user)
        if not self.group or lookout().pages_of(user.pk) >= MOST_PAGES:
            await self.close(code=NOT_ALLOWED)
            return
        # Threads of this process send over the loop that its connections live on.
        use_loop(asyncio.get_running_loop())
        lookout().add(self)
        await self.channel_layer.group_add(self.group, self.channel_name)
        await self.accept()
        await self.greet()

    async def disconnect(self, code: int) -> None:
        self._ended = True
        lookout().remove(self)
        if self.group:
            await self.channel_layer.group_discard(self.group, self.channel_name)

    async def seen(self, user: User | None) -> None:
        """The lookout's word on whose the session is."""
        if user is None or user.pk != self.user.pk:
            await self._end(LOGGED_OUT)
        elif self.group_for(user) != self.group:
            await self._end(NOT_ALLOWED)

    async def not_known(self) -> None:
        """Not known is not allowed: the page connects again by itself when the database is back."""
        await self._end(NOT_KNOWN)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if self._ended:
            return
        now = time.monotonic()
        if len(self._arrivals) == FRAMES_A_SECOND and now - self._arrivals[0] < 1:
            await self.tell({"type": "error", "message": f"More than {FRAMES_A_SECOND} frames a second."})
            await self._end(FLOOD)
            return
        self._arrivals.append(now)
        try:
            await self.take(frame_from(text_data))
        except BadFrame as error:
            await self.tell({"type": "error", "message": str(error)})

    async def frame(self, event: dict[str, Any]) -> None:
        """The layer's event: a frame for this group."""
        await self.tell(event["frame"])

    async def tell(self, frame: dict[str, Any]) -> None:
        if not self._ended:
            with suppress(OSError):  # The client has gone, and we are about to be told.
                await self.send(text_data=json.dumps(frame, ensure_ascii=False))

    async def _end(self, code: int) -> None:
        """Nothing is said or heard after it: frames may still be waiting to be read."""
        if not self._ended:
            self._ended = True
            await self.close(code=code)


class NotificationsConsumer(LiveConsumer):
    """A person's own notifications, with the number that wait unread."""

    def group_for(self, user: User) -> str:
        return group_of(user.pk)

    async def greet(self) -> None:
        await self._tell_unread()

    async def frame(self, event: dict[str, Any]) -> None:
        # "unread" alone, from another of the person's pages, brings no number: it is counted here, where it is shown.
        if event["frame"].get("type") != "unread":
            await self.tell(event["frame"])
        await self._tell_unread()

    async def take(self, frame: dict[str, Any]) -> None:
        match frame.get("type"):
            case "ping":
                await self.tell({"type": "pong"})
            case "ack":
                await self._apply(acknowledge, frame)
            case "read":
                await self._apply(mark_read, frame)
                await self.channel_layer.group_send(self.group, {"type": "frame", "frame": {"type": "unread"}})
            case _:
                raise BadFrame('A frame\'s "type" is "ack", "read" or "ping".')

    async def _apply(self, receipt: Callable[..., bool], frame: dict[str, Any]) -> None:
        """A word about one of the person's own rows; anybody else's is as if it were not there."""
        try:
            notification_id = UUID(str(frame.get("id")))
        except ValueError:
            raise BadFrame('"id" is not the id of a notification.') from None
        if not await database_sync_to_async(receipt)(notification_id, self.user.pk, now=clock.now()):
            raise BadFrame("You have no such notification.")

    async def _tell_unread(self) -> None:
        await self.tell({"type": "unread", "count": await database_sync_to_async(unread_count)(self.user.pk)})


class DashboardConsumer(LiveConsumer):
    """What happens, as it happens, and how much is open: for ops all of it, for finance what is about payments."""

    _counting: asyncio.Task[None] | None = None

    def group_for(self, user: User) -> str:
        return DASHBOARD_OF_ROLE.get(user.role, "")

    async def greet(self) -> None:
        await self.tell({"type": "hello"})
        await self._tell_counts()

    async def take(self, frame: dict[str, Any]) -> None:
        # How a page knows that it still hears us: a connection can be gone for minutes before a browser notices.
        if frame.get("type") != "ping":
            raise BadFrame('A frame\'s "type" is "ping".')
        await self.tell({"type": "pong"})

    async def frame(self, event: dict[str, Any]) -> None:
        await self.tell(event["frame"])
        if self._counting is None or self._counting.done():
            self._counting = asyncio.create_task(self._tell_counts_soon())

    async def disconnect(self, code: int) -> None:
        if self._counting is not None:
            self._counting.cancel()
        await super().disconnect(code)

    async def _tell_counts_soon(self) -> None:
        await asyncio.sleep(COUNTS_AFTER_SECONDS)
        with suppress(DatabaseError):  # Numbers for a screen: the next event brings them.
            await self._tell_counts()

    async def _tell_counts(self) -> None:
        only = PAYMENTS if self.group == DASHBOARD_OF_PAYMENTS else ""
        await self.tell({"type": "counts", **await database_sync_to_async(live_counts)(only)})


def frame_from(text: str | None) -> dict[str, Any]:
    """A client's frame as an object. Raises BadFrame."""
    if text is None:
        raise BadFrame("Frames are text, not binary.")
    if len(text.encode("utf-8", "surrogatepass")) > LONGEST_FRAME:
        raise BadFrame(f"A frame has at most {LONGEST_FRAME} bytes.")
    try:
        frame = json.loads(text)
    except (ValueError, RecursionError):
        raise BadFrame("A frame is a JSON object.") from None
    if not isinstance(frame, dict):
        raise BadFrame("A frame is a JSON object.")
    return frame


def live_counts(only: str = "") -> dict[str, int]:
    """Open alerts and today's messages; of one type, when it is named."""
    now = clock.now()
    today = clock.day_start(clock.business_day(now))
    alerts = BusinessAlert.objects.filter(status=BusinessAlert.Status.ACTIVE)
    messages = NotificationLog.objects.filter(created_at__gte=today)
    if only:
        alerts, messages = alerts.filter(alert_type=only), messages.filter(notification_type=only)
    counts: dict[str, int] = alerts.aggregate(
        active_alerts=Count("pk"), critical_alerts=Count("pk", filter=Q(severity=BusinessAlert.Severity.CRITICAL))
    )
    counts |= messages.aggregate(
        pending=Count("pk", filter=Q(status=Status.PENDING)),
        sent_today=Count("pk", filter=Q(status__in=(Status.SENT, Status.DELIVERED))),
        failed_today=Count("pk", filter=Q(status=Status.FAILED)),
    )
    return counts

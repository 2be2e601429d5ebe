"""What a campaign is: a rule that picks people, the kind of message they get, and when. `campaigns/` holds the declared ones."""

from abc import ABC, abstractmethod
from datetime import datetime
from typing import Any, ClassVar

from core.models import User
from core.notifications.kinds import Kind
from core.registry import Registry
from core.timetable import Times


class Campaign(ABC):
    """A declared campaign. Its task is `core.tasks.run_campaign` with its name, unless it has one of its own."""

    name: ClassVar[str]
    label: ClassVar[str]
    kind: ClassVar[Kind]
    times: ClassVar[Times]
    task: ClassVar[str] = "core.tasks.run_campaign"

    @abstractmethod
    def run(self, *, now: datetime, actor: User | None = None, dry_run: bool = False) -> dict[str, Any]:
        """Decide whom to write to and queue it; a dry run counts the same and writes nothing.

        Returns counts a person can read: matched, queued, people, suppressed by reason.
        """


campaigns: Registry[Campaign] = Registry("campaign")


def declare(campaign: type[Campaign]) -> type[Campaign]:
    """Register a campaign, as a class decorator."""
    campaigns.add(campaign.name, campaign())
    return campaign

"""All mails of one alert to one person are one thread in their mail program (RFC 5322, 3.6.4).

The first of them bears a Message-ID made of the alert and the person; each later one names it. Nothing is looked up: whoever
was told later than the others, or whose provider puts in a Message-ID of its own, has mails that name the same absent one,
and those are a thread too.
"""

from hashlib import blake2s

from core.models import NotificationLog

OPENING = "opened:1"


def root_of(row: NotificationLog) -> str:
    """What the Message-ID of the thread's first mail begins with; empty for a message of no thread."""
    if row.alert_id is None or not row.key.startswith(f"alert:{row.alert_id}:"):
        return ""
    return f"alert.{blake2s(f'{row.alert_id}:{row.recipient_id}'.encode(), digest_size=16).hexdigest()}"


def opens(row: NotificationLog) -> bool:
    """Whether it is the first that was said of its alert."""
    return row.key == f"alert:{row.alert_id}:{OPENING}"

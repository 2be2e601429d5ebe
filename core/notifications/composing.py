"""Makes of a row the message to one person, at the last moment before it leaves: what many share, and the person's own words."""

from uuid import UUID

from core.models import NotificationLog
from core.notifications import mime, passwords, rendering, threads
from core.notifications.kinds import kinds
from core.notifications.transport import Message
from core.notifications.transports import transport_class


class Unsendable(Exception):
    """This row can never be sent, and why."""

    def __init__(self, detail: str, *, code: str) -> None:
        super().__init__(detail)
        self.code = code


def compose(row: NotificationLog) -> Message:
    """The message as it leaves. Raises Unsendable when the row lacks what it takes."""
    address = row.address or _address_of_recipient(row)
    if not address:
        raise Unsendable("The person has no address for this method.", code="no_address")
    name, acts = str(row.personal.get("name", "")), row.alert_id is not None and "role" in row.personal
    code = passwords.code_of(UUID(row.metadata["otp"])) if "otp" in row.metadata else rendering.HIDDEN_CODE
    personal = rendering.Personal(row.pk, name, code=code, acts=acts)
    subject, text, html = _marked(row)
    headers: dict[str, str] = {}
    if row.notification_type in kinds and kinds.get(row.notification_type).marketing:
        # RFC 8058: the mail client's own button stops these without a login.
        headers = {"List-Unsubscribe": f"<{personal['unsubscribe']}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
    thread = threads.root_of(row)
    if thread and not threads.opens(row):
        headers = headers | {"In-Reply-To": mime.named(thread), "References": mime.named(thread)}
    return Message(
        id=row.pk,
        mail_id=thread if thread and threads.opens(row) else "",
        to=address,
        subject=subject,
        text=text,
        html=html,
        own=None if row.content is None else personal,
        headers=headers,
        notification_type=row.notification_type,
        recipient_id=row.recipient_id,
        metadata={key: str(value) for key, value in row.metadata.items() if isinstance(value, str | int)},
        created_at=row.created_at.isoformat(),
    )


def _marked(row: NotificationLog) -> tuple[str, str, str]:
    """Subject, text and HTML as its method carries them, with marks where many share them."""
    content = row.content
    if content is None:
        return row.subject, row.message, ""
    part = transport_class(row.method).part
    return content.subject, content.sms if part == "sms" else content.body, content.html if part == "html" else ""


def _address_of_recipient(row: NotificationLog) -> str:
    """Of a row written by hand, without an address."""
    return "" if row.recipient is None else transport_class(row.method).address_of(row.recipient)

"""What was decided, sent and heard back. One `NotificationLog` row is one message to one person by one method."""

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar
from uuid import UUID

from django.db import models

from core import clock
from core.models.alerts import BusinessAlert
from core.models.fields import PINCODE, new_id
from core.models.search import TrigramIndex
from core.models.users import User


class Status(models.TextChoices):
    """What the outside sees of a message. `delivered` is a receipt's word, never a guess."""

    PENDING = "pending", "Waiting"
    SENT = "sent", "Accepted"
    DELIVERED = "delivered", "Delivered"
    FAILED = "failed", "Failed"


class Phase(models.TextChoices):
    """Where delivery stands; each phase belongs to one status (`STATUS_OF`)."""

    QUEUED = "queued", "Queued"
    SENDING = "sending", "At the provider"
    UNCERTAIN = "uncertain", "Outcome not known yet"
    ACCEPTED = "accepted", "Accepted by the provider"
    DELIVERED = "delivered", "Delivered"
    REJECTED = "rejected", "Refused by the provider"
    UNDELIVERED = "undelivered", "Accepted, then not delivered"
    EXPIRED = "expired", "Too late to send"
    SUPPRESSED = "suppressed", "Address set aside"
    CANCELLED = "cancelled", "Cancelled"
    DEAD = "dead", "Out of tries"
    UNKNOWN_OUTCOME = "unknown_outcome", "Outcome never known"


STATUS_OF: dict[Phase, Status] = {
    Phase.QUEUED: Status.PENDING,
    Phase.SENDING: Status.PENDING,
    Phase.UNCERTAIN: Status.PENDING,
    Phase.ACCEPTED: Status.SENT,
    Phase.DELIVERED: Status.DELIVERED,
    Phase.REJECTED: Status.FAILED,
    Phase.UNDELIVERED: Status.FAILED,
    Phase.EXPIRED: Status.FAILED,
    Phase.SUPPRESSED: Status.FAILED,
    Phase.CANCELLED: Status.FAILED,
    Phase.DEAD: Status.FAILED,
    Phase.UNKNOWN_OUTCOME: Status.FAILED,
}

# What a status stands for when a row is written by hand or imported, without a phase.
PHASE_FOR: dict[str, Phase] = {
    Status.PENDING: Phase.QUEUED,
    Status.SENT: Phase.ACCEPTED,
    Status.DELIVERED: Phase.DELIVERED,
    Status.FAILED: Phase.REJECTED,
}


class Lane(models.IntegerChoices):
    """Who goes first. A lower lane never waits for a higher one."""

    URGENT = 0, "Urgent: one-time passwords and critical alerts"
    PERSONAL = 1, "Personal: reminders, signatures, alerts"
    BULK = 2, "Bulk: campaigns"


class MessageContent(models.Model):
    """What the messages of one cause have in common, rendered once; each row brings the words of its own person.

    The texts hold marks (see `core.notifications.rendering`) where a person's words go.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    template = models.CharField(max_length=60)
    version = models.CharField(max_length=80, help_text="Which wording: the file, or the version from the database.")
    subject = models.TextField(blank=True)
    body = models.TextField(blank=True)
    html = models.TextField(blank=True)
    sms = models.TextField(blank=True)
    link_url = models.TextField(blank=True, help_text="Where the message's link leads.")
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        indexes = (TrigramIndex(fields=("subject", "body"), name="content_words"),)

    def __str__(self) -> str:
        return f"{self.template} ({self.version})"


class MessagingRun(models.Model):
    """One time that a campaign, a check or a person decided whom to write to: the rule as it was used, and what came of it."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=60)
    started_at = models.DateTimeField(default=clock.now)
    actor = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    rule = models.JSONField(default=dict, blank=True)
    result = models.JSONField(default=dict, blank=True)
    totals = models.JSONField(null=True, blank=True, help_text="What its messages came to, of a run that wrote thousands.")
    totals_at = models.DateTimeField(null=True, blank=True, help_text="As of when the totals are.")

    class Meta:
        ordering = ("-started_at",)
        indexes = (
            models.Index(fields=("name", "-started_at"), name="run_name_started"),
            models.Index(fields=("-started_at",), name="run_started"),
        )

    def __str__(self) -> str:
        return f"{self.name} at {self.started_at:%Y-%m-%d %H:%M}"


class LeftOut(models.Model):
    """One person whom a run did not write to by some or all methods, and the named reason."""

    run = models.ForeignKey(MessagingRun, on_delete=models.CASCADE, related_name="left_out")
    person = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    reason = models.CharField(max_length=20)
    methods = models.CharField(max_length=60, help_text="Separated by commas.")
    cause = models.CharField(max_length=120, blank=True)
    pincode = models.CharField(max_length=6, blank=True)

    class Meta:
        verbose_name_plural = "people left out"
        indexes = (
            models.Index(fields=("person", "run"), name="left_out_person"),
            models.Index(fields=("run", "reason"), name="left_out_reason"),
        )

    def __str__(self) -> str:
        return f"{self.reason} by {self.methods}"


class NotificationQuerySet(models.QuerySet["NotificationLog"]):
    """Keeps phase and status in step when a caller names the status alone."""

    def update(self, **values: Any) -> int:
        if "status" in values and "phase" not in values:
            values["phase"] = PHASE_FOR[values["status"]]
        return super().update(**values)

    def bulk_create(self, objs: Iterable["NotificationLog"], *args: Any, **kwargs: Any) -> list["NotificationLog"]:
        rows = list(objs)
        for row in rows:
            row.agree()
        complete(rows)
        return super().bulk_create(rows, *args, **kwargs)

    def bulk_update(self, objs: Iterable["NotificationLog"], fields: Iterable[str], *args: Any, **kwargs: Any) -> int:
        rows, names = list(objs), list(fields)
        if "status" in names and "phase" not in names:
            for row in rows:
                row.agree()
            names.append("phase")
        return super().bulk_update(rows, names, *args, **kwargs)


class NotificationLog(models.Model):
    """One message to one person by one method. While pending, it is the outbox."""

    Status = Status
    Phase = Phase
    Lane = Lane

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    # An index of its own would only repeat the beginning of `notification_person`.
    recipient = models.ForeignKey(User, on_delete=models.CASCADE, null=True, blank=True, related_name="notifications", db_index=False)
    notification_type = models.CharField(max_length=40)
    method = models.CharField(max_length=20)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PENDING)
    subject = models.TextField(blank=True)
    message = models.TextField(blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(default=clock.now)
    sent_at = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    read_at = models.DateTimeField(null=True, blank=True)
    clicked_at = models.DateTimeField(null=True, blank=True)
    error_message = models.TextField(blank=True)
    dup_risk = models.BooleanField("may have arrived twice", default=False)

    # Why it exists.
    key = models.CharField(max_length=120, blank=True, help_text="The cause. One row per cause, person and method.")
    pincode = models.CharField(max_length=6, blank=True)
    run = models.ForeignKey(MessagingRun, on_delete=models.SET_NULL, null=True, blank=True, related_name="notifications")
    alert = models.ForeignKey(
        "core.BusinessAlert", on_delete=models.SET_NULL, null=True, blank=True, related_name="notifications", db_index=False
    )

    # What is said: the common part, and the person's own words spliced in.
    content = models.ForeignKey(MessageContent, on_delete=models.PROTECT, null=True, blank=True, related_name="+", db_index=False)
    personal = models.JSONField(default=dict, blank=True)

    # Where delivery stands.
    phase = models.CharField(max_length=16, choices=Phase.choices, default=Phase.QUEUED)
    address = models.CharField(max_length=254, blank=True)
    lane = models.PositiveSmallIntegerField(choices=Lane.choices, default=Lane.PERSONAL)
    repeatable = models.BooleanField(default=True, help_text="May be sent again when nobody knows whether it arrived.")
    due_at = models.DateTimeField(default=clock.now)
    expires_at = models.DateTimeField(null=True, blank=True)
    tries = models.PositiveSmallIntegerField(default=0)
    lease_token = models.UUIDField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    provider = models.CharField(max_length=40, blank=True)
    provider_message_id = models.CharField(max_length=200, blank=True)
    error_code = models.CharField(max_length=40, blank=True)

    objects: ClassVar[Any] = NotificationQuerySet.as_manager()

    class Meta:
        verbose_name = "notification"
        ordering = ("-created_at", "-id")
        constraints = (
            models.CheckConstraint(
                name="notification_status_follows_phase",
                condition=models.Q(
                    *(models.Q(status=str(status), phase__in=[str(p) for p, s in STATUS_OF.items() if s is status]) for status in Status),
                    _connector=models.Q.OR,
                ),
            ),
            models.UniqueConstraint(
                fields=("key", "recipient", "method"),
                name="one_message_per_cause_person_and_method",
                condition=~models.Q(key="") & models.Q(recipient__isnull=False),
            ),
            models.UniqueConstraint(
                fields=("key", "address", "method"),
                name="one_message_per_cause_address_and_method",
                condition=~models.Q(key="") & models.Q(recipient__isnull=True),
            ),
            models.CheckConstraint(
                condition=models.Q(phase="sending", lease_token__isnull=False, lease_until__isnull=False) | ~models.Q(phase="sending"),
                name="notification_in_hand_has_a_lease",
            ),
        )
        indexes = (
            models.Index(fields=("method", "lane", "due_at"), name="notification_due", condition=models.Q(phase="queued")),
            models.Index(fields=("lease_until",), name="notification_leased", condition=models.Q(phase="sending")),
            models.Index(fields=("due_at",), name="notification_uncertain", condition=models.Q(phase="uncertain")),
            models.Index(fields=("alert",), name="notification_alert", condition=models.Q(alert__isnull=False)),
            models.Index(fields=("provider_message_id",), name="notification_provider_id", condition=~models.Q(provider_message_id="")),
            # The log's filters, each in the order of the log: what is asked for is counted and paged in the index alone.
            models.Index(fields=("created_at", "id"), name="notification_created"),
            models.Index(fields=("notification_type", "created_at", "id", "status", "method"), name="notification_kind"),
            models.Index(fields=("method", "created_at", "id"), name="notification_method"),
            models.Index(fields=("status", "created_at", "id"), name="notification_status"),
            # Few rows, and most asked for together with something else.
            models.Index(
                fields=("status", "created_at", "id", "notification_type", "method"),
                name="notification_went_wrong",
                condition=models.Q(status="failed"),
            ),
            # What was shown here in place of being sent. By its provider as well, without which SQLite takes another index.
            models.Index(fields=("provider", "created_at", "id"), name="notification_outbox", condition=models.Q(provider="outbox")),
            models.Index(fields=("recipient", "created_at", "id"), name="notification_person"),
            models.Index(fields=("pincode", "created_at", "id"), name="notification_area"),
            # What belongs to a cause is found by the cause's words.
            TrigramIndex(fields=("subject", "message"), name="notification_words", condition=models.Q(content__isnull=True)),
        )

    def __str__(self) -> str:
        return f"{self.notification_type} by {self.method}: {self.get_status_display()}"

    def agree(self) -> None:
        """Give a row written with a status alone the phase that stands for it."""
        if STATUS_OF.get(Phase(self.phase)) != self.status:
            self.phase = PHASE_FOR[self.status]

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.agree()
        if self._state.adding:
            complete([self])
        fields = kwargs.get("update_fields")
        if fields is not None and "status" in fields:
            kwargs["update_fields"] = {*fields, "phase"}
        super().save(*args, **kwargs)


def complete(rows: Sequence[NotificationLog]) -> None:
    """Give new rows of other code what the outbox gives its own: the alert that their metadata name, and their person's pincode."""
    named = [(row, alert) for row in rows if row.alert_id is None and (alert := _uuid_in(row.metadata, "alert_id"))]
    if named:
        alerts = BusinessAlert.objects.only("pk").in_bulk({alert for _, alert in named})
        for row, alert in named:
            row.alert_id = alert if alert in alerts else None
    for row in rows:
        if not row.pincode and isinstance(row.metadata, dict) and PINCODE.fullmatch(said := str(row.metadata.get("pincode", ""))):
            row.pincode = said
    anywhere = [row for row in rows if not row.pincode and row.recipient_id]
    strangers = {row.recipient_id for row in anywhere if not NotificationLog.recipient.is_cached(row)}
    people = User.objects.only("pincode").in_bulk(strangers) if strangers else {}
    for row in anywhere:
        person = people.get(row.recipient_id) if row.recipient_id in strangers else row.recipient
        row.pincode = person.pincode if person else ""


def _uuid_in(metadata: Any, name: str) -> UUID | None:
    try:
        return UUID(str(metadata[name]))
    except (KeyError, TypeError, ValueError):
        return None


class DeliveryEvent(models.Model):
    """Something that happened to a message on its way: a failed try, an uncertain end, a receipt applied."""

    notification = models.ForeignKey(NotificationLog, on_delete=models.CASCADE, related_name="events")
    at = models.DateTimeField(default=clock.now)
    kind = models.CharField(max_length=20)
    code = models.CharField(max_length=40, blank=True)
    detail = models.TextField(blank=True)
    receipt = models.ForeignKey("core.ProviderReceipt", on_delete=models.SET_NULL, null=True, blank=True, related_name="+")

    class Meta:
        ordering = ("at", "id")

    def __str__(self) -> str:
        return f"{self.kind} {self.code}".strip()


class ProviderReceipt(models.Model):
    """A provider's later word about a message, as it came; kept also when its message is not known yet."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    provider = models.CharField(max_length=40)
    event_id = models.CharField(max_length=200, help_text="The provider's own name for this event, or one made of its parts.")
    provider_message_id = models.CharField(max_length=200)
    named_id = models.UUIDField(null=True, blank=True, help_text="Our own id of the message, where the provider repeats it.")
    kind = models.CharField(max_length=20)
    code = models.CharField(max_length=40, blank=True)
    detail = models.TextField(blank=True, null=True)  # noqa: DJ001  (the release before writes rows without it)
    payload = models.JSONField(default=dict)
    received_at = models.DateTimeField(default=clock.now)
    applied_at = models.DateTimeField(null=True, blank=True)
    given_up_at = models.DateTimeField(null=True, blank=True, help_text="Its message was never known here.")

    class Meta:
        constraints = (models.UniqueConstraint(fields=("provider", "event_id"), name="one_row_per_provider_event"),)
        indexes = (
            models.Index(
                fields=("received_at",), name="receipt_waits", condition=models.Q(applied_at__isnull=True, given_up_at__isnull=True)
            ),
            models.Index(fields=("received_at",), name="receipt_received"),
        )

    def __str__(self) -> str:
        return f"{self.provider}: {self.kind}"


class OneTimePassword(models.Model):
    """A code that proves an address. Only a keyed hash of it is kept, for its few minutes."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    identifier_hash = models.CharField(max_length=64)
    code_hash = models.CharField(max_length=64)
    created_at = models.DateTimeField(default=clock.now)
    expires_at = models.DateTimeField()
    tries = models.PositiveSmallIntegerField(default=0)
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "one-time password"
        constraints = (
            models.UniqueConstraint(
                fields=("identifier_hash",), name="one_open_password_per_identifier", condition=models.Q(used_at__isnull=True)
            ),
        )
        indexes = (models.Index(fields=("identifier_hash", "-created_at"), name="otp_identifier"),)

    def __str__(self) -> str:
        return f"One-time password of {self.created_at:%Y-%m-%d %H:%M}"

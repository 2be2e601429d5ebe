"""What a run's messages came to: counted from the log, and kept with a run that wrote many, which takes seconds to count."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import Case, CharField, Count, DateTimeField, F, Q, QuerySet, Value, When

from core.messaging.campaign import Campaign, campaigns
from core.models import MessagingRun, NotificationLog, Role, Status
from core.notifications.transports.console import OUTBOX

# A booking counts for a run when its person was told and made it within so long of the run (docs/rules.md, 10).
WITHIN: Final = timedelta(days=3)
# Messages: what a run with more of them came to is kept.
MANY: Final = 2_000
# How old it may become: while bookings still count, and after that, when a link may still be followed.
OFTEN: Final = timedelta(minutes=10)
SELDOM: Final = timedelta(days=1)
# Messages are deleted after 90 days: from then on there would be less to count each time.
KEPT_FOR: Final = timedelta(days=89)
WENT_OUT: Final = (Status.SENT, Status.DELIVERED)
COUNTS: Final = ("messages", "pending", "sent", "shown_in_outbox", "delivered", "failed", "read", "clicked")


@dataclass
class Figures:
    """Of a run, or of one method of it. `sent` is accepted or delivered; `delivered` is a receipt's word."""

    messages: int = 0
    pending: int = 0
    sent: int = 0
    # Of those sent: by nobody, for there is no provider; the outbox page shows them.
    shown_in_outbox: int = 0
    delivered: int = 0
    failed: int = 0
    read: int = 0
    clicked: int = 0
    # Who booked within three days of being told, and how often; None: who is written to does not book.
    people_booked: int | None = None
    bookings: int | None = None

    @property
    def rate(self) -> float | None:
        """In percent, as everywhere; None when nothing was sent."""
        tried = self.sent + self.failed
        return round(100 * self.sent / tried, 2) if tried else None

    def add(self, counts: dict[str, Any]) -> None:
        for name in COUNTS:
            setattr(self, name, getattr(self, name) + counts[name])


@dataclass
class Totals:
    """What a run came to, in all and by method."""

    whole: Figures = field(default_factory=Figures)
    by_method: dict[str, Figures] = field(default_factory=dict)


def books(campaign: Campaign) -> bool:
    """Whether those whom it writes to make bookings: customers do."""
    return not campaign.kind.audience or Role.CUSTOMER in campaign.kind.audience


# --- Kept ---------------------------------------------------------------------------------------------------------------


def keep(*, now: datetime) -> bool:
    """Count the one run again that waits for it longest, of those that wrote many; whether there was one.

    Called each minute, it takes the seconds that a page would otherwise take: those never counted come first, the newest before others.
    """
    run = _waiting(now=now).first()
    if run is None:
        return False
    totals = count([run], booked=books(campaigns.get(run.name)))[run.pk]
    MessagingRun.objects.filter(pk=run.pk).update(totals=asdict(totals), totals_at=now)
    return True


def kept(run: MessagingRun) -> Totals | None:
    """What was last counted of it, at `run.totals_at`."""
    if run.totals is None:
        return None
    by_method = {method: Figures(**figures) for method, figures in run.totals["by_method"].items()}
    return Totals(Figures(**run.totals["whole"]), by_method)


def _waiting(*, now: datetime) -> QuerySet[MessagingRun]:
    old = now - WITHIN
    is_due = (
        Q(totals_at=None)
        | Q(started_at__gt=old, totals_at__lte=now - OFTEN)
        # The last word on bookings.
        | Q(started_at__lte=old, totals_at__lt=F("started_at") + Value(WITHIN))
        | Q(totals_at__lte=now - SELDOM)
    )
    many = MessagingRun.objects.filter(name__in=campaigns.names(), started_at__gte=now - KEPT_FOR, result__queued__gt=MANY)
    return many.filter(is_due).order_by(F("totals_at").asc(nulls_first=True), "-started_at")


# --- Counted ------------------------------------------------------------------------------------------------------------


def count(runs: Sequence[MessagingRun], *, booked: bool) -> dict[UUID, Totals]:
    """From the log, in two statements however many messages they wrote; one unless `booked` is asked for."""
    found = {run.pk: Totals() for run in runs}
    for row in _counted(list(found)):
        totals = found[row["run_id"]]
        totals.whole.add(row)
        totals.by_method.setdefault(row["method"], Figures()).add(row)
    if booked:
        for totals in found.values():
            for figures in (totals.whole, *totals.by_method.values()):
                figures.people_booked = figures.bookings = 0
        for row in _booked(runs):
            totals = found[row["run_id"]]
            figures = totals.by_method[row["by"]] if row["by"] else totals.whole
            figures.people_booked, figures.bookings = row["people"], row["bookings"]
    return found


def _counted(runs: list[UUID]) -> Any:
    by_status = {str(status): Count("pk", filter=Q(status=status)) for status in (Status.PENDING, Status.DELIVERED, Status.FAILED)}
    return (
        NotificationLog.objects.filter(run_id__in=runs)
        .order_by()
        .values("run_id", "method")
        .annotate(
            messages=Count("pk"),
            sent=Count("pk", filter=Q(status__in=WENT_OUT)),
            shown_in_outbox=Count("pk", filter=Q(status__in=WENT_OUT, provider=OUTBOX)),
            read=Count("read_at"),
            clicked=Count("clicked_at"),
            **by_status,
        )
    )


def _booked(runs: Sequence[MessagingRun]) -> Any:
    """Who of those told booked, by run, and by run and method: whoever was told twice counts once in the run."""

    def moment(after: timedelta) -> Case:
        return Case(*[When(run_id=run.pk, then=Value(run.started_at + after)) for run in runs], output_field=DateTimeField())

    told = NotificationLog.objects.filter(run_id__in=[run.pk for run in runs], status__in=WENT_OUT).filter(
        recipient__bookings__created_at__gte=moment(timedelta()), recipient__bookings__created_at__lt=moment(WITHIN)
    )
    counts = {"people": Count("recipient_id", distinct=True), "bookings": Count("recipient__bookings", distinct=True)}
    whole = told.order_by().annotate(by=Value("", output_field=CharField())).values("run_id", "by").annotate(**counts)
    return whole.union(told.order_by().annotate(by=F("method")).values("run_id", "by").annotate(**counts), all=True)

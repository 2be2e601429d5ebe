"""What came of a campaign's runs: what was sent, what arrived, what was read and followed, and who booked within three days."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.core.cache import cache
from django.db.models import Case, CharField, Count, DateTimeField, F, Q, QuerySet, Value, When
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core import clock
from core.dashboard import pages
from core.dashboard.campaigns import RunShown, campaign_named, run_of
from core.dashboard.figures import success_rate
from core.dashboard.resource import Resource, Said, endpoint, plain
from core.dashboard.strict import Query
from core.messaging.campaign import Campaign
from core.models import MessagingRun, NotificationLog, Role, Status
from core.notifications.transports.console import OUTBOX

# A booking counts for a run when its person was told and made it within so long of the run (docs/rules.md, 10).
WITHIN: Final = timedelta(days=3)
MOST: Final = 50
# Seconds.
REMEMBERED: Final = 60
SETTLED_FOR: Final = 3_600
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
        return success_rate({Status.SENT: self.sent, Status.FAILED: self.failed})

    def add(self, counts: dict[str, Any]) -> None:
        for name in COUNTS:
            setattr(self, name, getattr(self, name) + counts[name])


@dataclass
class Results:
    """What came of one run so far."""

    run: MessagingRun
    # Until when bookings count; before that there may be more.
    counts_until: datetime
    whole: Figures = field(default_factory=Figures)
    by_method: dict[str, Figures] = field(default_factory=dict)


def last_runs(campaign: Campaign) -> QuerySet[MessagingRun]:
    """A campaign's runs, newest first."""
    return MessagingRun.objects.filter(name=campaign.name).select_related("actor").order_by("-started_at", "-pk")


def books(campaign: Campaign) -> bool:
    """Whether those whom it writes to make bookings: customers do."""
    return not campaign.kind.audience or Role.CUSTOMER in campaign.kind.audience


def results_of(runs: Sequence[MessagingRun], *, booked: bool, now: datetime) -> dict[UUID, Results]:
    """What came of these runs, by their ids, in two statements however many messages they wrote; one unless `booked` is asked for.

    Each reads the rows of these runs alone. What took long to count is remembered: for a minute, or an hour once bookings no longer count.
    """
    known = cache.get_many([_name(run, booked) for run in runs])
    found = {run.pk: Results(run, run.started_at + WITHIN, *known.get(_name(run, booked), ())) for run in runs}
    fresh = [run for run in runs if _name(run, booked) not in known]
    if not fresh:
        return found
    began = time.perf_counter()
    _count(fresh, found, booked=booked)
    if time.perf_counter() - began > pages.LONG:
        for run in fresh:
            result = found[run.pk]
            cache.set(_name(run, booked), (result.whole, result.by_method), SETTLED_FOR if result.counts_until <= now else REMEMBERED)
    return found


def _name(run: MessagingRun, booked: bool) -> str:
    return f"results:{run.pk}:{booked}"


def _count(runs: list[MessagingRun], found: dict[UUID, Results], *, booked: bool) -> None:
    for row in _counted([run.pk for run in runs]):
        result = found[row["run_id"]]
        result.whole.add(row)
        result.by_method.setdefault(row["method"], Figures()).add(row)
    if booked:
        for run in runs:
            for figures in (found[run.pk].whole, *found[run.pk].by_method.values()):
                figures.people_booked = figures.bookings = 0
        for row in _booked(runs):
            result = found[row["run_id"]]
            figures = result.by_method[row["by"]] if row["by"] else result.whole
            figures.people_booked, figures.bookings = row["people"], row["bookings"]


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


# --- Over the API -------------------------------------------------------------------------------------------------------


class ResultsQuery(Query):
    last = serializers.IntegerField(required=False, default=10, min_value=1, max_value=MOST, help_text="How many runs, from the newest on.")


class BookedShown(serializers.Serializer[Any]):
    people = serializers.IntegerField(help_text="Who were told and booked within 3 days of the run.")
    bookings = serializers.IntegerField(help_text="Which they made then.")


class FiguresShown(serializers.Serializer[Any]):
    messages = serializers.IntegerField()
    pending = serializers.IntegerField()
    sent = serializers.IntegerField(help_text="Accepted or delivered.")
    shown_in_outbox = serializers.IntegerField(help_text="Of those: not really sent, there is no provider; the outbox page shows them.")
    delivered = serializers.IntegerField(help_text="A receipt says so.")
    failed = serializers.IntegerField()
    success_rate = serializers.FloatField(allow_null=True, help_text="Percent; null when nothing was sent.")
    read = serializers.IntegerField(help_text="Opened in the inbox.")
    clicked = serializers.IntegerField(help_text="The link was followed.")
    booked = BookedShown(allow_null=True, help_text="null: those whom it writes to do not book.")


class MethodShown(FiguresShown):
    method = serializers.CharField()


class ResultShown(RunShown):
    people = serializers.IntegerField(help_text="Who were written to.")
    total = FiguresShown()
    by_method = MethodShown(many=True)
    bookings_count_until = serializers.DateTimeField(help_text="Before this moment there may be more.")
    is_settled = serializers.BooleanField(help_text="Whether that moment has passed.")


class ResultsAnswer(serializers.Serializer[Any]):
    campaign = serializers.CharField()
    runs = ResultShown(many=True)
    as_of = serializers.DateTimeField()


class CampaignResults(Resource):
    @endpoint("What came of its last runs", query=ResultsQuery, answers=ResultsAnswer)
    def get(self, request: Request, said: Said, name: str) -> Response:
        """Newest first; what is still on its way, and bookings of the three days after a run, are added as they come."""
        now, campaign = clock.now(), campaign_named(name)
        runs = list(last_runs(campaign)[: said["last"]])
        results = results_of(runs, booked=books(campaign), now=now)
        return plain({"campaign": campaign.name, "runs": [_shown(results[run.pk], now=now) for run in runs], "as_of": now})


def _shown(result: Results, *, now: datetime) -> dict[str, Any]:
    return {
        **run_of(result.run),
        "people": int(result.run.result.get("people", 0)),
        "total": _figures(result.whole),
        "by_method": [{"method": method, **_figures(figures)} for method, figures in sorted(result.by_method.items())],
        "bookings_count_until": result.counts_until,
        "is_settled": result.counts_until <= now,
    }


def _figures(figures: Figures) -> dict[str, Any]:
    booked = None if figures.bookings is None else {"people": figures.people_booked, "bookings": figures.bookings}
    return {**{name: getattr(figures, name) for name in COUNTS}, "success_rate": figures.rate, "booked": booked}

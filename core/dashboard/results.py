"""What came of a campaign's runs: what was sent, what arrived, what was read and followed, and who booked within three days."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.core.cache import cache
from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core import clock
from core.dashboard import pages
from core.dashboard.campaigns import RunShown, campaign_named, run_of
from core.dashboard.resource import Resource, Said, endpoint, plain
from core.dashboard.strict import Query
from core.messaging import totals
from core.messaging.campaign import Campaign
from core.messaging.totals import COUNTS, WITHIN, Figures, Totals, books
from core.models import MessagingRun

MOST: Final = 50
# Seconds.
REMEMBERED: Final = 60
SETTLED_FOR: Final = 3_600


@dataclass
class Results:
    """What came of one run, as of a moment."""

    run: MessagingRun
    # Until when bookings count; before that there may be more.
    counts_until: datetime
    as_of: datetime
    totals: Totals = field(default_factory=Totals)

    @property
    def whole(self) -> Figures:
        return self.totals.whole

    @property
    def by_method(self) -> dict[str, Figures]:
        return self.totals.by_method


def last_runs(campaign: Campaign) -> QuerySet[MessagingRun]:
    """A campaign's runs, newest first."""
    return MessagingRun.objects.filter(name=campaign.name).select_related("actor").order_by("-started_at", "-pk")


def results_of(runs: Sequence[MessagingRun], *, booked: bool, now: datetime) -> dict[UUID, Results]:
    """What came of these runs, by their ids, in two statements however many messages they wrote; one unless `booked` is asked for.

    Each reads the rows of these runs alone. A run that wrote many is told as it was last counted (`core.messaging.totals`). What took long
    to count all the same is remembered: for a minute, or an hour once bookings no longer count.
    """
    found: dict[UUID, Results] = {}
    cached = cache.get_many([_name(run, booked) for run in runs])
    for run in runs:
        known = totals.kept(run)
        at, counted = (run.totals_at or now, known) if known else cached.get(_name(run, booked), (now, None))
        if counted:
            found[run.pk] = Results(run, run.started_at + WITHIN, at, counted)
    fresh = [run for run in runs if run.pk not in found]
    if not fresh:
        return found
    began = time.perf_counter()
    counts = totals.count(fresh, booked=booked)
    is_long = time.perf_counter() - began > pages.LONG
    for run in fresh:
        result = found[run.pk] = Results(run, run.started_at + WITHIN, now, counts[run.pk])
        if is_long:
            cache.set(_name(run, booked), (now, result.totals), SETTLED_FOR if result.counts_until <= now else REMEMBERED)
    return found


def _name(run: MessagingRun, booked: bool) -> str:
    # Not "results", by which an earlier release may have left something of another shape.
    return f"totals:{run.pk}:{booked}"


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
    counted_at = serializers.DateTimeField(help_text="As of when this is: now, or minutes ago for a run of thousands of messages.")
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
        "counted_at": result.as_of,
        "bookings_count_until": result.counts_until,
        "is_settled": result.counts_until <= now,
    }


def _figures(figures: Figures) -> dict[str, Any]:
    booked = None if figures.bookings is None else {"people": figures.people_booked, "bookings": figures.bookings}
    return {**{name: getattr(figures, name) for name in COUNTS}, "success_rate": figures.rate, "booked": booked}

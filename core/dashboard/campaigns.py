"""Campaigns: their rule, when they run, what came of the last run, whom they would write to now; and their pause."""

from datetime import datetime
from typing import Any, ClassVar, Final

from django.db.models import QuerySet, Subquery
from django.http import Http404
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core import clock, jobs, limits, schedule
from core.analytics import thresholds
from core.dashboard.resource import Resource, Said, endpoint, plain
from core.dashboard.schedule import ScheduleShown, schedule_of
from core.dashboard.shapes import PersonShown, person_of
from core.dashboard.switches import Reason, SwitchRow, Thrown, row_of, thrown
from core.dashboard.thresholds import RuleShown, rule_of
from core.messaging.campaign import Campaign, campaigns
from core.models import MessagingRun, Switch, TypeSetting

PAUSES: Final = (Switch.Scope.ALL, Switch.Scope.CAMPAIGN, Switch.Scope.TYPE)


class RunShown(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    started_at = serializers.DateTimeField()
    actor = PersonShown(allow_null=True, help_text="null: the schedule.")
    result = serializers.JSONField(help_text="Counts: matched, queued, people, suppressed by reason.")


class CampaignRow(serializers.Serializer[Any]):
    name = serializers.CharField()
    title = serializers.CharField()
    notification_type = serializers.CharField()
    methods = serializers.ListField(child=serializers.CharField())
    limits = RuleShown(allow_null=True, help_text="As they hold everywhere; null: it has none.")
    regional_limits = serializers.IntegerField(help_text="How many limits of pincodes and regions differ from these.")
    schedule = ScheduleShown(allow_null=True, help_text="null: it is not on the schedule.")
    paused_by = SwitchRow(many=True, help_text="The switches that hold it back now: its own, its type's, everything's.")
    last_run = RunShown(allow_null=True)


class CampaignList(serializers.Serializer[Any]):
    campaigns = CampaignRow(many=True)
    as_of = serializers.DateTimeField()


class Campaigns(Resource):
    @endpoint("List campaigns", answers=CampaignList)
    def get(self, request: Request, said: Said) -> Response:
        """Each with its limits in force, its schedule, what holds it back and what came of its last run."""
        now = clock.now()
        return plain({"campaigns": rows(now=now), "as_of": now})


class PreviewAnswer(serializers.Serializer[Any]):
    campaign = serializers.CharField()
    result = serializers.JSONField(help_text="What a run now would count: matched, queued, people, suppressed by reason, queued by_method.")


class CampaignPreview(Resource):
    throttle_scope = "jobs"

    @endpoint("Whom it would write to now", answers=PreviewAnswer)
    def post(self, request: Request, said: Said, name: str) -> Response:
        """Decides as a run does, people's choices, caps and addresses included, and writes nothing. Pauses are not looked at."""
        return plain({"campaign": name, "result": jobs.perform(campaign_named(name).name, now=clock.now(), dry_run=True)})


class Pause(Resource):
    """Pauses a campaign, or lets it go on."""

    pauses: ClassVar[bool] = True

    @endpoint("Pause or resume a campaign", body=Reason, answers=Thrown, is_idempotent=True)
    def post(self, request: Request, said: Said, name: str) -> Response:
        """What is queued waits, and leaves when the campaign is resumed, unless it has become too late. Runs go on deciding meanwhile."""
        campaign = campaign_named(name)
        return plain(thrown(Switch.Scope.CAMPAIGN, campaign.name, paused=self.pauses, reason=said["reason"], actor=self.user))


class Resume(Pause):
    pauses = False


def campaign_named(name: str) -> Campaign:
    """Raises Http404 when there is none."""
    if name not in campaigns:
        raise Http404
    return campaigns.get(name)


def rows(*, now: datetime) -> list[dict[str, Any]]:
    """Every campaign as `CampaignRow`, in as many statements as one."""
    rules = limits.rules()
    held = thresholds.all_in_force({name: rule.limits for name, rule in rules.items()}, now=now)
    plans = {plan.job.name: plan for plan in schedule.plans()}
    methods = dict(TypeSetting.objects.values_list("notification_type", "methods"))
    switches = list(Switch.objects.filter(scope__in=PAUSES, is_paused=True).select_related("changed_by").order_by("scope", "name"))
    last = {run.name: run for run in _last_runs()}
    found = []
    for campaign in campaigns:
        rule, plan, run = rules.get(campaign.name), plans.get(campaign.name), last.get(campaign.name)
        own = {(Switch.Scope.ALL, ""), (Switch.Scope.CAMPAIGN, campaign.name), (Switch.Scope.TYPE, campaign.kind.name)}
        found.append(
            {
                "name": campaign.name,
                "title": campaign.label,
                "notification_type": campaign.kind.name,
                "methods": methods.get(campaign.kind.name, campaign.kind.methods),
                "limits": rule_of(rule, held[campaign.name], "") if rule else None,
                "regional_limits": sum(bool(scope) for _, scope in held[campaign.name].rows) if rule else 0,
                "schedule": schedule_of(plan, now=now) if plan else None,
                "paused_by": [row_of(switch) for switch in switches if (switch.scope, switch.name) in own],
                "last_run": run_of(run) if run else None,
            }
        )
    return found


def _last_runs() -> QuerySet[MessagingRun]:
    """Each campaign's last one, in one statement that reads one row of an index for each."""
    newest: Any = [Subquery(MessagingRun.objects.filter(name=name).order_by("-started_at").values("pk")[:1]) for name in campaigns.names()]
    return MessagingRun.objects.filter(pk__in=newest).select_related("actor")


def run_of(run: MessagingRun) -> dict[str, Any]:
    """As `RunShown`."""
    return {"id": run.pk, "started_at": run.started_at, "actor": person_of(run.actor), "result": run.result}

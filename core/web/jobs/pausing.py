"""Pause a campaign and let it go on, switch a job off and on: asked first, with how many messages wait."""

from datetime import datetime

from django.contrib import messages as said
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from core import clock, rescheduling, schedule
from core.dashboard.campaigns import campaign_named
from core.dashboard.schedule import job_or_404
from core.dashboard.switches import thrown
from core.messaging.campaign import Campaign, campaigns
from core.models import Switch
from core.notifications.switches import LONGEST_REASON, held_by
from core.web.doors import for_staff, person
from core.web.jobs.running import Question, asked
from core.web.words import moment


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@for_staff
def pause(request: HttpRequest, name: str) -> HttpResponse:
    campaign = campaign_named(name)
    lines = [
        f"{held_by(Switch.Scope.CAMPAIGN, name).words}. Nothing of it leaves until it is resumed.",
        "Its runs go on deciding meanwhile; what they write waits, too, and what waits too long is never sent.",
    ]
    return _thrown(request, campaign, Question(f"Pause “{campaign.label}”?", lines, "Pause it", "Pausing…", reason=""), paused=True)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@for_staff
def resume(request: HttpRequest, name: str) -> HttpResponse:
    campaign = campaign_named(name)
    held = held_by(Switch.Scope.CAMPAIGN, name)
    title, button, lines = f"Resume “{campaign.label}”", "Resume it", [held.leaves]
    if held.messages:
        title, button = f"{title}, and write to {held.whom}", f"Resume, and write to {held.whom}"
        lines = [held.leaves, *_held_besides(campaign), "Once sent it cannot be taken back."]
    return _thrown(request, campaign, Question(f"{title}?", lines, button, "Resuming…", reason=""), paused=False)


def _held_besides(campaign: Campaign) -> list[str]:
    """What else holds its messages back, so that resuming alone sends none."""
    wider = Q(scope=Switch.Scope.ALL) | Q(scope=Switch.Scope.TYPE, name=campaign.kind.name)
    paused = {switch.scope for switch in Switch.objects.filter(wider, is_paused=True)}
    what = "Everything is" if Switch.Scope.ALL in paused else "Messages of its kind are" if paused else ""
    return [f"{what} paused besides: none of it leaves until that ends, too."] if what else []


def _thrown(request: HttpRequest, campaign: Campaign, question: Question, *, paused: bool) -> HttpResponse:
    now, back = clock.now(), reverse("campaign", args=[campaign.name])
    action = reverse("campaign-pause" if paused else "campaign-resume", args=[campaign.name])
    if request.method != "POST":
        return asked(request, question, here="campaigns", action=action, back=back)
    reason = request.POST.get("reason", "").strip().replace("\0", "")
    wrong = "" if reason else "Say why: it is kept with the switch."
    if len(reason) > LONGEST_REASON:
        wrong = f"At most {LONGEST_REASON} characters."
    if wrong:
        again = Question(question.title, question.lines, question.button, question.busy, reason=reason, wrong=wrong)
        return asked(request, again, here="campaigns", action=action, back=back, status=400)
    switch = thrown(Switch.Scope.CAMPAIGN, campaign.name, paused=paused, reason=reason, actor=person(request))
    did = "paused" if paused else "resumed"
    if switch["changed"]:
        said.success(request, f"{campaign.label} is {'paused' if paused else 'on again'}.")
    else:
        said.warning(request, _first(switch, did, now=now))
    return HttpResponseRedirect(back, status=303)


def _first(switch: dict[str, object], did: str, *, now: datetime) -> str:
    """Who was faster, and when."""
    by, at = switch["changed_by"], switch["changed_at"]
    who = by["name"] if isinstance(by, dict) else "Nobody"
    if not isinstance(at, datetime) or not by:
        return f"It was not {'paused' if did == 'resumed' else 'resumed'} before: nothing changed."
    return f"{who} {did} this at {moment(at, now=now).short}: “{switch['reason']}”. Nothing changed."


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@for_staff
def switch_job(request: HttpRequest, name: str) -> HttpResponse:
    """Asks; with `enabled` ("on" or "off") switches."""
    now, job = clock.now(), job_or_404(name)
    plan = next((plan for plan in schedule.plans() if plan.job.name == name), None)
    wanted = request.POST.get("enabled", "")
    if plan is None:
        said.error(request, f"{job.label} is not on the schedule; setup_periodic_tasks puts it there.")
        return redirect("schedule")
    question = _of_job(plan, now=now)
    action, back = reverse("job-switch", args=[name]), reverse("schedule")
    if request.method != "POST" or wanted not in ("on", "off"):
        status = 400 if request.method == "POST" else 200
        return asked(request, question, here="schedule", action=action, back=back, status=status)
    if plan.enabled == (wanted == "on"):
        said.warning(request, f"{job.label} was switched {wanted} already. Nothing changed.")
        return HttpResponseRedirect(back, status=303)
    try:
        rescheduling.change(job, enabled=wanted == "on", times={}, actor=person(request), now=now)
    except rescheduling.NotNow as error:
        refused = Question(question.title, question.lines, question.button, question.busy, question.hidden, refused=str(error))
        return asked(request, refused, here="schedule", action=action, back=back, status=409)
    said.success(request, f"{job.label} is switched {wanted}.")
    return HttpResponseRedirect(back, status=303)


def _of_job(plan: schedule.Plan, *, now: datetime) -> Question:
    at = moment(plan.times.next_after(now), now=now)
    if plan.enabled:
        what = "Nobody is written to by it" if plan.job.name in campaigns else "Nothing of it happens"
        lines = [f"It would run next at {at.short}. {what} until it is switched on again; slots meanwhile do not count as missed."]
        return Question(f"Switch “{plan.job.label}” off?", lines, "Switch it off", "Switching…", (("enabled", "off"),))
    lines = [f"It runs next at {at.short}. Nothing before this moment is made up for."]
    return Question(f"Switch “{plan.job.label}” on?", lines, "Switch it on", "Switching…", (("enabled", "on"),))

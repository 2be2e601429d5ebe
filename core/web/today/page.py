"""Today: what needs doing now, worst first, and whether everything that should have happened did."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from core import access, clock
from core.models import Role
from core.web.doors import for_staff, frame, person
from core.web.providers.lines import providers
from core.web.today.alerts import alert_figures, alert_lines, alert_totals, last_closed, open_alerts
from core.web.today.places import pincodes_over
from core.web.today.runs import run_lines
from core.web.today.sending import sending
from core.web.words import long_day


@require_safe
@never_cache
@for_staff
def today(request: HttpRequest) -> HttpResponse:
    user, now = person(request), clock.now()
    alerts = open_alerts(user)
    totals = alert_totals(alerts)
    lines = alert_lines(alerts, now=now)
    is_finance = user.role == Role.FINANCE
    places = None if is_finance else pincodes_over(now=now)
    context = {
        "as_of": long_day(now),
        "figures": [*alert_figures(user, totals, lines, now=now), *([places.figure] if places else [])],
        "alerts": lines,
        "open_count": totals["count"],
        "last_closed": last_closed(user, now=now) if not totals["count"] else "",
        "sending": sending(access.logs_of(user), now=now),
        "places": places,
        "providers": None if is_finance else providers(now=now),
        "runs": run_lines(user, now=now),
    }
    return render(request, "web/today.html", frame(request, "today") | context)

"""The first page, and the answer to whoever asks whether we are well."""

from django.db import Error, connection
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from core import clock
from core.alerts import stuck
from core.models import User
from core.notifications import watchdog
from core.web.demo import demo
from core.web.doors import is_staff


@require_safe
@never_cache
def home(request: HttpRequest) -> HttpResponse:
    """What this is; to whoever is logged in, their own first page."""
    if isinstance(request.user, User):
        return HttpResponseRedirect(reverse("today" if is_staff(request.user) else "inbox"))
    return render(request, "web/home.html", demo())


@require_safe
@never_cache
def healthz(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """200 when the database answers, 503 when it does not."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error:
        return HttpResponse("The database does not answer.\n", status=503, content_type="text/plain")
    return HttpResponse("ok\n", content_type="text/plain")


@require_safe
@never_cache
def healthz_delivery(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """Whether messages leave, for a monitor outside: 503 when one waits for more than five minutes. Numbers, and nothing else."""
    try:
        waiting = watchdog.waiting(now=clock.now()).values()
    except Error:
        return JsonResponse({"status": "unknown", "oldest_due_seconds": None, "waiting": None}, status=503)
    oldest = max((each.oldest.total_seconds() for each in waiting), default=0.0)
    late = oldest > stuck.patience().total_seconds()
    answer = {"status": "stuck" if late else "ok", "oldest_due_seconds": int(oldest), "waiting": sum(each.count for each in waiting)}
    return JsonResponse(answer, status=503 if late else 200)

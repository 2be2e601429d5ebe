"""Whatever anybody wrote, on every page there is, in a real browser: it is text, and nothing of it runs."""

import threading
from typing import Any

import pytest
from django.apps import apps
from django.db import connections, models
from playwright.sync_api import Dialog, Page, expect

from core import clock, links
from core.access import PAGES
from core.admin.site import site
from core.models import NotificationLog, Role, User
from core.notifications.transport import Message
from core.notifications.transports.websocket import WebSocketTransport
from tests import admin_world, people
from tests.api.world import address, alert_of, furnish, message_of
from tests.servers.asgi import log_in

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.embedded]

# The first part alone fits the shortest of columns that hold words.
FIRST = "\"'><img src=x onerror=top.hurt=1>"
HURT = f"{FIRST}<script>top.hurt=1</script><svg onload=top.hurt=1>{{{{7*7}}}}';top.hurt=1;'"
RUNS = "javascript:top.hurt=1"
DATA = {"text": HURT, HURT: HURT, "list": [HURT]}
# What the product looks things up by, or keeps as a hash; everything else that holds words is made hostile.
KEPT = {
    "User": {"password"},
    "BusinessAlert": {"alert_type", "fingerprint"},
    "AlertItem": {"object_id"},
    "EscalationPolicy": {"alert_type"},
    "EscalationStep": {"roles", "methods"},
    "PincodeAnalytics": {"other_alerts_sent"},
    "Threshold": {"rule", "name"},
    "IdempotencyKey": {"path", "key", "body_hash", "response"},
    "Tries": {"limit", "key_hash"},
    "MessageContent": {"template"},
    "MessagingRun": {"name", "rule", "totals"},
    "LeftOut": {"methods", "cause"},
    "NotificationLog": {"notification_type", "key", "provider", "personal"},
    "OneTimePassword": {"identifier_hash", "code_hash"},
    "Preference": {"category", "source"},
    "ProviderReceipt": {"provider", "event_id"},
    "Switch": {"name"},
    "TypeSetting": {"methods"},
    "ScheduleRun": {"job", "task_id"},
    "TemplateVersion": {"name"},
}
ALSO: dict[str, dict[str, Any]] = {
    "auditlog.LogEntry": {"object_repr": HURT, "changes": {HURT[:30]: [HURT, HURT]}, "additional_data": DATA, "cid": FIRST},
    "axes.AccessAttempt": {"user_agent": HURT, "path_info": HURT, "get_data": HURT, "post_data": HURT},
    "django_celery_results.TaskResult": {"result": f'"{HURT}"', "traceback": HURT, "task_args": HURT},
    "django_celery_beat.PeriodicTask": {"description": HURT},
}
# Set before anything of the page: what a policy stopped would have run without it.
LISTEN = "addEventListener('securitypolicyviolation', e => { (window.stopped ??= []).push(e.violatedDirective + ' ' + e.sample) })"
LOOK = """() => ({
  hurt: window.hurt ?? null, stopped: window.stopped ?? [],
  elements: document.querySelectorAll("img[src='x'], svg[onload], [onerror], [href^='javascript:'], [action^='javascript:']").length,
})"""


def make_hostile() -> None:
    """Every column of the product that holds somebody's words, of every row."""
    for model in apps.get_app_config("core").get_models():
        words: dict[str, Any] = {}
        numbered: list[str] = []
        for field in model._meta.concrete_fields:
            if field.name in KEPT.get(model.__name__, ()) or field.choices or field.unique or field.primary_key:
                continue
            longest = getattr(field, "max_length", None)
            if isinstance(field, models.CharField | models.TextField) and (longest is None or longest >= len(FIRST)):
                words[field.name] = RUNS if field.name == "link_url" else HURT if longest is None or longest > len(HURT) + 2 else FIRST
                numbered += [field.name] if any(field.name in getattr(one, "fields", ()) for one in model._meta.constraints) else []
            elif isinstance(field, models.JSONField):
                words[field.name] = DATA | ({"queued": 1, "people": 1, "suppressed": {HURT: 3}} if field.name == "result" else {})
        if words:
            model._base_manager.update(**{name: said for name, said in words.items() if name not in numbered})
        for number, row in enumerate(model._base_manager.values_list("pk", flat=True) if numbered else ()):
            model._base_manager.filter(pk=row).update(**{name: f"{words[name]}{number}" for name in numbered})
    for other, columns in ALSO.items():
        apps.get_model(other)._base_manager.update(**columns)


def elsewhere(act: Any) -> None:
    """As a sender or a task does: in a thread that is not the server's."""

    def alone() -> None:
        act()
        connections.close_all()

    thread = threading.Thread(target=alone)
    thread.start()
    thread.join(10)


def must_be_text(page: Page, url: str) -> None:
    found = page.evaluate(LOOK)
    if "/mail/" in url:
        # The mail itself, which may hold whatever its template does, under a policy that runs nothing.
        assert found["hurt"] is None, url
        return
    assert found == {"hurt": None, "stopped": [], "elements": 0}, url


def test_nothing_that_anybody_wrote_runs_on_any_page_in_any_frame_or_live(browser, server):
    people_of = {name: people.meet(name) for name in ("sara", "farah", "vera", "kiran")}
    admin_world.furnish(2)
    world = furnish(people_of["sara"])
    for name in ("vera", "kiran"):
        message_of(people_of[name])
    told_of = message_of(people_of["sara"], alert=alert_of(), created_at=clock.now())
    User.objects.create_user(f"{FIRST}<i>", role=Role.VENDOR)
    make_hostile()
    staff = [address(route, world) for route, rule in PAGES.items() if isinstance(rule.get("GET"), frozenset)]
    signed = [address("unsubscribe/<str:token>/", world), f"/act/{links.token(links.ACT, told_of.pk)}/"]
    tables = [f"/admin/{model._meta.app_label}/{model._meta.model_name}/" for model in site._registry]
    rows = [
        f"/admin/{model._meta.app_label}/{model._meta.model_name}/{row.pk}/change/"
        for model in site._registry
        if (row := model._default_manager.first()) is not None
    ]
    own = ["/inbox/", "/preferences/", "/accounts/"]
    walks = {"sara": [*staff, *tables, *rows], "farah": ["/dashboard/", "/dashboard/alerts/", "/dashboard/log/"]}
    walks |= {"vera": own, "kiran": own, "": ["/", *signed]}
    context = browser.new_context()
    context.add_init_script(LISTEN)
    page, spoke = context.new_page(), []

    def heard(dialog: Dialog) -> None:
        spoke.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", heard)
    refused = []
    for who, urls in walks.items():
        context.clear_cookies()
        if who:
            context.add_cookies([{"name": "sessionid", "value": log_in(people_of[who]), "url": server.url}])
        for url in urls:
            answer = page.goto(server.url + url, wait_until="load")
            # A link in an alert's message says why it does nothing where its address is no longer its person's.
            if answer is None or (answer.status >= 400 and not url.startswith("/act/")):
                refused.append((who, url, answer.status if answer else None))
            must_be_text(page, url)
    assert refused == []
    # What comes live is put into a page that is open.
    row = NotificationLog(
        recipient=people_of["vera"], notification_type="bonus_alert", method="websocket", status="sent", subject=f"New {HURT}", message=HURT
    )
    letter = Message(id=row.pk, to=str(row.recipient_id), subject=row.subject, text=row.message)
    context.clear_cookies()
    context.add_cookies([{"name": "sessionid", "value": log_in(people_of["vera"]), "url": server.url}])
    page.goto(f"{server.url}/inbox/")
    expect(page.locator("#live")).to_contain_text("Live")
    row.save()
    elsewhere(lambda: WebSocketTransport().send(letter))
    expect(page.locator("#messages")).to_contain_text(f"New {FIRST}", timeout=20_000)
    must_be_text(page, "/inbox/")
    assert spoke == []

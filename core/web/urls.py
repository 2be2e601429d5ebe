"""The pages' addresses."""

from django.urls import URLPattern, path

from core.access import ALERT_STEPS
from core.web import accounts, alert_letters, audit, home, inbox, letters, outbox, preferences
from core.web.alerts import detail as alerts_detail
from core.web.alerts import page as alerts
from core.web.alerts import steps
from core.web.campaigns import page as campaigns
from core.web.campaigns import words
from core.web.jobs import pausing, running, schedule
from core.web.log import detail
from core.web.log.page import log
from core.web.log.rates import rates
from core.web.map import page as map_page
from core.web.providers import page as providers
from core.web.rules.addresses import RULES
from core.web.today.page import today

urlpatterns: list[URLPattern] = [
    path("", home.home, name="home"),
    path("healthz", home.healthz, name="healthz"),
    path("healthz/delivery", home.healthz_delivery, name="healthz-delivery"),
    path("accounts/", accounts.account, name="account"),
    path("accounts/login/", accounts.login, name="login"),
    path("accounts/logout/", accounts.logout, name="logout"),
    path("accounts/password/", accounts.change_password, name="change-password"),
    path("accounts/second-factor/", accounts.ask_second_factor, name="second-factor"),
    path("accounts/recovery-codes/", accounts.new_recovery_codes, name="recovery-codes"),
    path("dashboard/", today, name="today"),
    *RULES,
    path("dashboard/alerts/", alerts.alerts, name="alerts"),
    path("dashboard/alerts/<uuid:alert_id>/", alerts_detail.alert, name="alert"),
    *(path(f"dashboard/alerts/<uuid:alert_id>/{step}/", steps.take, {"step": step}, name=f"alert-{step}") for step in ALERT_STEPS),
    path("dashboard/log/", log, name="log"),
    path("dashboard/log/rates/", rates, name="log-rates"),
    path("dashboard/log/<uuid:notification_id>/", detail.one, name="log-one"),
    path("dashboard/log/<uuid:notification_id>/mail/", detail.mail, name="log-mail"),
    path("dashboard/map/", map_page.day_map, name="map"),
    path("dashboard/providers/", providers.page, name="providers"),
    path("dashboard/providers/switch/", providers.switch, name="providers-switch"),
    path("dashboard/outbox/", outbox.outbox, name="outbox"),
    path("dashboard/outbox/<uuid:message_id>/", outbox.message, name="outbox-message"),
    path("dashboard/outbox/<uuid:message_id>/mail/", outbox.mail, name="outbox-mail"),
    path("dashboard/campaigns/", campaigns.campaign_list, name="campaigns"),
    path("dashboard/campaigns/<str:name>/", campaigns.campaign, name="campaign"),
    path("dashboard/campaigns/<str:name>/preview/", campaigns.preview, name="campaign-preview"),
    path("dashboard/campaigns/<str:name>/mail/", words.mail, name="campaign-mail"),
    path("dashboard/campaigns/<str:name>/send/", running.send_campaign, name="campaign-send"),
    path("dashboard/campaigns/<str:name>/pause/", pausing.pause, name="campaign-pause"),
    path("dashboard/campaigns/<str:name>/resume/", pausing.resume, name="campaign-resume"),
    path("dashboard/schedule/", schedule.schedule_page, name="schedule"),
    path("dashboard/schedule/<str:name>/run/", running.run_job, name="job-run"),
    path("dashboard/schedule/<str:name>/switch/", pausing.switch_job, name="job-switch"),
    path("dashboard/schedule/runs/<uuid:run_id>/", running.run, name="run"),
    path("dashboard/audit/", audit.trail, name="audit"),
    path("r/<str:token>", letters.follow),
    path("r/<str:token>/", letters.follow, name="follow"),
    path("unsubscribe/<str:token>/", letters.unsubscribe, name="unsubscribe"),
    path("act/<str:token>/", alert_letters.act, name="act"),
    path("preferences/", preferences.preferences, name="preferences"),
    path("inbox/", inbox.inbox, name="inbox"),
    path("inbox/news/", inbox.news, name="inbox-news"),
    path("inbox/read/", inbox.read_all, name="inbox-read-all"),
    path("inbox/<uuid:message_id>/read/", inbox.read, name="inbox-read"),
]

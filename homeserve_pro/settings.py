"""Settings, from the environment. REDIS_URL present: distributed; absent: embedded, one process on SQLite or PostgreSQL.

Every variable is documented in the README; a wrong value stops the start and names itself.
"""

import contextlib
import os
import secrets
import sys
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from kombu import Queue

from homeserve_pro import env, logs

BASE_DIR = Path(__file__).resolve().parent.parent
env.read_file(BASE_DIR / ".env")
VAR_DIR = Path(env.text("VAR_DIR", str(BASE_DIR / "var")))

# --- Which runtime ---------------------------------------------------------------------------------------------------

REDIS_URL = env.url("REDIS_URL", schemes=("redis", "rediss", "unix"))
EMBEDDED = not REDIS_URL
DEBUG = env.flag("DEBUG")
TESTING = "pytest" in sys.modules


def _secret_key() -> str:
    """The one given; embedded, else one made at the first start and kept beside the data."""
    given = env.secret("SECRET_KEY")
    if given:
        if len(given) < 32 and not DEBUG:
            raise ImproperlyConfigured(
                "SECRET_KEY: shorter than 32 characters. Make one: python -c 'import secrets; print(secrets.token_urlsafe(50))'"
            )
        return given
    if not EMBEDDED:
        raise ImproperlyConfigured("SECRET_KEY: must be set when REDIS_URL is, and be the same for every process.")
    path = VAR_DIR / "secret_key"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        # Written aside and linked, so that of two processes starting at once both read the same whole key.
        descriptor, aside = tempfile.mkstemp(dir=path.parent)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(secrets.token_urlsafe(50))
        with contextlib.suppress(FileExistsError):
            os.link(aside, path)
        os.unlink(aside)
    return path.read_text(encoding="utf-8")


SECRET_KEY = _secret_key()
HOST = env.text("HOST", "127.0.0.1")
PORT = env.number("PORT", 8000, least=1, most=65535)
PUBLIC_URL = env.url("PUBLIC_URL", f"http://{'127.0.0.1' if HOST in ('0.0.0.0', '::') else HOST}:{PORT}")
ALLOWED_HOSTS = env.words(
    "ALLOWED_HOSTS", ("localhost", "127.0.0.1", "[::1]", "testserver") if TESTING else ("localhost", "127.0.0.1", "[::1]")
)
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS")
DEMO = env.flag("DEMO", True)
DEMO_SEED = env.number("DEMO_SEED", 560001)
DEMO_SPEED = env.number("DEMO_SPEED", 1, least=1, most=3600)
CLOCK_FILE = VAR_DIR / "clock.json"
SERVER_LOCK = VAR_DIR / "server.lock"

# --- Applications ----------------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "unfold.contrib.import_export",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "servestatic.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "channels",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_filters",
    "django_htmx",
    "knox",
    "axes",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "auditlog",
    "import_export",
    "django_celery_beat",
    "django_celery_results",
    "django_structlog",
    "anymail",
    "core.apps.CoreConfig",
]

MIDDLEWARE = [
    "core.security.addresses.from_proxy",
    "core.security.headers.on_every_answer",
    "csp.middleware.CSPMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "core.security.compression.Files",
    "core.security.compression.answers",
    "core.security.headers.kept_by_nobody",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "core.security.second_factor.required",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "core.web.pace.Paced",
    "auditlog.middleware.AuditlogMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "homeserve_pro.urls"
ASGI_APPLICATION = "homeserve_pro.asgi.application"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]

# --- Data ------------------------------------------------------------------------------------------------------------

DATABASES = {"default": env.database("DATABASE_URL", base=BASE_DIR, default=BASE_DIR / "db.sqlite3")}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CACHES: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "homeserve_pro.cache.ForgetfulCache", "LOCATION": REDIS_URL}
    if REDIS_URL
    else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "homeserve"}
}
CHANNEL_LAYERS: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        # redis-py waits 5 s for an answer, and a quiet subscription gives none for longer: no limit.
        "CONFIG": {"hosts": [{"address": REDIS_URL, "socket_timeout": None}], "capacity": 2000, "prefix": "homeserve"},
    }
    if REDIS_URL
    else {"BACKEND": "channels.layers.InMemoryChannelLayer", "CONFIG": {"capacity": 2000}}
}

# --- Language and time -----------------------------------------------------------------------------------------------

LANGUAGE_CODE = "en-in"
TIME_ZONE = env.time_zone("TIME_ZONE", "Asia/Kolkata")
USE_TZ = True
USE_I18N = True
FORMAT_MODULE_PATH = ["homeserve_pro.formats"]

# --- People ----------------------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "core.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "core.security.logins.Slowed",
    "django.contrib.auth.backends.ModelBackend",
]
AUTH_PASSWORD_VALIDATORS: list[dict[str, Any]] = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "CommonPasswordValidator", "NumericPasswordValidator")
]
AUTH_PASSWORD_VALIDATORS.append({"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}})
LOGIN_URL = "/accounts/login/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/accounts/login/"
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_ENABLE_ACCESS_FAILURE_LOG = False
AXES_VERBOSE = False
# The page says when to try again, so trying too early must not move that.
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_LOCKOUT_CALLABLE = "core.security.logins.locked_out"
AXES_CLIENT_IP_CALLABLE = "core.security.addresses.for_lockout"
# An entry of the audit trail names the request, or the task, that the log speaks of.
AUDITLOG_CID_GETTER = "core.audit.request_id"
PHONENUMBER_DEFAULT_REGION = "IN"
PHONENUMBER_DB_FORMAT = "E164"

# --- Web security ----------------------------------------------------------------------------------------------------

SECURE_PUBLIC = PUBLIC_URL.startswith("https://")
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_PUBLIC
if SECURE_PUBLIC:
    # A browser takes such a name from this very host over https only: no neighbouring site can plant a session or a token.
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-sessionid", "__Host-csrftoken"
# Super admins need a code beside their password where the product is reached from outside.
SECOND_FACTOR = env.flag("SECOND_FACTOR", SECURE_PUBLIC and not DEBUG)
OTP_TOTP_ISSUER = "HomeServe Pro"
# Keys that were SECRET_KEY before: what they signed is still read, and nothing is signed with them (docs/security.md).
SECRET_KEY_FALLBACKS = env.secrets("SECRET_KEY_FALLBACKS")
if any(len(key) < 32 for key in SECRET_KEY_FALLBACKS) and not DEBUG:
    raise ImproperlyConfigured("SECRET_KEY_FALLBACKS: one is shorter than 32 characters, and was never a SECRET_KEY.")
SECURE_SSL_REDIRECT = SECURE_PUBLIC
SECURE_HSTS_SECONDS = 31_536_000 if SECURE_PUBLIC else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = SECURE_PUBLIC
# Who may say for whom they ask: TRUSTED_PROXIES or, without any, with BEHIND_PROXY whoever connects. What others say of it never
# gets as far as Django (core.security.addresses).
TRUSTED_PROXIES = env.networks("TRUSTED_PROXIES")
BEHIND_PROXY = env.flag("BEHIND_PROXY", bool(TRUSTED_PROXIES))
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_PROXY else None
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# Bytes of a whole request, of any kind (core.security.bodies), and fields of a form.
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_621_440
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1_000
# Everything a page uses lies on this site and in files of its own: nothing written into a page is ever run or styled.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "frame-src": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
}

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "static-collected"
# The files are served as they lie in the packages: nothing to collect before the first start.
SERVESTATIC_USE_FINDERS = True
SERVESTATIC_AUTOREFRESH = DEBUG

# --- The API ---------------------------------------------------------------------------------------------------------

REST_FRAMEWORK: dict[str, Any] = {
    # The first one says how to log in: with it, nobody logged in is a 401.
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "core.dashboard.authentication.BearerToken",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["core.dashboard.permissions.ByTable"],
    "DEFAULT_PARSER_CLASSES": ["core.dashboard.parsing.Json"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "core.dashboard.parsing.InItsOwnTongue",
    "DEFAULT_SCHEMA_CLASS": "core.dashboard.openapi.Schema",
    "DEFAULT_METADATA_CLASS": None,
    "DEFAULT_THROTTLE_CLASSES": ["core.dashboard.throttles.Writes", "core.dashboard.throttles.ByScope"],
    "DEFAULT_THROTTLE_RATES": {"writes": "600/min", "jobs": "300/min", "login": "300/min"},
    "EXCEPTION_HANDLER": "core.dashboard.errors.answer",
    # An unknown parameter is refused; this one would be understood by DRF itself.
    "URL_FORMAT_OVERRIDE": None,
    "COERCE_DECIMAL_TO_STRING": True,
}
REST_KNOX = {"AUTH_HEADER_PREFIX": "Bearer", "TOKEN_TTL": timedelta(days=90)}
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "HomeServe Pro",
    "DESCRIPTION": "Messaging and business alerts: what was sent, what is stuck, and what each pincode's day looked like.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/(api|admin-dashboard)/",
    "COMPONENT_SPLIT_REQUEST": True,
    # Names are said where they are used: a name for each set of them would have to be made up.
    "POSTPROCESSING_HOOKS": ["core.dashboard.examples.with_examples", "core.dashboard.following.with_links"],
    "SERVERS": [],
}

# --- Tasks -----------------------------------------------------------------------------------------------------------

QUEUES = ("analytics", "messaging", "monitoring", "delivery", "maintenance")
CELERY_BROKER_URL = env.url("CELERY_BROKER_URL", REDIS_URL, schemes=("redis", "rediss", "unix", "amqp", "amqps")) or "memory://localhost"
CELERY_RESULT_BACKEND = "django-db"
CELERY_RESULT_EXTENDED = True
CELERY_TIMEZONE = TIME_ZONE
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_TASK_DEFAULT_QUEUE = "maintenance"
# Declared, so that a plain `celery worker` serves every queue and not only the default one.
CELERY_TASK_QUEUES = [Queue(name, routing_key=name) for name in QUEUES]
CELERY_TASK_TRACK_STARTED = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# A worker delivers without its broker, too: it never gives up.
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_TRANSPORT_OPTIONS = (
    {"visibility_timeout": 3600, "socket_timeout": 30, "socket_connect_timeout": 5} if "redis" in CELERY_BROKER_URL else {}
)
# A web request or a shell must not hang when the broker is away: the outbox is swept anyway.
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 2, "interval_start": 0, "interval_step": 0.2, "interval_max": 0.5}
# Without a broker a task runs where it is called; the server's own loop plays the scheduler. See docs/adr/0003.
CELERY_TASK_ALWAYS_EAGER = EMBEDDED
CELERY_TASK_EAGER_PROPAGATES = False
CELERY_TASK_STORE_EAGER_RESULT = True
DJANGO_CELERY_BEAT_TZ_AWARE = True

# --- Mail, SMS, WebSocket --------------------------------------------------------------------------------------------

EMAIL_HOST_USER = env.text("EMAIL_HOST_USER")
EMAIL_HOST_PASSWORD = env.secret("EMAIL_HOST_PASSWORD")
# A user and no host: Gmail.
_GMAIL = bool(EMAIL_HOST_USER) and not env.text("EMAIL_HOST")
EMAIL_HOST = env.text("EMAIL_HOST", "smtp.gmail.com" if _GMAIL else "")
EMAIL_PORT = env.number("EMAIL_PORT", 587 if _GMAIL else 25, least=1, most=65535)
EMAIL_USE_TLS = env.flag("EMAIL_USE_TLS", _GMAIL)
# Seconds for each step of the dialogue; a whole call takes at most four times that, which must stay below the lease.
EMAIL_TIMEOUT = env.number("EMAIL_TIMEOUT", 20, least=1, most=25)
# At once, from one sending thread; public mail services end a connection after a hundred messages or so.
EMAIL_CONNECTIONS = env.number("EMAIL_CONNECTIONS", 4, least=1, most=32)
EMAIL_MESSAGES_PER_CONNECTION = env.number("EMAIL_MESSAGES_PER_CONNECTION", 100, least=1)
EMAIL_BACKEND = env.text("EMAIL_BACKEND", "django.core.mail.backends.smtp.EmailBackend" if EMAIL_HOST else "")
DEFAULT_FROM_EMAIL = env.text("DEFAULT_FROM_EMAIL", EMAIL_HOST_USER or "HomeServe Pro <no-reply@homeserve.example>")
SERVER_EMAIL = DEFAULT_FROM_EMAIL
ANYMAILS = "ANYMAIL_"
# What django-anymail is told: ANYMAIL_POSTMARK_SERVER_TOKEN is its setting POSTMARK_SERVER_TOKEN. Without WEBHOOK_SECRET (user:password)
# no mail provider's callback is let in.
ANYMAIL: dict[str, str] = env.named(ANYMAILS) | {"WEBHOOK_SECRET": env.login("ANYMAIL_WEBHOOK_SECRET")}
# What a mail provider reports as opened counts as read.
TRACK_OPENS = env.flag("TRACK_OPENS")

TWILIO_ACCOUNT_SID = env.text("TWILIO_ACCOUNT_SID")
TWILIO_AUTH_TOKEN = env.secret("TWILIO_AUTH_TOKEN")
TWILIO_PHONE_NUMBER = env.text("TWILIO_PHONE_NUMBER")
TWILIO_API_BASE_URL = env.url("TWILIO_API_BASE_URL")
TWILIO_TIMEOUT = env.number("TWILIO_TIMEOUT", 15, least=1)
DLT_REQUIRED = env.flag("DLT_REQUIRED")

# A method and what carries it. A new transport is one file and one line here.
TRANSPORTS = {
    "email": "core.notifications.transports.email.EmailTransport",
    "sms": "core.notifications.transports.sms.SmsTransport",
    "websocket": "core.notifications.transports.websocket.WebSocketTransport",
}
# At once, per connection: of what must not be repeated when its outcome is uncertain, and of everything else.
DELIVERY_WINDOW = env.number("DELIVERY_WINDOW", 32, least=1, most=500)
DELIVERY_LEASE = timedelta(seconds=env.number("DELIVERY_LEASE_SECONDS", 120, least=5))
# Messages a second of a provider, over all processes; what an admin sets on its row wins.
PROVIDER_RATES = env.rates("PROVIDER_RATES")
# Messages an hour to one person by one method, besides what is mandatory or urgent; 0: no limit.
PERSON_RATE = env.number("PERSON_RATE", 20)
# How long an uncertain message waits for a late word before it is sent again, or given up as unknown.
DELIVERY_WAIT_TO_REPEAT = timedelta(seconds=env.number("DELIVERY_WAIT_TO_REPEAT_SECONDS", 120, least=1))
DELIVERY_WAIT_TO_GIVE_UP = timedelta(seconds=env.number("DELIVERY_WAIT_TO_GIVE_UP_SECONDS", 3600, least=1))
# Where what a provider said is kept while the database cannot be written to.
OUTCOMES_DIR = VAR_DIR / "outcomes"

# Pool processes at work on one method at once: the others are free for other methods.
DELIVERERS_PER_METHOD = env.number("DELIVERERS_PER_METHOD", 4, least=1)
# Who is told by mail, directly, that messages do not leave; empty: super admins and ops managers.
OPS_EMAILS = env.words("OPS_EMAILS")

# First digits of pincodes; each gets alerts of its own. None: one alert a check.
ALERT_REGIONS = env.prefixes("ALERT_REGIONS")
BUSINESS_HOURS = env.office_hours("BUSINESS_HOURS", "Mon-Sat 9:00-19:00")

# --- Logs ------------------------------------------------------------------------------------------------------------

LOG_FILE = env.text("LOG_FILE", str(BASE_DIR / "homeserve_pro.log"))
LOG_LEVEL = env.text("LOG_LEVEL", "DEBUG" if DEBUG else "INFO").upper()
LOGGING = logs.config(LOG_FILE, level=LOG_LEVEL)
LOGGING_CONFIG = "homeserve_pro.logs.configure"
DEFAULT_EXCEPTION_REPORTER_FILTER = "core.security.reports.Hidden"
DJANGO_STRUCTLOG_CELERY_ENABLED = True
DJANGO_STRUCTLOG_IP_LOGGING_ENABLED = False

SILENCED_SYSTEM_CHECKS = ["axes.W006"]
UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "HomeServe Pro",
    "SITE_HEADER": "HomeServe Pro",
    "SITE_SUBHEADER": "Messaging and business alerts",
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
}

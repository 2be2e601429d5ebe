"""The product's own settings, read from an environment that only tests set. What differs is said below, with its reason."""

from homeserve_pro import env
from tests.environment import prepare

scratch = prepare()
# A developer's `.env` stays out.
env.read_file = lambda path: None

from homeserve_pro.settings import *  # noqa: E402, F403  (every setting is the product's own)
from homeserve_pro.settings import CACHES, DATABASES  # noqa: E402

if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # A file, not memory: threads and processes of a test then meet the locks that they meet in production.
    DATABASES["default"]["NAME"] = str(scratch / "unused.sqlite3")
    DATABASES["default"]["TEST"] = {"NAME": str(scratch / "test.sqlite3")}
    # Only a power cut tells the difference.
    options = DATABASES["default"]["OPTIONS"]
    options["init_command"] = options["init_command"].replace("synchronous=FULL", "synchronous=OFF")

# Tasks run where they are called in both halves; tests of real workers start them, with settings of their own.
CELERY_TASK_ALWAYS_EAGER = True
# One process, one loop: the layer over Redis is tested with real servers.
CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer", "CONFIG": {"capacity": 2000}}}
# Twelve rounds of hashing instead of a million: the cast logs in often.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
CACHES["default"].setdefault("KEY_PREFIX", "test")

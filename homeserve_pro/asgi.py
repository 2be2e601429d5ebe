"""The ASGI application: pages and the API by Django, live connections by Channels."""

import os

from channels.routing import ProtocolTypeRouter
from django.conf import settings
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "homeserve_pro.settings")
# First: it sets Django up, without which no model can be imported.
http_application = get_asgi_application()

from core.routing import websocket_application  # noqa: E402
from core.security.bodies import Bounded  # noqa: E402

application = ProtocolTypeRouter(
    {"http": Bounded(http_application, settings.DATA_UPLOAD_MAX_MEMORY_SIZE), "websocket": websocket_application}
)

"""Where each live connection leads, and from where it may come."""

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import SplitResult, urlsplit

from channels.routing import URLRouter
from channels.security.websocket import WebsocketDenier
from channels.sessions import SessionMiddlewareStack
from django.conf import settings
from django.http.request import validate_host
from django.urls import path, re_path
from django.utils.http import is_same_domain

from core.consumers import DashboardConsumer, NotificationsConsumer

Application = Callable[[dict[str, Any], Any, Any], Awaitable[None]]

websocket_urlpatterns = [
    path("ws/notifications/", NotificationsConsumer.as_asgi()),
    path("ws/dashboard/", DashboardConsumer.as_asgi()),
    # Any other address is refused like a stranger's, rather than raised as an error.
    re_path(r"", WebsocketDenier.as_asgi()),
]


class SameOrigin:
    """Lets in what a page of this very site opened: a browser sends cookies with any site's WebSocket, but the Origin is true.

    The Origin's host and port must be the Host header's, and that one of ALLOWED_HOSTS; or the Origin one of
    CSRF_TRUSTED_ORIGINS. Without an Origin nothing is let in.
    """

    def __init__(self, application: Application) -> None:
        self.application = application

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        headers = dict(scope.get("headers", ()))
        origin = headers.get(b"origin", b"").decode("latin1")
        host = headers.get(b"host", b"").decode("latin1")
        application = self.application if is_same_origin(origin, host) else WebsocketDenier.as_asgi()
        await application(scope, receive, send)


def is_same_origin(origin: str, host: str) -> bool:
    """Whether a page of this origin may connect to this host."""
    try:
        page = urlsplit(origin.lower())
        server = urlsplit(f"//{host.lower()}")
        ports = page.port, server.port
    except ValueError:
        return False
    if page.scheme not in ("http", "https") or not page.hostname or not server.hostname:
        return False
    if any(_trusts(trusted, page) for trusted in settings.CSRF_TRUSTED_ORIGINS):
        return True
    default = 443 if page.scheme == "https" else 80
    same = page.hostname == server.hostname and (ports[0] or default) == (ports[1] or default)
    name = f"[{server.hostname}]" if ":" in server.hostname else server.hostname
    return same and validate_host(name, settings.ALLOWED_HOSTS)


def _trusts(trusted: str, page: SplitResult) -> bool:
    """As Django reads CSRF_TRUSTED_ORIGINS: a scheme and a host, which may begin with `*.` for all below it."""
    allowed = urlsplit(trusted.lower())
    if "*" in allowed.netloc:
        return allowed.scheme == page.scheme and is_same_domain(page.netloc, allowed.netloc.lstrip("*"))
    return (allowed.scheme, allowed.netloc) == (page.scheme, page.netloc)


websocket_application = SameOrigin(SessionMiddlewareStack(URLRouter(websocket_urlpatterns)))

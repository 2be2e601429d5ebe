"""How often a person may change something, and an address may try to log in. Reading is not held back. Pages: `core.web.pace`."""

from collections.abc import Callable
from typing import Any

import structlog
from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.throttling import ScopedRateThrottle, SimpleRateThrottle

log = structlog.get_logger(__name__)


def within(asked: Callable[[], bool]) -> bool:
    """Its answer. While the cache is away nobody is counted, and work goes on: what is guessed at is counted in the database."""
    try:
        return bool(asked())
    except (RedisError, OSError):
        log.warning("changes_not_counted", exc_info=True)
        return True


class Writes(SimpleRateThrottle):
    """All changes by one person together."""

    scope = "writes"

    def allow_request(self, request: Request, view: Any) -> bool:
        return request.method in ("GET", "HEAD") or within(lambda: super(Writes, self).allow_request(request, view))

    def get_cache_key(self, request: Request, view: Any) -> str | None:
        return self.cache_format % {"scope": self.scope, "ident": request.user.pk} if request.user.is_authenticated else None


class ByScope(ScopedRateThrottle):
    """What a view names in `throttle_scope`: jobs begun by hand, logins."""

    def allow_request(self, request: Request, view: Any) -> bool:
        return request.method in ("GET", "HEAD") or within(lambda: super(ByScope, self).allow_request(request, view))

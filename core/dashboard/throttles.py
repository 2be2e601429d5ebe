"""How often a person may change something, and an address may try to log in. Reading is not held back. Pages: `core.web.pace`.

While the cache is away nobody is counted, and work goes on: what is guessed at is counted in the database.
"""

from typing import Any

from rest_framework.request import Request
from rest_framework.throttling import ScopedRateThrottle, SimpleRateThrottle


class Writes(SimpleRateThrottle):
    """All changes by one person together."""

    scope = "writes"

    def allow_request(self, request: Request, view: Any) -> bool:
        return request.method in ("GET", "HEAD") or bool(super().allow_request(request, view))

    def get_cache_key(self, request: Request, view: Any) -> str | None:
        return self.cache_format % {"scope": self.scope, "ident": request.user.pk} if request.user.is_authenticated else None


class ByScope(ScopedRateThrottle):
    """What a view names in `throttle_scope`: jobs begun by hand, logins."""

    def allow_request(self, request: Request, view: Any) -> bool:
        return request.method in ("GET", "HEAD") or bool(super().allow_request(request, view))

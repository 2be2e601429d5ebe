"""The cache in Redis, which may be away: what it holds is only quicker than working it out."""

from collections.abc import Callable, Iterable
from typing import Any

import structlog
from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)


class ForgetfulCache(RedisCache):
    """Django's. While Redis is away it knows nothing and keeps nothing, and pages and changes go on."""

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        return _unless_away(lambda: super(ForgetfulCache, self).get(key, default, version), default)

    def get_many(self, keys: Iterable[Any], version: int | None = None) -> dict[Any, Any]:
        found: dict[Any, Any] = _unless_away(lambda: super(ForgetfulCache, self).get_many(keys, version), {})
        return found

    def set(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        _unless_away(lambda: super(ForgetfulCache, self).set(key, value, timeout, version), None)

    def add(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        return bool(_unless_away(lambda: super(ForgetfulCache, self).add(key, value, timeout, version), False))

    def delete(self, key: Any, version: int | None = None) -> bool:
        return bool(_unless_away(lambda: super(ForgetfulCache, self).delete(key, version), False))

    def delete_many(self, keys: Iterable[Any], version: int | None = None) -> None:
        _unless_away(lambda: super(ForgetfulCache, self).delete_many(keys, version), None)


def _unless_away(ask: Callable[[], Any], otherwise: Any) -> Any:
    try:
        return ask()
    except (RedisError, OSError) as error:
        log.warning("cache_away", error=type(error).__name__)
        return otherwise

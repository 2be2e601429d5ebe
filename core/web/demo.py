"""Whom visitors of the demo city log in as, and whether the city is there."""

from typing import Any, Final

from django.conf import settings
from django.core.cache import cache

from core.demo import city
from core.models import User

KEY: Final = "demo:there"
REMEMBERED: Final = 60
IS_OF_IT: Final = (
    "You are one of the demo's people, and would go with it. Make yourself an account with manage.py createsuperuser, and log in with that."
)


def demo() -> dict[str, Any]:
    """Whom to log in as where the demo city lives; nothing where it does not."""
    if not settings.DEMO or not city.exists():
        return {"demo_people": []}
    return {"demo_people": city.demo_people(), "demo_password": city.PASSWORD}


def is_there() -> bool:
    """Whether the demo city lives here: asked for each page of the team, and so looked up once a minute."""
    if not settings.DEMO:
        return False
    found = cache.get(KEY)
    if found is None:
        found = city.exists()
        cache.set(KEY, found, REMEMBERED)
    return bool(found)


def forget() -> None:
    """It has just come or gone."""
    cache.delete(KEY)


def is_of_it(user: User) -> bool:
    return city.is_of_it(user)

"""Whom visitors of the demo city log in as."""

from typing import Any

from django.conf import settings

from core.demo import city


def demo() -> dict[str, Any]:
    """Whom to log in as where the demo city lives; nothing where it does not."""
    if not settings.DEMO or not city.exists():
        return {"demo_people": []}
    return {"demo_people": city.demo_people(), "demo_password": city.PASSWORD}

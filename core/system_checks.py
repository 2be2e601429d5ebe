"""What `manage.py check` looks at beside Django's own."""

from typing import Any

from django.conf import settings
from django.core import checks


@checks.register(checks.Tags.security, deploy=True)
def second_factor_is_on(**_: Any) -> list[checks.CheckMessage]:
    """A password alone must not open everything to whoever comes from outside."""
    if settings.SECOND_FACTOR:
        return []
    return [checks.Warning("Super admins log in with a password alone.", hint="Set SECOND_FACTOR=1, or leave it out.", id="core.W001")]

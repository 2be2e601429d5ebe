"""What Django's page of an error, which only a developer with DEBUG sees, shows of the settings."""

import re

from django.views.debug import SafeExceptionReporterFilter


class Hidden(SafeExceptionReporterFilter):
    """Addresses of services hold passwords, too."""

    hidden_settings = re.compile(SafeExceptionReporterFilter.hidden_settings.pattern + "|_URL|LOCATION|HOSTS|ANYMAIL", re.IGNORECASE)

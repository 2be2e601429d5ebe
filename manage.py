#!/usr/bin/env python
"""Django's command line for HomeServe Pro."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "homeserve_pro.settings")
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        if "--traceback" in sys.argv:
            raise
        # A wrong value in the environment: it names itself, and where in the code it was read helps nobody.
        sys.exit(str(error))

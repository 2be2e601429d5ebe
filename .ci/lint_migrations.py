"""Refuse a migration that locks a large table or breaks the release that still runs; the first one only makes tables.

Run from the project's directory. The linter is asked here and not as a management command, which would make a tool of
the developers part of the product's settings.
"""

import os
import sys

import django
from django_migration_linter import MigrationLinter

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "homeserve_pro.settings")
sys.path.insert(0, os.getcwd())
django.setup()

linter = MigrationLinter(os.getcwd(), include_apps=["core"], no_cache=True, ignore_initial_migrations=True, quiet=["ok", "ignore"])
linter.lint_all_migrations()
linter.print_summary()
sys.exit(1 if linter.has_errors else 0)

"""Makes an API token for a person. It is printed once; the database keeps only its hash."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from knox.models import AuthToken

from core.models import User


class Command(BaseCommand):
    help = "Print a new API token of a user, once. Use it as `Authorization: Bearer TOKEN`."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")

    def handle(self, *args: Any, **options: Any) -> None:
        name = options["username"]
        try:
            user = User.objects.get(username=name)
        except User.DoesNotExist:
            raise CommandError(f"There is no user named {name!r}.") from None
        if not user.is_active:
            raise CommandError(f"{name} is not active.")
        _, token = AuthToken.objects.create(user)
        self.stdout.write(token)

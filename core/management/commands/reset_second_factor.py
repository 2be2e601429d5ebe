"""For whom has lost the authenticator app and the recovery codes: the next login sets a new one up."""

from argparse import ArgumentParser
from typing import Any

from django.core.management import CommandError
from django.core.management.base import BaseCommand

from core import audit, clock
from core.models import User
from core.security import second_factor


class Command(BaseCommand):
    help = "Forget somebody's authenticator app and recovery codes. Make sure first that it is they who ask."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")

    def handle(self, *args: Any, username: str, **options: Any) -> None:
        try:
            user = User.objects.get(username=username)
        except User.DoesNotExist:
            raise CommandError(f"There is nobody with the username {username!r}.") from None
        if not second_factor.reset(user):
            raise CommandError(f"{username} has set up no second factor.")
        audit.enter(user, {"second factor": ("set up", "none")}, actor=None, now=clock.now())
        self.stdout.write(f"Done. {username} sets up a new one at the next login; until then nobody is logged in as {username}.")

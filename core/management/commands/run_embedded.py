"""One command that is the whole product: database, schedule, demo city, web server, scheduler and delivery."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management import CommandError, call_command
from django.core.management.base import BaseCommand
from django.db import connection

from core import clock, schedule
from core.demo import city, replay
from homeserve_pro import embedded


class Command(BaseCommand):
    help = "Serve everything from one process, with no other service. Ctrl-C stops all of it cleanly."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default=settings.HOST, help="Address to listen on (HOST).")
        parser.add_argument("--port", type=int, default=settings.PORT, help="Port to listen on (PORT).")

    def handle(self, *args: Any, **options: Any) -> None:
        host, port = options["host"], options["port"]
        if not settings.EMBEDDED:
            raise CommandError("REDIS_URL is set: this is the distributed configuration. Start a worker, beat and an ASGI server instead.")
        try:
            with embedded.only_server():
                listening = embedded.listen(host, port)
                self._prepare()
                welcome = self._welcome(host, port)
                connection.close()
                embedded.serve(listening, ready=lambda: self._say(welcome))
        except embedded.AlreadyRunning:
            raise CommandError(f"A server of this database is already running (lock {settings.SERVER_LOCK}).") from None
        except OSError as error:
            raise CommandError(f"Cannot listen on {host}:{port}: {error.strerror}. Set PORT to another one.") from error
        self.stdout.write("Stopped.")

    def _prepare(self) -> None:
        self.stdout.write("Preparing the database…")
        call_command("migrate", verbosity=0, interactive=False)
        if settings.DEMO_SPEED != 1 or clock.is_paced():
            clock.set_speed(settings.DEMO_SPEED)
        now = clock.now()
        schedule.abandon_running(now=now)
        if settings.DEMO and city.is_empty():
            self.stdout.write("Building a demo city, with two days of the product at work in it. Less than a minute…")
            replay.build(now=now, seed=settings.DEMO_SEED, progress=self._progress)
        call_command("setup_periodic_tasks", stdout=self.stdout)

    def _progress(self, line: str) -> None:
        self._say(f"  {line}")

    def _welcome(self, host: str, port: int) -> str:
        shown = "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104  (compared, not bound)
        lines = ["", f"HomeServe Pro is running at http://{f'[{shown}]' if ':' in shown else shown}:{port}/"]
        lines.append(f"  Mail: {settings.EMAIL_HOST or 'shown on the outbox page, not sent (EMAIL_HOST is not set)'}")
        lines.append(f"  SMS:  {'Twilio' if settings.TWILIO_ACCOUNT_SID else 'shown on the outbox page, not sent (no Twilio credentials)'}")
        if city.exists():
            lines.append(f"  Log in to the demo city with the password {city.PASSWORD}:")
            lines += [f"    {person.username:<8} {person.role:<12} {person.sees}" for person in city.demo_people()]
        else:
            lines.append("  Make yourself an account: .venv/bin/python manage.py createsuperuser")
        lines += ["  Ctrl-C stops it.", ""]
        return "\n".join(lines)

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()

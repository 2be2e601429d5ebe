"""`manage.py simulate`: a living demo city in an empty database; again, and it is brought to the present."""

import signal
import time
from argparse import ArgumentParser
from datetime import datetime
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from core import clock
from core.demo import city

STEP_SECONDS = 2.0


class Command(BaseCommand):
    help = "Loads the demo city into an empty database, or brings the one that is there to the present."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--seed", type=int, help="Which city: the same seed gives the same rows. Default: DEMO_SEED.")
        parser.add_argument("--days", type=int, default=30, help="Days of history when it is loaded (30).")
        parser.add_argument("--until", metavar="ISO", help="The moment to bring it to, as 2026-11-22T09:00; local unless it names a zone.")
        parser.add_argument("--follow", action="store_true", help="Keep it living until Ctrl-C, or until --until.")
        parser.add_argument("--speed", type=float, help="With --follow: how many times as fast as the world the clock runs.")
        parser.add_argument("--remove", action="store_true", help="Take the demo city away, and nothing else.")

    def handle(self, *_args: Any, **options: Any) -> None:
        if options["remove"]:
            self._say_counts("Removed", city.remove())
            return
        until = self._checked(options)
        seed = self._load_or_find(options["seed"], options["days"], min(until, clock.now()) if until else clock.now())
        if options["follow"]:
            self._follow(seed, options["speed"], until)
        else:
            self._step(seed, until or clock.now())

    def _checked(self, options: dict[str, Any]) -> datetime | None:
        """The moment of --until; wrong combinations are refused before anything is written."""
        if not 0 <= options["days"] <= 400:
            raise CommandError("--days: from 0 to 400.")
        if options["speed"] is not None and not options["follow"]:
            raise CommandError("--speed belongs to --follow: without it nothing runs.")
        if options["speed"] is not None and not 1 <= options["speed"] <= 3600:
            raise CommandError("--speed: from 1 to 3600.")
        if not options["until"]:
            return None
        try:
            until = parse_datetime(options["until"])
        except ValueError:
            until = None
        if until is None:
            raise CommandError(f"--until: {options['until']!r} is not a moment such as 2026-11-22T09:00.")
        if timezone.is_naive(until):
            until = timezone.make_aware(until)
        if until > clock.now() and not options["follow"]:
            raise CommandError("--until lies in the future. Add --follow, perhaps with --speed, to live until then.")
        return until

    def _load_or_find(self, seed: int | None, days: int, now: datetime) -> int:
        """The seed of the city that is there afterwards."""
        if city.is_empty():
            wanted = settings.DEMO_SEED if seed is None else seed
            started = time.monotonic()
            counts = city.load(now=now, days=days, seed=wanted, progress=self.stdout.write)
            self._say_counts(f"Loaded in {time.monotonic() - started:.1f} s", counts)
            self._introduce()
            return wanted
        there = city.reached()
        if there is None:
            raise CommandError("The database holds data that is not the demo city's. Use an empty one: set DATABASE_URL.")
        if seed is not None and seed != there.seed and there.is_certain:
            raise CommandError(f"The city that is there has the seed {there.seed}. Remove it first: manage.py simulate --remove")
        return there.seed if seed is None else seed

    def _introduce(self) -> None:
        self.stdout.write(f"To log in, with the password {city.PASSWORD}:")
        for person in city.demo_people():
            self.stdout.write(f"  {person.username:<6} {person.role.label:<12} {person.sees}")

    def _step(self, seed: int, now: datetime) -> bool:
        """Bring the city to `now`; whether anything happened."""
        there = city.reached()
        if there is None:
            raise CommandError("The demo city is gone.")
        counts = city.advance(since=there.advanced_to, now=now, seed=seed)
        self._say_counts(f"{timezone.localtime(max(now, there.advanced_to)):%a %d %b %Y %H:%M:%S}", counts)
        return any(counts.values())

    def _follow(self, seed: int, speed: float | None, until: datetime | None) -> None:
        signal.signal(signal.SIGTERM, _as_interrupt)
        if speed is not None:
            clock.set_speed(speed)
        try:
            while True:
                now = clock.now()
                self._step(seed, min(now, until) if until else now)
                if until and now >= until:
                    return
                time.sleep(STEP_SECONDS)
        except KeyboardInterrupt:
            self.stdout.write("Stopped. The city rests until it is brought on again.")
        finally:
            if speed is not None:
                clock.set_speed(1)

    def _say_counts(self, what: str, counts: dict[str, int]) -> None:
        happened = ", ".join(f"{number} {name}" for name, number in counts.items() if number)
        self.stdout.write(f"{what}: {happened or 'nothing new'}.")
        self.stdout.flush()


def _as_interrupt(_number: int, _frame: FrameType | None) -> None:
    """A service manager's stop ends it as Ctrl-C does: between steps or with the step undone, the clock set back."""
    raise KeyboardInterrupt

"""Prints how long alerts waited for people, or the alerts themselves, as a CSV file."""

from argparse import ArgumentParser
from datetime import date, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core import clock
from core.alerts import record
from core.dashboard.csv_files import written
from core.models import BusinessAlert

DAYS = 28


class Command(BaseCommand):
    help = "Print times to acknowledge and to resolve alerts (median and p90), of the last four weeks unless told otherwise, as CSV."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--since", metavar="DAY", help="The first day, as 2026-11-01.")
        parser.add_argument("--until", metavar="DAY", help="The last day; today unless told otherwise.")
        parser.add_argument("--by", default="type", help=f"Groups, separated by commas: some of {', '.join(record.BY)}.")
        parser.add_argument("--alerts", action="store_true", help="Print the alerts that opened on those days instead.")

    def handle(self, *args: Any, **options: Any) -> None:
        now = clock.now()
        until = _day(options, "until") or clock.business_day(now)
        since = _day(options, "since") or until - timedelta(days=DAYS - 1)
        if options["alerts"]:
            begins, ends = clock.day_start(since), clock.day_start(until + timedelta(days=1))
            alerts = BusinessAlert.objects.filter(created_at__gte=begins, created_at__lt=ends).order_by("created_at", "pk")
            self._print(record.ALERT_COLUMNS, record.alerts_as_rows(alerts, now=now))
            return
        try:
            lines = record.response_times(since, until, by=[name.strip() for name in options["by"].split(",") if name.strip()])
        except ValueError as error:
            raise CommandError(str(error)) from None
        self._print(record.LINE_COLUMNS, record.lines_as_rows(lines))

    def _print(self, columns: tuple[str, ...], rows: Any) -> None:
        for part in written(list(columns), rows):
            self.stdout.write(part, ending="")


def _day(options: dict[str, Any], name: str) -> date | None:
    if not options[name]:
        return None
    try:
        return date.fromisoformat(options[name])
    except ValueError:
        raise CommandError(f"--{name}: {options[name]!r} is not a day, as 2026-11-01.") from None

"""`manage.py import_marketplace DIR`: loads a marketplace's export."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import structlog
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError
from tqdm import tqdm

from core import clock
from core.imports.files import ImportFailed, sources
from core.imports.load import Outcome, load

log = structlog.get_logger(__name__)


class Command(BaseCommand):
    help = (
        "Load users, services, bookings, signatures and payments (.csv or .csv.gz, UTF-8) from a directory. Loading again updates. "
        "Bad rows are reported on standard error and left out."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("directory", type=Path, metavar="DIR")
        parser.add_argument("--strict", action="store_true", help="Load nothing at all when any row is bad, and end with an error.")

    def handle(self, *args: Any, directory: Path, strict: bool, verbosity: int, **options: Any) -> None:
        try:
            found = sources(Path(directory))
            for source in found:
                for name in source.unknown:
                    self.stderr.write(f"{source.path.name}: the column {name!r} is not known and is left out.")
            terminal = verbosity > 0 and self.stderr.isatty()
            with tqdm(total=sum(one.size for one in found), unit="B", unit_scale=True, file=sys.stderr, disable=not terminal) as bar:

                def tell(line: str) -> None:
                    with bar.external_write_mode(file=sys.stderr):
                        self.stderr.write(line)

                outcomes = load(found, now=clock.now(), tell=tell, progress=bar.update, strict=strict)
        except ImportFailed as error:
            log.warning("import.failed", directory=str(directory), reason=str(error))
            raise CommandError(str(error)) from error
        except DatabaseError as error:
            raise CommandError(f"The database stopped the import: {error}") from error
        except KeyboardInterrupt:
            kept = "Nothing was loaded." if strict else "What was loaded so far stays; run it again to load the rest."
            raise CommandError(f"Stopped. {kept}", returncode=130) from None
        log.info("import.done", directory=str(directory), files={one.file: [one.loaded, one.written, one.refused] for one in outcomes})
        if verbosity > 0:
            self._summarise(outcomes)

    def _summarise(self, outcomes: list[Outcome]) -> None:
        for one in outcomes:
            news = f"{one.written:,} new or changed, {one.loaded - one.written:,} as they were"
            self.stdout.write(f"{one.file + ':':<18}{one.loaded:>11,} loaded ({news}), {one.refused:,} skipped")
        loaded, refused = sum(one.loaded for one in outcomes), sum(one.refused for one in outcomes)
        self.stdout.write(self.style.SUCCESS(f"{loaded:,} rows loaded, {refused:,} bad {'row' if refused == 1 else 'rows'} skipped."))

"""`make faults`: the long forms of all experiments, one after another, each in a laboratory of its own, and a table at the end.

    python -m tests.faults [--only kill,redis] [--scale 0.1] [--messages 1000] [--faults 5] [--seconds 60] [--short] [--control]

`--control` runs the short form of each experiment on a copy of the tree with its guard taken out, and is content only when
the referee objects.
"""

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from tests.command import exit_with
from tests.environment import ROOT
from tests.faults.catalogue import EXPERIMENTS
from tests.faults.embedded import EMBEDDED, EmbeddedExperiment
from tests.faults.experiment import Control, Experiment, Report, Size
from tests.faults.laboratory import Laboratory
from tests.faults.machines import copy_of_the_tree, what_is_missing

HEADS = ("experiment", "messages", "faults", "lost", "untrue", "denied", "duplicates", "unmarked", "undecided", "p99", "seconds", "")
Line = tuple[str, ...]
# So many messages' stories are told when a promise broke.
STORIES = 8


def say(*words: object) -> None:
    print(time.strftime("%H:%M:%S"), *words, flush=True)


def scaled(size: Size, by: float) -> Size:
    return Size(max(1, round(size.messages * by)), max(1, round(size.faults * by)), size.seconds)


def line(report: Report, seconds: float, word: str) -> Line:
    verdict = report.verdict
    counts = (
        len(verdict.lost),
        len(verdict.untrue),
        len(verdict.denied),
        verdict.duplicates,
        len(verdict.unmarked),
        len(verdict.undecided),
    )
    p99 = "" if report.p99 is None else f"{report.p99:.2f} s"
    return (report.experiment, str(verdict.messages), str(report.faults), *map(str, counts), p99, f"{seconds:.0f}", word)


def ending(report: Report, seconds: float, *, control: bool) -> tuple[Line, bool]:
    """What an experiment came to: its line for the table, and whether it came out as it should."""
    for broken in report.broken:
        say(f"{report.experiment}: {broken}")
    if control:
        return line(report, seconds, "seen failing" if report.broken else "NOT NOTICED"), bool(report.broken)
    return line(report, seconds, "BROKEN" if report.broken else "held"), not report.broken


def tree(control: Control | None, folder: Path) -> tuple[Path, str]:
    """Where the product is run from, and what is done to its database: with a guard taken out, or as it is."""
    if control is None:
        return ROOT, ""
    say(f"taken out: {control.what}")
    return copy_of_the_tree(folder / "tree", control.changes), control.sql


def perform(experiment: Experiment, size: Size, *, control: bool) -> tuple[Line, bool]:
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="homeserve-faults-") as folder:
        root, sql = tree(experiment.control if control else None, Path(folder))
        extra = {} if size == experiment.short else dict(experiment.environment)
        with Laboratory(Path(folder), root=root, people=max(400, size.messages), sql=sql, extra=extra) as lab:
            report = experiment.run(lab, size)
            if report.broken:
                for message in report.verdict.in_question[:STORIES]:
                    say(lab.story(message))
    return ending(report, time.monotonic() - began, control=control)


def perform_embedded(experiment: EmbeddedExperiment, *, control: bool) -> tuple[Line, bool]:
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="homeserve-faults-") as folder:
        root, sql = tree(experiment.control if control else None, Path(folder))
        report = experiment.perform(Path(folder), root=root, sql=sql)
    return ending(report, time.monotonic() - began, control=control)


def table(lines: list[Line]) -> str:
    widths = [max(len(cells[n]) for cells in (HEADS, *lines)) for n in range(len(HEADS))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip() for cells in (HEADS, *lines))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description="Break things; judge what came of it.")
    parser.add_argument("--only", default="", help="Names of experiments, or their beginnings, separated by commas.")
    parser.add_argument("--scale", type=float, default=1.0, help="A part of the long form's messages and faults.")
    parser.add_argument("--messages", type=int, help="So many messages, whatever the form says.")
    parser.add_argument("--faults", type=int, help="So many faults.")
    parser.add_argument("--seconds", type=float, help="So many seconds, of whatever the form counts in them.")
    parser.add_argument("--short", action="store_true", help="The short forms, as the tests run them.")
    parser.add_argument("--control", action="store_true", help="Each guard taken out: every experiment must fail.")
    given = parser.parse_args()
    if missing := what_is_missing():
        say(f"This machine lacks {missing}.")
        return 1
    wanted = tuple(filter(None, given.only.split(",")))
    chosen = [one for one in EXPERIMENTS.values() if not wanted or one.name.startswith(wanted)]
    embedded = [one for one in EMBEDDED if not wanted or one.name.startswith(wanted)]
    lines, well = [], bool(chosen or embedded)
    for experiment in chosen:
        size = experiment.short if given.short or given.control else scaled(experiment.long, given.scale)
        given_here = {name: value for name in ("messages", "faults", "seconds") if (value := getattr(given, name)) is not None}
        size = replace(size, **given_here)
        say(f"{experiment.name}: {size.messages} messages, {size.faults} faults: {experiment.promise}")
        done, as_it_should = perform(experiment, size, control=given.control)
        lines.append(done)
        well = well and as_it_should
        say("  ".join(done))
    for one in embedded:
        say(f"{one.name}: {one.promise}")
        done, as_it_should = perform_embedded(one, control=given.control)
        lines.append(done)
        well = well and as_it_should
        say("  ".join(done))
    print()
    print(table(lines))
    return 0 if well else 1


if __name__ == "__main__":
    exit_with(main)

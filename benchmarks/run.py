"""`make bench`: every benchmark on SQLite and, where it answers, PostgreSQL; then one table of figures and limits.

    python benchmarks/run.py [part of a file's name …]

Each benchmark runs in a process of its own, so that none measures another's memory. Ends 1 when a limit was not held or a
benchmark failed.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from tests.run import postgresql  # noqa: E402  (the path comes first)


def run(benchmark: Path, database: str, results: Path) -> bool:
    """Whether it ran to its end. A database it does not know what to do with is its own business."""
    environment = {**os.environ, "DATABASE_URL": database, "BENCH_RESULTS": str(results)}
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    print(f"\n{benchmark.name} on {'PostgreSQL' if database else 'SQLite'}", flush=True)
    return subprocess.run([sys.executable, str(benchmark)], env=environment, cwd=HERE.parent, check=False).returncode == 0


def table(lines: list[dict[str, Any]]) -> str:
    """One row a figure, both databases' side by side as they came."""
    width = max((len(line["name"]) for line in lines), default=0)
    rows = []
    for line in sorted(lines, key=lambda line: (line["name"], line["database"])):
        limit = "" if line["limit"] is None else f"{line['limit']} {line['unit']}"
        verdict = "" if line["limit"] is None else "held" if line["ok"] else "NOT HELD"
        rows.append(f"{line['name']:<{width}}  {line['database']:<10}  {line['figure']:>10} {line['unit']:<6}  {limit:>16}  {verdict}")
    return "\n".join([f"{'figure':<{width}}  {'database':<10}  {'measured':>10} {'':<6}  {'limit':>16}", *rows])


def main(wanted: list[str]) -> int:
    benchmarks = [path for path in sorted(HERE.glob("bench_*.py")) if not wanted or any(word in path.name for word in wanted)]
    databases = ["", postgresql()]
    if not databases[1]:
        print("PostgreSQL does not answer here: SQLite only.")
        databases.pop()
    failed = []
    with tempfile.TemporaryDirectory(prefix="homeserve-bench-") as folder:
        results = Path(folder) / "results.jsonl"
        results.touch()
        for benchmark in benchmarks:
            failed += [benchmark.name for database in databases if not run(benchmark, database, results)]
        lines = [json.loads(line) for line in results.read_text(encoding="utf-8").splitlines()]
    print(f"\n{table(lines)}")
    if failed:
        print(f"\nDid not finish: {', '.join(dict.fromkeys(failed))}")
    return 1 if failed or not all(line["ok"] for line in lines) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

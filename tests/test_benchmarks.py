"""The benchmarks themselves work: a few mails go through the one that needs the most around it. No time is asserted."""

import json
import os
import subprocess
import sys

import pytest

from tests import processes
from tests.environment import ROOT


@pytest.mark.postgresql
@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_the_delivery_benchmark_delivers_everything_it_measures(tmp_path):
    results = tmp_path / "results.jsonl"
    surroundings = {
        **os.environ,
        "DATABASE_URL": processes.database_url(),
        "BENCH_RESULTS": str(results),
        "BENCH_RIVAL": str(tmp_path / "none"),
    }
    command = [sys.executable, "benchmarks/bench_delivery.py", "--quick"]
    done = subprocess.run(command, check=False, cwd=ROOT, env=surroundings, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    told = {line["name"]: line for line in map(json.loads, results.read_text(encoding="utf-8").splitlines())}
    assert {line["database"] for line in told.values()} == {"postgresql"}
    limits = {
        "promotions claimed": "5,000",
        "statements a promotion": "0.1",
        "transactional": "1,000",
        "reused": "5",
        "connection a message": "50",
    }
    for words, limit in limits.items():
        assert [line["limit"] for name, line in told.items() if words in name and line["limit"]] == [limit]

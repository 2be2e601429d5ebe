"""The project keeps its word: what the documents say exists, and what exists is in the documents."""

import os
import re
import subprocess
import sys
from collections import Counter
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
from django.db.migrations.loader import MigrationLoader

from homeserve_pro.celery import app
from tests.environment import ROOT, secrets_from_files, variables

LONGEST = 400
CODE = {".py", ".html", ".js", ".css", ".sh", ".md"}
# Not written here: generated, locked or brought from elsewhere.
FOREIGN = re.compile(r"(^|/)(migrations|vendor|vendored|data|node_modules)/|\.min\.|^requirements/.*\.txt$")
# Spelt so that this file does not hold them itself.
ELSEWHERE = re.compile(
    r"py[p]i\.(org|python)|py[t]honhosted\.org|registry\.np[m]js|np[m]js\.(org|com)|u[n]pkg\.com|jsd[e]livr|(^|[\s\"'(=:])/wo[r]k/|/fa[r]m/|\.\./sha[r]ed"
)
# Whatever the reader is called.
READS_A_VARIABLE = re.compile(r"""\benv\.[a-z_]+\(\s*["']([A-Z][A-Z0-9_]+)["']""")
MARKDOWN_LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


@cache
def files() -> tuple[Path, ...]:
    """What belongs to the project: what git keeps or would keep."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    return tuple(Path(name) for name in listed.split("\0") if name and (ROOT / name).is_file())


def read(path: Path | str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def documents() -> list[Path]:
    return [path for path in files() if path.suffix == ".md" and not FOREIGN.search(path.as_posix())]


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z][a-z-]*):", read("Makefile"), re.MULTILINE))


@pytest.mark.parametrize("document", ["README.md", ".env.example"])
def test_every_environment_variable_is_documented(document):
    named = set(re.findall(r"\b[A-Z][A-Z0-9_]+\b", read(document)))
    assert variables() - named == set()


def test_no_variable_is_read_that_the_tests_do_not_clear():
    sources = [path for path in files() if path.suffix == ".py" and path.parts[0] in {"homeserve_pro", "core"}]
    assert {name for source in sources for name in READS_A_VARIABLE.findall(read(source))} - variables() == set()


def test_every_secret_that_may_come_from_a_file_is_one_of_the_variables():
    assert secrets_from_files() <= variables()
    assert {f"{name}_FILE" for name in secrets_from_files()} <= set(re.findall(r"\b[A-Z][A-Z0-9_]+\b", read(".env.example")))


def test_the_example_of_an_environment_sets_nothing_the_product_does_not_read():
    assert set(re.findall(r"^#?([A-Z][A-Z0-9_]+)=", read(".env.example"), re.MULTILINE)) == variables()


def test_the_example_of_an_environment_is_accepted_when_everything_in_it_is_switched_on(tmp_path):
    switched_on = re.sub(r"^#([A-Z][A-Z0-9_]+=.+)$", r"\1", read(".env.example"), flags=re.MULTILINE)
    (tmp_path / ".env").write_text(switched_on, encoding="utf-8")
    start = (
        "import sys, pathlib; from homeserve_pro import env; env.read_file(pathlib.Path(sys.argv[1]));"
        "from homeserve_pro import settings; print(settings.TWILIO_TIMEOUT, settings.DEMO_SPEED, settings.EMBEDDED)"
    )
    environment = {"PATH": os.environ["PATH"], "SECRET_KEY": "x" * 50, "VAR_DIR": str(tmp_path), "LOG_FILE": str(tmp_path / "log")}
    done = subprocess.run(
        [sys.executable, "-c", start, str(tmp_path / ".env")], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["15", "60", "False"]


def test_every_task_is_documented():
    app.loader.import_default_modules()
    tasks = {name.rpartition(".")[2] for name in app.tasks if name.startswith("core.")}
    assert tasks, "There is no task at all."
    words = set(re.findall(r"\w+", " ".join(read(path) for path in documents())))
    assert tasks - words == set()


def test_every_command_is_documented():
    commands = {path.stem for path in (ROOT / "core/management/commands").glob("[!_]*.py")}
    words = set(re.findall(r"\w+", " ".join(read(path) for path in documents())))
    assert commands - words == set()


def test_every_decision_is_listed_and_none_is_numbered_twice():
    decisions = sorted(path.name for path in (ROOT / "docs/adr").glob("[0-9]*.md"))
    assert [int(name[:4]) for name in decisions] == list(range(1, len(decisions) + 1))
    assert set(re.findall(r"\((\d{4}-[\w-]+\.md)\)", read("docs/adr/README.md"))) == set(decisions)


def test_every_link_between_documents_leads_somewhere():
    broken = [
        f"{document}: {link}"
        for document in documents()
        for link in MARKDOWN_LINK.findall(read(document))
        if "://" not in link and not link.startswith("mailto:") and not (ROOT / document.parent / link).exists()
    ]
    assert broken == []


def test_every_rule_that_the_code_refers_to_is_written():
    titles = {int(number) for number in re.findall(r"^## (\d+) \S", read("docs/rules.md"), re.MULTILINE)}
    assert titles == set(range(1, 11))
    refers = re.compile(r"docs/rules\.md\)?, (\d+)(?:(?:,| and) (\d+))*")
    named = {
        (path.as_posix(), int(n)) for path in files() if path.suffix in CODE for found in refers.findall(read(path)) for n in found if n
    }
    assert named
    assert {f"{path}: {number}" for path, number in named if number not in titles} == set()


def test_every_make_target_that_a_document_names_exists():
    # As a command: at a line's start or after a backtick.
    named = {(path, target) for path in documents() for target in re.findall(r"(?:^\s*|`)make ([a-z][a-z-]+)\b", read(path), re.MULTILINE)}
    assert {f"{path}: make {target}" for path, target in named if target not in make_targets()} == set()


def test_no_file_is_too_long_to_be_one_room():
    long = {}
    for path in files():
        if path.suffix in CODE and not FOREIGN.search(path.as_posix()):
            lines = read(path).count("\n")
            if lines > LONGEST:
                long[path.as_posix()] = lines
    assert long == {}


def test_the_project_speaks_of_itself_alone():
    found = []
    for path in files():
        raw = (ROOT / path).read_bytes()
        if b"\0" in raw or "vendor" in path.parts:
            continue
        found += [
            f"{path}:{number}: {line.strip()[:100]}"
            for number, line in enumerate(raw.decode("utf-8", "replace").splitlines(), 1)
            if ELSEWHERE.search(line)
        ]
    assert found == []


def test_the_locks_hold_what_is_asked_for():
    for name in ("base", "dev"):
        lock = read(f"requirements/{name}.txt")
        assert "--index-url" not in lock
        assert "--find-links" not in lock
        pinned = dict(re.findall(r"^([a-z0-9][a-z0-9._-]*)(?:\[[^\]]*\])?==(\S+)", lock, re.MULTILINE))
        assert all(f"{package}==" in lock and "--hash=sha256:" in lock.split(f"{package}==", 1)[1][:200] for package in pinned)
        for asked, version in re.findall(
            r"^([a-z0-9][a-z0-9._-]*)(?:\[[^\]]*\])?(?:==(\S+))?$", read(f"requirements/{name}.in"), re.MULTILINE
        ):
            assert asked in pinned, f"{asked} is asked for and not locked: make lock"
            assert not version or version.endswith("*") or pinned[asked] == version, f"{asked} is locked at another version: make lock"


def test_what_the_tests_run_on_is_what_the_product_runs_on():
    """A package in both locks has one version."""
    pins = [
        dict(re.findall(r"^([a-z0-9._-]+)(?:\[[^\]]*\])?==(\S+)", read(f"requirements/{name}.txt"), re.MULTILINE))
        for name in ("base", "dev")
    ]
    assert {name: (version, pins[1].get(name)) for name, version in pins[0].items() if pins[1].get(name) != version} == {}


def test_migrations_are_one_line():
    loader = MigrationLoader(None)
    ours = sorted(name for app_label, name in loader.graph.nodes if app_label == "core")
    assert len(loader.graph.leaf_nodes("core")) == 1
    assert all(int(later[:4]) - int(earlier[:4]) == 1 for earlier, later in pairwise(ours))


def test_no_file_claims_the_same_twice():
    """Claims are found by their names: two of one name in a file silently become one."""
    for path in files():
        if path.parts[0] == "tests" and path.name.startswith("test_"):
            names = Counter(re.findall(r"^(?:async )?def (test_\w+)", read(path), re.MULTILINE))
            assert [name for name, count in names.items() if count > 1] == [], path

"""The environment tests run in: what the product reads from its variables is set here and nowhere else.

A developer's shell or `.env` may hold a mail host, real credentials or another time zone; none of it reaches a test.
What the two halves of `make test` differ in is taken from outside: DATABASE_URL (a database named test_… is made beside it) and
TEST_REDIS_URLS, empty Redis databases that tests may flush, a worker each. A REDIS_URL itself is never used: it may hold data.
"""

import atexit
import os
import re
import shutil
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
READERS = "text|secrets|secret|login|flag|number|words|url|time_zone|database|prefixes|networks|office_hours|rates"
READS_A_VARIABLE = re.compile(rf"""env\.(?:{READERS})\(\s*["']([A-Z][A-Z0-9_]+)["']""")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FROM_OUTSIDE = {"DATABASE_URL"}


def variables() -> set[str]:
    """Every environment variable the product reads, as its source names it."""
    sources = [*ROOT.glob("homeserve_pro/**/*.py"), *ROOT.glob("core/**/*.py")]
    return {name for source in sources for name in READS_A_VARIABLE.findall(source.read_text(encoding="utf-8"))}


def secrets_from_files() -> set[str]:
    """The variables that may also be given as NAME_FILE."""
    reads = re.compile(r"""env\.(?:secrets|secret|login)\(\s*["']([A-Z][A-Z0-9_]+)["']""")
    return {name for source in ROOT.glob("homeserve_pro/**/*.py") for name in reads.findall(source.read_text(encoding="utf-8"))}


def browser_path() -> str:
    """A Chromium of this machine; empty when there is none. CHROMIUM names another."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), "")


def worker_number() -> int:
    """Which of xdist's workers this process is: 0 for the first, and when there is only one process."""
    return int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))


def prepare() -> Path:
    """Clear and set the environment; returns the directory for what tests write, gone when the process ends."""
    for name in variables() - FROM_OUTSIDE | {f"{name}_FILE" for name in secrets_from_files()}:
        os.environ.pop(name, None)
    for name in [name for name in os.environ if name.startswith("ANYMAIL_")]:
        del os.environ[name]
    scratch = Path(tempfile.mkdtemp(prefix="homeserve-test-"))
    atexit.register(shutil.rmtree, scratch, ignore_errors=True)
    if listed := os.environ.get("TEST_REDIS_URLS"):
        urls = listed.split()
        os.environ["REDIS_URL"] = urls[worker_number() % len(urls)]
    os.environ.update(
        SECRET_KEY="only-for-tests-and-long-enough-to-be-accepted-0123456789",
        VAR_DIR=str(scratch / "var"),
        LOG_FILE=str(scratch / "homeserve_pro.log"),
    )
    return scratch

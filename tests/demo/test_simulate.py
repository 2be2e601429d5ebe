"""`manage.py simulate`, as a person types it."""

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from core import clock
from core.demo import city
from core.models import Booking, User
from tests.demo.conftest import NOW
from tests.environment import ROOT


@pytest.fixture
def now():
    return NOW


@pytest.fixture(autouse=True)
def own_clock(settings, tmp_path):
    settings.CLOCK_FILE = tmp_path / "clock.json"
    clock._pace.cache_clear()
    yield
    clock._pace.cache_clear()


def simulate(*words):
    out = StringIO()
    call_command("simulate", *words, stdout=out)
    return out.getvalue()


def test_an_empty_database_becomes_a_city_and_the_logins_are_said(db, frozen):
    said = simulate("--days", "1", "--seed", "7")
    assert "Loaded in" in said
    assert city.PASSWORD in said
    assert all(name in said for name in ("sara", "omar", "farah", "vera", "kiran"))
    there = city.reached()
    assert there
    assert there.seed == 7


def test_called_again_it_brings_the_city_to_the_present(db, frozen):
    simulate("--days", "1")
    before = Booking.objects.count()
    frozen.shift(timedelta(hours=3))
    assert "bookings" in simulate()
    assert Booking.objects.count() > before
    assert "nothing new" in simulate()


def test_it_can_be_loaded_until_a_moment_of_the_past(db, frozen):
    simulate("--days", "1", "--until", "2026-11-18T09:00")
    newest = Booking.objects.latest("created_at").created_at
    assert timezone.localtime(newest).isoformat() < "2026-11-18T09:00"


def test_other_data_is_refused_and_left_alone(kiran):
    with pytest.raises(CommandError, match="not the demo city's"):
        simulate()
    assert User.objects.get() == kiran


def test_another_seed_than_the_citys_is_refused(db, frozen):
    simulate("--days", "0", "--seed", "7")
    with pytest.raises(CommandError, match="has the seed 7"):
        simulate("--seed", "8")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--until", "tomorrow"), "not a moment"),
        (("--until", "2026-02-30T09:00"), "not a moment"),
        (("--until", "2031-01-01T09:00"), "in the future"),
        (("--speed", "60"), "belongs to --follow"),
        (("--follow", "--speed", "0"), "from 1 to 3600"),
        (("--days", "-1"), "from 0 to 400"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_written(db, frozen, words, reason):
    with pytest.raises(CommandError, match=reason):
        simulate(*words)
    assert city.is_empty()


def test_removing_takes_it_away(db, frozen):
    simulate("--days", "0")
    assert "Removed" in simulate("--remove")
    assert city.is_empty()
    assert "nothing new" in simulate("--remove")


@pytest.mark.slow
def test_followed_fast_it_lives_until_ctrl_c_and_the_clock_goes_back(tmp_path):
    environment = {
        "PATH": os.environ["PATH"],
        "DJANGO_SETTINGS_MODULE": "homeserve_pro.settings",
        "SECRET_KEY": "x" * 50,
        "DATABASE_URL": f"sqlite:///{tmp_path / 'city.sqlite3'}",
        "VAR_DIR": str(tmp_path),
        "LOG_FILE": str(tmp_path / "log"),
        "PYTHONUNBUFFERED": "1",
    }
    manage = [sys.executable, str(ROOT / "manage.py")]
    subprocess.run([*manage, "migrate", "-v0"], env=environment, cwd=ROOT, check=True, timeout=120)
    with subprocess.Popen(
        [*manage, "simulate", "--days", "0", "--follow", "--speed", "3600"],
        env=environment,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout
        lines, steps = [], 0
        deadline = time.monotonic() + 120
        while steps < 3 and time.monotonic() < deadline and (line := process.stdout.readline()):
            lines.append(line)
            steps += "moved" in line
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
        assert process.wait(timeout=30) == 0, rest
    assert steps == 3, "".join(lines) + rest
    assert "Stopped" in rest
    assert "Traceback" not in rest
    # An hour and more a step: so the city is ahead of the world, keeps its lead, and runs at the world's pace again.
    assert '"speed": 1' in (tmp_path / "clock.json").read_text()

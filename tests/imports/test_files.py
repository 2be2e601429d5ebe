"""The files: in which forms they are taken, and what is said of those that cannot be used."""

import gzip
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from django.core.management.base import CommandError
from django.db import connection

from core.models import Booking, Payment, Service, Signature, User
from tests.environment import ROOT
from tests.imports.export import FILES, Export, good

TABLES = (User, Service, Booking, Signature, Payment)


def counts() -> list[int]:
    return [model.objects.count() for model in TABLES]


@pytest.mark.parametrize(
    "form",
    [{"packed": True}, {"before": "\ufeff"}, {"end": "\r\n"}, {"end": "\n\n"}, {"before": "\ufeff", "end": "\r\n", "packed": True}],
    ids=["gzip", "BOM", "CRLF", "blank lines", "all at once"],
)
def test_the_usual_forms_of_a_csv_file_are_taken(export, form: dict[str, Any]):
    export.write(**form)
    _, refused = export.load(write=False)
    assert refused == []
    assert counts() == [1] * 5


def test_a_last_line_without_its_end_is_a_row(export):
    export.write()
    export.path("payments").write_text(export.text("payments").rstrip("\n"))
    export.load(write=False)
    assert counts() == [1] * 5


def test_columns_may_stand_in_any_order_and_cells_in_quotes(export):
    export.write()
    export.path("services").write_text('"base_price","name","id","category"\n"299","Tiles, grout","1","repair"\n')
    assert export.load(write=False)[1] == []
    service = Service.objects.get()
    assert (service.pk, service.name, service.duration_minutes, service.is_active) == (1, "Tiles, grout", 60, True)


def test_an_unknown_column_is_left_out_with_a_word(export):
    export.write()
    export.path("services").write_text("id,colour,name,category,base_price\n1,red,Plumber,repair,299\n")
    _, said = export.load(write=False)
    assert said == ["services.csv: the column 'colour' is not known and is left out."]
    assert Service.objects.get().name == "Plumber"


def test_a_password_or_a_superuser_does_not_come_in_by_a_file(export):
    export.write()
    export.path("users").write_text("username,role,password,is_superuser,is_staff\nkiran,customer,secret,1,1\n")
    _, said = export.load(write=False)
    assert len(said) == 3
    kiran = User.objects.get()
    assert (kiran.has_usable_password(), kiran.is_superuser, kiran.is_staff) == (False, False, False)


def test_an_optional_column_that_is_missing_leaves_what_is_there(export):
    export.load()
    User.objects.update(phone="+919999999999")
    export.write()
    export.path("users").write_text(export.text("users", without="phone"))
    export.load(write=False)
    assert User.objects.get().phone == "+919999999999"


def test_without_its_time_a_booking_was_made_when_it_was_imported(export, frozen, now):
    export.write()
    export.path("bookings").write_text(export.text("bookings", without="created_at"))
    export.load(write=False)
    frozen.shift(3600)
    export.load(write=False)
    assert Booking.objects.get().created_at == now


def test_files_without_rows_are_an_empty_marketplace(export):
    export.rows = {file: [] for file in FILES}
    said, refused = export.load()
    assert refused == []
    assert "0 rows loaded, 0 bad rows skipped" in said


@pytest.mark.parametrize(("file", "column"), [("users", "username"), ("users", "role"), ("bookings", "pincode"), ("payments", "amount")])
def test_a_missing_column_is_named_and_nothing_is_loaded(export, file, column):
    export.write()
    export.path(file).write_text(export.text(file, without=column))
    with pytest.raises(CommandError, match=rf"{file}\.csv: .*{column}"):
        export.load(write=False)
    assert counts() == [0] * 5


def spoil_last(export: Export, content: bytes) -> None:
    export.write()
    export.path("payments").write_bytes(content)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "lacks id, booking, amount, status"),
        ("id,booking,amount,status\n".encode("utf-16"), "not UTF-8"),
        (b"id,booking,amount,status\n" + b"x,y,1,pending\n" * 200_000 + b"caf\xe9,y,1,pending\n", "not UTF-8: line 200,002"),
        (b"id,id,booking,amount,status\n", "the column id is there twice"),
        (b'"id,booking,amount,status\n', "the first line is not CSV"),
        (b"id;booking;amount;status\n", "lacks id, booking"),
        (b"id,booking,amount,status\n" + b"x" * 3_000_000, "line 2 is longer than"),
    ],
    ids=["empty", "UTF-16", "Latin-1", "a column twice", "an open quote", "semicolons", "no lines"],
)
def test_a_last_file_that_cannot_be_used_is_known_before_the_first_row_is_loaded(export, content, said):
    spoil_last(export, content)
    with pytest.raises(CommandError, match=rf"payments\.csv.*{said}"):
        export.load(write=False)
    assert counts() == [0] * 5


ROWS = b"".join(b"%s,y,1,pending\n" % os.urandom(8).hex().encode() for _ in range(9_000))
CUT_OFF = gzip.compress(b"id,booking,amount,status\n" + ROWS)[:-9]


@pytest.mark.parametrize("whole", [b"this is no archive", CUT_OFF, b""], ids=["no archive", "cut off", "empty"])
def test_a_broken_archive_is_known_before_the_first_row_is_loaded(export, whole):
    export.write()
    export.path("payments").unlink()
    Path(f"{export.path('payments')}.gz").write_bytes(whole)
    with pytest.raises(CommandError, match=r"payments\.csv\.gz"):
        export.load(write=False)
    assert counts() == [0] * 5


@pytest.mark.parametrize("file", FILES)
def test_a_missing_file_is_named_and_nothing_is_loaded(export, file):
    export.write()
    export.path(file).unlink()
    with pytest.raises(CommandError, match=rf"There is no {file}\.csv"):
        export.load(write=False)
    assert counts() == [0] * 5


def test_a_directory_in_place_of_a_file_is_an_error(export):
    export.write()
    export.path("payments").unlink()
    export.path("payments").mkdir()
    with pytest.raises(CommandError, match=r"payments\.csv cannot be read"):
        export.load(write=False)


def test_a_file_in_two_forms_is_an_error(export):
    export.write()
    export.write(packed=True)
    with pytest.raises(CommandError, match="which one counts"):
        export.load(write=False)


def test_a_directory_that_is_not_there_is_an_error(export):
    export.directory = export.directory / "elsewhere"
    with pytest.raises(CommandError, match="is not a directory"):
        export.load(write=False)


def start(export: Export, *options: str) -> subprocess.Popen[str]:
    """`manage.py import_marketplace` in a process of its own, on this test's database."""
    settings = connection.settings_dict
    url = f"sqlite:///{settings['NAME']}"
    if connection.vendor == "postgresql":
        login = ":".join(filter(None, [settings["USER"], settings["PASSWORD"]]))
        url = f"postgres://{login}@{settings['HOST']}:{settings['PORT'] or 5432}/{settings['NAME']}"
    return subprocess.Popen(
        [sys.executable, "manage.py", "import_marketplace", str(export.directory), *options],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "homeserve_pro.settings"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.django_db(transaction=True)
def test_from_the_shell_it_ends_0_with_bad_rows_and_not_0_when_strict(export):
    export.add("payments", "ragged")
    export.write()
    for options, code in (((), 0), (("--strict",), 1)):
        process = start(export, *options)
        said, refused = process.communicate(timeout=60)
        assert process.returncode == code
        assert "payments.csv, line 3: has 1 fields instead of 6." in refused
        assert ("1 bad row skipped" in said) == (code == 0)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_killed_in_the_middle_and_run_again_it_ends_with_the_same_rows(export):
    many = 60_000
    export.rows["bookings"] = [good("bookings", which) for which in range(1, many + 1)]
    export.write()
    process = start(export)
    os.setpriority(os.PRIO_PROCESS, process.pid, 19)  # Where processors are few, the one who looks comes first.
    while process.poll() is None and not Booking.objects.exists():
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert 0 < Booking.objects.count() < many

    export.load(write=False)
    assert counts() == [1, 1, many, 1, 1]

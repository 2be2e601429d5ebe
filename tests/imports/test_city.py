"""A whole city's export, bad rows and all."""

import gzip
import json

import pytest
from django.core.management.base import CommandError

from core.models import Booking, Payment, Service, Signature, User
from tests.imports.export import everything, load

TABLES = (User, Service, Booking, Signature, Payment)
REFUSED = [
    ("users.csv.gz, line 4429: email: ", "phone: "),
    ("users.csv.gz, line 4430: role: ", "'king'"),
    ("users.csv.gz, line 4431: pincode: ", "'056001'"),
    ("users.csv.gz, line 4432: username: ", "empty"),
    ("bookings.csv.gz, line 15944: id: ", "'not-a-uuid'"),
    ("bookings.csv.gz, line 15945: customer: ", "'nobody'"),
    ("bookings.csv.gz, line 15946: service: ", "'99'"),
    ("bookings.csv.gz, line 15947: status: ", "'flying'"),
    ("bookings.csv.gz, line 15948: total_price: ", "scheduled_date: 'yesterday'"),
    ("bookings.csv.gz, line 15949: has 2 fields instead of 11", ""),
    ("signatures.csv.gz, line 10563: booking: ", "7b0d7b0e-0000-4000-8000-00000000ffff"),
    ("payments.csv.gz, line 10563: booking: ", "7b0d7b0e-0000-4000-8000-00000000ffff"),
]


@pytest.mark.django_db
def test_the_city_is_loaded_without_its_bad_rows_which_are_named_by_file_line_and_reason(bengaluru_dir):
    said, refused = load(bengaluru_dir)

    assert [model.objects.count() for model in TABLES] == [4427, 12, 15942, 10561, 10561]
    assert "12 bad rows skipped" in said
    assert len(refused) == len(REFUSED)
    for line, (start, part) in zip(refused, REFUSED, strict=True):
        assert line.startswith(start)
        assert part in line


@pytest.mark.django_db
def test_as_many_rows_are_refused_in_each_file_as_its_maker_says_are_bad(bengaluru_dir):
    expected = json.loads(gzip.decompress((bengaluru_dir / "expected.json.gz").read_bytes()))
    _, refused = load(bengaluru_dir)
    for file, count in expected["refused_rows"].items():
        assert sum(line.startswith(file) for line in refused) == count


@pytest.mark.django_db
def test_the_city_loaded_again_is_the_same_city(bengaluru_dir):
    load(bengaluru_dir)
    before = everything(*TABLES)
    said, _ = load(bengaluru_dir)
    assert everything(*TABLES) == before
    assert "15,942 loaded (0 new or changed, 15,942 as they were)" in said


@pytest.mark.django_db
def test_strict_takes_nothing_of_a_city_with_bad_rows(bengaluru_dir):
    with pytest.raises(CommandError, match="there are 12"):
        load(bengaluru_dir, "--strict")
    assert [model.objects.count() for model in TABLES] == [0] * len(TABLES)

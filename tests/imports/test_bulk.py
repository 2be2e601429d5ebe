"""Many rows in one statement: what goes in comes out, on both databases."""

import uuid
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.db import DatabaseError, DataError, connection
from django.test.utils import CaptureQueriesContext

from core import bulk
from core.models import BusinessAlert, PincodeAnalytics, Role, Service, User
from tests.people import people

pytestmark = pytest.mark.django_db

SERVICE = ("name", "category", "base_price", "duration_minutes", "is_active")
DAY = date(2026, 11, 16)
ODD = ["plain", "", "NULL", "null", '"quoted"', "back\\slash", "{a,b}", "a\nb\tc", "%s %% %(x)s", "रवि", "'; --", " spaced ", "🙂"]


def services(*rows, **options):
    return bulk.insert(Service, SERVICE, rows, **options)


@pytest.mark.parametrize("returning", ["", "id"])
def test_text_comes_out_as_it_went_in(returning):
    services(*((text, "odd", Decimal("1.50"), 5, True) for text in ODD), returning=returning)
    assert sorted(Service.objects.values_list("name", flat=True)) == sorted(ODD)


def alerts(*changes, **options):
    """Alerts in bulk, each as the model makes it but for the changes."""
    fields = [one.name for one in BusinessAlert._meta.concrete_fields if not one.is_relation]
    plain = [BusinessAlert(alert_type="system_error", title="t", **change) for change in changes]
    rows = [[bulk.json_text(alert.metadata) if name == "metadata" else getattr(alert, name) for name in fields] for alert in plain]
    return bulk.insert(BusinessAlert, fields, rows, **options)


@pytest.mark.parametrize("returning", ["", "id"])
def test_every_type_comes_out_as_the_model_would_have_it(returning):
    moment = datetime(2026, 11, 16, 3, 30, 0, 120, tzinfo=UTC)
    said = {
        "id": uuid.uuid4(),
        "severity": BusinessAlert.Severity.HIGH,
        "metadata": {"pincodes": ["560001"], "quote": '"', "nothing": None},
        "rupees_at_risk": Decimal("10.25"),
        "created_at": moment,
        "resolved_at": None,
        "item_count": 3,
    }
    alerts(said, returning=returning)
    alert = BusinessAlert.objects.get(created_at=moment, id=str(said["id"]))
    assert {name: getattr(alert, name) for name in said} == said


def stored_form(value):
    return bulk.json_text(value) if isinstance(value, dict) else value


def test_days_and_flags_come_out_as_they_went_in():
    fields = [one.name for one in PincodeAnalytics._meta.concrete_fields if not one.primary_key]
    example = PincodeAnalytics(pincode="560001", date=DAY)
    bulk.insert(PincodeAnalytics, fields, [[stored_form(getattr(example, name)) for name in fields]])
    stored = PincodeAnalytics.objects.get()
    assert [getattr(stored, name) for name in fields] == [getattr(example, name) for name in fields]


def test_returned_are_the_rows_that_were_taken():
    known, other = uuid.uuid4(), uuid.uuid4()
    assert alerts({"id": known}, returning="id") == [known]
    assert alerts({"id": known}, {"id": other}, returning="id") == [other]


def test_only_rows_that_differ_are_written():
    fields = ("id", *SERVICE)
    conflict = bulk.update_on("(id)", SERVICE, where=bulk.differs("core_service", SERVICE))
    rows = [(n, "Plumber", "repair", "299.00", 60, True) for n in (1, 2)]
    assert bulk.written(Service, fields, rows, conflict=conflict) == 2
    assert bulk.written(Service, fields, rows, conflict=conflict) == 0
    assert bulk.written(Service, fields, [rows[0], (2, "Plumber", "repair", Decimal("300"), 60, True)], conflict=conflict) == 1
    assert Service.objects.get(pk=2).base_price == 300


def test_three_rows_and_three_hundred_are_one_statement():
    for count in (3, 300):
        with CaptureQueriesContext(connection) as queries:
            services(*(("n", "c", 1, 1, True) for _ in range(count)))
        assert len(queries) == 1


def test_a_lookup_answers_for_the_keys_that_are_there():
    vera, viren = people(2, Role.VENDOR)
    found = bulk.lookup(User, "username", [vera.username, viren.username, "nobody", 'o"dd\\'], "id")
    assert dict(found) == {vera.username: vera.pk, viren.username: viren.pk}


def test_a_lookup_speaks_of_uuids_by_their_digits():
    alert = BusinessAlert.objects.create(alert_type="system_error", severity="low", title="t", description="d")
    assert bulk.lookup(BusinessAlert, "id", [alert.id.hex, uuid.uuid4().hex], "id") == [(alert.id.hex, alert.id.hex)]


@pytest.mark.postgresql
def test_what_is_too_long_for_its_column_is_an_error_and_is_not_cut():
    with pytest.raises(DataError):
        services(("n" * 121, "c", 1, 1, True))


def test_what_has_no_form_in_the_database_is_refused():
    with pytest.raises((TypeError, DatabaseError), match=r"cannot be stored|not supported"):
        services((object(), "c", 1, 1, True))

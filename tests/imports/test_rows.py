"""Row by row: what is loaded, what is updated, and what is refused for which reason."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.core.management.base import CommandError
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core.models import Booking, Payment, Role, Service, Signature, User
from tests.imports.export import FILES, everything, good, number

TABLES = (User, Service, Booking, Signature, Payment)


def test_what_a_row_says_is_what_the_table_holds(export):
    export.add("users", good("users", username="vera", role="vendor", is_available="yes"))
    export.rows["bookings"] = [
        good("bookings", vendor="vera", status="signed", assigned_at="2026-11-10T03:45:30.25Z", completion_date="2026-11-11 11:15+05:30")
    ]
    export.rows["signatures"] = [good("signatures", status="signed", signed_at="2026-11-11T12:00:00+05:30", satisfaction_rating="4")]
    _, refused = export.load()

    assert refused == []
    booking = Booking.objects.get()
    assert str(booking.id) == number("bookings", 1)
    assert booking.vendor == User.objects.get(username="vera")
    assert (booking.customer.username, booking.service.name) == ("kiran", "Plumber visit")
    assert (booking.status, booking.total_price, booking.pincode) == ("signed", Decimal("299.00"), "560001")
    assert booking.created_at == datetime(2026, 11, 10, 3, 30, tzinfo=UTC)
    assert booking.assigned_at == datetime(2026, 11, 10, 3, 45, 30, 250_000, tzinfo=UTC)
    assert booking.completion_date == datetime(2026, 11, 11, 5, 45, tzinfo=UTC)
    assert booking.signature.satisfaction_rating == 4
    assert booking.payment.amount == Decimal("299.00")
    assert booking.payment.held_at is None
    assert User.objects.get(username="vera").is_available


def test_imported_people_cannot_log_in_until_they_have_a_password_and_keep_it_then(export):
    export.load()
    kiran = User.objects.get()
    assert not kiran.has_usable_password()

    kiran.set_password("a password of their own")
    kiran.language = "hi"
    kiran.save()
    export.rows["users"] = [good("users", last_name="Shetty")]
    export.load()

    kiran.refresh_from_db()
    assert kiran.last_name == "Shetty"
    assert kiran.language == "hi"
    assert kiran.check_password("a password of their own")


def test_a_changed_row_is_an_update_and_no_other_row_is_touched(export):
    export.add("bookings", good("bookings", 2))
    export.load()
    before = Booking.objects.values().get(pk=number("bookings", 1))
    export.rows["bookings"][1] = good("bookings", 2, status="cancelled", total_price="0.00")

    said, _ = export.load()

    assert "2 loaded (1 new or changed, 1 as they were)" in said
    assert Booking.objects.get(pk=number("bookings", 2)).status == "cancelled"
    assert Booking.objects.values().get(pk=number("bookings", 1)) == before


@pytest.mark.parametrize(
    ("file", "column", "cell", "reason"),
    [
        ("users", "username", "", "is empty"),
        ("users", "username", "two words", "valid username"),
        ("users", "username", "x" * 151, "longer than 150"),
        ("users", "email", "notanemail", "email"),
        ("users", "first_name", "A\x00B", "control character"),
        ("users", "role", "king", "'king' is not one of customer"),
        ("users", "role", "", "is empty"),
        ("users", "phone", "9845000006", "+919876543210"),
        ("users", "pincode", "056001", "six digits"),
        ("users", "pincode", "56001", "six digits"),
        ("users", "pincode", "५६०००१", "six digits"),
        ("users", "is_available", "maybe", "write 1 or 0"),
        ("users", "is_active", "", "is empty"),
        ("services", "id", "0", "not from 1"),
        ("services", "id", "one", "whole number"),
        ("services", "name", "", "is empty"),
        ("services", "name", "x" * 121, "longer than 120"),
        ("services", "base_price", "-1", "negative"),
        ("services", "duration_minutes", "1.5", "whole number"),
        ("services", "duration_minutes", "-5", "not from 0"),
        ("bookings", "id", "17", "not a UUID"),
        ("bookings", "id", "", "is empty"),
        ("bookings", "customer", "nobody", "no user 'nobody'"),
        ("bookings", "customer", "", "is empty"),
        ("bookings", "customer", "a\x00b", "control character"),
        ("bookings", "vendor", "nobody", "no user 'nobody'"),
        ("bookings", "service", "99", "no service '99'"),
        ("bookings", "status", "flying", "'flying' is not one of pending"),
        ("bookings", "total_price", "-0.01", "negative"),
        ("bookings", "total_price", "free", "not a number"),
        ("bookings", "total_price", "1e3", "not a number"),
        ("bookings", "total_price", "NaN", "not a number"),
        ("bookings", "total_price", "1.005", "more than 2 decimals"),
        ("bookings", "total_price", "123456789.00", "more than 8 digits"),
        ("bookings", "pincode", "", "is empty"),
        ("bookings", "scheduled_date", "yesterday", "ISO 8601"),
        ("bookings", "scheduled_date", "11/11/2026 10:00", "ISO 8601"),
        ("bookings", "scheduled_date", "2026-11-11x10:00:00Z", "ISO 8601"),
        ("bookings", "scheduled_date", "2026-11-11T10:00:00", "no UTC offset"),
        ("bookings", "scheduled_date", "2026-11-11", "no UTC offset"),
        ("bookings", "created_at", "0001-01-01T00:00:00+05:30", "between the years"),
        ("bookings", "created_at", "9999-12-31T23:59:59Z", "between the years"),
        ("signatures", "booking", number("bookings", 77), "there is no booking"),
        ("signatures", "status", "", "is empty"),
        ("signatures", "satisfaction_rating", "0", "not from 1 to 5"),
        ("signatures", "satisfaction_rating", "6", "not from 1 to 5"),
        ("signatures", "satisfaction_rating", "4.5", "whole number"),
        ("payments", "booking", "", "is empty"),
        ("payments", "amount", "", "is empty"),
        ("payments", "amount", "-299", "negative"),
        ("payments", "status", "lost", "'lost' is not one of pending"),
        ("payments", "held_at", "soon", "ISO 8601"),
    ],
)
def test_a_bad_cell_is_refused_by_line_and_column_and_the_rest_is_loaded(export, file, column, cell, reason):
    for name in ("bookings", "users", "services"):
        export.add(name, good(name, 2, **({"username": "second"} if name == "users" else {"id": "2"} if name == "services" else {})))
    bad = good(file, 2) | ({"username": "third"} if file == "users" else {"id": "3"} if file == "services" else {})
    if file == "bookings":
        bad["id"] = number("bookings", 3)
    export.add(file, bad | {column: cell})
    line = len(export.rows[file]) + 1

    _, refused = export.load()

    assert len(refused) == 1
    assert refused[0].startswith(f"{file}.csv, line {line}: {column}: ")
    assert reason in refused[0]
    loaded = [User.objects.count(), Service.objects.count(), Booking.objects.count(), Signature.objects.count(), Payment.objects.count()]
    assert loaded == [2, 2, 2, 1, 1]


@pytest.mark.parametrize("row", ["a,b", "a,b,c,d,e,f,g,h,i,j,k,l", f"{number('bookings', 2)},kiran", '"never closed,1,2,3,4,5,6,7,8,9,10'])
def test_a_ragged_row_is_refused_and_the_next_one_is_loaded(export, row):
    export.add("bookings", row, good("bookings", 3))
    _, refused = export.load()
    assert len(refused) == 1
    assert refused[0].startswith("bookings.csv, line 3: ")
    assert Booking.objects.count() == 2


def test_every_fault_of_a_row_is_named_at_once_and_no_address_or_number_of_a_person(export):
    export.add("users", good("users", username="x", email="someone@nowhere", phone="98450 00006", pincode="1"))
    _, (refused,) = export.load()
    assert all(f"{column}: " in refused for column in ("email", "phone", "pincode"))
    assert "someone" not in refused
    assert "98450" not in refused


@pytest.mark.parametrize("file", FILES)
def test_of_two_rows_with_one_key_the_first_counts(export, file):
    other = {"users": {"first_name": "Other"}, "services": {"name": "Other"}}.get(file, {"status": "disputed"})
    export.add(file, good(file) | (other if file != "payments" else {"status": "failed"}))
    before = export.rows[file][0]
    _, refused = export.load()
    assert refused == [f"{file}.csv, line 3: {'username' if file == 'users' else 'id'}: the same as on line 2."]
    model = TABLES[FILES.index(file)]
    column = next(iter(other if file != "payments" else {"status": ""}))
    assert getattr(model.objects.get(), column) == before[column]


def test_a_key_refused_once_may_come_again_in_a_good_row(export):
    export.rows["bookings"] = [good("bookings", status="flying"), good("bookings")]
    _, refused = export.load()
    assert len(refused) == 1
    assert Booking.objects.count() == 1


@pytest.mark.parametrize("file", ["signatures", "payments"])
def test_a_booking_has_one_signature_and_one_payment(export, file):
    export.add(file, good(file, 2, booking=number("bookings", 1)))
    _, (refused,) = export.load()
    assert f"booking: {number('bookings', 1)} has the {file[:-1]} {number(file, 1)} already" in refused

    export.rows[file] = [good(file, 3, booking=number("bookings", 1))]
    _, (refused,) = export.load()
    assert f"{file}.csv, line 2: booking: " in refused


def test_a_row_is_refused_for_a_reference_to_a_refused_row(export):
    export.rows["users"] = [good("users", role="king")]
    _, refused = export.load()
    assert [line.split(":")[0] for line in refused] == [f"{file}.csv, line 2" for file in ("users", "bookings", "signatures", "payments")]


def test_work_may_be_done_before_the_time_it_was_planned_for(export):
    export.rows["bookings"] = [good("bookings", status="completed", completion_date="2026-11-11T09:00:00+05:30")]
    assert export.load()[1] == []


@pytest.mark.parametrize(
    ("word", "value"),
    [("1", True), ("TRUE", True), ("Yes", True), ("on", True), ("0", False), ("False", False), ("no", False), ("off", False)],
)
def test_yes_and_no_may_be_written_in_four_ways(export, word, value):
    export.rows["users"] = [good("users", is_available=word)]
    export.load()
    assert User.objects.get().is_available is value


def test_text_is_kept_to_the_letter(export):
    name = """रवि \\ {"NULL"},'%s' ;--"""
    export.rows["users"] = [good("users", first_name='"' + name.replace('"', '""') + '"', last_name="NULL")]
    assert export.load()[1] == []
    assert (User.objects.get().first_name, User.objects.get().last_name) == (name, "NULL")


def test_a_service_made_after_an_import_gets_an_id_of_its_own(export):
    export.add("services", good("services", id="7"))
    export.load()
    assert Service.objects.create(name="New", category="repair", base_price=1).pk == 8


def test_strict_loads_everything_when_every_row_is_good(export):
    export.load("--strict")
    assert [model.objects.count() for model in TABLES] == [1] * 5


def test_strict_loads_nothing_when_the_last_row_of_the_last_file_is_bad_and_takes_back_updates(export):
    export.load()
    before = everything(*TABLES)
    export.rows["users"] = [good("users", first_name="Changed"), good("users", username="new")]
    export.add("payments", good("payments", 2, amount="-1"))
    with pytest.raises(CommandError, match="Nothing was loaded"):
        export.load("--strict")
    assert everything(*TABLES) == before


def test_more_rows_of_a_batch_cost_no_more_statements(export):
    def statements(rows: int) -> int:
        for which in range(len(export.rows["bookings"]) + 1, rows + 1):
            for file in ("bookings", "signatures", "payments"):
                export.add(file, good(file, which))
        with CaptureQueriesContext(
            connection,
        ) as queries:
            export.load()
        return len(queries)

    assert statements(3) == statements(300)
    assert Payment.objects.count() == 300


def test_what_an_import_wrote_is_what_the_product_itself_would_have_written(export):
    export.load()
    kiran = User.objects.get(username="kiran", role=Role.CUSTOMER)
    mine = Booking.objects.create(
        customer=kiran, service=Service.objects.get(), total_price=Decimal("299.00"), pincode="560001",
        scheduled_date=datetime(2026, 11, 11, 4, 30, tzinfo=UTC), created_at=datetime(2026, 11, 10, 3, 30, tzinfo=UTC),
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM core_booking")
        positions = [n for n, column in enumerate(cursor.description) if column[0] != "id"]
        first, second = ([row[n] for n in positions] for row in cursor.fetchall())
    assert first == second
    assert Booking.objects.get(pk=mine.pk).scheduled_date == Booking.objects.exclude(pk=mine.pk).get().scheduled_date

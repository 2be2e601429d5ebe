"""What runs for every message: planned once, counted like any other statement, and wrong in Django's words."""

import pytest
from django.db import DatabaseError, connection, transaction

from core import statements

pytestmark = pytest.mark.django_db


def test_a_statement_answers_and_is_counted(django_assert_num_queries):
    with django_assert_num_queries(2):
        assert statements.run("SELECT %s + 1", [1]).fetchone() == (2,)
        with statements.together():
            asked = statements.run("SELECT %(one)s + 1", {"one": 2})
        assert asked.fetchone() == (3,)


def test_what_is_wrong_is_told_in_djangos_words():
    with pytest.raises(DatabaseError), transaction.atomic(), statements.together():
        statements.run("SELECT nothing_of_this_name", [])
    assert statements.run("SELECT 1", []).fetchone() == (1,)


@pytest.mark.postgresql
def test_a_statement_is_planned_once_for_a_connection():
    def prepared() -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%%of this test%%'")
            (count,) = cursor.fetchone()
        return int(count)

    for number in range(5):
        statements.run("SELECT %s::int /* of this test */", [number])
    assert prepared() == 1

"""What a check looks for as one SELECT, so that the database finds, compares and stores, and no row comes here to go back."""

from datetime import datetime
from typing import Any

from django.db.models import Case, CharField, DateTimeField, F, Func, QuerySet, Value, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Concat, Left, Upper

LABEL = 200
# The first characters of an identifier, by which people name a row to each other.
REFERENCE = 8


def stuck_rows(
    rows: QuerySet[Any], *, object_type: str, since: Combinable, rupees: str, service: str, pincode: str, critical_from: datetime
) -> QuerySet[Any, tuple[Any, ...]]:
    """The SELECT of a check whose rows have UUIDs: what `Check.select` returns, its columns those of a `Finding` in order.

    `since` is an expression, `rupees`, `service` and `pincode` name fields. Critical is what is stuck since `critical_from`
    or longer, high the rest.
    """
    key = UuidText("pk")
    comma = Value(", ")
    severity = Case(When(stuck_since__lte=critical_from, then=Value("critical")), default=Value("high"))
    return (
        rows.alias(stuck_since=since)
        .order_by()
        .values_list(
            Value(object_type),
            key,
            Left(Concat(F(service), comma, F(pincode), comma, Upper(Left(key, REFERENCE)), output_field=CharField()), LABEL),
            F("stuck_since"),
            severity,
            F(rupees),
            F(pincode),
        )
    )


class UuidText(Func):
    """A UUID as Python writes it, with its dashes. SQLite keeps it as 32 digits."""

    output_field = CharField()

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template="(%(expressions)s)::text", **context)

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        (key,) = self.get_source_expressions()
        sql, params = compiler.compile(key)
        parts = " || '-' || ".join(f"substr({sql}, {start}, {length})" for start, length in ((1, 8), (9, 4), (13, 4), (17, 4), (21, 12)))
        return f"({parts})", [*params] * 5


class MinutesAfter(Func):
    """A stored time and a number of minutes on, to the microsecond."""

    output_field = DateTimeField()
    arity = 2

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template="(%(expressions)s * interval '1 minute')", arg_joiner=" + ", **context)

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        # Its own arithmetic ends at milliseconds: the fraction, which no minute changes, is taken over as it is stored.
        (time, time_params), (minutes, minutes_params) = (compiler.compile(each) for each in self.get_source_expressions())
        sql = f"(strftime('%%Y-%%m-%%d %%H:%%M:%%S', substr({time}, 1, 19), {minutes} || ' minutes') || substr({time}, 20))"
        return sql, [*time_params, *minutes_params, *time_params]

"""Which limit holds where and when: the pincode's own, else its region's (longest prefix), else the default (docs/rules.md, 4)."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Final

from django.db.models import BigIntegerField, Case, Expression, F, Value, When
from django.db.models.functions import Left
from django.db.models.lookups import In

from core.models import Threshold

Values = Mapping[str, Decimal]
# Limits have two decimals (`Threshold.value`).
PINCODE: Final = 6
HUNDRED: Final = Value(100, output_field=BigIntegerField())


@dataclass(frozen=True)
class Limits:
    """The limits of one rule as they are in force at one moment."""

    rule: str
    defaults: Values
    # (name, scope) -> value
    rows: Mapping[tuple[str, str], Decimal] = field(default_factory=dict)

    def everywhere(self) -> Values:
        """What holds where no pincode or region says otherwise."""
        return self.for_pincode("")

    def for_pincode(self, pincode: str) -> Values:
        """Each of the rule's limits, from the narrowest scope that has one."""
        return {name: self._value(name, pincode) for name in self.defaults}

    def hundredths(self, name: str) -> Expression:
        """One of the rule's limits as the database finds it for each row with a pincode, as `for_pincode` does.

        In hundredths: whole numbers, which every database compares exactly. Scopes with the same limit are asked for at once.
        """

        def said(value: Decimal) -> Value:
            return Value(int(value * 100), output_field=BigIntegerField())

        alike: dict[tuple[int, Decimal], list[str]] = {}
        for (of, scope), value in self.rows.items():
            if of == name and scope:
                alike.setdefault((len(scope), value), []).append(scope)
        narrowest_first = sorted(alike.items(), key=lambda group: -group[0][0])
        whens = [
            When(In(F("pincode") if length == PINCODE else Left("pincode", length), sorted(scopes)), then=said(value))
            for (length, value), scopes in narrowest_first
        ]
        everywhere = said(self.everywhere()[name])
        return Case(*whens, default=everywhere, output_field=BigIntegerField()) if whens else everywhere

    def source(self, name: str, pincode: str) -> str | None:
        """The scope whose limit holds there; None: what the rule declares."""
        return next((scope for length in range(len(pincode), -1, -1) if (name, scope := pincode[:length]) in self.rows), None)

    def _value(self, name: str, pincode: str) -> Decimal:
        scope = self.source(name, pincode)
        return self.defaults[name] if scope is None else self.rows[name, scope]

    def changed(self, name: str, scope: str, value: Decimal | None) -> "Limits":
        """As if a limit had been set, or had ended."""
        rows = {key: kept for key, kept in self.rows.items() if key != (name, scope)}
        return replace(self, rows=rows if value is None else rows | {(name, scope): value})


def in_force(rule: str, defaults: Values, *, now: datetime) -> Limits:
    """The limits of a rule at a moment, read in one statement."""
    return all_in_force({rule: defaults}, now=now)[rule]


def all_in_force(rules: Mapping[str, Values], *, now: datetime) -> dict[str, Limits]:
    """The limits of several rules at a moment, by their names and what they declare, read in one statement."""
    rows: dict[str, dict[tuple[str, str], Decimal]] = {rule: {} for rule in rules}
    dated = Threshold.objects.filter(rule__in=list(rules), effective_from__lte=now).order_by("effective_from", "id")
    for rule, name, scope, value in dated.values_list("rule", "name", "scope", "value"):
        if value is None:
            rows[rule].pop((name, scope), None)
        else:
            rows[rule][name, scope] = value
    return {rule: Limits(rule, defaults, rows[rule]) for rule, defaults in rules.items()}

"""The filters of a list's address, as the API's form takes them."""

from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlencode

from django.db.models import Model, QuerySet
from django.http import QueryDict
from rest_framework.exceptions import ValidationError

from core.dashboard.pages import Order, Part, part_of
from core.dashboard.strict import Query, query_of

M = TypeVar("M", bound=Model)


def asked_for(form: type[Query], given: QueryDict, *, apart: tuple[str, ...] = ()) -> tuple[dict[str, Any], dict[str, str]]:
    """What an address asks for, and by field what was wrong with it: then it asks for nothing.

    Empty fields, as a browser sends them of a form, ask for nothing either. What is `apart` is not the form's.
    """
    named = QueryDict(mutable=True)
    for name, values in given.lists():
        if name not in apart and any(values):
            named.setlist(name, values)
    try:
        return query_of(form, named), {}
    except ValidationError as error:
        detail: Any = error.detail
        return query_of(form, QueryDict()), {name: " ".join(map(str, whys)) for name, whys in detail.items()}


def part_asked(
    form: type[Query],
    given: QueryDict,
    rows: Callable[[dict[str, Any]], QuerySet[M]],
    order: Order,
    *,
    size: int,
    loaded: Callable[[QuerySet[M]], QuerySet[M]],
    apart: tuple[str, ...] = (),
) -> tuple[Part[M], dict[str, Any], dict[str, str]]:
    """The part of a list that an address asks for, what it asks for, and what was wrong with it: then the first part of all."""
    said, wrong = asked_for(form, given, apart=apart)
    try:
        return part_of(rows(said), order, {**said, "per_page": size}, loaded=loaded), said, wrong
    except ValidationError:
        # A mark that no list gave.
        said, _ = asked_for(form, QueryDict())
        wrong = {"cursor": "Not one that this list gave."}
        return part_of(rows(said), order, {**said, "per_page": size}, loaded=loaded), said, wrong


def older(given: QueryDict, cursor: str | None, *, without: tuple[str, ...] = (), fragment: str = "") -> str:
    """The end of the address of the rows that follow; empty: there are none."""
    if not cursor:
        return ""
    kept = {name: str(value) for name, value in given.items() if value and name not in ("page", "cursor", *without)}
    return f"?{urlencode({**kept, 'cursor': cursor})}{fragment}"

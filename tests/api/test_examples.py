"""What the schema shows for example is what the API takes."""

from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from core.dashboard import urls  # noqa: F401  (with it, every form there is)
from core.dashboard.examples import BODIES, ERROR, PARAMETERS, form_of
from core.dashboard.strict import Query, Strict
from tests.api.contract import described

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen")]
# Rows are the import's to judge, and judged where rows are tested.
ROWS = {"BookingRow", "PaymentRow", "SignatureRow"}


def operations() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, verbs in described()["paths"].items():
        yield from ((f"{verb} {path}", operation) for verb, operation in verbs.items())


def bodies() -> list[tuple[str, dict[str, Any]]]:
    """Where each stands, and its schema and example."""
    return [
        (where, content) for where, operation in operations() for content in operation.get("requestBody", {}).get("content", {}).values()
    ]


def fits(example: Any, schema: dict[str, Any]) -> None:
    """Raises jsonschema.ValidationError. The components come along, for what the schema refers to."""
    jsonschema.Draft202012Validator({**schema, "components": described()["components"]}).validate(example)


def forms(form: type[Strict] = Strict) -> Iterator[type[Strict]]:
    for below in form.__subclasses__():
        yield below
        yield from forms(below)


def test_every_parameter_has_an_example_that_it_takes():
    shown = [(where, parameter) for where, operation in operations() for parameter in operation.get("parameters", ())]
    assert len(shown) > 100
    for where, parameter in shown:
        try:
            fits(parameter["example"], parameter["schema"])
        except jsonschema.ValidationError as error:
            pytest.fail(f"{where}, {parameter['name']}: {error.message}")


def test_every_body_has_an_example_that_it_takes():
    assert len(bodies()) > 25
    for where, content in bodies():
        try:
            fits(content["example"], content["schema"])
        except jsonschema.ValidationError as error:
            pytest.fail(f"{where}: {error.message}")


@pytest.mark.parametrize("name", sorted(set(BODIES) - ROWS))
def test_the_form_takes_its_example(name):
    taken = [form(data=BODIES[name]) for form in forms() if form.__name__ == name and not issubclass(form, Query)]
    assert taken
    for form in taken:
        assert form.is_valid(), (name, form.errors)


def test_an_error_looks_like_the_example():
    fits(ERROR, {"$ref": "#/components/schemas/Error"})
    assert described()["components"]["schemas"]["Error"]["example"] == ERROR


def test_no_example_is_left_over():
    used = {form_of(content["schema"].get("items", content["schema"])) for _, content in bodies()}
    named = {parameter["name"] for _, operation in operations() for parameter in operation.get("parameters", ())}
    assert set(BODIES) == used
    assert set(PARAMETERS) <= named

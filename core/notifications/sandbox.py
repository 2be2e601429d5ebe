"""Wording is data that people edit, so it runs in a box: it can call nothing, load nothing and reach nothing but the values
it was given.

Three walls, each enough by itself: the engine knows no tag and no filter beside `vocabulary`'s; a template is walked before
its first use, and refused when it names a variable, a key or a use that its example does not show; and what it is given
is built anew from plain text, numbers, lists and dicts, so that there is nothing behind a name.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID

from django.template import Context, Engine, Template, TemplateSyntaxError
from django.template.base import FilterExpression, TextNode, Variable, VariableNode
from django.template.defaulttags import ForNode, IfNode
from django.utils import timezone
from django.utils.functional import Promise

from core.notifications import vocabulary

# The person's own words: filled in later, one person at a time.
PERSONAL = ("name", "link", "unsubscribe", "act", "code")

# A wording longer or deeper than this is a mistake, or meant to exhaust the parser.
LONGEST = 100_000
MOST_TAGS = 200
LONGEST_TAG = 400
DEEPEST = 8

# What no value may carry into a message: control characters, our own marks, marks that turn the direction of writing, and
# halves of characters that cannot be sent. The joiners that Indian scripts need are not among them.
UNWANTED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ue000-\uf8ff]")
LOOKS_LIKE_A_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d")
OPENED = re.compile("{[%{#]")
CLOSED_BY = {"{%": "%}", "{{": "}}", "{#": "#}"}
NAME = re.compile(r"[A-Za-z]\w*\Z")


class Kind:
    """What stands behind a name, as its example shows."""


class Plain(Kind):
    """Text, a number, or yes or no."""


class Moment(Plain):
    """A time: to be said with one of the time filters."""


class Mark(Plain):
    """A person's own word, not known yet."""


@dataclass(frozen=True)
class Table(Kind):
    """Named values."""

    keys: Mapping[str, Kind]


@dataclass(frozen=True)
class Rows(Kind):
    """A list, all of one kind."""

    of: Kind


PLAIN, MOMENT, MARK = Plain(), Moment(), Mark()
LOOP = Table(dict.fromkeys(("counter", "counter0", "revcounter", "revcounter0", "first", "last"), PLAIN))
EVERYWHERE: Mapping[str, Kind] = {**dict.fromkeys(PERSONAL, MARK), "True": PLAIN, "False": PLAIN, "None": PLAIN}


class WordingError(Exception):
    """A wording that cannot be used. `reasons` says why, each in one line."""

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = list(reasons)


class Box(Engine):
    """Django's template language with our vocabulary and nothing else."""

    default_builtins: ClassVar[list[str]] = []

    def __init__(self, *, autoescape: bool) -> None:
        super().__init__(builtins=[vocabulary.__name__], loaders=[], libraries={}, autoescape=autoescape)


TEXT, HTML = Box(autoescape=False), Box(autoescape=True)


def table_of(example: Mapping[str, Any]) -> Table:
    """The variables that an example shows."""
    return Table({str(key): kind_of(value) for key, value in example.items()})


def kind_of(example: Any) -> Kind:
    """What an example value shows."""
    if isinstance(example, Mapping):
        return table_of(example)
    if isinstance(example, list | tuple):
        merged: dict[str, Any] = {}
        for row in example:
            if not isinstance(row, Mapping):
                return Rows(kind_of(row))
            merged.update(row)
        return Rows(kind_of(merged))
    if isinstance(example, datetime) or (isinstance(example, str) and LOOKS_LIKE_A_TIME.match(example)):
        return MOMENT
    return PLAIN


def plain(value: Any, kind: Kind, name: str = "value") -> Any:
    """The value built anew, without what its kind does not show: exact `str`, `int`, `Decimal`, `bool`, `list` and `dict`.

    Nothing is empty text. Times become ISO 8601 text in the business zone. Anything else is a mistake of the caller's: TypeError.
    """
    if isinstance(kind, Table):
        given = value or {}
        if not isinstance(given, Mapping):
            raise TypeError(f"{name} must be a mapping, not {type(value).__name__}.")
        return {key: plain(given.get(key), of, f"{name}.{key}") for key, of in kind.keys.items()}
    if isinstance(kind, Rows):
        given = () if value is None else value
        if not isinstance(given, list | tuple):
            raise TypeError(f"{name} must be a list, not {type(value).__name__}.")
        return [plain(row, kind.of, f"{name}[{position}]") for position, row in enumerate(given)]
    return _scalar(value, name)


def _scalar(value: Any, name: str) -> Any:
    if value is None:
        return ""
    if isinstance(value, Promise):
        value = str(value)
    if isinstance(value, str):
        return clean(str.__str__(value))  # Exact text: what was marked as safe HTML elsewhere is not so here.
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float | Decimal):
        return Decimal(str(value))
    if isinstance(value, datetime):
        return (timezone.localtime(value) if timezone.is_aware(value) else value).isoformat()
    if isinstance(value, date | UUID):
        return str(value)
    raise TypeError(f"{name} is a {type(value).__name__}; a wording takes text, numbers, times, lists and mappings of these.")


def clean(text: str) -> str:
    """The text without characters that have no place in a message; line breaks stay."""
    return text if text.isprintable() else UNWANTED.sub("", text.replace("\r\n", "\n"))


def one_line(text: str) -> str:
    """The text on one line, without control characters: fit for a header."""
    return " ".join(text.split())


def compiled(source: str, allowed: Table, *, escape: bool, where: str = "") -> Template:
    """The template, ready to be rendered any number of times. Raises WordingError with every reason found."""
    source = clean(source)
    prefix = f"{where}, " if where else ""
    _refuse(_at_sight(source), prefix)
    try:
        template = Template(source, engine=HTML if escape else TEXT)
    except TemplateSyntaxError as error:
        raise WordingError([prefix + _explain(error)]) from error
    _refuse(_walk(template.nodelist, {**allowed.keys, **EVERYWHERE}), prefix)
    return template


def _refuse(reasons: Iterator[str], prefix: str) -> None:
    found = [prefix + reason for reason in reasons]
    if found:
        raise WordingError(found)


def render(template: Template, values: Mapping[str, Any]) -> str:
    """The text. `values` come from `plain`, so there is nothing left that could fail."""
    return str(template.render(Context(dict(values), autoescape=template.engine.autoescape, use_l10n=False, use_tz=False)))


def _at_sight(source: str) -> Iterator[str]:
    """Reasons that need no parsing, in plainer words than the parser's."""
    if len(source) > LONGEST:
        yield f"line 1: longer than {LONGEST} characters"
        return
    if source.count("{%") > MOST_TAGS:
        yield f"line 1: more than {MOST_TAGS} tags"
        return
    if source.count("{#") > MOST_TAGS:
        yield f"line 1: more than {MOST_TAGS} comments"
        return
    for number, line in enumerate(source.splitlines(), start=1):
        for mark, within in _marked(line):
            if within is None:
                yield f"line {number}: {mark} is not closed on its line"
            elif mark == "{%":
                name = within.split(maxsplit=1)[0] if within.strip() else ""
                if name not in vocabulary.TAGS + vocabulary.BRANCHES:
                    yield f"line {number}: there is no tag {{% {name} %}}; there are if and for"
                elif len(within) > LONGEST_TAG:
                    yield f"line {number}: a tag longer than {LONGEST_TAG} characters"


def _marked(line: str) -> Iterator[tuple[str, str | None]]:
    """What a line holds of tags and variables: the mark that begins each, and what is in it; None for the first that is not closed.

    Each character is read a few times at most, whatever is written: a pattern would go back and forth over a long line for hours.
    """
    at, open_marks = 0, set[str]()
    while found := OPENED.search(line, at):
        mark, at = found[0], found.end()
        end = -1 if mark in open_marks else line.find(CLOSED_BY[mark], at)
        if end >= 0:
            if mark != "{#":
                yield mark, line[at:end]
            at = end + 2
        # A comment that is not closed is text.
        elif mark not in open_marks:
            open_marks.add(mark)
            if mark != "{#" and open_marks <= {mark, "{#"}:
                yield mark, None


def _explain(error: TemplateSyntaxError) -> str:
    words = str(error)
    token = getattr(error, "token", None)
    unknown = re.match(r"Invalid filter: '(\w+)'", words)
    if unknown:
        words = f"there is no filter {unknown[1]}; there are {', '.join(sorted(vocabulary.FILTERS))}"
    return f"line {token.lineno}: {words}" if token else words


def _walk(nodes: Any, names: Mapping[str, Kind]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, TextNode):
            continue
        where = f"line {node.token.lineno}: " if node.token else ""
        if isinstance(node, VariableNode):
            yield from (where + reason for reason in _output(node.filter_expression, names))
        elif isinstance(node, IfNode):
            for condition, branch in node.conditions_nodelists:
                yield from (where + reason for reason in _condition(condition, names))
                yield from _walk(branch, names)
        elif isinstance(node, ForNode):
            yield from (where + reason for reason in _loop(node, names))
            sequence: Any = node.sequence
            rows = _kind_of_variable(sequence.var, names)
            within = rows.of if isinstance(rows, Rows) else PLAIN
            yield from _walk(node.nodelist_loop, {**names, "forloop": LOOP, **dict.fromkeys(node.loopvars, within)})
            yield from _walk(node.nodelist_empty, names)
        else:
            yield f"{where}{type(node).__name__} has no place in a wording"


def _output(expression: FilterExpression, names: Mapping[str, Kind]) -> Iterator[str]:
    yield from _expression(expression, names)
    kind = _kind_of_variable(expression.var, names)
    if isinstance(kind, Rows):
        yield f"{expression.var} is a list: go through it with {{% for %}}"
    elif isinstance(kind, Table):
        yield f"{expression.var} has parts: {', '.join(f'{expression.var}.{key}' for key in kind.keys)}"
    elif isinstance(kind, Moment) and not any(function.__name__ in vocabulary.TIME_FILTERS for function, _ in expression.filters):
        yield f"{expression.var} is a time: write {expression.var}|clock or {expression.var}|day"
    elif isinstance(kind, Mark) and expression.filters:
        yield f"{expression.var} is filled in later, for each person: it takes no filter"


def _condition(condition: Any, names: Mapping[str, Kind]) -> Iterator[str]:
    """The operators of an if hold their sides in `first` and `second`, a leaf its expression in `value`."""
    if condition is None:
        return
    if isinstance(condition.value, FilterExpression):
        yield from _expression(condition.value, names)
        if isinstance(_kind_of_variable(condition.value.var, names), Mark):
            yield f"{condition.value.var} is filled in later, for each person: nothing can depend on it"
    for side in (condition.first, condition.second):
        yield from _condition(side, names)


def _loop(node: ForNode, names: Mapping[str, Kind]) -> Iterator[str]:
    sequence: Any = node.sequence
    yield from _expression(sequence, names)
    kind = _kind_of_variable(sequence.var, names)
    if kind is not None and (not isinstance(kind, Rows) or sequence.filters):
        yield f"{sequence} is not a list"
    if len(node.loopvars) != 1 or not NAME.match(node.loopvars[0]) or node.loopvars[0] in {*EVERYWHERE, "forloop"}:
        yield f"{', '.join(node.loopvars)} cannot name one row"


def _expression(expression: FilterExpression, names: Mapping[str, Kind]) -> Iterator[str]:
    """Every variable that an expression reads, also as a filter's argument, must be known."""
    arguments = [argument for _, given in expression.filters for is_variable, argument in given if is_variable]
    for read in (expression.var, *arguments):
        if isinstance(read, Variable):
            if _kind_of_variable(read, names) is None:
                yield f"there is no variable {read}; there are {_listed(read, names)}"
        elif isinstance(read, Promise):
            yield "a wording is not translated by _()"
    for argument in arguments:
        if not isinstance(_kind_of_variable(argument, names), Plain | None) or isinstance(_kind_of_variable(argument, names), Mark):
            yield f"{argument} cannot be a filter's argument"


def _kind_of_variable(variable: Any, names: Mapping[str, Kind]) -> Kind | None:
    """What a variable stands for; None when the example shows nothing of that name. Constants are plain."""
    if not isinstance(variable, Variable) or variable.lookups is None:
        return PLAIN
    kind: Kind | None = Table(names)
    for step in variable.lookups:
        kind = kind.keys.get(step) if isinstance(kind, Table) else None
    return kind


def _listed(variable: Variable, names: Mapping[str, Kind]) -> str:
    """The names that could have been meant: the keys of the deepest part that exists."""
    steps = variable.lookups or ()
    for depth in range(min(len(steps) - 1, DEEPEST), 0, -1):
        kind = _kind_of_variable(Variable(".".join(steps[:depth])), names)
        if isinstance(kind, Table):
            return ", ".join(f"{'.'.join(steps[:depth])}.{key}" for key in kind.keys)
    return ", ".join(sorted(name for name in names if name not in ("True", "False", "None")))

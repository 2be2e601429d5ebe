"""JSON as RFC 8259 has it: in UTF-8, no longer than a call may be, of a depth and with texts that can be kept, and no key twice."""

import json
import re
from typing import Any

from django.conf import settings
from rest_framework.exceptions import ParseError, UnsupportedMediaType
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser, JSONParser

from core.dashboard.errors import TooLarge

# Halves of characters, which JSON can spell and no database can keep.
SURROGATE = re.compile(r"[\ud800-\udfff]")

# RFC 2046 allows 70 characters, with two hyphens before and after, and a line's end.
LONGEST_BOUNDARY = 76


class Json(JSONParser):
    """As said above. An empty body is an empty object."""

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        try:
            raw = stream.read(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
            if len(raw) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
                raise TooLarge
            text = raw.decode("utf-8")
            if not text.strip():
                return {}
            if SURROGATE.search(json.dumps(value := json.loads(text, object_pairs_hook=_once, parse_constant=_never), ensure_ascii=False)):
                raise ValueError("half a character")
        except (ValueError, RecursionError) as error:
            raise ParseError(f"The body is no JSON that can be read ({_why(error)}).") from error
        return value


class NothingSaid(BaseParser):
    """The empty form that some libraries send with a call that says nothing: an empty object. A form with fields is not JSON."""

    media_type = "multipart/form-data"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        said = stream.read(LONGEST_BOUNDARY + 1).strip()
        if said and not (said.startswith(b"--") and said.endswith(b"--") and len(said) <= LONGEST_BOUNDARY and b"\n" not in said):
            raise UnsupportedMediaType(self.media_type)
        return {}


class InItsOwnTongue(BaseContentNegotiation):
    """An address answers as it answers, whatever a client says it would rather have: a file, a page, or JSON."""

    def select_parser(self, request: Any, parsers: Any) -> Any:
        named = str(request.content_type).partition(";")[0].strip().lower()
        # Not among the parsers, which the schema shows as ways to say something.
        return next((parser for parser in (*parsers, NothingSaid()) if parser.media_type == named), None)

    def select_renderer(self, request: Any, renderers: Any, format_suffix: Any = None) -> Any:
        return renderers[0], renderers[0].media_type


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is given twice")
    return found


def _never(constant: str) -> Any:
    raise ValueError(f"{constant} is no number")


def _why(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return error.msg if isinstance(error, json.JSONDecodeError) else str(error)[:100]

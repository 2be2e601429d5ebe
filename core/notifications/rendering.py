"""What a message says: the wording that holds, rendered once for all people of a cause, with marks for each person's own words."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import structlog
from django.template import Template

from core.models import NotificationLog, TemplateVersion
from core.notifications import gsm, mjml, sandbox
from core.notifications.marks import CLOSE, HIDDEN_CODE, MARKS, OPEN, Personal, Words, splice
from core.notifications.sandbox import Table, WordingError
from core.notifications.transports import transport_class
from core.notifications.wordings import Wording, Wordings, allowed, as_written, example, from_files, from_version, names, published

log = structlog.get_logger(__name__)

# What a wording cannot leave out, whoever writes it.
MUST_SAY = {"otp": ("code",), "signature_request": ("link",)}


@dataclass(frozen=True)
class Common:
    """What the messages of one cause have in common: every part, with marks for the person's own words."""

    template: str
    version: str
    subject: str
    body: str
    html: str
    sms: str
    dlt_template_id: str = ""
    is_service: bool = False


def render(
    template: str, context: Mapping[str, Any], *, region: str = "", language: str = "en", wordings: Wordings | None = None
) -> Common:
    """The wording that holds in a region (a pincode) and language, with these values.

    Values that the template does not declare are left out, missing ones are empty. Asks the database once, or not at all
    with `wordings` from `published()`. A published wording that cannot be rendered is logged and passed over, so that
    nobody's one-time password waits for a mended text. Raises LookupError for an unknown template, TypeError for a value
    that is not plain.
    """
    values = sandbox.plain(context, allowed(template), template)
    known = published(template) if wordings is None else wordings
    *particular, files = known.pick(template, region=region, language=language)
    for wording in particular:
        try:
            return _rendered(template, wording, values)
        except WordingError as error:
            log.error("published_wording_refused", template=template, version=wording.version, reasons=error.reasons)
    return _rendered(template, files, values)


def as_published(version: TemplateVersion, context: Mapping[str, Any]) -> Common:
    """What a version would say if it were published, whatever is. Raises WordingError for one that cannot be rendered."""
    return _rendered(version.name, from_version(version), sandbox.plain(context, allowed(version.name), version.name))


def personal_of(row: NotificationLog) -> Personal:
    """The person's own words in a message that exists. A one-time code is not among them: it is kept nowhere."""
    return Personal(row.pk, str(row.personal.get("name", "")))


def as_sent(row: NotificationLog, personal: Personal | None = None) -> Words:
    """What this person got, or gets, by this message's method; a one-time code as bullets, unless `personal` holds it.

    A message without common content (imported, or written by hand) shows its own subject and message.
    """
    content = row.content
    if content is None:
        return Words(row.subject, row.message, "")
    personal = personal or personal_of(row)
    part = transport_class(row.method).part
    return Words(
        subject=splice(content.subject, personal),
        text=splice(content.sms if part == "sms" else content.body, personal),
        html=splice(content.html, personal, html=True) if part == "html" else "",
    )


def validate(parts: Mapping[str, str], *, example: Mapping[str, Any], template: str = "") -> list[str]:
    """Why this wording cannot be published, one line for each reason; empty when it can.

    `parts` are subject, body, email and sms; the last two may be missing. It is tried on the example's values. With the
    template's name it is also held to what that template must say.
    """
    given = as_written(parts, version="draft")
    reasons: list[str] = []
    kinds = sandbox.table_of(example)
    for part, source in given.parts.items():
        try:
            sandbox.compiled(source, kinds, escape=part == "email", where=part)
        except WordingError as error:
            reasons += error.reasons
    if reasons:
        return reasons
    try:
        common, document = _written(template, given, _compiled_for(given, kinds), sandbox.plain(example, kinds))
    except WordingError as error:
        return error.reasons
    reasons = [f"{part}: empty" for part in ("subject", "body") if not getattr(common, part)]
    said = {"subject": common.subject, "body": common.body, "email": common.html, "sms": common.sms if given.sms else ""}
    reasons += mjml.doubts(document, mjml.compiled(document))
    reasons += _unsaid(template, said, given)
    return reasons


def _unsaid(template: str, said: Mapping[str, str], given: Wording) -> Iterator[str]:
    """What this template must say and does not: a code, a link, and in an offer the way to stop offers."""
    if not template:
        return
    files = from_files(template).parts
    for part in ("body", "email", "sms"):
        if part != "body" and not given.parts[part].strip():
            continue
        must = [*MUST_SAY.get(template, ())]
        if "{{ unsubscribe }}" in files[part]:
            must.append("unsubscribe")
        yield from (f"{part}: must say {{{{ {name} }}}}" for name in must if MARKS[name] not in said[part])


@dataclass(frozen=True)
class _Templates:
    subject: Template
    body: Template
    email: Template | None
    sms: Template | None


@lru_cache(maxsize=256)
def _compiled(template: str, parts: tuple[tuple[str, str], ...]) -> _Templates:
    """Kept by its own text, so that an edited wording is another one, in every process at once."""
    return _compiled_for(as_written(dict(parts), version=""), allowed(template))


def _compiled_for(wording: Wording, kinds: Table) -> _Templates:
    return _Templates(
        subject=sandbox.compiled(wording.subject, kinds, escape=False, where="subject"),
        body=sandbox.compiled(wording.body, kinds, escape=False, where="body"),
        email=sandbox.compiled(wording.email, kinds, escape=True, where="email") if wording.email.strip() else None,
        sms=sandbox.compiled(wording.sms, kinds, escape=False, where="sms") if wording.sms.strip() else None,
    )


def _rendered(template: str, wording: Wording, values: Mapping[str, Any]) -> Common:
    return _written(template, wording, _compiled(template, tuple(wording.parts.items())), values)[0]


def _written(template: str, wording: Wording, templates: _Templates, values: Mapping[str, Any]) -> tuple[Common, str]:
    """The common words, and the MJML document they came from."""
    marked = {**values, **MARKS}
    subject = sandbox.one_line(sandbox.render(templates.subject, marked))
    body = _tidy(sandbox.render(templates.body, marked))
    sms = sandbox.one_line(gsm.spelt(sandbox.render(templates.sms, marked))) if templates.sms else subject
    if templates.email:
        content = sandbox.render(templates.email, {**values, **mjml.PLACEHOLDERS})
    else:
        content = mjml.sections_of(_for_mjml(body))
    document = mjml.framed(content, title=_for_mjml(subject))
    html = mjml.compiled(document)
    for name, placeholder in mjml.PLACEHOLDERS.items():
        html = html.replace(placeholder, MARKS[name])
    common = Common(
        template=template,
        version=wording.version,
        subject=subject,
        body=body,
        html=html,
        sms=sms,
        dlt_template_id=wording.dlt_template_id,
        is_service=wording.is_service,
    )
    return common, document


def _for_mjml(text: str) -> str:
    for name, mark in MARKS.items():
        text = text.replace(mark, mjml.PLACEHOLDERS[name])
    return text


def _tidy(text: str) -> str:
    """No spaces at the ends of lines, no more than one empty line at a time: what the tags of a wording leave behind."""
    return re.sub(r"\n{3,}", "\n\n", re.sub(r"[ \t]+\n", "\n", text)).strip()


__all__ = [
    "CLOSE",
    "HIDDEN_CODE",
    "OPEN",
    "Common",
    "Personal",
    "Wordings",
    "Words",
    "as_sent",
    "example",
    "names",
    "personal_of",
    "published",
    "render",
    "splice",
    "validate",
]

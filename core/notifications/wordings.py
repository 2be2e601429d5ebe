"""Which wording holds: a published version of the region and language, else the files.

The region's own wording goes before a wider region's, whatever the language, because a region's terms are what is offered
there; within a region the person's language goes before English.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from core.models import TemplateVersion
from core.notifications import sandbox

ROOM = Path(__file__).resolve().parent.parent / "templates" / "notifications"
PARTS = {"subject": "subject.txt", "body": "body.txt", "email": "email.mjml", "sms": "sms.txt"}
LANGUAGE = "en"


@dataclass(frozen=True)
class Wording:
    """The four parts as written, and what a log calls them."""

    version: str
    subject: str
    body: str
    email: str
    sms: str
    dlt_template_id: str = ""
    is_service: bool = False

    @property
    def parts(self) -> dict[str, str]:
        return {part: getattr(self, part) for part in PARTS}


@dataclass(frozen=True)
class Wordings:
    """What was published at one moment, so that a run asks once and says the same to everybody."""

    published: Mapping[tuple[str, str, str], TemplateVersion]

    def pick(self, template: str, *, region: str = "", language: str = LANGUAGE) -> Iterator[Wording]:
        """The wordings that fit, the most particular first, the files last."""
        languages = dict.fromkeys((language, language.partition("-")[0], LANGUAGE))
        for length in range(len(region), -1, -1):
            for spoken in languages:
                version = self.published.get((template, region[:length], spoken))
                if version:
                    yield from_version(version)
        yield from_files(template)


def published(template: str = "") -> Wordings:
    """What is published now, of one template or of all: one query."""
    versions = TemplateVersion.objects.filter(status=TemplateVersion.Status.PUBLISHED)
    if template:
        versions = versions.filter(name=template)
    return Wordings({(version.name, version.region, version.language): version for version in versions})


def as_written(parts: Mapping[str, str], *, version: str) -> Wording:
    """A wording of these parts; what is missing is empty."""
    subject, body, email, sms = (parts.get(part) or "" for part in PARTS)
    return Wording(version=version, subject=subject, body=body, email=email, sms=sms)


def from_version(version: TemplateVersion) -> Wording:
    """A version's wording. Without an email its mail is made of its body; without an sms the files' is sent."""
    return Wording(
        version=f"{version.region or 'everywhere'} {version.language} v{version.version} (id {version.pk})",
        subject=version.subject,
        body=version.body,
        email=version.email,
        sms=version.sms or from_files(version.name).sms,
        dlt_template_id=version.dlt_template_id,
        is_service=version.is_service,
    )


def names() -> list[str]:
    """The templates there are."""
    return sorted(path.parent.name for path in ROOM.glob("*/example.json"))


@cache
def from_files(template: str) -> Wording:
    """The wording in the files, as they were at the first reading. Raises LookupError when there is none of that name."""
    room = _room(template)
    parts = {part: (room / file).read_text(encoding="utf-8") for part, file in PARTS.items() if (room / file).is_file()}
    digest = hashlib.sha256("\0".join(parts.values()).encode()).hexdigest()
    return as_written(parts, version=f"file {digest[:10]}")


@cache
def _example(template: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((_room(template) / "example.json").read_text(encoding="utf-8"))
    return read


def example(template: str) -> dict[str, Any]:
    """Values that show every variable the template may use, a copy of one's own."""
    return deepcopy(_example(template))


@cache
def allowed(template: str) -> sandbox.Table:
    """The variables of a template, and what stands behind each: what its example shows."""
    return sandbox.table_of(_example(template))


def _room(template: str) -> Path:
    if template not in names():
        raise LookupError(f"There is no wording named {template!r}. There are: {', '.join(names())}.")
    return ROOM / template

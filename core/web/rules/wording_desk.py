"""A template on the desk: what is written in each part, how it looks with example data, and its versions."""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.core.cache import cache
from django.db.models import Count
from django.http import QueryDict

from core.dashboard.templates import LONGEST, DraftForm
from core.models import TemplateVersion, User
from core.models.fields import is_pincode_prefix
from core.notifications import gsm, publishing, rendering
from core.notifications.kinds import kinds
from core.notifications.publishing import Looks, Status
from core.notifications.wordings import LANGUAGE, PARTS, from_files
from core.web.words import Moment, moment, plural, short_name

# So long a preview's mail can be looked at. Its page asks for it at once.
KEPT_FOR: Final = 600
VERSIONS_SHOWN: Final = 30
HEIGHTS: Final = {"subject": 2, "body": 11, "sms": 3, "email": 14}
TITLES: Final = {"subject": "Subject", "body": "Text", "sms": "SMS", "email": "Mail, in MJML"}
ABOUT: Final = {
    "subject": "Of the mail; and the title in the app.",
    "body": "In the app, and the mail's text part.",
    "sms": "Empty: the files' one.",
    "email": "Empty: made of the text.",
}
LINE: Final = re.compile(r"\bline (\d+)\b")


@dataclass(frozen=True, slots=True)
class Line:
    """A template in the list."""

    name: str
    label: str
    says: str
    places: list[str]
    published: Moment | None
    who: str
    drafts: int


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, and the line it speaks of."""

    why: str
    line: str


@dataclass(frozen=True, slots=True)
class Part:
    name: str
    title: str
    about: str
    text: str
    rows: int
    longest: int
    faults: list[Fault]


@dataclass(frozen=True, slots=True)
class VersionLine:
    id: int
    version: int
    status: str
    status_label: str
    at: Moment
    who: str
    note: str
    is_here: bool


@dataclass
class Desk:
    """What is written, whether it is kept or only typed, and what is wrong with it."""

    template: str
    region: str
    language: str
    said: dict[str, Any]
    version: TemplateVersion | None = None
    # What it was taken from, when it is no version.
    basis: str = ""
    errors: dict[str, list[str]] = field(default_factory=dict)
    is_typed: bool = False

    def refuse(self, reasons: Sequence[str]) -> None:
        for reason in reasons:
            said = self.errors.setdefault(publishing.part_of(reason), [])
            if reason not in said:
                said.append(reason)

    @property
    def is_draft(self) -> bool:
        return self.version is not None and self.version.status == Status.DRAFT

    @property
    def place(self) -> str:
        return place_of(self.region, self.language)

    def shown(self, person: User, *, now: datetime) -> dict[str, Any]:
        looks = self._looks()
        versions = list(
            publishing.versions_of(self.template, self.region, self.language)
            .select_related("created_by", "published_by")
            .defer(*PARTS)
            .order_by("-version")[:VERSIONS_SHOWN]
        )
        published = next((one for one in versions if one.status == Status.PUBLISHED), None)
        return {
            "desk": self,
            "label": label_of(self.template),
            "types": types_of(self.template),
            "parts": [self._part(name) for name in HEIGHTS],
            "looks": looks,
            "look": _kept(person, self.template, looks.html) if looks else "",
            "sms": _sms_words(looks.sms, looks.sms_segments) if looks else "",
            "whole": self.errors.get("", []) + self.errors.get("non_field_errors", []),
            "place_errors": self.errors.get("region", []) + self.errors.get("language", []),
            "other_errors": [why for name in ("dlt_template_id", "note", "is_service") for why in self.errors.get(name, [])],
            "method_errors": self.errors.get("method", []),
            "versions": [_version_line(one, self.version, now=now) for one in versions],
            "published": published,
            "replaces": published.version if published else 0,
            "revision": publishing.revision_of(self.version) if self.version else "",
            "places": _places(self.template, self.region, self.language),
            "variables": [*_flat(rendering.example(self.template)), *((name, "each person's own") for name in PERSONAL_SHOWN)],
        }

    def question(self, asked: str) -> dict[str, Any] | None:
        """What is asked before this version is published, or gone back to."""
        version = self.version
        if version is None:
            return None
        present = publishing.versions_of(self.template, self.region, self.language).filter(status=Status.PUBLISHED).first()
        instead = f"version {present.version}" if present else "wider wording and the files"
        after = f"From the next message on it is said in place of {instead}. What is queued keeps its words."
        base = {"version": version, "replaces": present.version if present else 0, "after": after}
        label = label_of(self.template)
        if asked == "publish" and version.status == Status.DRAFT:
            return base | {"what": "publish", "title": f"Publish version {version.version} of {label}, {self.place}?"}
        if asked == "back" and version.status == Status.RETIRED:
            return base | {
                "what": "back",
                "to": version.version,
                "title": f"Go back to version {version.version} of {label}, {self.place}?",
            }
        if asked == "off" and version.status == Status.PUBLISHED:
            after = "From the next message on wider regions' wording is said here, else the files'. What is queued keeps its words."
            return base | {
                "what": "off",
                "to": 0,
                "after": after,
                "title": f"Take version {version.version} of {label} back, {self.place}?",
            }
        return None

    def _looks(self) -> Looks | None:
        if any(name in self.errors for name in ("region", "language", *LONGEST)):
            return None
        try:
            return publishing.looks(TemplateVersion(name=self.template, region=self.region, language=self.language, **self.said))
        except publishing.Broken as broken:
            self.refuse(broken.reasons)
            return None

    def _part(self, name: str) -> Part:
        text = str(self.said.get(name, ""))
        faults = [Fault(_plainly(why), _line_in(text, why)) for why in self.errors.get(name, [])]
        return Part(name, TITLES[name], ABOUT[name], text, HEIGHTS[name], LONGEST[name], faults)


PERSONAL_SHOWN: Final = ("name", "link", "unsubscribe", "code")


# --- From where ---------------------------------------------------------------------------------------------------------


def desk_of(version: TemplateVersion) -> Desk:
    said = {name: getattr(version, name) for name in publishing.WRITTEN}
    return Desk(version.name, version.region, version.language, said, version)


def placed(template: str, asked: QueryDict) -> Desk:
    """The version that is asked for; else, of a place, the newest draft, what is published, or what the files say."""
    versions = TemplateVersion.objects.filter(name=template).select_related("created_by", "published_by")
    number = asked.get("version", "")
    if number.isascii() and number.isdigit() and len(number) < 18:
        found = versions.filter(pk=int(number)).first()
        if found is not None:
            return desk_of(found)
    region, language = asked.get("region", ""), asked.get("language", "") or LANGUAGE
    here = versions.filter(region=region[:6], language=language[:8], status__in=(Status.DRAFT, Status.PUBLISHED))
    found = here.order_by("-version").first()
    if found is not None:
        return desk_of(found)
    said = {**from_files(template).parts, "dlt_template_id": "", "is_service": False, "note": ""}
    return Desk(template, region[:6], language[:8], said, basis="the files")


def typed_in(template: str, given: QueryDict) -> Desk:
    """What is typed, as the API would take it."""
    number = given.get("version", "")
    version = None
    if number.isascii() and number.isdigit() and len(number) < 18:
        version = TemplateVersion.objects.filter(name=template, pk=int(number)).select_related("created_by", "published_by").first()
    is_draft = version is not None and version.status == Status.DRAFT
    region, language = (given.get(name, "").replace("\0", "").strip() for name in ("region", "language"))
    if version and is_draft:
        region, language = version.region, version.language
    language = language or LANGUAGE
    said: dict[str, Any] = {name: given.get(name, "").replace("\r\n", "\n") for name in publishing.WRITTEN if name != "is_service"}
    said["is_service"] = bool(given.get("is_service"))
    desk = Desk(template, region, language, said, version, is_typed=True)
    form = DraftForm(data={"name": template, "region": region, "language": language, **said})
    if not form.is_valid():
        desk.errors = {name: [str(why) for why in whys] for name, whys in form.errors.items()}
    return desk


# --- The list -------------------------------------------------------------------------------------------------------------


def line_of(name: str, published: Sequence[TemplateVersion], drafts: int, *, now: datetime) -> Line:
    here = sorted((one for one in published if one.name == name), key=lambda one: (one.region, one.language))
    newest = max((one for one in here if one.published_at), key=lambda one: one.published_at, default=None)  # type: ignore[arg-type,return-value]
    return Line(
        name=name,
        label=label_of(name),
        says=says_of(name),
        places=[f"{place_of(one.region, one.language)}, version {one.version}" for one in here],
        published=moment(newest.published_at, now=now) if newest and newest.published_at else None,
        who=short_name(newest.published_by) if newest and newest.published_by else "",
        drafts=drafts,
    )


def drafts_by_template() -> dict[str, int]:
    counted = TemplateVersion.objects.filter(status=Status.DRAFT).order_by().values_list("name").annotate(n=Count("pk"))
    return dict(counted)


def label_of(template: str) -> str:
    """What people call it: the one type that it words, else its own name."""
    own = [kind.label for kind in kinds if kind.name == template]
    return own[0] if own else template.replace("_", " ").capitalize()


def types_of(template: str) -> str:
    return ", ".join(kind.label for kind in kinds if kind.wording == template)


def says_of(template: str) -> str:
    """What it is for: the types that share it, else what its one type is about."""
    worded = [kind for kind in kinds if kind.wording == template]
    return worded[0].about if len(worded) == 1 else types_of(template)


def place_of(region: str, language: str) -> str:
    return f"{f'in {region}' if region else 'everywhere'}, {language}"


# --- Parts of the desk ----------------------------------------------------------------------------------------------------


def _places(template: str, region: str, language: str) -> list[dict[str, Any]]:
    """Where this template has versions of its own; everywhere in English always, and the place one looks at."""
    known = set(TemplateVersion.objects.filter(name=template).order_by().values_list("region", "language").distinct())
    places = sorted(known | {("", LANGUAGE)} | ({(region, language)} if not _is_strange(region) else set()))
    return [
        {"region": one, "language": spoken, "label": place_of(one, spoken), "here": (one, spoken) == (region, language)}
        for one, spoken in places
    ]


def _is_strange(region: str) -> bool:
    return is_pincode_prefix.regex.match(region) is None  # type: ignore[union-attr]


def _version_line(version: TemplateVersion, here: TemplateVersion | None, *, now: datetime) -> VersionLine:
    by = version.published_by or version.created_by
    return VersionLine(
        id=version.pk,
        version=version.version,
        status=version.status,
        status_label=version.get_status_display(),
        at=moment(version.published_at or version.created_at, now=now),
        who=short_name(by) if by else "the system",
        note=version.note,
        is_here=here is not None and here.pk == version.pk,
    )


def _sms_words(text: str, segments: int) -> str:
    """How it is counted: "1 SMS, 132 characters", and which letter makes it dear."""
    parts = f"{segments} {plural(segments, 'SMS', 'SMS')}, {len(text)} {plural(len(text), 'character', 'characters')}"
    foreign = next((letter for letter in text if letter not in gsm.SINGLE and letter not in gsm.DOUBLE), "")
    if foreign:
        return f"{parts}. {foreign} is no letter of short messages: 70 characters each instead of 160"
    return parts


def _flat(values: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    """Every variable of an example with its value; of a list its first row."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{name}.")
        elif isinstance(value, list):
            yield f"{before}{name}", f"{len(value)} rows"
            if value and isinstance(value[0], Mapping):
                yield from _flat(value[0], f"{before}{name}[].")
        else:
            yield f"{before}{name}", str(value)


def _plainly(why: str) -> str:
    """Beside its own field, a fault need not name it."""
    words = re.sub(rf"\A({'|'.join(PARTS)})[,:]\s*", "", why)
    return words[:1].upper() + words[1:]


def _line_in(text: str, why: str) -> str:
    found = LINE.search(why)
    lines = text.splitlines()
    return lines[int(found[1]) - 1].strip()[:160] if found and 0 < int(found[1]) <= len(lines) else ""


# --- The mail of a preview --------------------------------------------------------------------------------------------------


def _kept(person: User, template: str, html: str) -> str:
    """Keep a preview's mail for the frame that will ask for it; its name."""
    look = hashlib.sha256(html.encode()).hexdigest()[:32]
    cache.set(_name(person, template, look), html, KEPT_FOR)
    return look


def looked_at(person: User, template: str, look: str) -> str:
    """The mail of a preview that this person was shown; empty: it is kept no more."""
    return str(cache.get(_name(person, template, look)) or "") if re.fullmatch(r"[0-9a-f]{32}", look) else ""


def _name(person: User, template: str, look: str) -> str:
    return f"wording:{person.pk}:{template}:{look}"

"""Wording that people write: drafts, publishing, going back, a trial sent to oneself.

What was published is never rewritten, a new version is; and what is broken is not published (docs/rules.md, 4).
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from django.db import transaction
from django.db.models import Max, QuerySet

from core import locks
from core.models import MessagingRun, NotificationLog, TemplateVersion, User
from core.notifications import gsm, rendering
from core.notifications.kinds import BUSINESS_ALERT, Kind, kinds
from core.notifications.outbox import Notice, enqueue_address
from core.notifications.transports import transport_class
from core.notifications.wordings import PARTS, Wordings

WRITTEN: Final = (*PARTS, "dlt_template_id", "is_service", "note")
Status = TemplateVersion.Status


def part_of(reason: str) -> str:
    """Which part a reason speaks of; empty: the wording as a whole."""
    found = re.match(rf"({'|'.join(PARTS)})\b", reason)
    return found[1] if found else ""


class Broken(ValueError):
    """A wording that cannot be published, and the reasons, one line for each."""

    def __init__(self, reasons: list[str]) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = reasons


class Faster(Exception):
    """Somebody else was faster. `present` is what is there now; None: nothing is published."""

    def __init__(self, message: str, present: TemplateVersion | None) -> None:
        super().__init__(message)
        self.present = present


class NotSent(Exception):
    """A trial that cannot be sent, and why."""


@dataclass(frozen=True, slots=True)
class Looks:
    """A wording as the person of the example would read it."""

    subject: str
    text: str
    html: str
    sms: str
    sms_segments: int


def revision_of(version: TemplateVersion) -> str:
    """Names what a draft says: another text is another revision."""
    said = "\0".join(str(getattr(version, name)) for name in WRITTEN)
    return hashlib.sha256(said.encode()).hexdigest()[:12]


def faults(version: TemplateVersion) -> list[str]:
    """Why this wording cannot be published, one line for each reason."""
    parts = {part: getattr(version, part) for part in PARTS}
    return rendering.validate(parts, example=rendering.example(version.name), template=version.name)


# --- Drafts -----------------------------------------------------------------------------------------------------------


def draft(name: str, region: str, language: str, said: Mapping[str, Any], *, actor: User | None, now: datetime) -> TemplateVersion:
    """A new version that nobody is sent yet. Raises Broken."""
    with transaction.atomic():
        hold(name, region, language)
        version = TemplateVersion(name=name, region=region, language=language, created_by=actor, created_at=now, **said)
        version.version = next_version(name, region, language)
        _checked(version).save()
    return version


def rewrite(pk: int, said: Mapping[str, Any], *, revision: str | None) -> TemplateVersion:
    """Change a draft. Raises Broken, and Faster for what is no draft any more or not the `revision` that one looked at."""
    with transaction.atomic():
        version = _draft(pk, revision)
        for name, value in said.items():
            setattr(version, name, value)
        _checked(version).save(update_fields=list(said))
    return version


def discard(pk: int) -> None:
    """Throw a draft away. Raises Faster for what is no draft any more."""
    with transaction.atomic():
        _draft(pk, None).delete()


def hold(name: str, region: str, language: str) -> None:
    """One at a time, of those who change this wording; to the transaction's end."""
    locks.hold(f"wording:{name}:{region}:{language}")


def next_version(name: str, region: str, language: str) -> int:
    last = versions_of(name, region, language).aggregate(last=Max("version"))["last"]
    return int(last or 0) + 1


def versions_of(name: str, region: str, language: str) -> QuerySet[TemplateVersion]:
    return TemplateVersion.objects.filter(name=name, region=region, language=language)


def _draft(pk: int, revision: str | None) -> TemplateVersion:
    """The draft, held. Raises TemplateVersion.DoesNotExist and Faster."""
    hold(*TemplateVersion.objects.values_list("name", "region", "language").get(pk=pk))
    version = TemplateVersion.objects.select_for_update(of=("self",)).select_related("created_by", "published_by").get(pk=pk)
    if version.status != Status.DRAFT:
        who = f" by {version.published_by}" if version.published_by else ""
        raise Faster(f"Version {version.version} has been published{who}: it is on record.", version)
    if revision is not None and revision != revision_of(version):
        raise Faster("The draft says something else by now.", version)
    return version


def _checked(version: TemplateVersion) -> TemplateVersion:
    if reasons := faults(version):
        raise Broken(reasons)
    return version


# --- Publishing -------------------------------------------------------------------------------------------------------

# Nothing was said of what one looked at.
UNSEEN: Final = -1


def publish(pk: int, *, actor: User | None, now: datetime, revision: str | None = None, replaces: int = UNSEEN) -> TemplateVersion:
    """Send this wording from now on, in place of what is published of its template, region and language.

    `replaces` is the number of the published version that one looked at, 0 for none. Raises Broken and Faster.
    """
    with transaction.atomic():
        version = _checked(_draft(pk, revision))
        _retire(version.name, version.region, version.language, replaces=replaces)
        return _put_out(version, actor=actor, now=now)


def roll_back(
    name: str, region: str, language: str, *, to: int, actor: User | None, now: datetime, replaces: int = UNSEEN
) -> TemplateVersion | None:
    """Send again what an earlier version said, as a new version; 0: what wider regions and the files say, for which None is returned.

    Raises TemplateVersion.DoesNotExist for a version that was never published, Broken and Faster.
    """
    with transaction.atomic():
        hold(name, region, language)
        if to == 0:
            if _retire(name, region, language, replaces=replaces) is None:
                raise Faster("Nothing is published there.", None)
            return None
        old = versions_of(name, region, language).get(version=to, status=Status.RETIRED)
        again = TemplateVersion(name=name, region=region, language=language, created_by=actor, created_at=now)
        for part in WRITTEN:
            setattr(again, part, getattr(old, part))
        again.note, again.version = f"As version {to}", next_version(name, region, language)
        _checked(again)
        _retire(name, region, language, replaces=replaces)
        return _put_out(again, actor=actor, now=now)


def _retire(name: str, region: str, language: str, *, replaces: int) -> TemplateVersion | None:
    rows = versions_of(name, region, language).select_for_update(of=("self",)).select_related("created_by", "published_by")
    present = rows.filter(status=Status.PUBLISHED).first()
    if replaces not in (UNSEEN, present.version if present else 0):
        who = str(present.published_by or "Somebody") if present else ""
        raise Faster(f"{who} has published version {present.version} meanwhile." if present else "Nothing is published there.", present)
    if present is not None:
        present.status = Status.RETIRED
        present.save(update_fields=["status"])
    return present


def _put_out(version: TemplateVersion, *, actor: User | None, now: datetime) -> TemplateVersion:
    version.status, version.published_at, version.published_by = Status.PUBLISHED, now, actor
    version.save()
    return version


# --- Seen before it is sent -------------------------------------------------------------------------------------------


def looks(version: TemplateVersion) -> Looks:
    """The wording with the example's values, as one person would read it; it need not be saved. Raises Broken."""
    common = rendering.as_published(_checked(version), rendering.example(version.name))
    own = {"name": "Asha", "code": "123456", "link": "https://example.com/link", "unsubscribe": "https://example.com/unsubscribe"}
    sms = rendering.splice(common.sms, own)
    return Looks(
        subject=rendering.splice(common.subject, own),
        text=rendering.splice(common.body, own),
        html=rendering.splice(common.html, own, html=True),
        sms=sms,
        sms_segments=gsm.segments(sms),
    )


def kind_of(template: str) -> Kind:
    """A kind of message that is worded by this template; what only some messages of a kind are worded by is taken for an alert's."""
    return next((kind for kind in kinds if kind.wording == template), replace(BUSINESS_ALERT, template=template))


def send_trial(version: TemplateVersion, method: str, person: User, *, now: datetime) -> NotificationLog:
    """Send this wording, with the example's values, to the person who asks, by one method: as the real message would travel, quiet hours
    included. Raises Broken and NotSent."""
    _checked(version)
    kind, transport = kind_of(version.name), transport_class(method)
    address = transport.address_of(person)
    if not address:
        raise NotSent(f"You have no address for {method}.")
    if kind.marketing and transport.regulated and not version.is_service and transport.needs_registration() and not version.dlt_template_id:
        raise NotSent("An offer leaves by SMS only with a DLT template id.")
    with transaction.atomic():
        run = MessagingRun.objects.create(name="template_trial", started_at=now, actor=person, result={"matched": 1, "queued": 1})
        notice = Notice(
            kind=kind, key=f"trial:{run.pk}", context=rendering.example(version.name), metadata={"test": True, "version": str(version)}
        )
        # For whatever region and language: this one.
        only = Wordings({(version.name, "", "en"): version})
        return enqueue_address(notice, method, address, name=person.name, recipient=person, run=run, now=now, wordings=only)

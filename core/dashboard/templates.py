"""Wording: what there is, its versions, how it looks, a trial to oneself, publishing and going back."""

from collections.abc import Callable
from typing import Any, Final

from django.core.validators import RegexValidator
from django.http import Http404
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from core import clock
from core.dashboard.errors import WHOLE, Refused
from core.dashboard.openapi import Done
from core.dashboard.pages import Order, part_of
from core.dashboard.resource import Resource, Said, endpoint, plain
from core.dashboard.shapes import PersonShown, Region, page_of, person_of, shown
from core.dashboard.strict import OneOf, Paged, Strict, Text, Truth
from core.models import TemplateVersion
from core.notifications import publishing, rendering
from core.notifications.kinds import kinds
from core.notifications.transports import methods
from core.notifications.wordings import LANGUAGE, PARTS, from_files

NEWEST_FIRST: Final = Order(("-id",), (int,))
LONGEST: Final = {"subject": 500, "body": 20_000, "email": 100_000, "sms": 1_600}
is_language = RegexValidator(r"\A[a-z]{2,3}(-[A-Za-z0-9]{2,4})?\Z", "A language is written as en, hi or en-IN.")


class Written(Strict):
    """What a version says."""

    subject = Text(required=False, allow_blank=True, max_length=LONGEST["subject"], trim_whitespace=False)
    body = Text(required=False, allow_blank=True, max_length=LONGEST["body"], trim_whitespace=False, help_text="Plain text.")
    email = Text(
        required=False, allow_blank=True, max_length=LONGEST["email"], trim_whitespace=False, help_text="MJML; empty: made of the body."
    )
    sms = Text(required=False, allow_blank=True, max_length=LONGEST["sms"], trim_whitespace=False, help_text="Empty: the files' one.")
    dlt_template_id = Text(required=False, allow_blank=True, max_length=40)
    is_service = Truth(required=False, help_text="By its DLT registration not promotional: no quiet hours.")
    note = Text(required=False, allow_blank=True, max_length=200)


class Place(Strict):
    """Of which template, where and in which language."""

    name = OneOf(rendering.names)
    region = Region(required=False, default="", help_text="First digits of pincodes; empty: everywhere.")
    language = Text(required=False, default=LANGUAGE, max_length=8, validators=[is_language])


class DraftForm(Written, Place):
    pass


class Looked(Strict):
    revision = Text(required=False, max_length=12, help_text="What one looked at: 409 when the draft says something else by now.")


class RewriteForm(Written, Looked):
    pass


class Replacing(Strict):
    replaces = serializers.IntegerField(
        required=False,
        default=publishing.UNSEEN,
        min_value=0,
        max_value=2**31 - 1,
        help_text="The number of the published version that one looked at, 0 for none: 409 when another one is published by now.",
    )


class PublishForm(Looked, Replacing):
    pass


class RollBackForm(Place, Replacing):
    to = serializers.IntegerField(
        min_value=0, max_value=2**31 - 1, help_text="The number of an earlier version; 0: wider regions' and files'."
    )


class TrialForm(Strict):
    method = OneOf(methods)


class VersionQuery(Paged):
    name = OneOf(rendering.names, required=False)
    region = Region(required=False)
    language = Text(required=False, max_length=8)
    status = OneOf(lambda: publishing.Status.values, required=False)


# --- Answers ----------------------------------------------------------------------------------------------------------------


class VersionRow(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    region = serializers.CharField(allow_blank=True)
    language = serializers.CharField()
    version = serializers.IntegerField()
    status = serializers.CharField(help_text=", ".join(publishing.Status.values))
    note = serializers.CharField(allow_blank=True)
    created_at = serializers.DateTimeField()
    created_by = PersonShown(allow_null=True)
    published_at = serializers.DateTimeField(allow_null=True)
    published_by = PersonShown(allow_null=True)


class VersionDetail(VersionRow):
    subject = serializers.CharField(allow_blank=True)
    body = serializers.CharField(allow_blank=True)
    email = serializers.CharField(allow_blank=True)
    sms = serializers.CharField(allow_blank=True)
    dlt_template_id = serializers.CharField(allow_blank=True)
    is_service = serializers.BooleanField()
    revision = serializers.CharField(help_text="Names what it says.")


class RolledBack(serializers.Serializer[Any]):
    published = VersionDetail(allow_null=True, help_text="What is published now; null: nothing.")


class TemplateRow(serializers.Serializer[Any]):
    name = serializers.CharField()
    notification_types = serializers.ListField(child=serializers.CharField(), help_text="What is worded by it.")
    published = VersionRow(many=True, help_text="By region and language, in place of the files.")


class TemplateList(serializers.Serializer[Any]):
    templates = TemplateRow(many=True)


class TemplateDetail(TemplateRow):
    files = serializers.DictField(child=serializers.CharField(allow_blank=True), help_text="What is said where nothing is published.")
    example = serializers.JSONField(help_text="Every variable that it may use, with a value; name, link, unsubscribe and code besides.")


class LooksAnswer(serializers.Serializer[Any]):
    problems = serializers.ListField(child=serializers.CharField(), help_text="Why it cannot be published; then there is nothing to show.")
    subject = serializers.CharField(allow_null=True)
    text = serializers.CharField(allow_null=True)
    html = serializers.CharField(allow_null=True, help_text="Show it in a frame without scripts.")
    sms = serializers.CharField(allow_null=True)
    sms_segments = serializers.IntegerField(allow_null=True, help_text="As how many SMS it is sent and charged.")


class TrialAnswer(serializers.Serializer[Any]):
    notification_id = serializers.UUIDField()
    method = serializers.CharField()
    due_at = serializers.DateTimeField(help_text="An offer by SMS waits for its hours.")


# --- Views ------------------------------------------------------------------------------------------------------------------


class Templates(Resource):
    @endpoint("List templates", answers=TemplateList)
    def get(self, request: Request, said: Said) -> Response:
        """Each with what is published of it."""
        rows = published_of(TemplateVersion.objects.all())
        return plain({"templates": [_template(name, rows) for name in rendering.names()]})


class TemplateOne(Resource):
    @endpoint("One template", answers=TemplateDetail)
    def get(self, request: Request, said: Said, template: str) -> Response:
        """With the files' wording and the variables that it may use."""
        if template not in rendering.names():
            raise Http404
        found = _template(template, published_of(TemplateVersion.objects.filter(name=template)))
        return plain({**found, "files": from_files(template).parts, "example": rendering.example(template)})


class Versions(Resource):
    @endpoint("List versions", query=VersionQuery, answers=page_of("versions", VersionRow))
    def get(self, request: Request, said: Said) -> Response:
        """Newest first."""
        rows = TemplateVersion.objects.filter(**{key: said[key] for key in ("name", "region", "language", "status") if key in said})
        part = part_of(rows, NEWEST_FIRST, said, loaded=lambda rows: rows.select_related("created_by", "published_by").defer(*PARTS))
        return plain(shown("versions", part, [row_of(version) for version in part.rows]))

    @endpoint("Write a draft", body=DraftForm, answers=VersionDetail, status=201, is_idempotent=True)
    def post(self, request: Request, said: Said) -> Response:
        """It is tried on example data: a broken one is a 400 that says what is wrong in which part."""
        name, region, language = (said.pop(part) for part in ("name", "region", "language"))
        version = _tried(lambda: publishing.draft(name, region, language, said, actor=self.user, now=clock.now()))
        return plain(detail_of(version), status=201)


class VersionOne(Resource):
    @endpoint("One version", answers=VersionDetail)
    def get(self, request: Request, said: Said, version_id: int) -> Response:
        """With what it says."""
        return plain(detail_of(_found(version_id)))

    @endpoint("Change a draft", body=RewriteForm, answers=VersionDetail)
    def patch(self, request: Request, said: Said, version_id: int) -> Response:
        """409 for what is no draft any more, or not what one looked at."""
        revision = said.pop("revision", None)
        if not said:
            raise ValidationError({"subject": ["Say what is to change."]})
        return plain(detail_of(_tried(lambda: publishing.rewrite(version_id, said, revision=revision))))

    @endpoint("Throw a draft away", answers=Done)
    def delete(self, request: Request, said: Said, version_id: int) -> Response:
        """409 for what is no draft any more."""
        _tried(lambda: publishing.discard(version_id))
        return plain({"status": "success", "message": "Thrown away."})


class Publish(Resource):
    @endpoint("Publish a draft", body=PublishForm, answers=VersionDetail, is_idempotent=True)
    def post(self, request: Request, said: Said, version_id: int) -> Response:
        """It is sent from the next message on. Tried once more on example data: 400 for a broken one; 409 when somebody was faster."""
        return plain(detail_of(_tried(lambda: publishing.publish(version_id, actor=self.user, now=clock.now(), **said))))


class RollBack(Resource):
    @endpoint("Go back to an earlier version", body=RollBackForm, answers=RolledBack, is_idempotent=True)
    def post(self, request: Request, said: Said) -> Response:
        """What it said is published again, as a new version. With 0 nothing is published there any more."""
        place = [said.pop(name) for name in ("name", "region", "language")]
        version = _tried(lambda: publishing.roll_back(*place, actor=self.user, now=clock.now(), **said))
        return plain({"published": detail_of(version) if version else None})


class Looks(Resource):
    # Mail is made of it, which takes longer than most writing does.
    throttle_scope = "jobs"

    @endpoint("How a wording looks", body=DraftForm, answers=LooksAnswer)
    def post(self, request: Request, said: Said) -> Response:
        """With example data, as one person would read it. Writes nothing; a broken wording is answered with its problems."""
        version = TemplateVersion(**said)
        try:
            found = publishing.looks(version)
        except publishing.Broken as broken:
            nothing = dict.fromkeys(("subject", "text", "html", "sms", "sms_segments"))
            return plain({"problems": broken.reasons, **nothing})
        names = ("subject", "text", "html", "sms", "sms_segments")
        return plain({"problems": [], **{name: getattr(found, name) for name in names}})


class Trial(Resource):
    throttle_scope = "jobs"

    @endpoint("Send a version to oneself", body=TrialForm, answers=TrialAnswer, status=202, is_idempotent=True)
    def post(self, request: Request, said: Said, version_id: int) -> Response:
        """With example data, by the way the real message would go."""
        version = _found(version_id)
        try:
            row = _tried(lambda: publishing.send_trial(version, said["method"], self.user, now=clock.now()))
        except publishing.NotSent as why:
            raise Refused(str(why), code="not_sent") from why
        return plain({"notification_id": row.pk, "method": row.method, "due_at": row.due_at}, status=202)


# --- Rows -------------------------------------------------------------------------------------------------------------------


def _tried(step: Callable[[], Any]) -> Any:
    """The step's answer; what it refuses, as the API says it."""
    try:
        return step()
    except TemplateVersion.DoesNotExist:
        raise Http404 from None
    except publishing.Broken as broken:
        fields: dict[str, list[str]] = {}
        for reason in broken.reasons:
            fields.setdefault(publishing.part_of(reason) or WHOLE, []).append(reason)
        raise ValidationError(fields) from broken
    except publishing.Faster as faster:
        raise Refused(str(faster), code="faster", version=row_of(faster.present) if faster.present else None) from faster


def _found(version_id: int) -> TemplateVersion:
    version = TemplateVersion.objects.select_related("created_by", "published_by").filter(pk=version_id).first()
    if version is None:
        raise Http404
    return version


def published_of(rows: Any) -> list[TemplateVersion]:
    return list(rows.filter(status=publishing.Status.PUBLISHED).select_related("created_by", "published_by").defer(*PARTS))


def _template(name: str, published: list[TemplateVersion]) -> dict[str, Any]:
    worded = [kind.name for kind in kinds if kind.wording == name]
    return {"name": name, "notification_types": worded, "published": [row_of(row) for row in published if row.name == name]}


def row_of(version: TemplateVersion) -> dict[str, Any]:
    row = {name: getattr(version, name) for name in VersionRow._declared_fields if not name.endswith("_by")}
    return {**row, "created_by": person_of(version.created_by), "published_by": person_of(version.published_by)}


def detail_of(version: TemplateVersion) -> dict[str, Any]:
    said = {name: getattr(version, name) for name in publishing.WRITTEN}
    return {**row_of(version), **said, "revision": publishing.revision_of(version)}

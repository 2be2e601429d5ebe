"""Wording over the API: drafts, how they look, a trial to oneself, publishing and going back; and of two at once, who was faster."""

import pytest

from core.models import NotificationLog, TemplateVersion
from core.notifications import rendering
from core.notifications.composing import compose
from core.notifications.wordings import from_files
from tests.api.callers import named_fields
from tests.api.conventions import entries, queries_of, survives_nonsense
from tests.people import HOME

URL = "/admin-dashboard/templates/"
VERSIONS = f"{URL}versions/"
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen")]


def said(**fields):
    return {"name": "otp", "subject": "Your code", "body": "{{ code }} is your code.", **fields}


def drafted(api, user, **fields):
    answer = api(user).post(VERSIONS, said(**fields))
    assert answer.status_code == 201, answer.content
    return answer.json()


def published(api, user, **fields):
    answer = api(user).post(f"{VERSIONS}{drafted(api, user, **fields)['id']}/publish/")
    assert answer.status_code == 200, answer.content
    return answer.json()


def subject_of(region=""):
    return rendering.render("otp", rendering.example("otp"), region=region).subject


def test_a_draft_is_sent_only_once_it_is_published(api, sara):
    before = subject_of()
    draft = drafted(api, sara, subject="Your new code")
    assert (draft["version"], draft["status"], draft["created_by"]["username"], subject_of()) == (1, "draft", "sara", before)
    told = api(sara).post(f"{VERSIONS}{draft['id']}/publish/").json()
    assert (told["status"], told["published_by"]["username"], subject_of()) == ("published", "sara", "Your new code")
    assert entries(content_type__model="templateversion")[-1].changes["status"] == ["draft", "published"]


def test_a_region_has_its_own_wording(api, sara):
    published(api, sara, subject="Everywhere")
    published(api, sara, subject="Here", region=HOME[:3])
    assert (subject_of(), subject_of(HOME), subject_of("110001")) == ("Everywhere", "Here", "Everywhere")
    row = {row["name"]: row for row in api(sara).get(URL).json()["templates"]}["otp"]
    assert sorted((version["region"], version["version"]) for version in row["published"]) == [("", 1), ("560", 1)]


def test_the_next_version_retires_the_one_before_and_one_can_go_back(api, sara):
    published(api, sara, subject="First")
    published(api, sara, subject="Second")
    caller = api(sara)
    told = caller.post(f"{URL}roll-back/", {"name": "otp", "to": 1}).json()["published"]
    assert (told["version"], told["note"], subject_of()) == (3, "As version 1", "First")
    assert [row["status"] for row in caller.get(VERSIONS, name="otp").json()["versions"]] == ["published", "retired", "retired"]
    assert caller.post(f"{URL}roll-back/", {"name": "otp", "to": 0}).json() == {"published": None}
    assert not TemplateVersion.objects.filter(status="published").exists()
    assert caller.post(f"{URL}roll-back/", {"name": "otp", "to": 0}).status_code == 409
    assert caller.post(f"{URL}roll-back/", {"name": "otp", "to": 99}).status_code == 404


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"body": "No code"}, "body"),
        ({"body": "{{ code }} {{ secret }}"}, "body"),
        ({"body": "{% load static %}{{ code }}"}, "body"),
        ({"subject": ""}, "subject"),
        ({"email": "<mj-section><script>alert(1)</script></mj-section>"}, "email"),
        ({"name": "no_such"}, "name"),
        ({"region": "01"}, "region"),
        ({"language": "English"}, "language"),
        ({"is_service": 1}, "is_service"),
        ({"sms": "x" * 1601}, "sms"),
    ],
)
def test_a_broken_draft_is_refused_and_the_part_named(api, sara, fields, named):
    assert named in named_fields(api(sara).post(VERSIONS, said(**fields)))
    assert not TemplateVersion.objects.exists()


def test_what_has_become_broken_is_not_published(api, sara):
    version = TemplateVersion.objects.create(name="otp", subject="Code", body="{{ secret }}")
    assert named_fields(api(sara).post(f"{VERSIONS}{version.pk}/publish/")) == ["body"]
    version.refresh_from_db()
    assert version.status == "draft"


def test_of_two_who_publish_the_second_is_told_who_was_faster(api, sara):
    published(api, sara, subject="First")
    mine, theirs = drafted(api, sara, subject="Mine"), drafted(api, sara, subject="Theirs")
    caller = api(sara)
    assert caller.post(f"{VERSIONS}{theirs['id']}/publish/", {"replaces": 1}).status_code == 200
    late = caller.post(f"{VERSIONS}{mine['id']}/publish/", {"replaces": 1})
    assert (late.status_code, late.json()["code"], late.json()["version"]["version"]) == (409, "faster", 3)
    assert "Sara" in late.json()["message"]
    assert subject_of() == "Theirs"


def test_a_draft_that_says_something_else_by_now_is_neither_changed_nor_published(api, sara):
    draft = drafted(api, sara)
    caller, url = api(sara), f"{VERSIONS}{draft['id']}/"
    assert caller.patch(url, {"subject": "Another", "revision": draft["revision"]}).status_code == 200
    assert caller.patch(url, {"subject": "Mine", "revision": draft["revision"]}).status_code == 409
    assert caller.post(f"{url}publish/", {"revision": draft["revision"]}).status_code == 409
    assert caller.get(url).json()["subject"] == "Another"


def test_what_was_published_is_on_record(api, sara):
    version = published(api, sara)
    caller, url = api(sara), f"{VERSIONS}{version['id']}/"
    assert caller.patch(url, {"subject": "Other"}).status_code == 409
    assert caller.call("DELETE", url).status_code == 409
    assert caller.post(f"{url}publish/").status_code == 409
    draft = drafted(api, sara)
    assert caller.call("DELETE", f"{VERSIONS}{draft['id']}/").status_code == 200
    assert caller.get(f"{VERSIONS}{draft['id']}/").status_code == 404


def test_a_wording_is_seen_before_it_is_kept(api, omar):
    told = api(omar).post(f"{URL}preview/", said(subject="A <b>", sms="{{ code }} " + "x" * 160)).json()
    assert (told["problems"], told["subject"], told["text"], told["sms_segments"]) == ([], "A <b>", "123456 is your code.", 2)
    assert "123456" in told["html"]
    broken = api(omar).post(f"{URL}preview/", said(body="{{ secret }}")).json()
    assert broken["subject"] is None
    assert "secret" in broken["problems"][0]
    assert not TemplateVersion.objects.exists()


def test_a_trial_goes_to_oneself_and_says_what_the_draft_says(api, omar, sara):
    draft = drafted(api, sara, subject="Trial", language="hi", region="11")
    answer = api(omar).post(f"{VERSIONS}{draft['id']}/test-send/", {"method": "email"})
    assert answer.status_code == 202
    (row,) = NotificationLog.objects.all()
    assert (row.recipient, row.address, row.subject, row.metadata["test"]) == (omar, omar.email, "Trial", True)
    assert compose(row).subject == "Trial"


def test_a_trial_needs_an_address_and_may_be_sent_again(api, omar, sara):
    draft = drafted(api, sara)
    caller, url = api(omar), f"{VERSIONS}{draft['id']}/test-send/"
    assert [caller.post(url, {"method": "email"}).status_code for _ in range(2)] == [202, 202]
    type(omar).objects.filter(pk=omar.pk).update(phone="")
    refused = caller.post(url, {"method": "sms"})
    assert (refused.status_code, refused.json()["code"]) == (409, "not_sent")
    assert NotificationLog.objects.count() == 2


def test_a_template_shows_its_files_and_what_it_may_use(api, omar):
    told = api(omar).get(f"{URL}promotional/").json()
    assert told["notification_types"] == ["promotional"]
    assert set(told["example"]) == set(rendering.example("promotional"))
    assert told["files"]["subject"]
    assert api(omar).get(f"{URL}no_such/").status_code == 404


def test_every_template_can_be_looked_at_as_its_files_have_it(api, omar):
    for name in rendering.names():
        files = api(omar).get(f"{URL}{name}/").json()["files"]
        told = api(omar).post(f"{URL}preview/", {"name": name, **files}).json()
        assert (told["problems"], bool(told["html"])) == ([], True), name


def test_a_trial_of_every_template_goes_out(api, omar):
    for name in rendering.names():
        version = TemplateVersion.objects.create(name=name, **from_files(name).parts)
        assert api(omar).post(f"{VERSIONS}{version.pk}/test-send/", {"method": "email"}).status_code == 202, name
    assert {row.content.template for row in NotificationLog.objects.select_related("content")} == set(rendering.names())


def test_nonsense_is_refused(api, sara):
    caller = api(sara)
    survives_nonsense(
        lambda body: caller.post(VERSIONS, body), said(region="", language="en", sms="{{ code }}", is_service=False, note="x")
    )
    survives_nonsense(lambda body: caller.post(f"{URL}roll-back/", body), {"name": "otp", "to": 1})


def test_the_lists_cost_the_same_however_many_versions(api, sara):
    def versions(first, last):
        TemplateVersion.objects.bulk_create(
            TemplateVersion(name="otp", subject="x", body="x", version=n, region=str(100 + n), status="published", created_by=sara)
            for n in range(first, last)
        )

    caller = api(sara)
    versions(0, 3)
    few = [queries_of(lambda url=url: caller.get(url)) for url in (URL, VERSIONS)]
    versions(3, 30)
    assert [queries_of(lambda url=url: caller.get(url)) for url in (URL, VERSIONS)] == few


def test_what_the_compiler_itself_trips_over_is_a_problem_of_the_wording(api, omar):
    """A space that does not break, outside every element, within what takes more than a byte: its parser panics."""
    answer = api(omar).post("/admin-dashboard/templates/preview/", {"name": "otp", "subject": "x", "body": "x", "email": "GÌ\u00a0N>?"})
    assert answer.status_code == 200
    assert answer.json()["problems"] == ["email: not valid MJML: the compiler cannot read it"]

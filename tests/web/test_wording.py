"""Wording: tried while it is typed, kept as a draft, published after a question, taken back; by those who may."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core import clock
from core.models import NotificationLog, TemplateVersion
from core.notifications import publishing
from tests.api.conventions import entries

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen")]
URL = "/dashboard/wording/"
OTP = f"{URL}otp/"
WORDS = {"subject": "Your code", "body": "{{ code }} is your code.", "email": "", "sms": ""}


def a_draft(by=None, *, region="", language="en", **words):
    return publishing.draft("otp", region, language, {**WORDS, **words}, actor=by, now=clock.now())


def published(by=None, **words):
    return publishing.publish(a_draft(by, **words).pk, actor=by, now=clock.now())


def said_in(answer):
    return answer.content.decode()


def status_of(version):
    return TemplateVersion.objects.get(pk=version.pk).status


# --- Seen -------------------------------------------------------------------------------------------------------------


def test_every_template_is_listed_with_what_is_published_of_it(as_omar, sara):
    published(sara)
    a_draft(region="5600")
    page = said_in(as_omar.get(URL))
    assert "service_completion_reminder" in page
    assert "everywhere, en, version 1" in page
    assert "1 draft" in page
    assert "Only a super admin may change wording." in page


def test_the_list_and_the_desk_cost_the_same_whatever_there_is(as_omar, sara):
    def queries(url):
        with CaptureQueriesContext(connection) as asked:
            as_omar.get(url)
        return len(asked)

    published(sara)
    queries(URL)
    few = queries(URL), queries(OTP)
    for number in range(20):
        published(sara, region=f"56{number:02}")
        published(sara)
    assert (queries(URL), queries(OTP)) == few
    assert max(few) <= 9


def test_where_nothing_is_published_the_files_are_shown_as_they_would_look(as_omar):
    page = said_in(as_omar.get(OTP))
    assert "from the files" in page
    assert "123456" in page
    assert "There is no version yet: keep a draft first." in page
    assert as_omar.get(f"{URL}nothing/").status_code == 404


def test_a_place_of_its_own_is_a_page_of_its_own(as_omar):
    a_draft(region="5600", language="kn", subject="Nimma code")
    assert "Nimma code" not in said_in(as_omar.get(OTP))
    page = said_in(as_omar.get(OTP, {"region": "5600", "language": "kn"}))
    assert "Nimma code" in page
    assert "in 5600, kn" in page


def test_what_is_typed_is_shown_at_once_and_nothing_is_kept(as_omar):
    answer = as_omar.post(f"{OTP}preview/", {**WORDS, "subject": "It is {{ code }}", "sms": "{{ code }} \u0c95"})
    page = said_in(answer)
    assert answer.status_code == 200
    assert "It is 123456" in page
    assert "1 SMS, 8 characters. \u0c95 is no letter of short messages" in page
    assert not TemplateVersion.objects.exists()


def test_the_mail_of_a_preview_stands_in_a_frame_that_can_do_nothing(as_omar, client, sara):
    page = said_in(
        as_omar.post(f"{OTP}preview/", {**WORDS, "email": "<mj-section><mj-column><mj-text>{{ code }}!</mj-text></mj-column></mj-section>"})
    )
    (address,) = re.findall(r'<iframe class="mail mail--s" sandbox title="[^"]*" src="([^"]+)"', page)
    mail = as_omar.get(address)
    assert "123456!" in said_in(mail)
    assert "sandbox" in mail.headers["Content-Security-Policy"]
    assert "default-src 'none'" in mail.headers["Content-Security-Policy"]
    client.force_login(sara)
    assert "123456!" not in said_in(client.get(address))


@pytest.mark.parametrize(
    ("words", "why", "line"),
    [
        ({"body": "One\n{{ code }} {{ secret }}"}, "secret", "{{ code }} {{ secret }}"),
        ({"body": "{{ code }}\n{% load x %}"}, "there is no tag", "{% load x %}"),
        ({"subject": ""}, "Empty", ""),
        ({"body": "No code"}, "Must say {{ code }}", ""),
        ({"email": "<mj-nothing>{{ code }}"}, "", ""),
        ({"subject": "x" * 501}, "no more than 500 characters", ""),
        ({"language": "English!"}, "A language is written as", ""),
        ({"region": "0"}, "A region is the first digits", ""),
    ],
)
def test_what_is_wrong_is_said_with_its_line_and_nothing_typed_is_lost(as_sara, words, why, line):
    typed = {**WORDS, "note": "Mine & yours", **words}
    for url, status in ((f"{OTP}preview/", 200), (f"{OTP}draft/", 400)):
        answer = as_sara.post(url, typed)
        page = said_in(answer).replace("&#x27;", "'")
        assert answer.status_code == status
        assert "It cannot be sent like this" in page
        assert why in page
        assert not line or f'<code class="mono wrap">{line}</code>' in page
        assert 'value="Mine &amp; yours"' in page
        assert "{{ code }}" in page or words.get("body") == "No code"
    assert not TemplateVersion.objects.exists()


# --- Changed ----------------------------------------------------------------------------------------------------------


def test_a_draft_is_kept_and_changed_with_its_lines_as_they_were_typed(as_sara, sara):
    answer = as_sara.post(f"{OTP}draft/", {**WORDS, "body": "One\r\n{{ code }}", "region": "5600"})
    (version,) = TemplateVersion.objects.all()
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{OTP}?version={version.pk}")
    assert (version.body, version.region, version.status, version.created_by) == ("One\n{{ code }}", "5600", "draft", sara)
    assert "Kept as draft, version 1. Nobody is sent it yet." in said_in(as_sara.get(OTP))
    as_sara.post(f"{OTP}draft/", {**WORDS, "subject": "Changed", "version": version.pk, "revision": publishing.revision_of(version)})
    (version,) = TemplateVersion.objects.all()
    assert (version.subject, version.region) == ("Changed", "5600")


def test_a_draft_that_somebody_changed_meanwhile_is_not_written_over(as_sara):
    version = a_draft()
    answer = as_sara.post(f"{OTP}draft/", {**WORDS, "subject": "Mine", "version": version.pk, "revision": "another"})
    assert answer.status_code == 409
    assert "The draft says something else by now." in said_in(answer)
    assert "Mine" in said_in(answer)
    assert TemplateVersion.objects.get().subject == "Your code"


def test_it_is_published_after_a_question_that_says_what_it_replaces(as_sara, sara):
    old, new = published(sara), a_draft(subject="New")
    answer = as_sara.post(f"{OTP}draft/", {**WORDS, "subject": "New", "version": new.pk, "then": "publish"})
    page = said_in(as_sara.get(answer.headers["Location"]))
    assert "Publish version 2 of One-time password, everywhere, en?" in page
    assert "in place of version 1" in page
    assert status_of(new) == "draft"
    revision = re.findall(r'<input type="hidden" name="revision" value="(\w+)">', page)[-1]
    assert as_sara.post(f"{OTP}versions/{new.pk}/publish/", {"replaces": "1", "revision": revision}).status_code == 303
    assert (status_of(new), status_of(old)) == ("published", "retired")
    assert any(entry.actor == sara and entry.changes.get("status") == ["draft", "published"] for entry in entries())


def test_of_two_who_publish_the_second_is_told(as_sara, sara):
    mine = a_draft()
    published(sara)
    answer = as_sara.post(f"{OTP}versions/{mine.pk}/publish/", {"replaces": "0"})
    assert answer.status_code == 409
    assert "Sara has published version 2 meanwhile." in said_in(answer)
    assert status_of(mine) == "draft"


def test_an_earlier_version_is_gone_back_to_and_wording_is_taken_back(as_sara, sara):
    first = published(sara, subject="First")
    second = published(sara, subject="Second")
    assert "Go back to version 1 of One-time password" in said_in(as_sara.get(OTP, {"version": first.pk, "ask": "back"}))
    as_sara.post(f"{OTP}roll-back/", {"to": "1", "replaces": "2"})
    assert TemplateVersion.objects.get(status="published").subject == "First"
    assert status_of(second) == "retired"
    as_sara.post(f"{OTP}roll-back/", {"to": "0", "replaces": "3"})
    assert not TemplateVersion.objects.filter(status="published").exists()
    refused = as_sara.post(f"{OTP}roll-back/", {"to": "0", "replaces": "3"})
    assert refused.status_code == 409
    assert "Nothing is published there." in said_in(refused)
    assert as_sara.post(f"{OTP}roll-back/", {"to": "99"}).status_code == 404
    assert as_sara.post(f"{OTP}roll-back/", {"to": "-3"}).status_code == 400


def test_a_draft_is_thrown_away_and_what_was_published_is_not(as_sara, sara):
    draft, out = a_draft(), published(sara)
    assert as_sara.post(f"{OTP}versions/{draft.pk}/discard/").status_code == 303
    assert as_sara.post(f"{OTP}versions/{out.pk}/discard/").status_code == 409
    assert list(TemplateVersion.objects.all()) == [out]


def test_a_trial_goes_to_whoever_asks_and_says_why_it_cannot(as_omar, omar):
    version = a_draft()
    assert as_omar.post(f"{OTP}versions/{version.pk}/test-send/", {"method": "email"}).status_code == 303
    assert NotificationLog.objects.get().recipient == omar
    assert "On its way to you by Email, with example data." in said_in(as_omar.get(OTP))
    omar.phone = ""
    omar.save()
    refused = as_omar.post(f"{OTP}versions/{version.pk}/test-send/", {"method": "sms"})
    assert refused.status_code == 409
    assert "You have no address for sms." in said_in(refused)
    assert as_omar.post(f"{OTP}versions/{version.pk}/test-send/", {"method": "pigeon"}).status_code == 400


def test_a_version_of_another_template_is_not_here(as_sara):
    version = a_draft()
    assert as_sara.post(f"{URL}promotional/versions/{version.pk}/publish/").status_code == 404
    assert "Your code" not in said_in(as_sara.get(f"{URL}promotional/", {"version": version.pk}))


def test_an_ops_manager_reads_and_tries_and_changes_nothing(as_omar):
    version = a_draft()
    page = said_in(as_omar.get(OTP, {"version": version.pk, "ask": "publish"}))
    assert "Only a super admin may change wording." in page
    assert "Keep as is" not in page
    for url in (f"{OTP}draft/", f"{OTP}roll-back/", f"{OTP}versions/{version.pk}/publish/", f"{OTP}versions/{version.pk}/discard/"):
        assert as_omar.post(url, WORDS).status_code == 403
    assert status_of(version) == "draft"


def test_finance_and_vendors_are_refused(client, farah, vera):
    for user in (farah, vera):
        client.force_login(user)
        assert client.get(URL).status_code == client.get(OTP).status_code == 403


def test_what_is_written_is_text_and_runs_nowhere(as_omar):
    page = said_in(as_omar.post(f"{OTP}preview/", {**WORDS, "subject": "<script>1</script>", "body": "</textarea><b>{{ code }}"}))
    assert "<script>1" not in page
    assert "</textarea><b>" not in page

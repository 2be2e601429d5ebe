"""The outbox page: what would have been sent, for those who may read it, and nothing that it could do."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core import clock
from core.models import MessageContent, MessagingRun, NotificationLog, User
from core.notifications import delivery, kinds, outbox
from core.notifications.outbox import Notice
from core.web.outbox import shown_to
from tests.people import people

pytestmark = pytest.mark.django_db


def shown(person, *, kind="promotional", method="email", subject="An offer", at=None, content=None):
    return NotificationLog.objects.create(
        recipient=person,
        notification_type=kind,
        method=method,
        status="sent",
        provider="outbox",
        subject=subject,
        message="The words.",
        content=content,
        created_at=at or clock.now(),
    )


def mail_with(person, html):
    content = MessageContent.objects.create(template="promotional", version="file", subject="An offer", body="The words.", html=html)
    return shown(person, content=content)


def subjects(page):
    return re.findall(r'<a class="go"[^>]*>([^<]*)</a>', page.content.decode())


def test_what_was_really_sent_is_not_in_the_outbox(as_omar, kiran):
    shown(kiran, subject="Shown")
    NotificationLog.objects.create(recipient=kiran, notification_type="otp", method="email", status="sent", provider="smtp", subject="Sent")
    assert subjects(as_omar.get("/dashboard/outbox/")) == ["Shown"]


def test_it_is_found_among_a_million_that_were_sent(sara):
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # Its own choice for a table of this size would be to read it.
            cursor.execute("SET LOCAL enable_seqscan = off")
    plan = shown_to(sara).select_related(None).order_by("-created_at", "-id")[:51].explain()
    assert "notification_outbox" in plan


def test_fifty_a_page_newest_first_forth_and_back(as_omar, kiran):
    now = clock.now()
    # Some at the very same moment.
    for number in range(120):
        shown(kiran, subject=f"Number {number}", at=now - timedelta(seconds=number // 3))
    pages, url = [], "/dashboard/outbox/?method=email"
    while True:
        page = as_omar.get(url)
        pages.append(subjects(page))
        older = re.search(r'href="(\?[^"]*before=[^"]*)"', page.content.decode())
        if not older:
            break
        url = "/dashboard/outbox/" + older[1].replace("&amp;", "&")
        assert "method=email" in url
    assert [len(page) for page in pages] == [50, 50, 20]
    everything = [subject for page in pages for subject in page]
    assert len(set(everything)) == 120
    newer = re.search(r'href="(\?[^"]*after=[^"]*)"', page.content.decode())
    assert newer
    assert subjects(as_omar.get("/dashboard/outbox/" + newer[1].replace("&amp;", "&"))) == pages[1]


NO_SUCH_DAY = "before=2026-99-99T00:00:00Z_0192f0c1-0000-7000-8000-000000000001"


@pytest.mark.parametrize("query", ["before=x", "after=2026-11-22T00:00:00_x", NO_SUCH_DAY, "type=%00", "method=nothing"])
def test_an_address_that_makes_no_sense_is_no_error(as_omar, kiran, query):
    shown(kiran)
    assert as_omar.get(f"/dashboard/outbox/?{query}").status_code == 200


def test_it_is_filtered_by_method_and_type(as_omar, kiran):
    shown(kiran, subject="A mail")
    shown(kiran, subject="An SMS", method="sms", kind="otp")
    assert subjects(as_omar.get("/dashboard/outbox/?method=sms")) == ["An SMS"]
    assert subjects(as_omar.get("/dashboard/outbox/?type=promotional")) == ["A mail"]


def test_a_full_page_costs_what_a_short_one_does(as_omar):
    def cost():
        with CaptureQueriesContext(connection) as captured:
            as_omar.get("/dashboard/outbox/")
        return len(captured)

    for one in people(3):
        mail_with(one, "<p>Hello</p>")
    cost()
    few = cost()
    for one in people(30):
        mail_with(one, "<p>Hello</p>")
    assert cost() == few


def test_finance_reads_only_what_is_about_held_payments(as_farah, omar, kiran):
    mine = shown(omar, kind="payment_hold", subject="Payments held")
    other = shown(kiran, subject="An offer")
    assert subjects(as_farah.get("/dashboard/outbox/")) == ["Payments held"]
    assert as_farah.get(f"/dashboard/outbox/{mine.pk}/").status_code == 200
    assert as_farah.get(f"/dashboard/outbox/{other.pk}/").status_code == 404
    assert as_farah.get(f"/dashboard/outbox/{other.pk}/mail/").status_code == 404


def test_a_message_says_that_it_was_not_sent_and_why(as_omar, kiran):
    page = as_omar.get(f"/dashboard/outbox/{shown(kiran).pk}/").content.decode()
    assert "Shown here, not sent: no mail server was set (EMAIL_HOST)" in page
    assert "The words." in page
    assert "kiran@homeserve.example" in page


def test_the_mail_is_shown_in_a_frame_that_may_do_nothing(as_omar, kiran):
    row = mail_with(kiran, "<style>p { color: red }</style><p>Hello</p><script>parent.document.title = 'taken'</script>")
    page = as_omar.get(f"/dashboard/outbox/{row.pk}/").content.decode()
    assert re.search(r"<iframe [^>]*\bsandbox title=", page)
    assert "taken" not in page
    mail = as_omar.get(f"/dashboard/outbox/{row.pk}/mail/")
    assert mail.headers["X-Frame-Options"] == "SAMEORIGIN"
    policy = [part.strip() for part in mail.headers["Content-Security-Policy"].split(";")]
    assert {"default-src 'none'", "style-src 'unsafe-inline'", "img-src data:", "sandbox"} <= set(policy)
    assert "script" not in mail.headers["Content-Security-Policy"]


def test_a_message_without_html_has_no_frame(as_omar, kiran):
    row = shown(kiran, method="sms")
    assert "<iframe" not in as_omar.get(f"/dashboard/outbox/{row.pk}/").content.decode()
    assert as_omar.get(f"/dashboard/outbox/{row.pk}/mail/").status_code == 404


def test_what_is_in_a_message_is_shown_as_text(as_omar, kiran):
    kiran.first_name = "<img src=x onerror=alert(1)>"
    kiran.save()
    row = shown(kiran, subject="<b>bold</b>")
    for url in ("/dashboard/outbox/", f"/dashboard/outbox/{row.pk}/"):
        page = as_omar.get(url).content.decode()
        assert "&lt;b&gt;bold" in page
        assert "<b>bold" not in page
        assert "<img" not in page


@pytest.mark.django_db(transaction=True)
def test_a_promotion_that_was_delivered_without_a_mail_server_is_there_to_read(as_omar, kiran, settings):
    settings.EMAIL_BACKEND = ""
    settings.EMAIL_HOST = ""
    now = clock.now()
    run = MessagingRun.objects.create(name="promotions")
    notice = Notice(
        kind=kinds.PROMOTION, key="test:1", context={"title": "Festival", "offer_text": "25 % off"}, methods=("email",), pincode="560001"
    )
    outbox.enqueue(notice, User.objects.filter(pk=kiran.pk), run=run, now=now)
    delivery.deliver_due("email", clock=clock.now)
    [subject] = subjects(as_omar.get("/dashboard/outbox/"))
    row = NotificationLog.objects.get()
    page = as_omar.get(f"/dashboard/outbox/{row.pk}/").content.decode()
    assert subject in page
    assert "List-Unsubscribe-Post" in page
    assert "Kiran" in as_omar.get(f"/dashboard/outbox/{row.pk}/mail/").content.decode()

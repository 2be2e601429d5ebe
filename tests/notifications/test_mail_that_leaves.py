"""What a mail looks like when it arrives: composed from a row at the last moment, handed over to a real server."""

import re
from email.utils import parseaddr
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import transaction

from core.models import MessagingRun, NotificationLog, OneTimePassword, User
from core.notification_service import NotificationService
from core.notifications import passwords, rendering
from core.notifications.kinds import kinds
from core.notifications.outbox import Notice, enqueue
from tests import people
from tests.notifications.post import deliver, fresh, queued
from tests.servers.smtp import HANG_UP

pytestmark = pytest.mark.django_db


def tell(kind, people_, now, **notice):
    """Queue a notice of this kind, in its own wording's example words, to these people."""
    with transaction.atomic():
        run = MessagingRun.objects.create(name="test", started_at=now)
        context = rendering.example(kind.wording)
        enqueue(Notice(kind=kind, key=f"test:{kind.name}", context=context, methods=("email",), **notice), people_, run=run, now=now)


def everyone():
    return User.objects.all()


MARKETING = {"promotional", "bonus_alert", "demand_notification"}


@pytest.mark.parametrize("name", sorted(kind.name for kind in kinds if kind.name != "otp"))
def test_every_kind_of_mail_has_both_forms_and_marketing_alone_can_be_stopped_with_one_click(name, smtp, hands, vera, settings):
    settings.PUBLIC_URL = "https://homeserve.example"
    tell(kinds.get(name), everyone(), hands(), link_url="/inbox/")
    deliver(hands)
    (received,) = smtp.messages
    mail = received.mail
    assert mail.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    assert received.text().strip()
    assert "<html" in received.text("html")
    assert (received.recipient, parseaddr(mail["To"])[1]) == (vera.email, vera.email)
    assert mail["Subject"].strip()
    if name in MARKETING:
        # Long, it stands on a line of its own; whole.
        assert re.fullmatch(r"<https://homeserve\.example/unsubscribe/[^<>\s]+/>", mail["List-Unsubscribe"].strip())
        assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    else:
        assert mail["List-Unsubscribe"] is None
        assert mail["List-Unsubscribe-Post"] is None


def test_nobody_finds_anybody_elses_unsubscribe_link_or_name(smtp, hands, vera, viren):
    tell(kinds.get("bonus_alert"), everyone(), hands())
    deliver(hands)
    links = [received.mail["List-Unsubscribe"] for received in smtp.messages]
    assert len(set(links)) == 2
    texts = {received.recipient: received.text() + received.text("html") for received in smtp.messages}
    assert "Vera" in texts[vera.email]
    assert "Vera" not in texts[viren.email]
    assert links[0].strip(" <>") not in texts[smtp.messages[1].recipient]


def test_a_name_is_spliced_in_and_is_no_markup(smtp, hands):
    rogue = people.person(first_name='<script>alert(1)</script> "O\'Hara" & Sons')
    tell(kinds.get("signature_request"), everyone(), hands(), link_url="/inbox/")
    deliver(hands)
    (received,) = smtp.messages
    assert rogue.first_name in received.text()
    html = received.text("html")
    assert "<script>" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "&amp; Sons" in html


def test_a_name_with_a_line_break_adds_no_header(smtp, hands):
    people.person(first_name="Eve\r\nBcc: everyone@homeserve.example")
    tell(kinds.get("business_alert"), everyone(), hands())
    row = NotificationLog.objects.get()
    NotificationLog.objects.filter(pk=row.pk).update(subject="Hello")
    deliver(hands)
    (received,) = smtp.messages
    assert received.mail["Bcc"] is None
    assert fresh(row).status == "sent"


def test_a_second_try_bears_the_same_message_id(smtp, hands, vera):
    smtp.answers["DOT"].append(HANG_UP)
    row = queued(vera, now=hands())
    deliver(hands)
    NotificationLog.objects.filter(pk=row.pk).update(phase="queued", due_at=hands())
    deliver(hands)
    other = queued(vera, now=hands())
    deliver(hands)
    first, second = (received.mail["Message-ID"] for received in smtp.messages)
    assert first == f"<{row.pk.hex}@homeserve.example>"
    assert second == f"<{other.pk.hex}@homeserve.example>"


def test_no_mark_is_left_in_what_leaves(smtp, hands, kiran):
    for kind in kinds:
        if kind.name != "otp":
            tell(kind, everyone(), hands(), link_url="/inbox/")
    deliver(hands)
    assert len(smtp.messages) == len(list(kinds)) - 1
    for received in smtp.messages:
        whole = received.mail["Subject"] + received.text() + received.text("html")
        assert rendering.OPEN not in whole
        assert rendering.CLOSE not in whole
        assert "{{" not in whole


# --- One-time passwords -------------------------------------------------------------------------------------------------


def code_in(received):
    (code,) = set(re.findall(r"(?<!\d)\d{6}(?!\d)", received.text()))
    return code


def test_the_code_is_in_the_mail_that_leaves_and_in_no_table(smtp, hands, kiran, frozen):
    assert NotificationService.send_and_store_otp(kiran.email, "email", "Kiran")
    deliver(hands)  # With workers beside it, a shell leaves this to them.
    (received,) = smtp.messages
    code = code_in(received)
    assert code in received.text("html")
    assert "Kiran" in received.text()
    everything = StringIO()
    call_command("dumpdata", "core", "django_celery_results", stdout=everything)
    assert "otp" in everything.getvalue(), "The tables were not looked through."
    # By itself: a time's fraction of a second and an id have six digits in a row, too.
    assert not re.search(rf"(?<![\w.-]){code}(?![\w.-])", everything.getvalue())
    assert NotificationService.verify_otp(kiran.email, code)
    assert not NotificationService.verify_otp(kiran.email, code)


def test_a_second_try_carries_the_same_code(smtp, hands, kiran, frozen):
    smtp.answers["DOT"].append("451 4.3.0 Later")
    NotificationService.send_and_store_otp(kiran.email)
    deliver(hands)
    hands.forward(minutes=1)
    deliver(hands)
    (received,) = smtp.messages
    assert code_in(received) == passwords.code_of(OneTimePassword.objects.get().pk)


def test_what_is_shown_of_a_password_afterwards_hides_its_code(smtp, hands, kiran, frozen):
    NotificationService.send_and_store_otp(kiran.email)
    deliver(hands)
    code = code_in(smtp.messages[0])
    row = NotificationLog.objects.get()
    shown = rendering.as_sent(row)
    assert rendering.HIDDEN_CODE in shown.text
    assert code not in shown.text + shown.html + shown.subject + row.message + row.subject

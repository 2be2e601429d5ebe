"""The log: the API's filters, answers and refusals as a page; one message with why it was sent, why it was not, and what happened."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.html import escape

from core import clock
from core.models import BusinessAlert, DeliveryEvent, LeftOut, MessageContent, MessagingRun, NotificationLog, Suppression, User
from core.notifications import kinds, outbox
from core.notifications.outbox import Notice
from tests.people import people, person

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen")]

LOG = "/dashboard/log/"


def message(to, *, kind="promotional", method="email", status="sent", subject="An offer", ago=1, **fields):
    at = clock.now() - timedelta(minutes=ago)
    given = {"message": "The words.", "provider": "smtp", "sent_at": at if status in ("sent", "delivered") else None, "address": to.email}
    return NotificationLog.objects.create(
        recipient=to, notification_type=kind, method=method, status=status, subject=subject, created_at=at, due_at=at, **{**given, **fields}
    )


def text_of(client, url=LOG, status=200):
    answer = client.get(url)
    assert answer.status_code == status
    return answer.content.decode()


def subjects(page):
    return re.findall(r'<span class="lg-s">([^<]*)</span>', page)


def words_of(page):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.partition('<aside class="drawer"')[2]))


# --- The list ---------------------------------------------------------------------------------------------------------


def test_each_filter_leaves_what_the_api_leaves(as_omar, vera, kiran):
    as_machine = {"Accept": "application/json"}
    message(kiran, subject="A", pincode="560001")
    message(vera, subject="B", kind="bonus_alert", method="sms", status="failed", ago=60 * 30)
    message(kiran, subject="C", status="pending", provider="")
    day = clock.business_day(clock.now()).isoformat()
    for asked in (
        "type=bonus_alert", "status=pending", "status=failed", "method=sms", f"recipient_id={kiran.pk}", "pincode=560001",
        f"date_from={day}", f"date_from={day}&date_to={day}&method=email", "search=ver", "page=2", "",
    ):  # fmt: skip
        answered = as_omar.get(f"/admin-dashboard/notifications/logs/?{asked}", headers=as_machine).json()
        assert subjects(text_of(as_omar, f"{LOG}?{asked}")) == [row["subject"] for row in answered["notifications"]]
    assert subjects(text_of(as_omar, f"{LOG}?status=failed")) == ["B"]
    assert subjects(text_of(as_omar, f"{LOG}?search=ver")) == ["B"]


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("type=nonsense", "is none of"),
        ("status=lost", "is none of"),
        ("method=pigeon", "is none of"),
        ("recipient_id=vera", "A valid integer is required."),
        ("pincode=12", "A pincode is six digits"),
        ("date_from=2026-13-01", "Date has wrong format"),
        ("date_from=2026-11-20&date_to=2026-11-19", "Lies after date_to."),
        ("date_from=2024-01-01&date_to=2026-01-01", "366 days at most"),
        ("page=0", "page: Ensure this value is greater than or equal to 1."),
        ("colour=red", "colour: Unknown."),
        ("type=otp&type=promotional", "Given more than once."),
        ("search=" + "x" * 101, "no more than 100 characters"),
    ],
)
def test_a_filter_that_cannot_be_read_is_said_beside_it_and_nothing_is_shown(as_omar, kiran, asked, words):
    message(kiran)
    page = text_of(as_omar, f"{LOG}?{asked}", status=400)
    assert words in page
    assert subjects(page) == []
    assert "Nothing is shown" in page
    name, _, value = asked.partition("&")[0].partition("=")
    if name in ("recipient_id", "pincode"):
        assert f'value="{value}"' in page
        assert f'aria-describedby="w-{name}"' in page


def test_a_form_that_is_sent_without_script_is_not_refused_for_its_empty_fields(as_omar, kiran):
    message(kiran, subject="Shown")
    assert subjects(text_of(as_omar, f"{LOG}?type=&status=&method=&recipient_id=&pincode=&date_from=&date_to=&search=")) == ["Shown"]


def test_people_are_shown_by_first_name_and_initial_and_their_addresses_masked(as_omar):
    message(person(first_name="Vikram", last_name="Nair", username="vikram.nair"))
    page = text_of(as_omar)
    assert "Vikram N." in page
    assert "v•••@homeserve.example" in page
    assert "vikram.nair@" not in page


def test_the_bar_counts_every_status_of_the_filter_and_leads_to_each(as_omar, kiran):
    for status, count in (("delivered", 5), ("sent", 2), ("pending", 1), ("failed", 3)):
        for _ in range(count):
            message(kiran, status=status)
    message(kiran, kind="otp", status="failed")
    page = text_of(as_omar, f"{LOG}?type=promotional&status=failed")
    assert 'aria-label="5 delivered, 2 accepted, 1 waiting, 3 failed"' in page
    assert "70.0 % went out" in page
    assert f'href="{LOG}?type=promotional&amp;status=delivered"' in page
    assert len(subjects(page)) == 3
    widths = [float(width) for width in re.findall(r'<rect class="lg-bar--[a-z]+" x="[\d.]+" width="([\d.]+)"', page)]
    assert len(widths) == 4
    assert sum(widths) + 3 * 3 == pytest.approx(600, abs=0.5)


def test_of_more_than_can_be_counted_each_time_the_newest_are(as_omar, kiran, monkeypatch):
    monkeypatch.setattr("core.web.log.outcome.NEWEST", 3)
    for number in range(5):
        message(kiran, status="failed" if number == 4 else "sent", ago=number)
    page = text_of(as_omar)
    assert "of the newest 3" in page
    assert 'aria-label="0 delivered, 3 accepted, 0 waiting, 0 failed"' in page


def test_an_empty_list_names_each_filter_to_drop_and_what_that_finds(as_omar, kiran):
    message(kiran, pincode="560001")
    message(kiran, pincode="560001")
    page = text_of(as_omar, f"{LOG}?pincode=560001&status=failed&method=sms")
    assert "Nothing matches" in page
    found = dict(re.findall(r'">Without ([^<]*)</a> <span class="q num">([^<]*)</span>', page))
    assert found == {"Pincode 560001": "nothing either", "Status Failed": "nothing either", "Method SMS": "nothing either"}
    page = text_of(as_omar, f"{LOG}?pincode=560001&status=failed")
    found = dict(re.findall(r'">Without ([^<]*)</a> <span class="q num">([^<]*)</span>', page))
    assert found == {"Pincode 560001": "nothing either", "Status Failed": "2"}


def test_fifty_a_page_and_every_message_on_one_of_them(as_omar, kiran):
    for number in range(120):
        message(kiran, subject=f"Number {number}", ago=number)
    seen, url, page = [], f"{LOG}?method=email", ""
    while url:
        page = text_of(as_omar, url)
        seen.append(subjects(page))
        older = re.search(r'href="([^"]*)">Older', page)
        url = older[1].replace("&amp;", "&") if older else ""
    assert [len(part) for part in seen] == [50, 50, 20]
    assert len({subject for part in seen for subject in part}) == 120
    assert "101–120 of 120" in page
    assert "There is no such page" in text_of(as_omar, f"{LOG}?page=9")


def test_a_full_page_costs_what_a_short_one_does(as_omar):
    def cost(url):
        with CaptureQueriesContext(connection) as captured:
            text_of(as_omar, url)
        return len(captured)

    for one in people(3):
        message(one)
    cost(LOG)
    few = cost(LOG)
    for one in people(60):
        message(one)
    assert cost(LOG) == few <= 10
    assert cost(f"{LOG}?status=pending&method=sms&pincode=560001") <= 13


def test_the_file_to_keep_is_of_the_same_filter(as_omar, kiran):
    message(kiran, subject="Kept")
    message(kiran, subject="Not kept", method="sms")
    page = text_of(as_omar, f"{LOG}?method=email")
    [address] = re.findall(r'href="(/admin-dashboard/notifications/logs/export/[^"]*)"', page)
    file = b"".join(as_omar.get(address.replace("&amp;", "&")).streaming_content).decode()
    assert "Kept" in file
    assert "Not kept" not in file


def test_what_is_in_a_message_is_shown_as_text(as_omar):
    evil = "<script>alert(1)</script>"
    row = message(person(first_name=evil), subject=evil, message=evil, status="failed", error_message=evil, error_code="552")
    DeliveryEvent.objects.create(notification=row, kind="reject", code="552", detail=evil)
    for url in (LOG, f"{LOG}{row.pk}/"):
        page = text_of(as_omar, url)
        assert escape(evil) in page
        assert evil not in page


# --- One message ------------------------------------------------------------------------------------------------------


def bonus_for(vendor, *, methods=("email", "sms", "websocket")):
    """As the campaign writes it."""
    run = MessagingRun.objects.create(
        name="vendor_bonus", rule={"limits": {"bookings_over": "8.00", "vendors_under": "3.00"}}, result={"queued": 3, "people": 1}
    )
    why = {
        "campaign": "vendor_bonus", "pincode": "560001", "date": "2026-11-22", "total_bookings": 11, "available_vendors": 2,
        "limits": {"bookings_over": "8.00", "vendors_under": "3.00"},
    }  # fmt: skip
    notice = Notice(
        kind=kinds.BONUS, key="vendor_bonus:560001:2026-11-23", context={"pincode": "560001", "bonus": 15}, pincode="560001",
        metadata=why, methods=methods,
    )  # fmt: skip
    outbox.enqueue(notice, User.objects.filter(pk=vendor.pk), run=run, now=clock.now())
    return {row.method: row for row in NotificationLog.objects.filter(run=run)}


def test_why_vera_got_this_message_is_told_with_the_numbers_it_was_decided_by(as_omar, vera):
    rows = bonus_for(vera)
    page = text_of(as_omar, f"{LOG}?search=vera")
    address = re.findall(r'class="go" href="([^"]*)"', page)[0].replace("&amp;", "&")
    assert "search=vera" in address
    told = words_of(text_of(as_omar, f"{LOG}{rows['sms'].pk}/?search=vera"))
    assert "560001 had 11 bookings on Sun 22 Nov and 2 free vendors" in told
    assert "more than 8 bookings and fewer than 3 free vendors, the limits everywhere" in told
    assert "All vendors of the pincode hear of a bonus" in told
    assert re.search(r"Bonus alert, file [0-9a-f]{10}", told)
    assert "Decided by the run of 9:00: vendor bonus, for 1 person" in told
    # The same word by other methods is a click away.
    for row in rows.values():
        assert f"{LOG}{row.pk}/?search=vera" in text_of(as_omar, f"{LOG}{rows['sms'].pk}/?search=vera")


def test_limits_of_a_pincode_s_own_are_said_to_be_so(as_omar, vera):
    row = bonus_for(vera)["email"]
    NotificationLog.objects.filter(pk=row.pk).update(
        metadata={**row.metadata, "limits": {"bookings_over": "10.00", "vendors_under": "3.00"}}
    )
    told = words_of(text_of(as_omar, f"{LOG}{row.pk}/"))
    assert "more than 10 bookings and fewer than 3 free vendors, the limits of this pincode or its region" in told


def test_attempts_and_receipts_are_told_in_order_with_the_provider_s_words_after_ours(as_omar, vera):
    row = message(vera, kind="bonus_alert", method="sms", status="failed", phase="undelivered", tries=2, ago=10, repeatable=False,
                  error_code="30005", error_message="No such number for +919845000004", address=vera.phone)  # fmt: skip
    began = row.created_at
    NotificationLog.objects.filter(pk=row.pk).update(
        sent_at=began + timedelta(seconds=14), provider="twilio", provider_message_id="SM9c41f"
    )
    for seconds, kind, code, detail in ((3, "retry", "429", "Too many requests"), (15, "dead_address", "30005", "No such number")):
        DeliveryEvent.objects.create(notification=row, at=began + timedelta(seconds=seconds), kind=kind, code=code, detail=detail)
    Suppression.objects.create(method="sms", address=vera.phone, reason="dead_address", created_at=began + timedelta(seconds=15))
    told = words_of(text_of(as_omar, f"{LOG}{row.pk}/"))
    words = [
        "Decided", "Try 1: not taken yet, tried again Too many requests, 429", "Try 2: accepted by twilio as SM9c41f, 14 s after",
        "Receipt: not delivered, the address is dead No such number, 30005", "Address set aside",
    ]  # fmt: skip
    places = [told.index(one) for one in words]
    assert places == sorted(places)
    assert "Accepted, then not delivered." in told
    assert "•••••004" in told
    assert "9845000004" not in told
    assert "never sent twice" in told


@pytest.mark.parametrize(
    ("phase", "code", "words"),
    [
        ("cancelled", "opted_out", "The person turned these messages off"),
        ("suppressed", "suppressed_address", "The address is set aside"),
        ("cancelled", "over_cap", "The person was told as often as is allowed"),
        ("expired", "expired", "It was too late to send"),
        ("dead", "452", "Out of tries"),
        ("rejected", "550", "The provider refused it"),
        ("unknown_outcome", "unknown_outcome", "Nobody knows whether it arrived"),
    ],
)
def test_why_not_is_said_by_its_named_reason(as_omar, kiran, phase, code, words):
    row = message(kiran, status="failed", phase=phase, error_code=code, error_message="mailbox full" if code.isdigit() else code)
    page = text_of(as_omar, f"{LOG}{row.pk}/")
    assert f"<b>{words}.</b>" in page
    assert ("The provider said: “mailbox full, " in page) == code.isdigit()
    assert words in text_of(as_omar)


def test_who_was_left_out_by_another_method_is_said_with_the_reason(as_omar, vera):
    row = bonus_for(vera, methods=("email",))["email"]
    LeftOut.objects.create(run=row.run, person=vera, reason="opted_out", methods="sms", cause=row.key)
    assert "Not by SMS: turned off by the person" in words_of(text_of(as_omar, f"{LOG}{row.pk}/"))


def test_what_waits_says_what_comes_next_and_until_when(as_omar, kiran):
    now = clock.now()
    row = message(kiran, status="pending", tries=1, provider="")
    NotificationLog.objects.filter(pk=row.pk).update(due_at=now + timedelta(minutes=6), expires_at=now + timedelta(hours=2))
    told = words_of(text_of(as_omar, f"{LOG}{row.pk}/"))
    assert "Next: try 2 at the latest 11:00 9:06:00" in told
    assert "try 2 at 9:06:00" in text_of(as_omar)


def test_an_alert_s_message_leads_to_its_alert_and_says_why_it_spoke(as_omar, omar):
    alert = BusinessAlert.objects.create(alert_type="payment_hold", severity="high", title="2 payments on hold", description="Stuck.")
    run = MessagingRun.objects.create(
        name="payment_holds",
        rule={"check": "payment_holds", "limits": {"after_hours": "24", "critical_hours": "48"}, "reason": "new items"},
    )
    row = message(omar, kind="payment_hold", alert=alert, run=run, metadata={"alert_id": str(alert.pk), "reason": "new items"})
    page = text_of(as_omar, f"{LOG}{row.pk}/")
    assert re.search(rf'href="[^"]*{alert.pk}/[^"]*">2 payments on hold</a>', page)
    told = words_of(page)
    assert "older than 24 h and critical from 48 h" in told
    assert "There were new items" in told


def test_a_code_is_never_shown_neither_in_the_list_nor_in_the_message(as_omar, kiran):
    content = MessageContent.objects.create(template="otp", version="file", subject="Code", body="It is 123456.", html="<b>123456</b>")
    row = message(kiran, kind="otp", subject="123456 is your code", message="It is 123456.", content=content)
    for url in (LOG, f"{LOG}{row.pk}/"):
        page = text_of(as_omar, url)
        assert "123456" not in page
        assert "never shown" in page
    assert as_omar.get(f"{LOG}{row.pk}/mail/").status_code == 404


def test_the_mail_is_shown_in_a_frame_that_may_do_nothing_and_its_signed_links_are_masked(as_omar, kiran):
    link = "https://homeserve.example/unsubscribe/" + "A" * 50 + "/"
    content = MessageContent.objects.create(
        template="promotional",
        version="file",
        subject="An offer",
        body=f"Stop: {link}",
        html=f"<a href='{link}'>Stop</a><script>1</script>",
    )
    row = message(kiran, content=content)
    page = text_of(as_omar, f"{LOG}{row.pk}/")
    assert re.search(r"<iframe [^>]*\bsandbox title=", page)
    assert "<script>1" not in page
    mail = as_omar.get(f"{LOG}{row.pk}/mail/")
    assert {"default-src 'none'", "sandbox"} <= {part.strip() for part in mail.headers["Content-Security-Policy"].split(";")}
    for text in (page, mail.content.decode()):
        assert "A" * 50 not in text
        assert "/unsubscribe/•••" in text


def test_finance_reads_only_what_is_about_held_payments(as_farah, omar, kiran):
    mine = message(omar, kind="payment_hold", subject="Payments held")
    other = message(kiran)
    page = text_of(as_farah)
    assert subjects(page) == ["Payments held"]
    assert "Vendor bonus" not in page
    assert as_farah.get(f"{LOG}{mine.pk}/").status_code == 200
    assert as_farah.get(f"{LOG}{other.pk}/").status_code == 404
    assert as_farah.get(f"{LOG}{other.pk}/mail/").status_code == 404


def test_a_message_costs_the_same_with_thirty_events_as_with_three(as_omar, kiran):
    row = message(kiran)

    def cost():
        with CaptureQueriesContext(connection) as captured:
            text_of(as_omar, f"{LOG}{row.pk}/")
        return len(captured)

    cost()
    few = cost()
    for number in range(30):
        DeliveryEvent.objects.create(notification=row, kind="retry", code=str(number), detail="Busy")
        message(person(), kind="otp")
    assert cost() == few <= 14

"""What messages say: which wording holds, whose words are in it, and that nothing a person typed is ever run."""

import re
import timeit
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from html.parser import HTMLParser

import pytest
from django.core.mail import EmailMessage
from django.utils.safestring import mark_safe
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from core import links
from core.models import MessageContent, NotificationLog, User
from core.models.fields import new_id
from core.notifications import gsm, rendering, wordings
from core.notifications.kinds import kinds
from core.notifications.wordings import Wordings

FILES = Wordings({})
PUBLIC = "https://app.homeserve.example"
ALL = rendering.names()
in_database = pytest.mark.django_db
EVIL = '<script>alert("x")</script>{{ 7*7 }}{% load static %}</mj-text><mj-raw>'


@pytest.fixture(autouse=True)
def public_address(settings):
    settings.PUBLIC_URL = PUBLIC


def rendered(template, **changes):
    return rendering.render(template, {**rendering.example(template), **changes}, wordings=FILES)


def read(template, part="body", name="Asha", **changes):
    """One part as a person reads it."""
    text = getattr(rendered(template, **changes), part)
    return rendering.splice(text, rendering.Personal(new_id(), name), html=part == "html")


# --- The files --------------------------------------------------------------------------------------------------------


def test_every_kind_of_notification_has_its_words():
    assert {kind.wording for kind in kinds} <= set(ALL)


@pytest.mark.parametrize("template", ALL)
def test_every_wording_says_something_in_every_part(template):
    common = rendered(template)
    person = rendering.Personal(new_id(), "Asha", code="482913")
    for part in ("subject", "body", "sms", "html"):
        text = rendering.splice(getattr(common, part), person, html=part == "html")
        assert text.strip()
        assert not re.search("[\ue000-\uf8ff]|{{|{%|{#|None|\\[\\[", text), part
    assert common.html.startswith("<!doctype html>")
    assert "\n" not in common.subject + common.sms


@pytest.mark.parametrize("template", ALL)
def test_every_wording_in_the_files_could_be_published(template):
    parts = wordings.from_files(template).parts
    assert all(parts.values())
    assert rendering.validate(parts, example=rendering.example(template), template=template) == []


@pytest.mark.parametrize("template", ALL)
def test_every_wording_can_do_without_any_of_its_values(template):
    for missing in rendering.example(template):
        assert rendered(template, **{missing: None}).subject


@pytest.mark.parametrize("template", ALL)
def test_an_sms_is_at_most_two_segments(template):
    text = rendering.splice(rendered(template).sms, rendering.Personal(new_id(), "आशा", code="482913"))
    assert gsm.segments(text) <= 2
    assert set(text) <= gsm.SINGLE | gsm.DOUBLE, "one foreign letter doubles the price"


@pytest.mark.parametrize("template", [kind.wording for kind in kinds if kind.marketing])
def test_an_offer_always_says_how_to_stop_offers(template):
    row = new_id()
    for part in ("body", "sms", "html"):
        text = rendering.splice(getattr(rendered(template), part), rendering.Personal(row))
        assert f"{PUBLIC}/unsubscribe/{links.token(links.UNSUBSCRIBE, row)}/" in text


def test_an_unknown_wording_is_named_with_those_there_are():
    with pytest.raises(LookupError, match=r"promotion.*There are: alert_digest, bonus_alert, business_alert"):
        rendering.render("promotion", {}, wordings=FILES)


# --- What they say ----------------------------------------------------------------------------------------------------


def test_high_demand_says_bookings_vendors_ratio_value_and_as_of_when():
    text = read("demand_notification")
    for words in (
        "Hello Asha",
        "560038",
        "14 bookings came in yesterday",
        "4 vendors are free",
        "3.5 for each",
        "₹1,250",
        "As of 9:00, Mon 23 Nov",
    ):
        assert words in text


def test_without_completed_jobs_nothing_is_said_of_their_value():
    assert "on average" not in read("demand_notification", average_value=None)


def test_with_no_vendor_the_ratio_is_not_a_number():
    text = read("demand_notification", vendors=0, ratio="no vendor free", bookings=1)
    assert "1 booking came in yesterday, and no vendor is free." in text


def test_a_bonus_ends_with_its_day():
    end = datetime(2026, 11, 23, 18, 30, tzinfo=UTC)  # Midnight in India.
    for until in (end, end - timedelta(minutes=1)):
        text = read("bonus_alert", until=until)
        assert "Earn 15 % more on jobs in 560038, until the end of Mon 23 Nov." in text
        assert "Terms: " in text


def test_times_are_told_in_india():
    assert "As of 9:05, Mon 23 Nov" in read("demand_notification", as_of=datetime(2026, 11, 23, 3, 35, tzinfo=UTC))


def test_a_promotion_says_whatever_it_was_given():
    data = {"title": "Flash Sale", "offer_text": "30% OFF", "expiry_date": "2024-12-31", "action_text": "Grab it"}
    common = rendering.render("promotional", {"pincode": "560001", **data}, wordings=FILES)
    for words in (*data.values(), "560001"):
        assert words in common.body
        assert words in common.html
    assert common.subject == "Flash Sale"


def test_a_reminder_lists_the_jobs_in_their_order():
    text = read("service_completion_reminder")
    assert text.index("Deep cleaning") < text.index("Tap repair") < text.index("AC service")
    assert "Overdue for 2 days: Deep cleaning for Asha\nIndiranagar, 560038, Sat 21 Nov, 9:30 to 12:30" in text
    assert read("service_completion_reminder", "subject") == "2 of 3 jobs overdue, first Deep cleaning for Asha"


def test_an_alert_says_how_much_since_when_and_why_now():
    text = read("business_alert")
    for words in (
        "2 new since the last message",
        "₹84,500, oldest 3 days",
        "₹12,500, since Fri 20 Nov 16:10, critical",
        "Nobody has it yet.",
        "And 9 more.",
    ):
        assert words in text


def test_whoever_has_no_name_is_greeted_all_the_same():
    assert read("otp", name="").startswith("Hello there,")


# --- Nothing typed is ever run ----------------------------------------------------------------------------------------


def test_values_and_names_are_shown_in_mail_as_they_were_typed():
    html = read("promotional", "html", name=EVIL, title=EVIL, description=EVIL, subject=EVIL)
    assert "<script" not in html
    assert "{{ 7*7 }}" in html  # Shown, not worked out.
    assert "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;" in html


def test_plain_text_is_not_escaped():
    assert "Tom & Jerry's <3" in read("promotional", title="Tom & Jerry's <3")


def test_html_that_was_trusted_elsewhere_is_not_trusted_here():
    assert "<b>" not in read("promotional", "html", title=mark_safe("<b>bold</b>"))


def test_a_value_cannot_pose_as_a_mark():
    assert rendered("promotional", title="\ue000code\ue001") == rendered("promotional", title="code")


def test_a_name_cannot_pose_as_a_mark():
    row = new_id()
    text = rendering.splice("\ue000name\ue001", rendering.Personal(row, "\ue000code\ue001", code="482913"))
    assert text == "code"


def test_a_name_cannot_add_a_header():
    common = rendered("service_completion_reminder", count=1)
    assert "\n" not in common.subject
    subject = rendering.splice("For \ue000name\ue001", rendering.Personal(new_id(), "Asha\r\nBcc: everyone@example.com"))
    assert subject == "For Asha Bcc: everyone@example.com"
    EmailMessage(subject, "", to=["a@homeserve.example"]).message()


def test_a_subject_is_one_line_whatever_its_values():
    assert rendered("promotional", subject="One\r\nBcc: x\x00\x1b two").subject == "One Bcc: x two"


def test_indian_scripts_keep_their_joiners_and_lose_marks_that_turn_the_writing_around():
    assert "क्‍ष" in read("otp", name="क्‍ष")
    assert "\u202e" not in read("otp", name="a\u202eb")


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found: list[tuple[str, list[str]]] = []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, [name for name, _ in attrs]))


def tags(html):
    """The elements of a document, in their order, with the names of their attributes."""
    reader = Tags()
    reader.feed(html)
    return reader.found


@given(st.text(), st.text())
@effort(max_examples=150, deadline=None)
def test_no_text_breaks_a_message(value, name):
    typed = dict.fromkeys(("subject", "title", "description", "offer_text", "action_text"), f"a{value}")
    html = read("promotional", "html", name=name, **typed)
    assert tags(html) == tags(read("promotional", "html", **dict.fromkeys(typed, "a")))
    html.encode()
    assert len(read("promotional", "subject", name=name, **typed).splitlines()) == 1


@pytest.mark.parametrize("value", [object(), User(username="asha"), lambda: 1, {"a": object()}, b"bytes", {1, 2}])
def test_only_plain_values_get_into_a_message(value):
    with pytest.raises(TypeError, match=r"promotional\.title"):
        rendered("promotional", title=value)


def test_values_that_the_template_does_not_declare_stay_out():
    assert rendered("promotional", secret=object()) == rendered("promotional")


# --- One person's words -----------------------------------------------------------------------------------------------


def written(template, person, method, **metadata):
    common = rendered(template)
    content = MessageContent.objects.create(
        template=template, version=common.version, subject=common.subject, body=common.body, html=common.html, sms=common.sms
    )
    return NotificationLog.objects.create(
        recipient=person, notification_type=template, method=method, content=content, personal={"name": person.name}, metadata=metadata
    )


@in_database
def test_each_person_has_links_of_their_own_that_lead_to_their_own_message(vera, viren):
    rows = [written("bonus_alert", person, "email") for person in (vera, viren)]
    for row in rows:
        words = rendering.as_sent(row)
        assert f"Hello {row.recipient.name}," in words.text
        (token,) = set(re.findall(rf"{PUBLIC}/r/([\w-]+)", words.html + words.text))
        assert links.read(links.LINK, token) == row.pk
        (token,) = set(re.findall(rf"{PUBLIC}/unsubscribe/([\w-]+)/", words.html + words.text))
        assert links.read(links.UNSUBSCRIBE, token) == row.pk


@in_database
def test_what_was_sent_is_shown_as_its_method_carries_it(vera):
    by_sms, by_mail = (rendering.as_sent(written("bonus_alert", vera, method)) for method in ("sms", "email"))
    assert by_sms.text.startswith("HomeServe: 15% bonus")
    assert by_sms.html == ""
    assert by_mail.text.startswith("Hello Vera,")
    assert by_mail.html.startswith("<!doctype html>")


@in_database
@pytest.mark.parametrize("method", ["email", "sms"])
def test_a_one_time_code_is_never_shown(kiran, method):
    words = rendering.as_sent(written("otp", kiran, method))
    assert "••••••" in words.text
    assert not re.search(r"\d{6}", words.text)


@in_database
def test_a_message_written_by_hand_shows_its_own_words(vera):
    row = NotificationLog.objects.create(recipient=vera, notification_type="promotional", method="post", subject="Old", message="As it was")
    assert rendering.as_sent(row) == rendering.Words("Old", "As it was", "")


def test_how_long_it_takes_to_put_a_person_in():
    """Figures to read, not to hold: a shared machine's speed is no property of the product."""
    text = rendered("bonus_alert").body
    person = {"name": "Asha", "link": f"{PUBLIC}/r/{'x' * 43}", "unsubscribe": f"{PUBLIC}/unsubscribe/{'x' * 43}/"}
    rounds = 20_000
    known = timeit.timeit(lambda: rendering.splice(text, person), number=rounds) / rounds
    row = new_id()
    signed = timeit.timeit(lambda: rendering.splice(text, rendering.Personal(row, "Asha")), number=rounds) / rounds
    whole = timeit.timeit(lambda: rendered("bonus_alert"), number=200) / 200
    print(f"{len(text)} characters spliced in {known * 1e6:.2f} µs, {signed * 1e6:.2f} µs with links; rendered in {whole * 1e6:.0f} µs")  # noqa: T201


# --- Small parts ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("₹" * 70, 1),
        ("₹" * 71, 2),
        ("😀" * 36, 2),
    ],
)
def test_an_sms_is_counted_as_it_is_charged(text, count):
    assert gsm.segments(text) == count


def test_rupees_are_spelt_so_that_an_sms_stays_cheap():
    assert gsm.spelt("₹1,250 – “now”…") == 'Rs 1,250 - "now"...'


def test_money_reaches_a_message_exactly():
    assert "₹1,23,456.50" in read("demand_notification", average_value=Decimal("123456.50"))

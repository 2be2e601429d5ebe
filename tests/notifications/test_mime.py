"""A mail as bytes: what a reader makes of it is what Django's own builder would have said, whatever people are called."""

import timeit
from email import message_from_bytes, policy
from email.headerregistry import Address

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.notifications import mime
from core.notifications.marks import MARKS
from core.notifications.transports.email import compose
from tests.notifications.transports.conftest import a_message

# What a value can hold once the templates have cleaned it.
letters = st.characters(exclude_categories=("Cc", "Cs", "Co", "Zl", "Zp"))
names = st.text(letters, max_size=120)
texts = st.lists(
    st.one_of(st.text(st.one_of(letters, st.just("\n")), max_size=160), st.sampled_from(sorted(MARKS.values()))), max_size=8
).map("".join)
UNSUBSCRIBE = {"List-Unsubscribe": "<https://homeserve.example/unsubscribe/t/>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}


def parsed(raw):
    return message_from_bytes(raw, policy=policy.default)


def lines_of(part):
    return part.get_payload(decode=True).decode("utf-8").replace("\r\n", "\n")


@settings(deadline=None)
@given(name=names, code=names, text=texts, html=texts, subject=texts)
@example(
    name=".\ufeff=" * 30,
    code="--=_",
    text=f".{MARKS['name']}.\n..\n. {MARKS['code']} ",
    html=f"{MARKS['name']}\n",
    subject=f"{MARKS['name']}, ",
)
@example(name="=?utf-8?b?SGk=?=", code=" ", text="x" * 75 + MARKS["code"] + ".", html="é" * 40 + MARKS["name"], subject=MARKS["name"])
@example(name="Asha", code="", text="a" * 76 + MARKS["name"], html=f"{' ' * 76}{MARKS['name']} \n ", subject="A" * 300)
def test_a_reader_finds_what_djangos_builder_would_have_said(name, code, text, html, subject):
    subject = " ".join(subject.split())
    text, html = f"Hello {text}", html and f"<p>{html}"  # Django leaves out a part that is empty.
    message = a_message(subject=subject, text=text, html=html, own={"name": name, "code": code}, headers=UNSUBSCRIBE)
    raw = mime.envelope(message).data
    ours, plain = parsed(raw), parsed(compose(message).message().as_bytes())
    assert [part.get_content_type() for part in ours.walk()] == [part.get_content_type() for part in plain.walk()]
    words = message.words
    said = [lines_of(part) for part in ours.walk() if not part.is_multipart()]
    assert said == ([words.text, words.html] if html else [f"{words.text}\n"])
    assert ours["Subject"] == words.subject
    for header in ("From", "To", "Message-ID", "Auto-Submitted", "MIME-Version", "List-Unsubscribe-Post"):
        assert ours[header] == plain[header]
    assert ours["List-Unsubscribe"].strip() == plain["List-Unsubscribe"].strip()
    assert sorted(set(ours.keys())) == sorted(
        {*plain.keys()} - {"Content-Transfer-Encoding"} | ({"Content-Transfer-Encoding"} if not html else set())
    )
    head, _, body = raw.partition(b"\r\n\r\n")
    assert max(map(len, body.split(b"\r\n"))) <= 76
    assert b"\r\n." not in raw
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert raw.isascii()
    assert raw.endswith(b"\r\n")
    assert max(map(len, head.split(b"\r\n"))) <= 998


def test_a_sender_in_any_script_and_domains_in_any_script(settings):
    settings.DEFAULT_FROM_EMAIL = '"होमसर्व, दिल्ली" <no-reply@होम.example>'
    sent = mime.envelope(a_message(to="vera@bücher.example"))
    mail = parsed(sent.data)
    assert sent.sender == f"no-reply@{'होम'.encode('idna').decode()}.example"
    assert sent.recipients == ("vera@xn--bcher-kva.example",)
    assert mail["From"].addresses == (Address("होमसर्व, दिल्ली", addr_spec=sent.sender),)
    assert mail["To"] == "vera@xn--bcher-kva.example"


@pytest.mark.parametrize(
    "fields",
    [
        {"subject": "Hello\nBcc: everybody@homeserve.example"},
        {"subject": "Hello\rBcc: everybody@homeserve.example"},
        {"headers": {"List-Unsubscribe": "<x>\r\nBcc: everybody@homeserve.example"}},
        {"headers": {"X: y\r\nBcc": "everybody@homeserve.example"}},
        {"headers": {"Bcc": "everybody@homeserve.example"}},
        {"to": "vera@homeserve.example\nBcc: everybody@homeserve.example"},
        {"to": "vera@homeserve.example\n"},
        {"to": "vera,everybody@homeserve.example"},
        {"to": "vera@homeserve.example> NOTIFY=NEVER"},
        {"to": ""},
    ],
)
def test_no_header_and_no_recipient_can_be_smuggled_in(fields):
    with pytest.raises(ValueError, match=r"."):
        mime.envelope(a_message(**fields))


@settings(deadline=None)
@given(name=st.text(max_size=60))
def test_a_persons_words_are_no_header_whatever_they_hold(name):
    message = a_message(subject=f"For {MARKS['name']}", own={"name": name.encode("utf-8", "ignore").decode()})
    assert set(parsed(mime.envelope(message).data).keys()) == {
        *("Subject", "To", "Date", "Message-ID", "From", "Auto-Submitted", "MIME-Version", "Content-Type", "Content-Transfer-Encoding")
    }


def test_how_long_a_mail_takes():
    """Figures to read, not to hold: a shared machine's speed is no property of the product."""
    text = f"Hello {MARKS['name']},\n" + "Six bookings wait near you today.\n" * 40 + MARKS["link"]
    html = f"<p>Hello {MARKS['name']}</p>" + "<p>Six bookings wait near you today.</p>\n" * 60 + MARKS["link"] + MARKS["unsubscribe"]
    own = {"name": "Asha", "link": f"https://x.example/r/{'x' * 43}", "unsubscribe": f"https://x.example/unsubscribe/{'x' * 43}/"}
    message = a_message(text=text, html=html, own=own, headers=UNSUBSCRIBE)
    rounds = 5_000
    ours = timeit.timeit(lambda: mime.envelope(message), number=rounds) / rounds
    first = timeit.timeit(lambda: mime._shape.__wrapped__("a", text, html, "b@c.example", True), number=200) / 200
    djangos = timeit.timeit(lambda: compose(message).message().as_bytes(), number=200) / 200
    size = len(mime.envelope(message).data)
    print(f"{size} octets in {ours * 1e6:.1f} µs, the first in {first * 1e6:.0f} µs more; Django's builder {djangos * 1e6:.0f} µs")  # noqa: T201

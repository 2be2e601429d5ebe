"""One-time passwords: five minutes, five tries, once; the code itself is kept nowhere (docs/rules.md, 7)."""

import hashlib
import re
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.apps import apps
from django.conf import settings as product
from django.core import mail

from core.models import NotificationLog, OneTimePassword, Preference, User
from core.notification_service import NotificationService
from core.notifications import passwords
from tests.messaging.market import messages

pytestmark = pytest.mark.django_db

KIRAN = "kiran@homeserve.example"
verify = NotificationService.verify_otp


@pytest.fixture(autouse=True)
def embedded(settings, frozen):
    settings.EMBEDDED = True


def code_for(identifier: str = KIRAN) -> str:
    """Ask for a code, and read it where its owner does: in the mail."""
    assert NotificationService.send_and_store_otp(identifier)
    found = re.search(r"\b\d{6}\b", str(mail.outbox[-1].body))
    assert found
    return found.group()


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06}"


def test_a_right_code_is_accepted_once(db):
    code = code_for()
    assert verify(KIRAN, code) is True
    assert verify(KIRAN, code) is False


def test_it_lives_five_minutes(db, frozen):
    code = code_for()
    frozen.shift(timedelta(minutes=4, seconds=59))
    assert verify(KIRAN, wrong(code)) is False
    assert verify(KIRAN, code) is True
    code = code_for()
    frozen.shift(timedelta(minutes=5))
    assert verify(KIRAN, code) is False


@pytest.mark.parametrize(("guesses", "accepted"), [(4, True), (5, False), (6, False)])
def test_the_fifth_try_is_the_last(db, guesses, accepted):
    code = code_for()
    for _ in range(guesses):
        assert verify(KIRAN, wrong(code)) is False
    assert verify(KIRAN, code) is accepted


def test_a_new_code_replaces_the_old_one(db):
    first, second = code_for(), code_for()
    if first != second:
        assert verify(KIRAN, first) is False
    assert verify(KIRAN, second) is True
    assert OneTimePassword.objects.filter(used_at__isnull=True).count() == 0


def test_a_new_code_has_five_tries_of_its_own(db):
    first = code_for()
    for _ in range(5):
        verify(KIRAN, wrong(first))
    assert verify(KIRAN, code_for()) is True


def test_ten_tries_over_all_codes_lock_the_identifier_for_a_quarter_of_an_hour(db, frozen):
    for _ in range(2):
        code = code_for()
        for _ in range(4):
            assert verify(KIRAN, wrong(code)) is False
    code = code_for()
    assert verify(KIRAN, wrong(code)) is False
    assert verify(KIRAN, wrong(code)) is False
    assert verify(KIRAN, code) is False, "The eleventh try was looked at."
    assert verify("chitra@homeserve.example", code_for("chitra@homeserve.example")) is True
    sent = NotificationService.send_and_store_otp(KIRAN)
    assert (bool(sent), sent.suppressed) == (False, {"over_cap": 1})
    frozen.shift(timedelta(minutes=15))
    assert verify(KIRAN, code_for()) is True


def test_an_identifier_gets_five_codes_in_a_quarter_of_an_hour(db, frozen):
    codes = []
    for _ in range(passwords.MAX_CODES):
        codes.append(code_for())
        frozen.shift(timedelta(seconds=10))
    sent = NotificationService.send_and_store_otp(" KIRAN@homeserve.example")
    assert (bool(sent), sent.queued, sent.suppressed) == (False, 0, {"over_cap": 1})
    assert sent.warnings == ("identifier: 5 codes were sent within 15 minutes; there is no other for now.",)
    assert (OneTimePassword.objects.count(), len(mail.outbox), NotificationLog.objects.count()) == (5, 5, 5)
    assert NotificationService.send_and_store_otp("chitra@homeserve.example"), "Another's codes are not counted."
    # The one that is open still works.
    assert verify(KIRAN, codes[-1]) is True
    frozen.shift(timedelta(minutes=14, seconds=10))
    assert verify(KIRAN, code_for()) is True


@pytest.mark.parametrize("nonsense", ["", " ", "12345", "1234567", "abcdef", "１２３４５６", "0" * 5000, None, 0, b"123456"])
def test_nonsense_is_simply_wrong(db, nonsense):
    code_for()
    assert verify(KIRAN, nonsense) is False
    assert verify("nobody@homeserve.example", nonsense) is False


@pytest.mark.parametrize("written", ["KIRAN@homeserve.example", "  kiran@homeserve.example "])
def test_an_identifier_is_the_same_however_it_is_written(db, written):
    assert verify(written, code_for()) is True


def test_spaces_around_a_code_do_not_matter(db):
    assert verify(KIRAN, f" {code_for()}\n") is True


def test_one_persons_code_is_not_anothers(db):
    code, other = code_for(), code_for("chitra@homeserve.example")
    if code != other:
        assert verify("chitra@homeserve.example", code) is False


def test_a_phone_gets_its_code_by_sms(kiran):
    assert NotificationService.send_and_store_otp("+91 98450-00006", method="sms").queued == 1
    sent = NotificationLog.objects.get()
    assert (sent.method, sent.address, sent.recipient) == ("sms", "+919845000006", kiran)
    assert verify("+919845000006", passwords.code_of(OneTimePassword.objects.get().pk)) is True


@pytest.mark.parametrize(
    ("identifier", "method"), [("+919845000006", "email"), (KIRAN, "sms"), ("", "email"), ("  ", "sms"), (None, "email"), (5, "sms")]
)
def test_an_identifier_that_the_method_does_not_reach_is_no_address(db, identifier, method):
    sent = NotificationService.send_and_store_otp(identifier, method=method)
    assert (bool(sent), sent.suppressed) == (False, {"no_address": 1})
    assert verify(identifier, "123456") is False
    assert not OneTimePassword.objects.exists()


def test_an_unknown_method_is_refused_by_name(db):
    with pytest.raises(ValueError, match="method:"):
        NotificationService.send_and_store_otp(KIRAN, method="pigeon")


def test_somebody_without_an_account_gets_a_code_too(db):
    assert verify("new@homeserve.example", code_for("new@homeserve.example")) is True
    assert NotificationLog.objects.get().recipient is None


def test_it_greets_by_the_name_given_else_by_the_accounts(kiran):
    NotificationService.send_and_store_otp(KIRAN, user_name="Ms Rao")
    code_for()
    assert "Hello Ms Rao" in mail.outbox[0].body
    assert "Hello Kiran" in mail.outbox[1].body


def test_it_goes_first_and_ignores_opt_outs(kiran):
    for method in ("email", "sms"):
        Preference.objects.create(person=kiran, category="otp", method=method, allowed=False)
    code_for()
    sent = NotificationLog.objects.get()
    assert (sent.lane, sent.status, sent.expires_at) == (NotificationLog.Lane.URGENT, "sent", sent.created_at + timedelta(minutes=5))


# --- The code is kept nowhere --------------------------------------------------------------------------------------------------


def everything_in_the_database() -> str:
    """Every value of every row of every table, as text."""
    texts: list[str] = []
    for model in apps.get_models():
        rows: list[tuple[Any, ...]] = list(model._default_manager.values_list())
        texts += [str(value) for values in rows for value in values]
    return "\n".join(texts)


def test_the_code_is_in_no_table_and_in_no_log(kiran, caplog, capsys):
    caplog.set_level("DEBUG")
    code = code_for()
    verify(KIRAN, wrong(code))
    # Not as part of a longer number either: a digit more on either side is another number.
    whole = re.compile(rf"(?<!\d){code}(?!\d)")
    assert whole.search(str(mail.outbox[-1].body))
    assert not whole.search(everything_in_the_database())
    assert not whole.search(caplog.text + str([record.__dict__ for record in caplog.records]))
    written = capsys.readouterr()
    assert not whole.search(written.out + written.err)
    log = Path(product.LOG_FILE)
    assert not (log.is_file() and whole.search(log.read_text(encoding="utf-8")))


def test_what_the_log_shows_hides_the_code(kiran):
    code = code_for()
    sent = NotificationLog.objects.get()
    assert code not in sent.message
    assert "••••••" in sent.message


def test_the_database_alone_does_not_give_the_code_away(db, settings):
    code = code_for()
    kept = OneTimePassword.objects.get()
    for guess in (code, f"{kept.pk.hex}:{code}", f"{kept.pk}:{code}"):
        assert hashlib.sha256(guess.encode()).hexdigest() != kept.code_hash
    settings.SECRET_KEY = "another key that is just as long as the one that made the code"
    assert verify(KIRAN, code) is False


def test_an_identifier_is_kept_as_a_keyed_hash_too(db):
    code_for()
    kept = OneTimePassword.objects.get()
    assert kept.identifier_hash not in (KIRAN, hashlib.sha256(KIRAN.encode()).hexdigest())


def test_codes_are_spread_over_all_of_them(db):
    codes = [passwords.code_of(uuid4()) for _ in range(2_000)]
    assert all(re.fullmatch(r"\d{6}", code) for code in codes)
    assert len(set(codes)) > 1_950
    assert {code[0] for code in codes} == set("0123456789")


def test_an_account_that_left_gets_no_more_than_a_stranger(kiran):
    User.objects.filter(pk=kiran.pk).update(is_active=False)
    NotificationService.send_and_store_otp(KIRAN)
    assert NotificationLog.objects.get().recipient is None
    assert messages() == [(None, "email")]

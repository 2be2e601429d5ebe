"""What an SMTP error means for the message, by where in the dialogue it came and by its code (RFC 5321, RFC 3463, RFC 4954)."""

import re
import smtplib
import ssl

from core.notifications.smtp_lines import NotBegun, OpeningError
from core.notifications.smtp_pipeline import AnswerLost
from core.notifications.transport import TransportError, Verdict

ENHANCED = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")
# "Authentication required" and its kin: the server wants credentials, or others.
CREDENTIALS = {530, 534, 535, 538}
NO_SUCH_MAILBOX = {550, 551, 553}
LONGEST_DETAIL = 500


def failure_of(error: Exception) -> TransportError:
    """The failure as delivery understands it. Temporary unless the server, or the place, says otherwise."""
    match error:
        case NotBegun():
            return TransportError(_words(error), verdict=Verdict.RETRY, code="slow", begun=False)
        case OpeningError():
            failure = _opening(error.__cause__ or error)
            failure.begun = False
            return failure
        case AnswerLost():
            return TransportError(_words(error), verdict=Verdict.UNCERTAIN, code="no_answer")
        case smtplib.SMTPRecipientsRefused():
            code, answer = next(iter(error.recipients.values()))
            return _answered(code, answer, recipient=True)
        case smtplib.SMTPResponseException():
            return _answered(error.smtp_code, error.smtp_error)
        case smtplib.SMTPNotSupportedError():
            return TransportError(_words(error), verdict=Verdict.REJECT, code="not_supported")
        case _:
            return TransportError(_words(error), verdict=Verdict.RETRY, code="connection_lost")


def _opening(error: BaseException) -> TransportError:
    """No message was touched: a refusal here is about the server or our credentials, never about a message."""
    words = _words(error)
    match error:
        case smtplib.SMTPResponseException():
            code = error.smtp_code
            return TransportError(_said(code, error.smtp_error), verdict=Verdict.HOLD if code >= 500 else Verdict.RETRY, code=str(code))
        case smtplib.SMTPServerDisconnected():
            return TransportError(words, verdict=Verdict.RETRY, code="not_connected")
        case smtplib.SMTPException():  # No STARTTLS or AUTH, or no method in common.
            return TransportError(words, verdict=Verdict.HOLD, code="login")
        case ssl.SSLEOFError() | ssl.SSLZeroReturnError():
            return TransportError(words, verdict=Verdict.RETRY, code="not_connected")
        case ssl.SSLError():
            return TransportError(words, verdict=Verdict.HOLD, code="tls")
        case ValueError():  # A host or password that cannot be sent.
            return TransportError("The mail server's host, user or password is not valid", verdict=Verdict.HOLD, code="login")
        case _:
            return TransportError(words, verdict=Verdict.RETRY, code="not_connected")


def _answered(code: int, answer: bytes | str, *, recipient: bool = False) -> TransportError:
    said = _said(code, answer)
    found = ENHANCED.search(said)
    enhanced = found[1] if found else ""
    if code < 500:
        verdict = Verdict.RETRY
    elif code in CREDENTIALS or (recipient and enhanced.startswith("5.7") and "relay" in said.lower()):
        # Refusing to relay is about us, not about the recipient.
        verdict = Verdict.HOLD
    elif _dead(code, enhanced, recipient=recipient):
        verdict = Verdict.SUPPRESS
    else:
        verdict = Verdict.REJECT
    return TransportError(said, verdict=verdict, code=enhanced or str(code))


def _dead(code: int, enhanced: str, *, recipient: bool) -> bool:
    if enhanced in ("5.1.7", "5.1.8"):  # The sender's address, not the recipient's.
        return False
    if enhanced.startswith("5.1."):
        return True
    # 5.7 is a policy, 5.2.2 a full mailbox, 5.3 the server's own state: none of them says that the address is dead.
    return recipient and code in NO_SUCH_MAILBOX and not enhanced.startswith(("5.7", "5.2.2", "5.3"))


def _said(code: int, answer: bytes | str) -> str:
    text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else str(answer)
    return f"{code} {' '.join(text.split())}"[:LONGEST_DETAIL]


def _words(error: BaseException) -> str:
    return (str(error) or type(error).__name__)[:LONGEST_DETAIL]

"""What a broken HTTP call means: whether the provider can have read the request."""

from datetime import datetime
from email.utils import parsedate_to_datetime

import requests
from urllib3.exceptions import ConnectTimeoutError, MaxRetryError, NameResolutionError, NewConnectionError

from core.notifications.transport import TransportError, Verdict

# The connection was never made: nothing can have been read.
NOT_MADE = (NewConnectionError, ConnectTimeoutError, NameResolutionError)
# How OpenSSL calls a certificate that is not trusted, and a port that does not speak TLS.
MISMATCHED = ("CERTIFICATE_VERIFY_FAILED", "WRONG_VERSION_NUMBER")


def failure_of(error: requests.RequestException) -> TransportError:
    """Not connected: later. Sent and unanswered: nobody knows. A certificate or URL that is wrong: the operator's fault."""
    detail = f"{type(error).__name__}: no answer from the provider"
    if isinstance(error, requests.exceptions.SSLError) and any(word in str(error) for word in MISMATCHED):
        return TransportError("The provider does not speak TLS, or its certificate is not trusted", verdict=Verdict.HOLD, code="tls")
    if isinstance(error, requests.exceptions.ProxyError | requests.exceptions.ConnectTimeout):
        return TransportError(detail, verdict=Verdict.RETRY, code="not_connected")
    if isinstance(error, requests.ConnectionError) and _never_connected(error):
        return TransportError(detail, verdict=Verdict.RETRY, code="not_connected")
    if isinstance(error, ValueError):  # A URL that cannot be one, a header that cannot be sent.
        return TransportError("The provider's URL is not valid", verdict=Verdict.HOLD, code="url")
    return TransportError(detail, verdict=Verdict.UNCERTAIN, code="no_answer")


def retry_after(value: str | None, *, now: datetime) -> float | None:
    """Seconds from a Retry-After header: a number or a date (RFC 9110, 10.2.3); None when there is none to be read."""
    if not value:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        until = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (until - now).total_seconds()) if until.tzinfo else None


def _never_connected(error: requests.ConnectionError) -> bool:
    cause: object = error.args[0] if error.args else None
    if isinstance(cause, MaxRetryError):
        cause = cause.reason
    return isinstance(cause, NOT_MADE)
